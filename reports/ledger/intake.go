package ledger

import (
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
	"zeroloss/reports/ledger/warmup"
)

// intake puts each request into exactly one account of its stream and arm, and
// counts it with the instances that it reached.
type intake struct {
	history  *history.History
	warmups  *warmup.Meter
	failures failureFinder
	explain  explainer

	arms      []*armAccount // in the plan's order
	streams   []*streamAccount
	releases  []*releaseAccount  // as the history has them
	instances []*instanceAccount // of the history, then those that only answers name
	losses    []Loss
	pacing    pacing
	lastDone  record.Micros
	uncertain int // losses whose explanation depends on an order of instants that the clocks cannot tell

	// Counts of impossible requests.
	unknownStreams map[string]int
	backwards      int // ended before they began
	unclassified   int // lost requests of no known class

	streamByName map[string]*streamAccount
	instanceByID map[record.Instance]*instanceAccount
}

func newIntake(h *history.History, w *warmup.Meter) *intake {
	n := &intake{
		history: h, warmups: w, failures: newFailureFinder(h), explain: newExplainer(h),
		unknownStreams: map[string]int{}, streamByName: map[string]*streamAccount{},
		instanceByID: map[record.Instance]*instanceAccount{},
	}
	for _, r := range h.Releases {
		n.releases = append(n.releases, newReleaseAccount(r, h.Zero))
	}
	for _, i := range h.Instances {
		n.addInstance(i)
	}
	for i, a := range h.Plan.Arms {
		n.arms = append(n.arms, newArmAccount(i, a, startupIntervals(h, a)))
	}
	for _, s := range h.Plan.Streams {
		account := &streamAccount{Stream: Stream{Name: s.Name, Arm: s.Arm}, spec: s, entry: n.failures.roles.entry(h.Plan, s)}
		if i := slices.IndexFunc(n.arms, func(a *armAccount) bool { return a.Name == s.Arm }); i >= 0 {
			account.arm = n.arms[i]
			account.arm.uninstrumented = account.arm.uninstrumented || len(s.Chain) == 0
			account.arm.Unpredicted = account.arm.Unpredicted || s.External()
		}
		n.streamByName[s.Name] = account
		n.streams = append(n.streams, account)
	}
	return n
}

func (n *intake) addInstance(i *history.Instance) *instanceAccount {
	account := &instanceAccount{Instance: i}
	for _, r := range n.releases {
		if i.Declared != nil && i.Service == r.Instance.Service && i.Tag == r.Instance.Tag {
			account.releases = append(account.releases, r)
		}
	}
	n.instances = append(n.instances, account)
	n.instanceByID[i.ID] = account
	return account
}

// account returns the account of an instance of the history, or nil for nil.
func (n *intake) account(i *history.Instance) *instanceAccount {
	if i == nil {
		return nil
	}
	return n.instanceByID[i.ID]
}

// accountOf returns the account of an instance that an answer names.
func (n *intake) accountOf(id record.Instance) *instanceAccount {
	if a := n.instanceByID[id]; a != nil {
		return a
	}
	return n.addInstance(n.history.Instance(id))
}

// add puts one request into exactly one account.
func (n *intake) add(r *record.Request) {
	s := n.streamByName[r.Stream]
	if s == nil {
		n.unknownStreams[r.Stream]++
		return
	}
	if s.spec.External() {
		r = n.failures.resolveInstanceHeader(r)
	}
	s.sequence.add(r.Seq)
	s.Due++
	second := s.second(n.history.Zero, r.Due)
	if r.Unsent {
		s.Unsent++
		second.Unsent++
		n.pacing.addUnsent(r)
		return
	}
	s.Sent++
	second.Sent++
	n.addTimes(s, r)
	n.addPath(s, r, second)
	if f, lost := n.failures.find(s, r); lost {
		s.Lost++
		second.Lost++
		n.addLoss(s, r, f)
		return
	}
	s.OK++
	second.OK++
	if s.arm != nil {
		s.arm.addOK(r)
	}
}

