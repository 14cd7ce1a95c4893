package observe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWhenAReleaseIsOver: once a pod has gone, and nothing has changed since for
// the settling time while all are there.
func TestWhenAReleaseIsOver(t *testing.T) {
	look := func(complete bool, names ...string) TargetState {
		s := TargetState{Pods: map[string]bool{}, Complete: complete}
		for _, n := range names {
			s.Pods[n] = true
		}
		return s
	}
	cases := map[string]struct {
		looks []TargetState // one a second
		over  int           // at which it is; -1 never
	}{
		"nothing happens":          {[]TargetState{look(true, "a", "b"), look(true, "a", "b"), look(true, "a", "b"), look(true, "a", "b")}, -1},
		"scaled out":               {[]TargetState{look(true, "a"), look(false, "a", "b"), look(true, "a", "b"), look(true, "a", "b"), look(true, "a", "b")}, -1},
		"rolled":                   {[]TargetState{look(true, "a", "b"), look(false, "a", "b", "c"), look(false, "b", "c", "d"), look(true, "c", "d"), look(true, "c", "d"), look(true, "c", "d"), look(true, "c", "d")}, 6},
		"scaled in, unseen":        {[]TargetState{look(true, "a", "b"), look(true, "a"), look(true, "a"), look(true, "a"), look(true, "a")}, 4},
		"still on its way out":     {[]TargetState{look(true, "a"), look(false, "b"), look(false, "b"), look(false, "b"), look(false, "b")}, -1},
		"a second release follows": {[]TargetState{look(true, "a"), look(true, "b"), look(true, "b"), look(false, "b", "c"), look(true, "c"), look(true, "c"), look(true, "c")}, -1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := ReleaseEnd{QuietFor: 2 * time.Second}
			got := -1
			for i, s := range c.looks {
				if e.Over(time.Unix(int64(i), 0), s) && got < 0 {
					got = i
				}
			}
			require.Equal(t, c.over, got)
		})
	}
}
