package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// drainMark is the annotation of a node that a run has cordoned: the run's id.
// It comes and goes with the cordon, in one change; a node without it was
// cordoned by somebody else, and is left so.
const drainMark = "zeroloss/drained-by"

// controlPlane labels the nodes that a drain takes last.
const controlPlane = "node-role.kubernetes.io/control-plane"

// nodeView is what matters of a node.
type nodeView struct {
	Metadata struct {
		Name, ResourceVersion string
		Labels, Annotations   map[string]string
	}
	Spec struct {
		Unschedulable bool
		Taints        []struct{ Key, Effect string }
	}
	Status struct {
		Conditions  []condition
		Allocatable corev1.ResourceList
	}
}

// closed is why a node takes none of our pods; "" if it does.
func (v *nodeView) closed() string {
	if v.Spec.Unschedulable {
		return "cordoned"
	}
	for _, t := range v.Spec.Taints {
		if t.Effect != "PreferNoSchedule" {
			return "tainted " + t.Key
		}
	}
	for _, c := range v.Status.Conditions {
		if c.Type == "Ready" && c.Status != "True" {
			return "not ready"
		}
	}
	return ""
}

// chooseDrained is the node that a run drains: one that takes pods, where there
// is another one for what is evicted, for the registry and for the load pod.
func chooseDrained(all []nodeView) (string, error) {
	var open []nodeView
	var closed []string
	for _, v := range all {
		if why := v.closed(); why != "" {
			closed = append(closed, v.Metadata.Name+" is "+why)
			continue
		}
		open = append(open, v)
	}
	if len(open) < 2 {
		why := ""
		if len(closed) > 0 {
			slices.Sort(closed)
			why = " (" + strings.Join(closed, ", ") + ")"
		}
		return "", fmt.Errorf("%w: a node is to be drained, and %d of %d nodes take pods%s: what is evicted would have nowhere to go\n  use a cluster with two such nodes; one that a run makes itself has them: --cluster NAME",
			run.ErrEnvironment, len(open), len(all), why)
	}
	slices.SortFunc(open, func(a, b nodeView) int {
		_, x := a.Metadata.Labels[controlPlane]
		_, y := b.Metadata.Labels[controlPlane]
		switch {
		case x && !y:
			return 1
		case y && !x:
			return -1
		}
		return cmp.Compare(b.Metadata.Name, a.Metadata.Name)
	})
	return open[0].Metadata.Name, nil
}

// drainable chooses, and tries whether we may cordon it, without doing so.
func (a *api) drainable(ctx context.Context) (string, error) {
	all, err := a.nodes(ctx)
	if err != nil {
		return "", err
	}
	name, err := chooseDrained(all)
	if err != nil {
		return "", err
	}
	return name, a.cordon(ctx, name, "nobody", metav1.DryRunAll)
}

func (a *api) nodes(ctx context.Context) ([]nodeView, error) {
	list, err := a.Resource(nodes).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, a.Explain("listing nodes", err)
	}
	out := make([]nodeView, len(list.Items))
	for i := range list.Items {
		if err := decodeInto(&list.Items[i], &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *api) node(ctx context.Context, name string) (v nodeView, err error) {
	u, err := a.Resource(nodes).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return v, a.Explain("reading node "+name, err)
	}
	return v, decodeInto(u, &v)
}

// cordonTries bounds how often a node may change between reading it and
// writing it.
const cordonTries = 10

// cordon marks a node as this run's and lets nothing more be placed on it. One
// that is cordoned already is not ours to touch.
func (a *api) cordon(ctx context.Context, name, id string, dryRun ...string) error {
	for try := 1; ; try++ {
		v, err := a.node(ctx, name)
		if err != nil {
			return err
		}
		if v.Spec.Unschedulable {
			return fmt.Errorf("%w: node %s has been cordoned by somebody else: it is left alone", run.ErrEnvironment, name)
		}
		err = a.patchNode(ctx, name, map[string]any{
			"metadata": map[string]any{"resourceVersion": v.Metadata.ResourceVersion, "annotations": map[string]any{drainMark: id, owner.Annotation: owner.Self()}},
			"spec":     map[string]any{"unschedulable": true},
		}, dryRun...)
		if !apierrors.IsConflict(err) || try == cordonTries {
			return a.Explain("cordoning node "+name, err)
		}
	}
}

