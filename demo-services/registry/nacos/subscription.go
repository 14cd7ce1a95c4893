package nacos

import (
	"context"
	"slices"
	"sync"
	"time"

	"zeroloss/demo-services/registry"
	"zeroloss/internal/ctxtime"
)

// subscription is one subscription. It passes on what the SDK tells, and makes sure
// that what it told last is the server's list.
//
// That is not a matter of course: the SDK handles the answer of a subscription
// (the first one, and the one after each reconnect) and a push in goroutines of
// their own, without a lock. Where they meet within a millisecond or two, the
// older list can come last, or the newer one be taken for no news, and nothing
// would repair that until the service changes again. So some time after the SDK
// has told something, the server's list is pulled. It is good if the SDK has
// told nothing meanwhile: what it tells later is newer.
type subscription struct {
	changed       func([]registry.Host)
	pull          func(context.Context) ([]registry.Host, error)
	keepWhenEmpty bool          // an empty list is no news: see Options.KeepWhenEmpty
	unconfirmed   chan struct{} // of one place: the SDK has told something since

	mu            *sync.Mutex     // the client's, held through changed
	closed        *bool           // the client is closed; guarded by mu
	list          []registry.Host // the latest that was passed on; nil before the first; guarded by mu
	receivedCount int             // by the SDK, so far; guarded by mu
}

// confirmAfter is far longer than the SDK takes to handle two lists.
const confirmAfter = 300 * time.Millisecond

// received takes a list from the SDK.
func (f *subscription) received(list []registry.Host) {
	f.mu.Lock()
	f.receivedCount++
	f.deliver(list)
	f.mu.Unlock()
	f.requestConfirmation()
}

// deliver hands a list on that is news. Callers hold mu, so that lists go out as
// they came in. (A service's very first list can be pulled before it is pushed.)
func (f *subscription) deliver(list []registry.Host) {
	if *f.closed || f.list != nil && slices.EqualFunc(f.list, list, registry.Host.Equal) {
		return
	}
	f.list = append([]registry.Host{}, list...) // the callback owns what it gets
	f.changed(list)
}

func (f *subscription) requestConfirmation() {
	select {
	case f.unconfirmed <- struct{}{}:
	default:
	}
}

// run runs until ctx is done.
func (f *subscription) run(ctx context.Context) {
	for {
		select {
		case <-f.unconfirmed:
		case <-ctx.Done():
			return
		}
		for !f.confirm(ctx) && ctx.Err() == nil {
		}
	}
}

// confirm waits, pulls and compares; false if that has to be done again.
func (f *subscription) confirm(ctx context.Context) bool {
	select {
	case <-f.unconfirmed: // what it was for is older than what we count now
	default:
	}
	before := f.count()
	if ctxtime.Sleep(ctx, confirmAfter) != nil || f.count() != before {
		return false
	}
	list, err := f.pull(ctx)
	if err != nil {
		return false // the registry may be restarting
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.receivedCount != before {
		return false
	}
	if len(list) == 0 && f.keepWhenEmpty {
		return true
	}
	f.deliver(list)
	return true
}

func (f *subscription) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.receivedCount
}
