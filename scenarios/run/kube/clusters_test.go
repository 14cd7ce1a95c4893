package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// Processes as the marks tell them: two that are there, and one that is not.
func processes() (here, beside, gone string) {
	h := owner.ParseProcess(owner.Self())
	other, dead := h, h
	other.PID, dead.PID = os.Getppid(), 999999999
	return h.String(), other.String(), dead.String()
}

// by is a cluster as a process has it.
func by(p *enginePark, dir, self, name string) *kindCluster {
	return &kindCluster{name: name, engine: p, marks: marks{dir, self}}
}

func silent(string, ...any) {}

// nothing is to be released.
func nothing() error { return nil }

// cleaned is what clean says, and what there is then.
func cleaned(t *testing.T, p *enginePark, dir string, all bool) (said, clusters, marked []string) {
	t.Helper()
	third := owner.ParseProcess(owner.Self())
	third.PID = 1
	m := marks{dir, third.String()}
	require.NoError(t, cleanClusters(t.Context(), m, p, nil, CleanOptions{All: all, Say: func(s string) { said = append(said, s) }}))
	clusters, err := p.list()
	require.NoError(t, err)
	marked, err = m.names()
	require.NoError(t, err)
	return said, clusters, marked
}

// Ctrl-C before kind has made its first container: it comes to its end some
// time, and has then made a whole cluster.
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
			dir := filepath.Join(t.TempDir(), "clusters")
			synctest.Test(t, func(t *testing.T) {
				_, _, gone := processes()
				p := &enginePark{before: x.before, after: x.after}
				ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
				defer stop()
				_, err := by(p, dir, gone, "zeroloss").open(ctx, "", "", silent)
				require.ErrorIs(t, err, run.ErrInterrupted)
				time.Sleep(10 * time.Minute)
				if x.left {
					require.ErrorContains(t, err, "zeroloss clean removes it")
					require.Equal(t, 1, p.count(), "the process has ended by now; what it has begun has not")
					said, _, _ := cleaned(t, p, dir, false)
					require.Equal(t, []string{"cluster zeroloss: deleted"}, said)
				}
				said, clusters, marked := cleaned(t, p, dir, false)
				require.Empty(t, said)
				require.Empty(t, clusters)
				require.Empty(t, marked)
			})
		})
	}
}

// However kind takes it, the run ends in time.
func TestInterruptedInTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		began := time.Now()
		_, err := by(&enginePark{before: time.Hour}, dir, owner.Self(), "zeroloss").open(ctx, "", "", silent)
		require.ErrorIs(t, err, run.ErrInterrupted)
		require.LessOrEqual(t, time.Since(began), 30*time.Second)
		time.Sleep(2 * time.Hour)
	})
}

// While the image is pulled there is nothing to take away, and kind is not
// even asked.
func TestInterruptedWhileTheImageIsPulled(t *testing.T) {
	p := &enginePark{pull: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	dir := t.TempDir()
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	_, err := by(p, dir, owner.Self(), "zeroloss").open(ctx, "", "", silent)
	require.ErrorIs(t, err, run.ErrInterrupted)
	require.Zero(t, p.count())
	_, _, marked := cleaned(t, p, dir, false)
	require.Empty(t, marked)
}

// kind starts all nodes at once, and does not wait for the rest when one fails.
func TestANodeThatComesLate(t *testing.T) {
	for late, left := range map[time.Duration]bool{2 * time.Second: false, time.Minute: true} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			_, _, gone := processes()
			p := &enginePark{fails: errors.New("no room"), late: late}
			k := by(p, dir, gone, "zeroloss")
			k.workers = 2
			_, err := k.open(t.Context(), "", "", silent)
			require.ErrorIs(t, err, run.ErrEnvironment)
			require.ErrorContains(t, err, "no room")
			require.Equal(t, left, strings.Contains(err.Error(), "zeroloss clean removes it"), err)
			time.Sleep(2 * time.Minute)
			said, clusters, marked := cleaned(t, p, dir, false)
			require.Equal(t, left, slices.Contains(said, "cluster zeroloss: deleted"), said)
			require.Empty(t, clusters)
			require.Empty(t, marked)
		})
	}
}

