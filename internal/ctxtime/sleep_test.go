package ctxtime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/ctxtime"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, ctxtime.Sleep(t.Context(), time.Minute))
		require.Equal(t, time.Minute, time.Since(start))

		reason := errors.New("the run is over")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(reason) })
		require.ErrorIs(t, ctxtime.Sleep(ctx, time.Minute), reason)
		require.Equal(t, time.Minute+time.Second, time.Since(start))
	})
}
