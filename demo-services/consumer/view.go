package consumer

import (
	"errors"
	"slices"
	"strings"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// ErrNoInstance is returned by Pick if there is no instance to call. The Reason
// returned with it says why.
var ErrNoInstance = errors.New("no instance to call")

// pullTimeout bounds a Pull.
const pullTimeout = 2 * time.Second

// View is what one consumer knows about one service. It is not safe for
// concurrent use: see [SharedView].
//
//	registry ──Pushed, Pulled──> source ──cache kind──> list ──lane, marks, weight──> Pick
type View struct {
	cfg Config
	now time.Duration // of the latest step; never goes back, although a pick may step it ahead of the loop
	out []Action

	source   []Host // the latest list of the registry's client
	known    bool   // there was a list
	list     []Host // what picks are made from; the same as source if the cache is push
	filledAt time.Duration
	fillAt   time.Duration // poll30: when the next fill is due

	marks map[lossless.Identity]mark

	lastOp       Op
	pullOp       Op // the pull under way; 0: none
	pullDeadline time.Duration
	pullAgain    bool // another mark came during the pull

	balancer balancer
}

// New returns a View without hosts whose clock is at 0.
func New(cfg Config) *View {
	cfg.Consumer = cfg.Consumer.WithDefaults()
	return &View{
		cfg: cfg, fillAt: cfg.Consumer.CacheFirst, marks: map[lossless.Identity]mark{},
		balancer: newBalancer(cfg),
	}
}

// Step takes one event and returns what is to be done, in order.
func (v *View) Step(now time.Duration, e Event) []Action {
	v.now = max(v.now, now)
	v.out = nil
	v.handleDeadlines()
	switch e.Kind {
	case Pushed:
		v.receiveList(e.Hosts)
		if v.pullOp != 0 {
			// The server answers a pull with what it pushed last, so an answer
			// that is under way may be older than this list.
			v.refreshed()
		}
	case Pulled:
		v.pulled(e)
	case Marked:
		v.mark(e)
	case CacheMiss:
		if v.Stale(v.now) {
			v.fillCache()
		}
	case Deadline: // handled above, as before every event
	}
	return v.out
}

// Next returns the earliest deadline of the view.
func (v *View) Next() (at time.Duration, ok bool) {
	earliest := func(t time.Duration) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	if v.cfg.Consumer.Cache == settings.CachePoll30 {
		earliest(v.fillAt)
	}
	if v.pullOp != 0 {
		earliest(v.pullDeadline)
	}
	for _, m := range v.marks {
		earliest(m.until)
	}
	return at, ok
}

// Hosts returns the list that picks are made from.
func (v *View) Hosts() []Host { return slices.Clone(v.list) }

// Replay feeds a journal to a fresh view: see [machine.Replay].
func Replay(lines []machine.Line) error {
	return machine.Replay(lines, func(c Config) machine.Machine[Event, Action] { return New(c) })
}

// handleDeadlines handles what has come due: a poll, the end of marks, the timeout
// of a pull.
func (v *View) handleDeadlines() {
	if v.cfg.Consumer.Cache == settings.CachePoll30 && v.now >= v.fillAt {
		missed := (v.now - v.fillAt) / v.cfg.Consumer.CachePeriod
		v.fillAt += (missed + 1) * v.cfg.Consumer.CachePeriod
		if v.known {
			v.fillCache()
		}
	}
	if v.pullOp != 0 && v.now >= v.pullDeadline {
		v.pullFailed("no answer in time")
	}
	v.clearExpiredMarks()
}

// receiveList takes a list from the registry, and fills the cache if its kind asks
// for that.
func (v *View) receiveList(hosts []Host) {
	if len(hosts) == 0 && len(v.source) > 0 && v.cfg.Consumer.KeepWhenEmpty {
		return
	}
	v.source, v.known = normalize(hosts), true
	switch {
	case v.cfg.Consumer.Cache == settings.CachePush:
		v.fillCache()
	case v.cfg.Consumer.Cache == settings.CacheTTL35 && len(v.list) == 0:
		// Only a call fills this cache. The event tells that a call can be made.
		v.note(record.ListReceived{Hosts: len(v.source)}, "")
	}
	v.clearMarksOfGone()
}

// fillCache copies the registry's list into the list that picks are made from. A
// push cache notes changes only. The others note each fill, so that a scenario
// can place a release after one.
func (v *View) fillCache() {
	v.filledAt = v.now
	changed := !slices.Equal(v.list, v.source)
	v.list = v.source
	if changed {
		v.balancer.update(v.list, v.marks)
	}
	if changed || v.cfg.Consumer.Cache != settings.CachePush {
		v.note(record.ListChanged{Cache: v.cfg.Consumer.Cache, Hosts: listed(v.list)}, "")
	}
	v.clearMarksOfGone()
}

func (v *View) note(p record.Payload, text string) {
	v.out = append(v.out, Action{Kind: Note, Event: &record.Event{Payload: p, Text: text}})
}

// listed returns hosts as the record has them.
func listed(hosts []Host) []record.ListedHost {
	out := make([]record.ListedHost, len(hosts))
	for i, h := range hosts {
		out[i] = record.ListedHost{
			Instance: h.Instance, Start: h.Start, Addr: h.Addr, Tag: h.Tag, Weight: h.Weight, Warmup: record.ListedWarmup(h.Warmup),
		}
	}
	return out
}

// Stale reports whether a ttl35 cache is empty or too old at now: then the view
// must be stepped with CacheMiss before the pick. Like Spring's cache, it does
// not keep an empty list.
func (v *View) Stale(now time.Duration) bool {
	if v.cfg.Consumer.Cache != settings.CacheTTL35 || !v.known {
		return false
	}
	if len(v.list) == 0 {
		return len(v.source) > 0
	}
	return max(v.now, now) >= v.filledAt+v.cfg.Consumer.CachePeriod
}

func (v *View) pull() {
	if v.pullOp != 0 {
		v.pullAgain = true
		return
	}
	v.lastOp++
	v.pullOp, v.pullDeadline = v.lastOp, v.now+pullTimeout
	v.out = append(v.out, Action{Kind: Pull, Op: v.pullOp, Deadline: v.pullDeadline})
}

func (v *View) pulled(e Event) {
	switch {
	case e.Op == 0 || e.Op != v.pullOp:
	case e.Error != "":
		v.pullFailed(e.Error)
	default:
		v.receiveList(e.Hosts)
		v.refreshed()
	}
}

// refreshed ends a pull after a new list. It fills the cache whatever its kind: a
// pull is made because of a mark, which refreshes the caches of the products that
// we imitate, too.
func (v *View) refreshed() {
	if v.cfg.Consumer.Cache != settings.CachePush {
		v.fillCache()
	}
	v.endPull()
}

// pullFailed ends a pull without a list: the mark alone protects.
func (v *View) pullFailed(why string) {
	v.note(record.PullFailed{}, why)
	v.endPull()
}

func (v *View) endPull() {
	v.pullOp = 0
	if v.pullAgain {
		v.pullAgain = false
		v.pull()
	}
}

// normalize returns the list sorted, and without hosts of weight 0.
func normalize(hosts []Host) []Host {
	out := slices.DeleteFunc(slices.Clone(hosts), func(h Host) bool { return h.Weight <= 0 })
	slices.SortFunc(out, func(a, b Host) int {
		if c := strings.Compare(a.Addr, b.Addr); c != 0 {
			return c
		}
		return strings.Compare(a.String(), b.String())
	})
	return out
}