// What a user makes under a name that we have used, or might have, is his.
func TestCleanKnowsADecoy(t *testing.T) {
	_, _, gone := processes()
	dir := t.TempDir()
	p := &enginePark{}
	for _, name := range []string{"zeroloss", "zeroloss-2", "zl-dev", "older", "mixed"} {
		p.add(name, "")
	}
	p.add("mixed", "b1")
	p.add("stamped", "theirs")
	p.add("mine", "b2", "b2")
	m := marks{dir, gone}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"zeroloss", "stamped", "never"} {
		require.NoError(t, m.write(name, mark{Badge: "b0", Doing: making, Users: []string{gone}}))
	}
	require.NoError(t, m.write("mine", mark{Badge: "b2", Doing: deleting, Users: []string{gone}}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "older"), []byte("999999999"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "zl-dev"), nil, 0o644)) // torn
	for _, all := range []bool{false, true} {
		said, clusters, marked := cleaned(t, p, dir, all)
		require.Equal(t, []string{"mixed", "older", "stamped", "zeroloss", "zeroloss-2", "zl-dev"}, clusters, said)
		require.Equal(t, []string{"older", "zl-dev"}, marked, "they say nothing of which it is")
		if !all {
			require.Contains(t, said, "cluster zeroloss: left alone, it is not the one that a run has made; its mark is removed")
			require.Contains(t, said, "cluster never: there is none any more; its mark is removed")
			require.Contains(t, said, "cluster mine: deleted")
		}
	}
	// A cluster of which only a part is ours is nobody's to delete by name.
	require.NoError(t, m.write("mixed", mark{Badge: "b1", Doing: making, Users: []string{gone}}))
	err := cleanClusters(t.Context(), marks{dir, owner.Self()}, p, nil, CleanOptions{Say: func(string) {}})
	require.ErrorContains(t, err, "1 of its 2 nodes are none of a run's")
	clusters, _ := p.list()
	require.Contains(t, clusters, "mixed")
}

// A run in the user's own cluster leaves it, mark or no mark.
func TestAUsersClusterStays(t *testing.T) {
	here, _, gone := processes()
	dir := t.TempDir()
	p := &enginePark{}
	p.add("zeroloss", "")
	require.NoError(t, marks{dir, gone}.write("zeroloss", mark{Badge: "b0", Users: []string{gone}}))
	k := by(p, dir, here, "zeroloss")
	where, err := k.open(t.Context(), "", "", silent)
	require.NoError(t, err)
	require.False(t, where.marked())
	r := &cluster{}
	require.NoError(t, r.leave(where, nil, "", nothing, silent))
	said, clusters, marked := cleaned(t, p, dir, true)
	require.Empty(t, said)
	require.Equal(t, []string{"zeroloss"}, clusters)
	require.Empty(t, marked)
}

// Two runs at the same moment share one cluster, and the last one deletes it.
func TestTwoRunsAtOnce(t *testing.T) {
	for _, makerLast := range []bool{false, true} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			here, beside, _ := processes()
			p := &enginePark{before: 3 * time.Second, after: 20 * time.Second}
			a, b := by(p, dir, here, "zeroloss"), by(p, dir, beside, "zeroloss")
			var first, second *reach
			var told []string
			var all sync.WaitGroup
			all.Go(func() {
				var err error
				first, err = a.open(t.Context(), "", "", silent)
				require.NoError(t, err)
			})
			all.Go(func() {
				time.Sleep(time.Second)
				var err error
				second, err = b.open(t.Context(), "", "", func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) })
				require.NoError(t, err)
			})
			all.Wait()
			require.Equal(t, 1, p.count())
			require.Equal(t, []string{fmt.Sprintf("waiting for kind cluster zeroloss: process %d works with it", os.Getpid())}, told)
			if makerLast {
				first, second = second, first
			}
			told = nil
			require.NoError(t, (&cluster{}).leave(first, nil, "", nothing, func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }))
			require.Len(t, told, 1)
			require.Contains(t, told[0], "left cluster zeroloss: process ")
			said, clusters, _ := cleaned(t, p, dir, true)
			require.Equal(t, []string{"zeroloss"}, clusters, said)
			require.NoError(t, (&cluster{}).leave(second, nil, "", nothing, silent))
			_, clusters, marked := cleaned(t, p, dir, false)
			require.Empty(t, clusters)
			require.Empty(t, marked)
		})
	}
}

