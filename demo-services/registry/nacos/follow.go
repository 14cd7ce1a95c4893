package nacos

import (
	"context"
	"slices"
	"sync"
	"time"

	"zeroloss/demo-services/registry"
)

// follower is one subscription. It passes on what the SDK tells, and makes sure
// that what it told last is the server's list.
//
// That is not a matter of course: the SDK handles the answer of a subscription
// (the first one, and the one after each reconnect) and a push in goroutines of
// their own, without a lock. Where they meet within a millisecond or two, the
// older list can come last, or the newer one be taken for no news, and nothing
// would repair that until the service changes again. So some time after the SDK
// has told something, the server's list is pulled. It is good if the SDK has
// told nothing meanwhile: what it tells later is newer.
type follower struct {
	changed func([]registry.Host)
	pull    func(context.Context) ([]registry.Host, error)
	keep    bool          // an empty list is no news: see Options.KeepWhenEmpty
	unsure  chan struct{} // of one place: the SDK has told something since

	mu   *sync.Mutex     // the client's, held through changed
	shut *bool           // the client is closed; guarded by mu
	list []registry.Host // the latest that was passed on; nil before the first; guarded by mu
	told int             // by the SDK, so far; guarded by mu
}

// confirmAfter is far longer than the SDK takes to handle two lists.
const confirmAfter = 300 * time.Millisecond

// tell takes a list from the SDK.
func (f *follower) tell(list []registry.Host) {
	f.mu.Lock()
	f.told++
	f.pass(list)
	f.mu.Unlock()
	f.doubt()
}

// pass hands a list on that is news. Callers hold mu, so that lists go out as
// they came in. (A service's very first list can be pulled before it is pushed.)
func (f *follower) pass(list []registry.Host) {
	if *f.shut || f.list != nil && slices.EqualFunc(f.list, list, registry.Host.Equal) {
		return
	}
	f.list = append([]registry.Host{}, list...) // the callback owns what it gets
	f.changed(list)
}

func (f *follower) doubt() {
	select {
	case f.unsure <- struct{}{}:
	default:
	}
}

// confirm runs until ctx is done.
func (f *follower) confirm(ctx context.Context) {
	for {
		select {
		case <-f.unsure:
		case <-ctx.Done():
			return
		}
		for !f.confirmed(ctx) && ctx.Err() == nil {
		}
	}
}

// confirmed waits, pulls and compares; false if that has to be done again.
func (f *follower) confirmed(ctx context.Context) bool {
	select {
	case <-f.unsure: // what it was for is older than what we count now
	default:
	}
	before := f.count()
	if pause(ctx, confirmAfter) != nil || f.count() != before {
		return false
	}
	list, err := f.pull(ctx)
	if err != nil {
		return false // the registry may be restarting
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told != before {
		return false
	}
	if len(list) == 0 && f.keep {
		return true
	}
	f.pass(list)
	return true
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told
}
