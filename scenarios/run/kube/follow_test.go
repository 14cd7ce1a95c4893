package kube

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
)

// town is an API server that can be out of reach, and whose watches can end.
type town struct {
	mu     sync.Mutex
	out    error // why it does not answer; nil: it does
	listed int
	from   []string // the versions that watches began from
	open   *watch.FakeWatcher
}

func (w *town) api() *api {
	a := shopOf()
	client := a.Interface.(*fake.FakeDynamicClient)
	client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.listed++
		l := &unstructured.UnstructuredList{}
		l.SetResourceVersion("10")
		l.SetAPIVersion("v1")
		l.SetKind("PodList")
		return true, l, w.out
	})
	client.PrependWatchReactor("pods", func(a clienttesting.Action) (bool, watch.Interface, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.out != nil {
			return true, nil, w.out
		}
		w.from = append(w.from, a.(clienttesting.WatchActionImpl).GetListOptions().ResourceVersion)
		w.open = watch.NewFake()
		return true, w.open, nil
	})
	return a
}

func (w *town) set(out error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = out
}

func (w *town) watch() *watch.FakeWatcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

// blindness is what an eye has told: since when, from the beginning, and for
// how long.
type blindness struct{ since, lasted time.Duration }

// following follows a town's pods for as long as do takes.
func following(t *testing.T, w *town, do func()) (told []blindness, seen []string, err error) {
	began := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	f := &follower{
		api: w.api(), gvr: pods, namespace: "shop",
		see:  func(u *unstructured.Unstructured) error { seen = append(seen, u.GetName()); return nil },
		gone: func(u *unstructured.Unstructured) { seen = append(seen, "-"+u.GetName()) },
		eye:  &eye{tell: func(since time.Time, lasted time.Duration) { told = append(told, blindness{since.Sub(began), lasted}) }},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = f.run(ctx)
	}()
	synctest.Wait()
	do()
	synctest.Wait()
	stop()
	if w.open != nil {
		w.open.Stop()
	}
	<-done
	return told, seen, err
}

func podNamed(name, version string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("v1")
	u.SetKind("Pod")
	u.SetName(name)
	u.SetResourceVersion(version)
	return u
}

// TestAWatchThatEndsIsTakenUp from where it was: nothing is missed, and nothing
// is listed again.
func TestAWatchThatEndsIsTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		told, seen, err := following(t, w, func() {
			for _, version := range []string{"11", "12", "13"} {
				time.Sleep(time.Minute)
				if version == "12" {
					w.watch().Action(watch.Bookmark, podNamed("", version))
				} else {
					w.watch().Add(podNamed("a", version))
				}
				w.watch().Stop()
				synctest.Wait()
			}
			w.watch().Delete(podNamed("a", "14"))
		})
		require.NoError(t, err)
		require.Empty(t, told)
		require.Equal(t, []string{"a", "a", "a", "-a"}, seen)
		require.Equal(t, []string{"10", "11", "12", "13"}, w.from)
		require.Equal(t, 1, w.listed)
	})
}

// TestABlindWatchIsTold, once when it begins and once when it is over; and what
// does not answer is not asked ten times a second.
func TestABlindWatchIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		told, _, err := following(t, w, func() {
			time.Sleep(time.Minute)
			w.set(errors.New("no route to host"))
			w.watch().Error(&apierrors.NewInternalError(errors.New("http2: client connection lost")).ErrStatus)
			time.Sleep(20 * time.Second)
			w.set(nil)
			time.Sleep(time.Minute)
		})
		require.NoError(t, err)
		require.Len(t, told, 2)
		require.Equal(t, blindness{time.Minute, 0}, told[0])
		require.Equal(t, time.Minute, told[1].since)
		require.Greater(t, told[1].lasted, 20*time.Second)
		require.LessOrEqual(t, told[1].lasted, 22*time.Second)
		require.LessOrEqual(t, w.listed, 16, "4 in the first second, and then one in two")
		require.Len(t, w.from, 2)
	})
}

// TestWhereItWasIsForgotten: then it is listed again, and that is told.
func TestWhereItWasIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		told, seen, err := following(t, w, func() {
			w.watch().Add(podNamed("a", "11"))
			time.Sleep(time.Minute)
			w.watch().Error(&apierrors.NewResourceExpired("too old").ErrStatus)
			time.Sleep(time.Second)
		})
		require.NoError(t, err)
		require.Equal(t, []blindness{{time.Minute, 0}, {time.Minute, watchAgain}}, told)
		require.Equal(t, []string{"a", "-a"}, seen)
		require.Equal(t, 2, w.listed)
	})
}

// TestASlowBlink is blindness, though the watch had ended regularly.
func TestASlowBlink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		told, _, err := following(t, w, func() {
			time.Sleep(time.Minute)
			w.set(errors.New("connection refused"))
			w.watch().Stop()
			time.Sleep(500 * time.Millisecond)
			w.set(nil)
			time.Sleep(2 * time.Second)
		})
		require.NoError(t, err)
		require.Len(t, told, 2)
		require.Equal(t, time.Minute, told[1].since)
		require.Equal(t, 1, w.listed, "it still knows where it was")
	})
}

// TestWhoMayNotLook is told so, and does not try again.
func TestWhoMayNotLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{out: apierrors.NewForbidden(pods.GroupResource(), "", errors.New("no"))}
		_, _, err := following(t, w, func() {})
		require.True(t, apierrors.IsForbidden(err))
		require.Equal(t, 1, w.listed)
	})
}

// TestWhatGoesIsSeenFirst, so that a run does not begin over it.
func TestWhatGoesIsSeenFirst(t *testing.T) {
	a, b := ordersPod(t, "a"), ordersPod(t, "b")
	require.NoError(t, unstructured.SetNestedField(b.Object, "2026-01-01T00:00:00Z", "metadata", "deletionTimestamp"))
	var seen []string
	f := &follower{api: shopOf(a, b), gvr: pods, namespace: "shop", see: func(u *unstructured.Unstructured) error {
		seen = append(seen, u.GetName())
		return nil
	}}
	f.known = map[string]*unstructured.Unstructured{}
	require.NoError(t, f.list(t.Context()))
	require.Equal(t, []string{"b", "a"}, seen)
}

// TestAConnectionThatStandsStill ends no watch; that nothing is answered on it
// shows it.
func TestAConnectionThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, told := watching(t, shopOf())
		over, end := context.WithCancel(t.Context())
		n.over = over
		began := time.Now()
		asked := 0
		go n.pulse(func(ctx context.Context) error {
			asked++
			if since := time.Since(began); since < 5*time.Second || since > 25*time.Second {
				time.Sleep(100 * time.Millisecond)
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(25*time.Second - time.Since(began)): // it comes back
				return nil
			}
		})
		time.Sleep(8 * time.Second)
		synctest.Wait()
		first := told()
		require.Len(t, first, 1, "while it goes on")
		require.Zero(t, first[0].N)
		time.Sleep(time.Minute)
		synctest.Wait()
		end()
		then := told()
		require.Len(t, then, 1)
		require.Equal(t, first[0].Since, then[0].Since)
		require.InDelta(t, 20, time.Duration(then[0].N*1000).Seconds(), 1.2)
		require.Greater(t, asked, 40)
		synctest.Wait()
	})
}