// addTimes takes in when a request was sent and done.
func (n *intake) addTimes(s *streamAccount, r *record.Request) {
	n.pacing.addSent(r)
	if s.firstSent == 0 || r.Sent < s.firstSent {
		s.firstSent = r.Sent
	}
	s.lastSent = max(s.lastSent, r.Sent)
	n.lastDone = max(n.lastDone, r.Done)
	if r.Done < r.Sent || r.FirstByte != 0 && (r.FirstByte < r.Sent || r.FirstByte > r.Done) {
		n.backwards++
	}
	if a := s.arm; a != nil {
		if a.firstSent == 0 || r.Sent < a.firstSent {
			a.firstSent = r.Sent
		}
		a.lastDone = max(a.lastDone, r.Done)
	}
}

// addPath counts the instances that a request reached, and the deliveries of it
// that failed and were silently sent again.
func (n *intake) addPath(s *streamAccount, r *record.Request, sec *Second) {
	arm := -1
	if s.arm != nil {
		arm = s.arm.index
		if len(r.Trail) > 0 {
			s.arm.trails++
		}
	}
	masked := r.Attempts
	if k := len(masked); k > 0 && r.Class != "" && masked[k-1].Class == r.Class {
		masked = masked[:k-1] // the last one is what the client saw
	}
	for _, m := range masked {
		n.addMasked(s, "client->"+s.entry, sec)
		n.account(n.history.InstanceAt(m.Addr, m.At)).addAttempt(record.Instance{}, arm, m.At)
	}
	second := int(r.Due.Sub(n.history.Zero) / time.Second)
	for i := range r.Trail {
		h := &r.Trail[i]
		account := n.accountOf(h.Instance)
		account.addReceived(second)
		if s.arm != nil {
			account.addReceivedOf(s.arm.index, len(n.arms))
		}
		if i == 0 {
			account.addAttempt(record.Instance{}, arm, r.Sent)
			s.arm.addIfEarly(account, r.Sent)
		}
		if h.Call != nil {
			n.addCall(s, r.Trail[i:], arm, sec)
		}
	}
}

// addCall counts the call of a trail's first hop.
func (n *intake) addCall(s *streamAccount, t record.Trail, arm int, sec *Second) {
	h, c := &t[0], t[0].Call
	for _, m := range c.Masked {
		n.addMasked(s, n.failures.roles.of(h.Service)+"->"+n.failures.roles.of(c.Service), sec)
		n.account(n.history.InstanceAt(m.Addr, m.At)).addAttempt(h.Instance, arm, m.At)
	}
	if c.Callee != (record.Instance{}) {
		callee := n.accountOf(c.Callee)
		callee.addAttempt(h.Instance, arm, c.At)
		s.arm.addIfEarly(callee, c.At)
		n.warmups.Add(t)
	}
}

func (n *intake) addMasked(s *streamAccount, hop string, sec *Second) {
	s.Masked++
	sec.Masked++
	if s.arm != nil {
		s.arm.MaskedByHop[hop]++
	}
}

// addLoss explains a loss and counts it under all its headings.
func (n *intake) addLoss(s *streamAccount, r *record.Request, f failure) {
	if f.class == record.Other {
		n.unclassified++
	}
	x := n.explain.explain(f)
	if x.uncertain {
		n.uncertain++
	}
	h := n.history
	l := Loss{
		Stream: s.Name, Arm: s.Arm, Seq: r.Seq,
		Due: h.Offset(r.Due), Sent: h.Offset(r.Sent), Done: h.Offset(r.Done),
		Class: f.class, ClientClass: f.clientClass, Status: r.Status,
		Hop: f.hop(), Caller: f.caller, Callee: f.callee, Phase: x.phase,
		Window: x.window, Explanation: x.text, Error: r.Error, Trail: r.Trail,
	}
	if f.callee != (record.Instance{}) {
		callee := n.accountOf(f.callee)
		callee.lost++
		l.CalleeWorkload = callee.Workload
	}
	if x.release != nil {
		l.Release = x.release.Instance.ID
		i := slices.IndexFunc(n.releases, func(r *releaseAccount) bool { return r.Release == x.release })
		n.releases[i].lost[s.Arm]++
	}
	n.losses = append(n.losses, l)
	if s.arm != nil {
		s.arm.addLoss(l)
	}
}
