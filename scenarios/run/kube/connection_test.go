package kube

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeCluster notes what is done to it.
type fakeCluster struct {
	owned, created bool
	inUse          string
	err            error
	done           []string
}

func (f *fakeCluster) Name() string           { return "zl" }
func (f *fakeCluster) CreatedByRun() bool     { return f.owned }
func (f *fakeCluster) CreatedByThisRun() bool { return f.created }
func (f *fakeCluster) Keep() error            { f.done = append(f.done, "kept"); return nil }

func (f *fakeCluster) Delete(_ context.Context, own string) (string, error) {
	f.done = append(f.done, "asked to delete, but for "+own)
	return f.inUse, f.err
}

// The run that created a cluster deletes it, with all that is in it; otherwise the
// run deletes its namespace alone.
func TestReleaseCluster(t *testing.T) {
	const asked = "asked to delete, but for zeroloss-1"
	broken := errors.New("no engine")
	for name, x := range map[string]struct {
		cluster fakeCluster
		keep    bool
		done    []string
		told    string
	}{
		"the user's":             {fakeCluster{}, false, []string{"namespace"}, ""},
		"the user's, kept":       {fakeCluster{}, true, []string{"namespace"}, ""},
		"of another run":         {fakeCluster{owned: true}, false, []string{"namespace"}, ""},
		"of another run, kept":   {fakeCluster{owned: true}, true, []string{"namespace", "kept"}, "kept cluster zl: kind delete cluster --name zl"},
		"created":                {fakeCluster{owned: true, created: true}, false, []string{asked}, ""},
		"created, kept":          {fakeCluster{owned: true, created: true}, true, []string{"namespace", "kept"}, "kept cluster zl: kind delete cluster --name zl"},
		"created, in use":        {fakeCluster{owned: true, created: true, inUse: "a run is in it"}, false, []string{asked, "namespace"}, "left cluster zl: a run is in it (zeroloss clean deletes it once nobody uses it)"},
		"created, not deletable": {fakeCluster{owned: true, created: true, err: broken}, false, []string{asked, "namespace"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k, told := x.cluster, ""
			namespace := func() error { k.done = append(k.done, "namespace"); return nil }
			err := deleteOrLeaveCluster(t.Context(), &k, x.keep, "zeroloss-1", namespace, func(format string, args ...any) { told += fmt.Sprintf(format, args...) })
			require.ErrorIs(t, err, x.cluster.err)
			require.Equal(t, x.done, k.done)
			require.Equal(t, x.told, told)
		})
	}
}
