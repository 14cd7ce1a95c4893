package consumer

import (
	"errors"
	"time"

	"zeroloss/demo-services/machine"
	"zeroloss/loadgen/record"
)

// ErrNoInstance is returned by Pick where there is nobody to call; the Reason
// beside it tells why.
var ErrNoInstance = errors.New("no instance to call")

// View is what one consumer knows of one service. It is not for concurrent
// use: see [Live].
type View struct {
	cfg Config
}

// New returns a View that knows nobody, its clock at 0.
func New(cfg Config) *View { return &View{cfg: cfg} }

// Step takes one event and returns what is to be done, in order.
func (v *View) Step(now time.Duration, e Event) []Action { return nil }

// Next is the earliest deadline the view owns.
func (v *View) Next() (time.Duration, bool) { return 0, false }

// Pick chooses whom to call for a request that wants a tag, leaving out those
// that were tried already.
func (v *View) Pick(now time.Duration, wanted string, tried ...record.Instance) (Host, Reason, error) {
	return Host{}, Reason{}, ErrNoInstance
}

// Hosts is the list that picks are made from.
func (v *View) Hosts() []Host { return nil }

// Replay feeds a journal to a fresh view: see [machine.Replay].
func Replay(lines []machine.Line) error {
	return machine.Replay(lines, func(c Config) machine.Machine[Event, Action] { return New(c) })
}
