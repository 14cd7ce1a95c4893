package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// processes returns two processes that run, and one that is gone.
func processes() (self, other, gone string) {
	s := owner.ParseProcess(owner.Self())
	o, g := s, s
	o.PID, g.PID = os.Getppid(), 999999999
	return s.String(), o.String(), g.String()
}

// clusterOf is a cluster as a process has it.
func clusterOf(p *fakeProvider, self, name string) *Cluster {
	return &Cluster{name: name, provider: p, self: self}
}

func silent(string, ...any) {}

// opened opens a cluster as a run of a process does.
func opened(t *testing.T, p *fakeProvider, self string) *Cluster {
	t.Helper()
	c := clusterOf(p, self, "zeroloss")
	require.NoError(t, c.open(t.Context(), Options{Log: silent}))
	return c
}

// cleaned is what clean says, and the clusters that there are then.
func cleaned(t *testing.T, p *fakeProvider, all bool) (said, clusters []string) {
	t.Helper()
	third := owner.ParseProcess(owner.Self())
	third.PID = 1
	require.NoError(t, clean(t.Context(), p, third.String(), all, func(s string) { said = append(said, s) }))
	clusters, err := p.list()
	require.NoError(t, err)
	return said, clusters
}

// Ctrl-C before kind has created its first container: it comes to its end some
// time, and has then created a whole cluster.
func TestInterruptedBeforeTheFirstContainer(t *testing.T) {
	for name, x := range map[string]struct {
		before, after time.Duration
		left          bool // when the run has ended
	}{
		"at the last moment":            {before: 5500 * time.Millisecond},
		"while containers start":        {before: 4 * time.Second, after: 6 * time.Second},
		"and it takes its time":         {before: 12 * time.Second},
		"and it pulls for some minutes": {before: 4 * time.Minute, left: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, gone := processes()
				p := &fakeProvider{before: x.before, after: x.after}
				ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
				defer stop()
				err := clusterOf(p, gone, "zeroloss").open(ctx, Options{Log: silent})
				require.ErrorIs(t, err, run.ErrInterrupted)
				time.Sleep(10 * time.Minute)
				if x.left {
					require.ErrorContains(t, err, "zeroloss clean deletes them")
					require.Equal(t, 1, p.count(), "the process has ended by now; what it has begun has not")
					said, _ := cleaned(t, p, false)
					require.Equal(t, []string{"cluster zeroloss: deleted"}, said)
				}
				said, clusters := cleaned(t, p, false)
				require.Empty(t, said)
				require.Empty(t, clusters)
			})
		})
	}
}

// However long kind takes, the run ends in time.
func TestInterruptedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		began := time.Now()
		err := clusterOf(&fakeProvider{before: time.Hour}, owner.Self(), "zeroloss").open(ctx, Options{Log: silent})
		require.ErrorIs(t, err, run.ErrInterrupted)
		require.LessOrEqual(t, time.Since(began), 30*time.Second)
		time.Sleep(2 * time.Hour)
	})
}