// Who comes second and cannot make it does not delete what the first has.
func TestAFailureDeletesNothingOfOthers(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := &enginePark{before: 2 * time.Second}
		time.AfterFunc(time.Second, func() { p.add("zeroloss", "") }) // by hand, in between
		_, err := by(p, dir, owner.Self(), "zeroloss").open(t.Context(), "", "", silent)
		require.ErrorIs(t, err, run.ErrEnvironment)
		require.ErrorContains(t, err, "already exist")
		_, clusters, marked := cleaned(t, p, dir, false)
		require.Equal(t, []string{"zeroloss"}, clusters)
		require.Empty(t, marked)
	})
}

// What a killed run has left half made is made anew; what it has left whole is
// taken over, and goes with who has taken it.
func TestWhatAKilledRunLeft(t *testing.T) {
	_, beside, gone := processes()
	for _, was := range []doing{"", making, deleting} {
		dir := t.TempDir()
		p := &enginePark{}
		p.add("zeroloss", "b0")
		require.NoError(t, marks{dir, gone}.write("zeroloss", mark{Badge: "b0", Doing: was, Users: []string{gone}}))
		where, err := by(p, dir, beside, "zeroloss").open(t.Context(), "", "", silent)
		require.NoError(t, err)
		badges, _ := p.badges("zeroloss")
		require.Equal(t, was == "", slices.Equal(badges, []string{"b0"}), "a half made one is not used")
		said, clusters, _ := cleaned(t, p, dir, false)
		require.Equal(t, []string{fmt.Sprintf("cluster zeroloss: left alone, process %d works with it", os.Getppid())}, said)
		require.Equal(t, []string{"zeroloss"}, clusters)
		require.NoError(t, (&cluster{}).leave(where, nil, "", nothing, silent))
		_, clusters, marked := cleaned(t, p, dir, false)
		require.Empty(t, clusters)
		require.Empty(t, marked)
	}
}

// A node that the engine is creating yet, for a run that is gone, is waited for:
// nothing can be said of it before.
func TestANodeThatForms(t *testing.T) {
	_, beside, gone := processes()
	for _, x := range []struct {
		forms time.Duration
		ok    bool
	}{{8 * time.Second, true}, {time.Minute, false}} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			p := &enginePark{forms: time.Now().Add(x.forms)}
			p.add("zeroloss", "b0")
			m := marks{dir, beside}
			half := mark{Badge: "b0", Doing: making, Users: []string{gone}}
			require.NoError(t, m.write("zeroloss", half))
			began := time.Now()
			err := cleanClusters(t.Context(), m, p, nil, CleanOptions{Say: func(string) {}})
			require.Less(t, time.Since(began), 20*time.Second)
			clusters, _ := p.list()
			require.Equal(t, x.ok, err == nil && len(clusters) == 0, err)
			if !x.ok {
				require.ErrorIs(t, err, errForming)
				was, _, _ := m.read("zeroloss")
				require.Equal(t, half, was, "another clean may have it")
			}

			p.forms = time.Now().Add(x.forms)
			if x.ok {
				p.add("zeroloss", "b0")
				require.NoError(t, m.write("zeroloss", half))
			}
			_, err = by(p, dir, beside, "zeroloss").open(t.Context(), "", "", silent)
			require.Equal(t, x.ok, err == nil, err)
		})
	}
}