// uncordon gives back what a run has cordoned, and nothing else.
func (a *api) uncordon(ctx context.Context, name, id string) error {
	for try := 1; ; try++ {
		v, err := a.node(ctx, name)
		if err != nil || v.Metadata.Annotations[drainMark] != id {
			return err
		}
		err = a.patchNode(ctx, name, map[string]any{
			"metadata": map[string]any{"resourceVersion": v.Metadata.ResourceVersion, "annotations": map[string]any{drainMark: nil, owner.Annotation: nil}},
			"spec":     map[string]any{"unschedulable": nil},
		})
		if !apierrors.IsConflict(err) || try == cordonTries {
			return a.Explain("uncordoning node "+name, err)
		}
	}
}

func (a *api) patchNode(ctx context.Context, name string, change map[string]any, dryRun ...string) error {
	patch, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = a.Resource(nodes).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager, DryRun: dryRun})
	return err
}

// errRefused is a budget's no.
var errRefused = errors.New("refused by a budget")

// evict asks for a pod's eviction, once: a refusal is the control plane's to
// repeat, and the client's own repetitions would hide it.
func (a *api) evict(ctx context.Context, namespace, pod string) error {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "policy/v1", "kind": "Eviction", "metadata": map[string]any{"name": pod, "namespace": namespace},
	})
	if err != nil {
		return fmt.Errorf("evicting %s: %w", pod, err)
	}
	said, err := a.REST.Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("eviction").MaxRetries(0).
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Raw()
	switch {
	case apierrors.IsNotFound(err):
		return nil // it has gone by itself
	case apierrors.IsTooManyRequests(err):
		return fmt.Errorf("%w: %s", errRefused, refusal(said, err))
	}
	return a.Explain("evicting "+pod, err)
}

// budgetCause is how the API server says that a budget refuses.
const budgetCause metav1.CauseType = "DisruptionBudget"

// refusal is the budget's own words, where the answer has any.
func refusal(answer []byte, err error) string {
	var status metav1.Status
	if json.Unmarshal(answer, &status) != nil {
		return err.Error()
	}
	if status.Details != nil {
		for _, c := range status.Details.Causes {
			if c.Type == budgetCause {
				return c.Message
			}
		}
	}
	return cmp.Or(status.Message, err.Error())
}

// cordon is the step's, on the node that was chosen before anything was placed.
func (s *stage) cordon(ctx context.Context, workload, node string) error {
	switch {
	case node == "":
		return fmt.Errorf("%w: draining the node of %s: none of its pods is on a node", run.ErrEnvironment, workload)
	case node != s.drained:
		return fmt.Errorf("%w: draining the node of %s: its pods are on %s, and not on %s, where they were to be: %s carries the registry or the load pod",
			run.ErrEnvironment, workload, node, s.drained, node)
	}
	s.cordoned.Store(true) // from here on: a request that is given up may have been carried out
	if v, err := s.api.node(ctx, node); err == nil && v.Metadata.Annotations[drainMark] == s.o.Run {
		return nil // by an earlier step
	}
	return s.api.cordon(ctx, node, s.o.Run)
}

// uncordon is the end of it, however the run ends.
func (s *stage) uncordon() error {
	if !s.cordoned.Load() {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), tidyFor)
	defer stop()
	return s.api.uncordon(ctx, s.drained, s.o.Run)
}

// cleanNodes uncordons those whose run is over.
func (a *api) cleanNodes(ctx context.Context, o CleanOptions, here string) error {
	all, err := a.nodes(ctx)
	if apierrors.IsForbidden(err) {
		o.Say("nodes: not looked at, the rights are missing")
		return nil
	}
	if err != nil {
		return err
	}
	for _, v := range all {
		id := v.Metadata.Annotations[drainMark]
		if id == "" {
			continue
		}
		l := owner.Leftover{Name: v.Metadata.Name, Process: v.Metadata.Annotations[owner.Annotation]}
		if why := l.ReasonToKeep(here, o.All); why != "" {
			o.Say(fmt.Sprintf("node %s: left cordoned, %s", l.Name, why))
			continue
		}
		within, stop := context.WithTimeout(ctx, tidyFor)
		uerr := a.uncordon(within, l.Name, id)
		stop()
		if uerr != nil {
			err = errors.Join(err, uerr)
			continue
		}
		o.Say("node " + l.Name + ": uncordoned")
	}
	return err
}
