// Package loadpods drives the pods that generate a run's load, from outside the
// cluster.
//
//   - [Find] finds them and compares their clocks.
//   - [Load] starts and stops their generators as one.
//   - [Mirrors] copy their logs into the run directory while they are written.
//
// Pod 0 is the collector, too: services send it their events, and the record goes
// by its clock.
package loadpods

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/rundir"
)

// Pod is one load pod.
type Pod struct {
	traffic.Shard // its part of the load
	name          string
	client        *collect.Client
	clock         record.Offset // this process's clock to the pod's
	toRecord      record.Offset // the pod's clock to the record's; zero of pod 0
}

// logName names the pod's files, and the instance of its own events. The pod 0 is
// the load itself.
func (p *Pod) logName() string {
	if p.Index == 0 {
		return rundir.Load
	}
	return fmt.Sprintf("%s-%d", rundir.Load, p.Index)
}

// requestLog names its request log among the run's; "" is pod 0's.
func (p *Pod) requestLog() string {
	if p.Index == 0 {
		return ""
	}
	return strconv.FormatUint(p.Index, 10)
}

// wrap says which pod an error comes from, if there are several.
func (p *Pod) wrap(err error) error {
	if err == nil || p.Count <= 1 {
		return err
	}
	return fmt.Errorf("load pod %s (%d of %d): %w", p.name, p.Index+1, p.Count, err)
}

// ahead is what the pod has to add to its instants. Clocks that differ by less
// than the uncertainty count as one.
func (p *Pod) ahead() record.Micros { return significant(p.toRecord) }

func significant(o record.Offset) record.Micros {
	if !o.Significant() {
		return 0
	}
	return o.Ahead
}

// Pods are the load pods of a run, by index.
type Pods []*Pod

// Collector returns the client of the pod that collects the services' events.
func (p Pods) Collector() *collect.Client { return p[0].client }

// Ahead returns how far the record's clock is ahead of this process's; 0 if the
// difference is less than its uncertainty, or if there are no load pods: then it is
// this process's.
func (p Pods) Ahead() record.Micros {
	if len(p) == 0 {
		return 0
	}
	return significant(p[0].clock)
}

// clockRounds is how often a load pod's clock is asked; the quickest answer counts.
const clockRounds = 9

// Find finds the load pods and compares their clocks. A single one has the name
// name; count > 1 are those of the Job name.
func Find(ctx context.Context, c *client.Client, namespace, name string, count int) (Pods, error) {
	names := []string{name}
	if count > 1 {
		all, err := c.Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
		if err != nil {
			return nil, c.Explain("listing load pods", err)
		}
		byIndex := map[string][]string{}
		for _, p := range all.Items {
			index := p.Labels[batchv1.JobCompletionIndexAnnotation]
			byIndex[index] = append(byIndex[index], p.Name)
		}
		if names, err = byCompletionIndex(byIndex, count); err != nil {
			return nil, err
		}
	}
	var out Pods
	for i, name := range names {
		p := &Pod{Shard: traffic.Shard{Index: uint64(i), Count: uint64(len(names))}, name: name, client: Client(c, namespace, name)}
		var err error
		if p.clock, err = p.client.ClockOffset(ctx, clockRounds); err != nil {
			if apierrors.IsForbidden(err) {
				return nil, c.Explain("reaching the load pod", p.wrap(err))
			}
			return nil, fmt.Errorf("%w: reaching the load pod: %w\n  the API server has to reach the pod network to proxy to the load pod", run.ErrEnvironment, p.wrap(err))
		}
		if i > 0 {
			p.toRecord = p.clock.To(out[0].clock)
		}
		out = append(out, p)
	}
	return out, nil
}

// byCompletionIndex returns the pods of a Job of count by their index. Each has to
// exist exactly once: no request may be sent by two pods, or by none.
func byCompletionIndex(byIndex map[string][]string, count int) ([]string, error) {
	var out []string
	for i := range count {
		found := byIndex[strconv.Itoa(i)]
		if len(found) != 1 {
			slices.Sort(found)
			return nil, fmt.Errorf("%w: %d load pods instead of one have the label %s=%d: %v\n  the cluster has to be Kubernetes 1.28 or newer, where Jobs set this label",
				run.ErrEnvironment, len(found), batchv1.JobCompletionIndexAnnotation, i, found)
		}
		out = append(out, found[0])
	}
	return out, nil
}

// Client returns a client of a load pod that goes through the API server's proxy,
// which is open wherever kubectl works.
func Client(c *client.Client, namespace, pod string) *collect.Client {
	return &collect.Client{Do: func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
		path, query, _ := strings.Cut(path, "?")
		req := c.REST.Verb(method).Namespace(namespace).Resource("pods").
			Name(fmt.Sprintf("%s:%d", pod, collect.HTTPPort)).SubResource("proxy").Suffix(path)
		values, err := url.ParseQuery(query)
		if err != nil {
			return nil, fmt.Errorf("requesting %q: %w", path, err)
		}
		for k := range values {
			req = req.Param(k, values.Get(k))
		}
		if body != nil {
			req = req.SetHeader("Content-Type", "application/json").Body(bytes.NewReader(body))
		}
		return req.Stream(ctx)
	}}
}

// RecordClocks writes down how far the clocks are apart, and how certain that is.
func (p Pods) RecordClocks(to run.Sink) error {
	err := to.Event(harnessClock(p[0].clock))
	for _, x := range p[1:] {
		err = errors.Join(err, to.Event(x.clockEvent()))
	}
	return err
}

// harnessClock is the event about this process's clock.
func harnessClock(o record.Offset) record.Event {
	return record.Event{
		At: record.At(time.Now()), Payload: record.ClockOffset(o),
		Text: fmt.Sprintf("the harness's, within %d µs of the load pod's", o.Within),
	}
}

// clockEvent is the event about the pod's clock.
func (p *Pod) clockEvent() record.Event {
	return record.Event{
		At: record.At(time.Now()), Instance: record.Instance{Pod: p.logName(), Incarnation: 1},
		Payload: record.ClockOffset(p.toRecord),
		Text:    fmt.Sprintf("that of load pod %d of %d, within %d µs of the collector's", p.Index+1, p.Count, p.toRecord.Within),
	}
}

// Sink returns a sink that moves the harness's own events to the record's clock.
func (p Pods) Sink(to run.Sink) run.Sink {
	if ahead := p.Ahead(); ahead != 0 {
		return shiftedSink{to, ahead}
	}
	return to
}

type shiftedSink struct {
	run.Sink
	ahead record.Micros
}

func (s shiftedSink) Event(e record.Event) error {
	return s.Sink.Event(e.Shift(s.ahead))
}
