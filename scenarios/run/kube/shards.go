package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// shard is one load pod. Shard 0 is the collector too, and its clock is that
// of the record.
type shard struct {
	traffic.Shard
	pod    string
	client *collect.Client
	clock  record.Offset // the harness's to the shard's
	record record.Offset // the shard's to the record's; zero of shard 0
}

// name is that of the shard's files, and of the instance that its own events
// are about. A single one is the load itself.
func (s *shard) name() string {
	if s.Index == 0 {
		return rundir.Load
	}
	return fmt.Sprintf("%s-%d", rundir.Load, s.Index)
}

// requests is the name of its log among the run's; "" is the only one's, and
// the collector's.
func (s *shard) requests() string {
	if s.Index == 0 {
		return ""
	}
	return strconv.FormatUint(s.Index, 10)
}

// wrap says whose an error is, where there are several.
func (s *shard) wrap(err error) error {
	if err == nil || s.Of <= 1 {
		return err
	}
	return fmt.Errorf("load pod %s (%d of %d): %w", s.pod, s.Index+1, s.Of, err)
}

// ahead is what the shard is to add to its instants. Clocks that cannot be
// told apart are one.
func (s *shard) ahead() record.Micros {
	if !s.record.Significant() {
		return 0
	}
	return s.record.Ahead
}

// clockEvent tells of the shard's clock.
func (s *shard) clockEvent() record.Event {
	return record.Event{
		At: record.At(time.Now()), Kind: record.KindClockOffset, Instance: record.Instance{Pod: s.name(), Incarnation: 1},
		N: int64(s.record.Ahead), Data: mustJSON(s.record),
		Text: fmt.Sprintf("that of load pod %d of %d, within %d µs of the collector's", s.Index+1, s.Of, s.record.Within),
	}
}

// shards finds the load pods, and what their clocks show.
func (s *stage) shards(ctx context.Context) ([]*shard, error) {
	_, n := s.rendered.LoadPods()
	names := []string{render.LoadPod}
	if n > 1 {
		all, err := s.api.In(pods, s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + render.LoadPod})
		if err != nil {
			return nil, s.api.Explain("listing load pods", err)
		}
		byIndex := map[string][]string{}
		for i := range all.Items {
			index := all.Items[i].GetLabels()[render.CompletionIndexLabel]
			byIndex[index] = append(byIndex[index], all.Items[i].GetName())
		}
		if names, err = inOrder(byIndex, n); err != nil {
			return nil, err
		}
	}
	var out []*shard
	for i, name := range names {
		x := &shard{Shard: traffic.Shard{Index: uint64(i), Of: uint64(n)}, pod: name, client: s.api.loadClient(s.namespace, name)}
		var err error
		if x.clock, err = x.client.Clock(ctx, clockRounds); err != nil {
			if apierrors.IsForbidden(err) {
				return nil, s.api.Explain("reaching the load pod", x.wrap(err))
			}
			return nil, fmt.Errorf("%w: %w\n  the API server has to reach the pod network to proxy to the load pod", run.ErrEnvironment, x.wrap(err))
		}
		if i > 0 {
			x.record = x.clock.To(out[0].clock)
		}
		out = append(out, x)
	}
	return out, nil
}

// inOrder is the pods of a Job of n by their index. Each has to be there once:
// no request may be nobody's, or two pods'.
func inOrder(byIndex map[string][]string, n int) ([]string, error) {
	var out []string
	for i := range n {
		here := byIndex[strconv.Itoa(i)]
		if len(here) != 1 {
			slices.Sort(here)
			return nil, fmt.Errorf("%w: there is not one load pod with the label %s=%d, but %d %v\n  the cluster has to be Kubernetes 1.28 or newer, where Jobs label their pods so",
				run.ErrEnvironment, render.CompletionIndexLabel, i, len(here), here)
		}
		out = append(out, here[0])
	}
	return out, nil
}

// copiers bring what all load pods have into the run directory.
type copiers []*copier

func newCopiers(dir *rundir.Dir, shards []*shard) copiers {
	var all copiers
	for _, s := range shards {
		all = append(all, &copier{dir: dir, shard: s, client: s.client, clock: shards[0].clock})
	}
	return all
}

func (all copiers) begin(over context.Context, hear func(record.Event), fail func(error)) {
	for _, c := range all {
		c.hear = hear
		c.begin(over, func(err error) { fail(c.shard.wrap(err)) })
	}
}

func (all copiers) finish(ctx context.Context) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { errs[i] = c.shard.wrap(c.finish(ctx)) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
