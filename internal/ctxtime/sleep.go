// Package ctxtime waits for time to pass, or for a context to end.
package ctxtime

import (
	"context"
	"time"
)

// Sleep waits for d, or until ctx ends. In the latter case it returns the cause
// of ctx (see [context.Cause]). It returns at once if d is 0 or less.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