// While the image is pulled there is nothing to delete, and kind is not even
// asked.
func TestInterruptedWhileTheImageIsPulled(t *testing.T) {
	p := &fakeProvider{pullImage: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	err := clusterOf(p, owner.Self(), "zeroloss").open(ctx, Options{Log: silent})
	require.ErrorIs(t, err, run.ErrInterrupted)
	require.Zero(t, p.count())
}

// kind starts all nodes at once, and does not wait for the rest when one fails.
func TestANodeThatComesLate(t *testing.T) {
	for late, left := range map[time.Duration]bool{2 * time.Second: false, time.Minute: true} {
		synctest.Test(t, func(t *testing.T) {
			_, _, gone := processes()
			p := &fakeProvider{fails: errors.New("no room"), late: late}
			err := clusterOf(p, gone, "zeroloss").open(t.Context(), Options{Log: silent, Workers: 2})
			require.ErrorIs(t, err, run.ErrEnvironment)
			require.ErrorContains(t, err, "no room")
			require.Equal(t, left, strings.Contains(err.Error(), "zeroloss clean deletes them"), err)
			time.Sleep(2 * time.Minute)
			said, clusters := cleaned(t, p, false)
			require.Equal(t, left, slices.Contains(said, "cluster zeroloss: deleted"), said)
			require.Empty(t, clusters)
		})
	}
}

// A cluster that a run created is deleted by that run, and not by another one
// that uses it.
func TestTheCreatorDeletes(t *testing.T) {
	self, other, _ := processes()
	p := &fakeProvider{}
	creator, user := opened(t, p, self), opened(t, p, other)
	require.True(t, creator.CreatedByThisRun())
	require.False(t, user.CreatedByThisRun())
	require.True(t, user.CreatedByRun())
	why, err := user.Delete(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "this run did not create it", why)
	_, clusters := cleaned(t, p, true)
	require.Equal(t, []string{"zeroloss"}, clusters, "its process runs")
	why, err = creator.Delete(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, why)
	_, clusters = cleaned(t, p, true)
	require.Empty(t, clusters)
}

// A cluster of the user's is used, and stays; the same goes for one that only
// bears the name of one that a run created.
func TestAUsersClusterStays(t *testing.T) {
	self, _, gone := processes()
	for name, owners := range map[string][]string{"without an owner": {""}, "partly": {gone, ""}, "of several owners": {gone, self}} {
		t.Run(name, func(t *testing.T) {
			p := &fakeProvider{}
			p.addReady(t, "zeroloss", owners...)
			c := opened(t, p, self)
			require.False(t, c.CreatedByRun())
			require.NoError(t, c.Keep())
			require.Equal(t, stateReady, p.states["zeroloss"], "nothing is written to it")
			why, err := c.Delete(t.Context(), "")
			require.NoError(t, err)
			require.NotEmpty(t, why)
			said, clusters := cleaned(t, p, true)
			require.Empty(t, said)
			require.Equal(t, []string{"zeroloss"}, clusters)
		})
	}
}

// What was created by hand under the name of a cluster that this run had
// created is not deleted for it.
func TestAReplacedClusterStays(t *testing.T) {
	self, _, gone := processes()
	for owner, why := range map[string]string{"": "it is not the one that this run created", gone: "it is not the one that this run created"} {
		p := &fakeProvider{}
		c := opened(t, p, self)
		require.NoError(t, p.remove("zeroloss"))
		p.addReady(t, "zeroloss", owner)
		got, err := c.Delete(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, why, got)
		clusters, _ := p.list()
		require.Equal(t, []string{"zeroloss"}, clusters)
	}
}

// Two runs at the same moment use one cluster: the second one waits.
func TestTwoRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self, other, _ := processes()
		p := &fakeProvider{before: 3 * time.Second, after: 20 * time.Second}
		a, b := clusterOf(p, self, "zeroloss"), clusterOf(p, other, "zeroloss")
		var told []string
		var all sync.WaitGroup
		all.Go(func() { require.NoError(t, a.open(t.Context(), Options{Log: silent})) })
		all.Go(func() {
			time.Sleep(4 * time.Second)
			require.NoError(t, b.open(t.Context(), Options{Log: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }}))
		})
		all.Wait()
		require.Equal(t, 1, p.count())
		require.True(t, a.CreatedByThisRun())
		require.False(t, b.CreatedByThisRun())
		require.Equal(t, []string{fmt.Sprintf("waiting for kind cluster zeroloss: process %d works with it", os.Getpid())}, told)
	})
}

// Both found no cluster: the one that comes second uses what the first creates.
func TestTwoRunsThatFindNoCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self, other, _ := processes()
		p := &fakeProvider{before: 3 * time.Second, after: 20 * time.Second}
		a, b := clusterOf(p, self, "zeroloss"), clusterOf(p, other, "zeroloss")
		var all sync.WaitGroup
		all.Go(func() { require.NoError(t, a.open(t.Context(), Options{Log: silent})) })
		all.Go(func() {
			time.Sleep(time.Second)
			require.NoError(t, b.open(t.Context(), Options{Log: silent}))
		})
		all.Wait()
		require.Equal(t, 1, p.count())
		require.False(t, b.CreatedByThisRun())
	})
}

// A run that cannot create a cluster does not delete what somebody else has.
func TestAFailureDeletesNothingOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProvider{before: 2 * time.Second}
		time.AfterFunc(time.Second, func() { p.add("zeroloss", "") }) // by hand, in between
		err := clusterOf(p, owner.Self(), "zeroloss").open(t.Context(), Options{Log: silent})
		require.ErrorIs(t, err, run.ErrEnvironment)
		require.ErrorContains(t, err, "already exist")
		_, clusters := cleaned(t, p, false)
		require.Equal(t, []string{"zeroloss"}, clusters)
	})
}

// What a killed run has left half-created is created anew; what it has left
// whole is used, and stays until clean comes.
func TestWhatAKilledRunLeft(t *testing.T) {
	_, other, gone := processes()
	for was, anew := range map[state]bool{"": true, stateReady: false} {
		p := &fakeProvider{url: serverWith(t)}
		p.add("zeroloss", gone)
		require.NoError(t, p.setState("zeroloss", was))
		c := opened(t, p, other)
		require.Equal(t, anew, c.CreatedByThisRun())
		why, err := c.Delete(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, anew, why == "")
		said, clusters := cleaned(t, p, false)
		require.Equal(t, !anew, slices.Equal([]string{"cluster zeroloss: deleted"}, said), said)
		require.Empty(t, clusters)
	}
}

