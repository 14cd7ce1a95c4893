package nacos

import (
	"context"
	"slices"
	"sync"
	"time"

	"zeroloss/demo-services/registry"
	"zeroloss/internal/ctxtime"
)

// subscription passes on the lists that the SDK receives for one service, and
// makes sure that the last one is the server's.
//
// The SDK does not guarantee that. It handles the answer to a subscription (the
// first one, and the one after each reconnect) and a push in separate goroutines
// without a lock. If they come within a millisecond or two, the older list can
// come last, or the newer one can be taken for a duplicate, until the service
// changes again. So some time after the SDK has received a list, the server's
// list is pulled. It counts if the SDK has received nothing meanwhile: what the
// SDK receives later is newer.
type subscription struct {
	changed       func([]registry.Host)
	pull          func(context.Context) ([]registry.Host, error)
	keepWhenEmpty bool          // ignore empty lists: see Options.KeepWhenEmpty
	unconfirmed   chan struct{} // has room for one value: the SDK has received a list since the last pull

	mu            *sync.Mutex     // the client's; held while changed runs
	closed        *bool           // of the client; guarded by mu
	list          []registry.Host // the last one passed on; nil before the first; guarded by mu
	receivedCount int             // lists received by the SDK; guarded by mu
}

// confirmAfter is the time from a list to the pull that confirms it. It is much
// longer than the SDK takes to handle two lists.
const confirmAfter = 300 * time.Millisecond

// received takes a list of the SDK.
func (f *subscription) received(list []registry.Host) {
	f.mu.Lock()
	f.receivedCount++
	f.deliver(list)
	f.mu.Unlock()
	f.requestConfirmation()
}

// deliver passes a list on if it differs from the last one. Callers hold mu, so
// lists keep their order. (The first list of a service can be pulled before it is
// pushed.)
func (f *subscription) deliver(list []registry.Host) {
	if *f.closed || f.list != nil && slices.EqualFunc(f.list, list, registry.Host.Equal) {
		return
	}
	f.list = append([]registry.Host{}, list...) // the callback owns its list
	f.changed(list)
}

func (f *subscription) requestConfirmation() {
	select {
	case f.unconfirmed <- struct{}{}:
	default:
	}
}

// run confirms lists until ctx is done.
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

// confirm waits, pulls the server's list, and passes it on if it differs. It
// returns false if it must be called again.
func (f *subscription) confirm(ctx context.Context) bool {
	select {
	case <-f.unconfirmed: // for a list that is counted below
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
