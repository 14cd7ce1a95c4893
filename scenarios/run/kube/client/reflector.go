package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"zeroloss/internal/ctxtime"
)

// ListerWatcher is a resource of a namespace, such as c.Pods("shop").
type ListerWatcher[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// Reflector keeps a handler informed of all objects of a resource: it lists
// and watches, resumes, and lists again where it cannot resume. Unlike the one
// of client-go's tools/cache it reports the gaps in what it saw.
//
//	list ─▶ watch ─ ends ─▶ watch, from where it was             nothing was missed
//	  ▲       └──── fails ─▶ … 0.1 s to 2 s … ─▶ list or watch   a gap until then
//	  └── that version has expired ─┘
type Reflector[T metav1.Object] struct {
	name    string // of the resource, in errors
	explain func(doing string, err error) error
	list    func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch   func(context.Context, metav1.ListOptions) (watch.Interface, error)
	handler Handler[T]
	gaps    *GapTracker

	known   map[string]T // by name
	version string       // the resource version that was seen last
	listed  bool         // a watch can begin from version
}

// Handler is told of objects, by one goroutine.
type Handler[T metav1.Object] struct {
	// OnObject is told of each object as it now is; of one that is deleted,
	// its last state. After an error all objects are listed again.
	OnObject func(T) error
	// OnGone is told of an object that exists no more, after OnObject; nil: not.
	OnGone func(T)
}

// NewReflector makes a reflector of source, which errors call name ("pods").
func NewReflector[T metav1.Object, L runtime.Object](c *Client, name string, source ListerWatcher[L], handler Handler[T], gaps *GapTracker) *Reflector[T] {
	if handler.OnGone == nil {
		handler.OnGone = func(T) {}
	}
	return &Reflector[T]{
		name: name, explain: c.Explain, watch: source.Watch, handler: handler, gaps: gaps, known: map[string]T{},
		list: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return source.List(ctx, o) },
	}
}

const (
	watchRetry    = 100 * time.Millisecond // before a failed watch is tried again; doubled each time
	watchRetryMax = 2 * time.Second
)

// Run lists and watches until ctx ends, and then returns nil. It returns an
// error only if that is forbidden, or OnObject is: all else is retried.
func (r *Reflector[T]) Run(ctx context.Context) error {
	pause := watchRetry
	for {
		began := time.Now()
		err := r.listAndWatch(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is no failure
		}
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			return err
		}
		now := time.Now()
		lasted := now.Sub(began) > watchRetryMax
		if lasted {
			pause = watchRetry
		}
		if err != nil {
			r.gaps.Lost(now)
		} else {
			r.gaps.Suspect(now)
			if lasted {
				continue
			}
		}
		if ctxtime.Sleep(ctx, pause) != nil {
			return nil //nolint:nilerr // likewise
		}
		pause = min(2*pause, watchRetryMax)
	}
}

// listAndWatch returns when the watch ends; nil if it ended regularly.
func (r *Reflector[T]) listAndWatch(ctx context.Context) error {
	if !r.listed {
		if err := r.relist(ctx); err != nil {
			return err
		}
	}
	w, err := r.watch(ctx, metav1.ListOptions{ResourceVersion: r.version, AllowWatchBookmarks: true})
	if err != nil {
		r.listed = r.listed && !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err)
		return r.explain("watching "+r.name, err)
	}
	defer w.Stop()
	r.gaps.Recovered(time.Now())
	for e := range w.ResultChan() {
		if err := r.onEvent(e); err != nil {
			r.listed = false
			return err
		}
	}
	return nil
}

func (r *Reflector[T]) relist(ctx context.Context) error {
	list, err := r.list(ctx, metav1.ListOptions{})
	if err != nil {
		return r.explain("listing "+r.name, err)
	}
	all, version, err := itemsOf[T](list)
	if err != nil {
		return fmt.Errorf("listing %s: %w", r.name, err)
	}
	// Terminating objects first: a run waits for them before it begins.
	slices.SortStableFunc(all, func(a, b T) int {
		switch x, y := a.GetDeletionTimestamp() != nil, b.GetDeletionTimestamp() != nil; {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	exists := map[string]bool{}
	for _, o := range all {
		exists[o.GetName()] = true
		r.known[o.GetName()] = o
		if err := r.handler.OnObject(o); err != nil {
			return err
		}
	}
	for name, o := range r.known {
		if !exists[name] {
			delete(r.known, name)
			r.handler.OnGone(o)
		}
	}
	r.version, r.listed = version, true
	return nil
}

func itemsOf[T metav1.Object](list runtime.Object) (out []T, version string, err error) {
	m, err := meta.ListAccessor(list)
	if err != nil {
		return nil, "", err
	}
	all, err := meta.ExtractList(list)
	if err != nil {
		return nil, "", err
	}
	for _, x := range all {
		o, ok := x.(T)
		if !ok {
			return nil, "", fmt.Errorf("it lists a %T", x)
		}
		out = append(out, o)
	}
	return out, m.GetResourceVersion(), nil
}

func (r *Reflector[T]) onEvent(e watch.Event) error {
	if e.Type == watch.Error {
		return apierrors.FromObject(e.Object)
	}
	o, ok := e.Object.(T)
	if !ok {
		return fmt.Errorf("watching %s: it delivered a %T", r.name, e.Object)
	}
	if e.Type != watch.Bookmark {
		if err := r.handler.OnObject(o); err != nil {
			return err
		}
		r.known[o.GetName()] = o
	}
	if e.Type == watch.Deleted {
		delete(r.known, o.GetName())
		r.handler.OnGone(o)
	}
	r.version = o.GetResourceVersion()
	return nil
}
