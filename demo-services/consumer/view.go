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

// ErrNoInstance is returned by Pick where there is nobody to call; the Reason
// beside it tells why.
var ErrNoInstance = errors.New("no instance to call")

// pullTimeout bounds a Pull.
const pullTimeout = 2 * time.Second

// View is what one consumer knows of one service. It is not for concurrent
// use: see [SharedView].
//
//	registry ──Pushed, Pulled──> source ──cache kind──> list ──lane, marks, weight──> Pick
type View struct {
	cfg Config
	now time.Duration // of the latest step: it never goes back, though a loop's may come after a pick's that was later
	out []Action

	source   []Host // what the registry's client knows
	known    bool   // it knows: there was a list
	list     []Host // what picks are made from; with a push cache the same
	filledAt time.Duration
	fillAt   time.Duration // poll30: the next fill

	marks map[lossless.Identity]mark

	lastOp       Op
	pullOp       Op // under way; 0 is none
	pullDeadline time.Duration
	pullAgain    bool // another mark came meanwhile

	balancer balancer
}

// New returns a View that knows nobody, its clock at 0.
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
			// The server answers a pull from what it last pushed, so an
			// answer that is under way may be older than this.
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
	}
	return v.out
}

// Next is the earliest deadline the view owns.
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

// Hosts is the list that picks are made from.
func (v *View) Hosts() []Host { return slices.Clone(v.list) }

// Replay feeds a journal to a fresh view: see [machine.Replay].
func Replay(lines []machine.Line) error {
	return machine.Replay(lines, func(c Config) machine.Machine[Event, Action] { return New(c) })
}

// handleDeadlines does what has come due: a poll, marks that end, a pull that is lost.
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

// receiveList takes a list from the registry, and into the picks' list what the kind
// of cache lets through.
func (v *View) receiveList(hosts []Host) {
	if len(hosts) == 0 && len(v.source) > 0 && v.cfg.Consumer.KeepWhenEmpty {
		return
	}
	v.source, v.known = normalize(hosts), true
	switch {
	case v.cfg.Consumer.Cache == settings.CachePush:
		v.fillCache()
	case v.cfg.Consumer.Cache == settings.CacheTTL35 && len(v.list) == 0:
		// Only a call fills it; who waits until there can be one, waits for this.
		v.out = append(v.out, Action{Kind: Note, Event: record.KindListReceived, N: int64(len(v.source))})
	}
	v.clearMarksOfGone()
}

// fillCache copies what the registry's client knows into the picks' list. A push
// cache tells of changes, the others of each fill: a release can be placed
// after one.
func (v *View) fillCache() {
	v.filledAt = v.now
	changed := !slices.Equal(v.list, v.source)
	v.list = v.source
	if changed {
		v.balancer.update(v.list, v.marks)
	}
	if changed || v.cfg.Consumer.Cache != settings.CachePush {
		v.out = append(v.out, Action{
			Kind: Note, Event: record.KindListChanged, Text: v.cfg.Consumer.Cache,
			N: int64(len(v.list)), Hosts: v.list,
		})
	}
	v.clearMarksOfGone()
}

// Stale tells whether a call at now finds a ttl35 cache without content or too
// old: then the view wants a Used before the pick. An empty list is not kept,
// as Spring's is not.
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

// refreshed ends a pull with a fresh source: it was asked for because of a
// mark, which refreshes the other caches of the originals too.
func (v *View) refreshed() {
	if v.cfg.Consumer.Cache != settings.CachePush {
		v.fillCache()
	}
	v.endPull()
}

// pullFailed goes on: it is the mark that protects.
func (v *View) pullFailed(why string) {
	v.out = append(v.out, Action{Kind: Note, Event: record.KindPullFailed, Text: why})
	v.endPull()
}

func (v *View) endPull() {
	v.pullOp = 0
	if v.pullAgain {
		v.pullAgain = false
		v.pull()
	}
}

// normalize is a list in an order of its own, whatever order it came in, without
// hosts that want no requests.
func normalize(hosts []Host) []Host {
	out := slices.DeleteFunc(slices.Clone(hosts), func(h Host) bool { return h.Weight <= 0 })
	slices.SortFunc(out, func(a, b Host) int {
		if c := strings.Compare(a.Addr, b.Addr); c != 0 {
			return c
		}
		return strings.Compare(a.Identity.String(), b.Identity.String())
	})
	return out
}