// The nodes of a killed run's cluster may be stopped: then nobody can tell how
// far it is.
func TestStoppedNodes(t *testing.T) {
	_, other, gone := processes()
	p := &fakeProvider{stopped: true}
	p.add("zeroloss", gone)
	err := clusterOf(p, other, "zeroloss").open(t.Context(), Options{Log: silent})
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "or its nodes do not run")
	said, clusters := cleaned(t, p, false)
	require.Contains(t, said[0], "left alone, it does not answer")
	require.Equal(t, []string{"zeroloss"}, clusters)
	_, clusters = cleaned(t, p, true)
	require.Empty(t, clusters)
}

// A node that the engine is still creating, for a run that is gone, is waited
// for: nothing can be said of it before.
func TestANodeThatForms(t *testing.T) {
	_, other, gone := processes()
	for _, x := range []struct {
		forms time.Duration
		ok    bool
	}{{8 * time.Second, true}, {time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			p := &fakeProvider{forms: time.Now().Add(x.forms)}
			p.add("zeroloss", gone)
			began := time.Now()
			err := clean(t.Context(), p, other, false, func(string) {})
			require.Less(t, time.Since(began), 20*time.Second)
			clusters, _ := p.list()
			require.Equal(t, x.ok, err == nil && len(clusters) == 0, err)
			if !x.ok {
				require.ErrorIs(t, err, errForming)
			}

			p.forms = time.Now().Add(x.forms)
			if x.ok {
				p.add("zeroloss", gone)
			}
			err = clusterOf(p, other, "zeroloss").open(t.Context(), Options{Log: silent})
			require.Equal(t, x.ok, err == nil, err)
		})
	}
}

// A cluster that is kept is the user's, whoever created it.
func TestAKeptClusterIsTheUsers(t *testing.T) {
	self, other, _ := processes()
	p := &fakeProvider{}
	first, second := opened(t, p, self), opened(t, p, other)
	require.NoError(t, second.Keep())
	why, err := first.Delete(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "another run has kept it", why)
	said, clusters := cleaned(t, p, true)
	require.Empty(t, said)
	require.Equal(t, []string{"zeroloss"}, clusters)
}

// A cluster in which somebody works is not deleted, nor one with something in
// it that was kept.
func TestAClusterInUseIsLeft(t *testing.T) {
	self, other, gone := processes()
	for name, x := range map[string]struct {
		process string
		kept    bool
		free    bool // to be deleted
		all     bool // and with --all
	}{
		"running":   {process: other},
		"elsewhere": {process: "elsewhere/1", all: true},
		"kept":      {process: gone, kept: true, all: true},
		"gone":      {process: gone, free: true, all: true},
	} {
		t.Run(name, func(t *testing.T) {
			ns := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
				Name: "zeroloss-1", Labels: owner.Labels("1"),
				Annotations: map[string]string{owner.Annotation: x.process, owner.KeptAnnotation: fmt.Sprint(x.kept)},
			}}
			own := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "zeroloss-own", Labels: owner.Labels("own"), Annotations: map[string]string{owner.Annotation: self}}}

			p := &fakeProvider{url: serverWith(t, ns, own)}
			c := opened(t, p, self)
			why, err := c.Delete(t.Context(), "zeroloss-own")
			require.NoError(t, err)
			require.Equal(t, x.free, why == "", why)
			clusters, _ := p.list()
			require.Equal(t, x.free, len(clusters) == 0)

			p = &fakeProvider{url: serverWith(t, ns)}
			p.addReady(t, "zeroloss", gone)
			said, clusters := cleaned(t, p, false)
			require.Equal(t, x.free, len(clusters) == 0, said)
			said, clusters = cleaned(t, p, true)
			require.Equal(t, x.all, len(clusters) == 0, said)
		})
	}
}

// A cluster that does not answer may hold a run: it takes --all.
func TestCleanLeavesASilentClusterAlone(t *testing.T) {
	_, _, gone := processes()
	p := &fakeProvider{url: "http://127.0.0.1:1"}
	p.addReady(t, "zeroloss", gone)
	said, clusters := cleaned(t, p, false)
	require.Len(t, said, 1)
	require.Contains(t, said[0], "left alone, it does not answer")
	require.Equal(t, []string{"zeroloss"}, clusters)
	_, clusters = cleaned(t, p, true)
	require.Empty(t, clusters)
}

// Nobody can tell whether a run of before a reboot, or of another machine, is
// still creating its cluster: that is said, and not waited for.
func TestHalfCreatedElsewhere(t *testing.T) {
	p := &fakeProvider{}
	p.add("zeroloss", "elsewhere/1")
	err := clusterOf(p, owner.Self(), "zeroloss").open(t.Context(), Options{Log: silent})
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "it belongs to a run of elsewhere (--all takes it)\n  zeroloss clean --all --cluster zeroloss deletes it")
	said, _ := cleaned(t, p, false)
	require.Equal(t, []string{"cluster zeroloss: left alone, it belongs to a run of elsewhere (--all takes it)"}, said)
}
