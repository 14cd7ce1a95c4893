package kube

import (
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// sight takes in an object as it now is. After an error it is told of it again.
type sight = func(*unstructured.Unstructured) error

// follower keeps a resource of a namespace in sight: list and watch are one. see
// is told of all there is, and of each change; gone of what vanished.
//
//	list ─▶ watch ─ ends ─▶ watch, from where it was          nothing was missed
//	  ▲       └──── fails ─▶ … 0.1 s to 2 s … ─▶ list or watch   unwatched until then
//	  └───── where it was is forgotten ─┘
type follower struct {
	api       *api
	gvr       schema.GroupVersionResource
	namespace string
	see       sight
	gone      func(*unstructured.Unstructured)
	eye       *eye

	known   map[string]*unstructured.Unstructured
	version string // of the resource, as it was last told
	listed  bool   // version is one that a watch can begin from
}

const (
	watchAgain  = 100 * time.Millisecond // before a watch that failed is tried again; then twice as long
	watchSlowly = 2 * time.Second        // but not longer than this
)

// run follows until ctx ends. Its error is that it may not.
func (f *follower) run(ctx context.Context) error {
	f.known = map[string]*unstructured.Unstructured{}
	pause := watchAgain
	for {
		began := time.Now()
		err := f.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			return err
		}
		now := time.Now()
		if now.Sub(began) > watchSlowly { // it has stood for a while
			pause = watchAgain
		}
		if err == nil {
			f.eye.blink(now)
			if now.Sub(began) > watchSlowly {
				continue
			}
		} else {
			f.eye.lose(now)
		}
		if pauseFor(ctx, pause) != nil {
			return nil
		}
		pause = min(2*pause, watchSlowly)
	}
}

// once lists, if that has to be, and watches until the watch ends. A regular end
// is no error.
func (f *follower) once(ctx context.Context) error {
	if !f.listed {
		if err := f.list(ctx); err != nil {
			return err
		}
	}
	w, err := f.api.in(f.gvr, f.namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: f.version, AllowWatchBookmarks: true})
	if err != nil {
		f.listed = f.listed && !tooOld(err)
		return f.api.explain("watching "+f.gvr.Resource, err)
	}
	defer w.Stop()
	f.eye.regain(time.Now())
	for e := range w.ResultChan() {
		if err := f.take(e); err != nil {
			f.listed = false // look again from the beginning
			return err
		}
	}
	return nil
}

// tooOld: what a watch was to begin from is not kept any more.
func tooOld(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

func (f *follower) list(ctx context.Context) error {
	all, err := f.api.in(f.gvr, f.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return f.api.explain("listing "+f.gvr.Resource, err)
	}
	there := map[string]bool{}
	// What is on its way out first: it is to be waited for before a run begins.
	slices.SortStableFunc(all.Items, func(a, b unstructured.Unstructured) int {
		return boolOrder(a.GetDeletionTimestamp() == nil, b.GetDeletionTimestamp() == nil)
	})
	for i := range all.Items {
		u := &all.Items[i]
		there[u.GetName()] = true
		f.known[u.GetName()] = u
		if err := f.see(u); err != nil {
			return err
		}
	}
	for name, u := range f.known {
		if !there[name] {
			delete(f.known, name)
			f.gone(u)
		}
	}
	f.version, f.listed = all.GetResourceVersion(), true
	return nil
}

// boolOrder puts false before true.
func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// errNoObject: a watch has told of something that is none.
var errNoObject = errors.New("the watch told of no object")

func (f *follower) take(e watch.Event) error {
	u, ok := e.Object.(*unstructured.Unstructured)
	switch {
	case e.Type == watch.Error:
		return apierrors.FromObject(e.Object)
	case !ok:
		return errNoObject
	}
	if e.Type != watch.Bookmark {
		if err := f.see(u); err != nil { // of what is deleted: its last state
			return err
		}
		f.known[u.GetName()] = u
	}
	if e.Type == watch.Deleted {
		delete(f.known, u.GetName())
		f.gone(u)
	}
	f.version = u.GetResourceVersion()
	return nil
}