// A cluster that is kept is the user's, whoever has made it, and whoever is
// still in it.
func TestKeptClusterIsTheUsers(t *testing.T) {
	here, beside, _ := processes()
	dir := t.TempDir()
	p := &enginePark{}
	first, err := by(p, dir, here, "zeroloss").open(t.Context(), "", "", silent)
	require.NoError(t, err)
	second, err := by(p, dir, beside, "zeroloss").open(t.Context(), "", "", silent)
	require.NoError(t, err)
	require.NoError(t, (&cluster{o: Options{Keep: true}}).leave(second, nil, "", nothing, silent))
	require.NoError(t, (&cluster{}).leave(first, nil, "", nothing, silent))
	said, clusters, marked := cleaned(t, p, dir, true)
	require.Empty(t, said)
	require.Equal(t, []string{"zeroloss"}, clusters)
	require.Empty(t, marked)
}

// Somebody may work in it without a mark of this user's: another user, or who
// attaches. And what is kept in it is kept.
func TestNobodysClusterIsDeletedUnderHim(t *testing.T) {
	here, beside, gone := processes()
	for name, x := range map[string]struct {
		harness string
		kept    bool
		free    bool // to be deleted
		all     bool // and with --all
	}{
		"alive":     {harness: beside},
		"elsewhere": {harness: "elsewhere/1", all: true},
		"kept":      {harness: gone, kept: true, all: true},
		"gone":      {harness: gone, free: true, all: true},
	} {
		ns := namespaceOf("zeroloss-1", map[string]string{owner.ManagedByLabel: owner.Name, owner.RunLabel: "1"}, map[string]string{owner.Annotation: x.harness, owner.KeptAnnotation: fmt.Sprint(x.kept)})
		server := townOf(t, ns)
		dir := t.TempDir()
		p := &enginePark{url: server}
		p.add("zeroloss", "b0")
		require.NoError(t, marks{dir, gone}.write("zeroloss", mark{Badge: "b0", Users: []string{gone}}))
		said, clusters, marked := cleaned(t, p, dir, false)
		require.Equal(t, x.free, len(clusters) == 0, "%s: %s", name, said)
		require.Equal(t, x.free, len(marked) == 0, "%s: %s", name, said)

		// A run that ends there goes by the same.
		where, err := by(p, dir, here, "zeroloss").open(t.Context(), "", "", silent)
		require.NoError(t, err)
		c, err := client.New(where.config)
		require.NoError(t, err)
		require.NoError(t, (&cluster{}).leave(where, c, "zeroloss-own", nothing, silent))
		said, clusters, _ = cleaned(t, p, dir, false)
		require.Equal(t, x.free, len(clusters) == 0, "%s: %s", name, said)

		said, clusters, _ = cleaned(t, p, dir, true)
		require.Equal(t, x.all, len(clusters) == 0, "%s: %s", name, said)
	}
}

// What does not answer may hold a run: it takes --all.
func TestCleanLeavesASilentClusterAlone(t *testing.T) {
	_, _, gone := processes()
	dir := t.TempDir()
	p := &enginePark{url: "http://127.0.0.1:1"}
	p.add("zeroloss", "b0")
	require.NoError(t, marks{dir, gone}.write("zeroloss", mark{Badge: "b0", Users: []string{gone}}))
	said, clusters, marked := cleaned(t, p, dir, false)
	require.Len(t, said, 1)
	require.Contains(t, said[0], "left alone, it does not answer")
	require.Equal(t, []string{"zeroloss"}, clusters)
	require.Equal(t, clusters, marked)
	_, clusters, marked = cleaned(t, p, dir, true)
	require.Empty(t, clusters)
	require.Empty(t, marked)
}

// Where a run of before a reboot, or of another machine, has left it half made,
// nobody can tell: that is said, and not waited for.
func TestHalfMadeElsewhere(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, marks{dir, owner.Self()}.write("zeroloss", mark{Badge: "b0", Doing: making, Users: []string{"elsewhere/1"}}))
	_, err := by(&enginePark{}, dir, owner.Self(), "zeroloss").open(t.Context(), "", "", silent)
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "it was left half made; it belongs to a run of elsewhere (--all takes it)\n  zeroloss clean --all --cluster zeroloss removes it")
}
