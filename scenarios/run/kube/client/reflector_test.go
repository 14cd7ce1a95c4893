package client

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// fakePods is an API server's pods: it can be unreachable, and its watches can
// end.
type fakePods struct {
	mu     sync.Mutex
	err    error // why it does not answer; nil: it does
	listed int
	from   []string // the versions that watches began from
	open   *watch.FakeWatcher
	items  []corev1.Pod
}

func (f *fakePods) List(context.Context, metav1.ListOptions) (*corev1.PodList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed++
	if f.err != nil {
		return nil, f.err
	}
	return &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "10"}, Items: f.items}, nil
}

func (f *fakePods) Watch(_ context.Context, o metav1.ListOptions) (watch.Interface, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	f.from = append(f.from, o.ResourceVersion)
	f.open = watch.NewFake()
	return f.open, nil
}

func (f *fakePods) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakePods) watch() *watch.FakeWatcher {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// gap is what a GapTracker has reported: since when, from the beginning of the
// test, and for how long.
type gap struct{ since, lasted time.Duration }

// reflect runs a Reflector of f for as long as do takes.
func reflect(t *testing.T, f *fakePods, do func()) (gaps []gap, seen []string, err error) {
	began := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	r := NewReflector(&Client{}, "pods", f, Handler[*corev1.Pod]{
		OnObject: func(p *corev1.Pod) error { seen = append(seen, p.Name); return nil },
		OnGone:   func(p *corev1.Pod) { seen = append(seen, "-"+p.Name) },
	}, NewGapTracker(func(since time.Time, lasted time.Duration) { gaps = append(gaps, gap{since.Sub(began), lasted}) }))
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = r.Run(ctx)
	}()
	synctest.Wait()
	do()
	synctest.Wait()
	stop()
	if f.open != nil {
		f.open.Stop()
	}
	<-done
	return gaps, seen, err
}

func pod(name, version string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
}

// A watch that ends regularly resumes from where it was: nothing is missed, and
// nothing is listed again.
func TestReflectorResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakePods{}
		gaps, seen, err := reflect(t, f, func() {
			for _, version := range []string{"11", "12", "13"} {
				time.Sleep(time.Minute)
				if version == "12" {
					f.watch().Action(watch.Bookmark, pod("", version))
				} else {
					f.watch().Add(pod("a", version))
				}
				f.watch().Stop()
				synctest.Wait()
			}
			f.watch().Delete(pod("a", "14"))
		})
		require.NoError(t, err)
		require.Empty(t, gaps)
		require.Equal(t, []string{"a", "a", "a", "-a"}, seen)
		require.Equal(t, []string{"10", "11", "12", "13"}, f.from)
		require.Equal(t, 1, f.listed)
	})
}

// An outage is reported when it begins and when it ends; and a server that does
// not answer is not asked ten times a second.
func TestReflectorReportsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakePods{}
		gaps, _, err := reflect(t, f, func() {
			time.Sleep(time.Minute)
			f.set(errors.New("no route to host"))
			f.watch().Error(&apierrors.NewInternalError(errors.New("http2: client connection lost")).ErrStatus)
			time.Sleep(20 * time.Second)
			f.set(nil)
			time.Sleep(time.Minute)
		})
		require.NoError(t, err)
		require.Len(t, gaps, 2)
		require.Equal(t, gap{time.Minute, 0}, gaps[0])
		require.Equal(t, time.Minute, gaps[1].since)
		require.Greater(t, gaps[1].lasted, 20*time.Second)
		require.LessOrEqual(t, gaps[1].lasted, 22*time.Second)
		require.LessOrEqual(t, f.listed, 16, "4 in the first second, and then one in two")
		require.Len(t, f.from, 2)
	})
}

// A resource version that has expired means a new list, and a gap.
func TestReflectorListsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakePods{}
		gaps, seen, err := reflect(t, f, func() {
			f.watch().Add(pod("a", "11"))
			time.Sleep(time.Minute)
			f.watch().Error(&apierrors.NewResourceExpired("too old").ErrStatus)
			time.Sleep(time.Second)
		})
		require.NoError(t, err)
		require.Equal(t, []gap{{time.Minute, 0}, {time.Minute, watchRetry}}, gaps)
		require.Equal(t, []string{"a", "-a"}, seen)
		require.Equal(t, 2, f.listed)
	})
}

// A watch that ended regularly, and takes long to resume, has a gap.
func TestReflectorResumesSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakePods{}
		gaps, _, err := reflect(t, f, func() {
			time.Sleep(time.Minute)
			f.set(errors.New("connection refused"))
			f.watch().Stop()
			time.Sleep(500 * time.Millisecond)
			f.set(nil)
			time.Sleep(2 * time.Second)
		})
		require.NoError(t, err)
		require.Len(t, gaps, 2)
		require.Equal(t, time.Minute, gaps[1].since)
		require.Equal(t, 1, f.listed, "the version is still known")
	})
}

func TestReflectorMayNotList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakePods{err: apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))}
		_, _, err := reflect(t, f, func() {})
		require.True(t, apierrors.IsForbidden(err))
		require.Equal(t, 1, f.listed, "it is not tried again")
	})
}

// Terminating objects are seen first, so that a run does not begin over them.
func TestReflectorListsTerminatingObjectsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pod("a", "1"), pod("b", "2")
		b.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		_, seen, err := reflect(t, &fakePods{items: []corev1.Pod{*a, *b}}, func() {})
		require.NoError(t, err)
		require.Equal(t, []string{"b", "a"}, seen)
	})
}
