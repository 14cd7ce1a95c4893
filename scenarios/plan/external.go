package plan

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"zeroloss/internal/input"
	"zeroloss/loadgen/traffic"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

// externalOnly reports whether no workload is a demo service.
func (src *source) externalOnly() bool {
	return len(src.workloads) > 0 && !slices.ContainsFunc(src.workloads, func(w workload) bool { return !w.Role.External() })
}

// checkExternalWorkload rejects overrides that only demo services understand.
func checkExternalWorkload(src *source, w workload) {
	rest := w.override
	rest.PreStop, rest.Grace, rest.Replicas, rest.Readiness = nil, 0, nil, nil
	if !reflect.DeepEqual(rest, spec.WorkloadOverride{}) {
		src.problem(w.overridePath(""), w.Name+" is an external service: only preStop, grace, replicas and readiness can be set", "remove the other fields")
	}
	if w.Role == manifests.Plain && !slices.Equal(src.runtimes, []string{"kube"}) {
		src.problem("spec.runtimes", w.Name+" is an external service, which requires a cluster to route requests to it", "add runtimes: [kube]")
	}
}

// checkExternalStep rejects steps that require a demo service.
func checkExternalStep(src *source, st scenarioStep) {
	if !st.workload.Role.External() {
		return
	}
	switch a := st.Action.(type) {
	case Scale, RestoreReplicas, RolloutRestart:
	case SetImage, PauseRollout, ResumeRollout, KillPods, DrainNode, ApplyRules:
		kind := ActionKind(a)
		src.problem(st.path+"."+kind, fmt.Sprintf("step %s cannot be used with %s: it is an external service", kind, st.workload.Name), "use restart or scale")
	}
}

// externalEntry is where the first stream goes.
func externalEntry(src *source) (Entry, bool) {
	load := src.scenario.Spec.Load
	if len(load) == 0 {
		return Entry{}, false
	}
	service, port := kubernetesService(src, load[0].Workload)
	return Entry{Workload: cmp.Or(load[0].Workload, src.workloads[0].Name), Service: service, Port: port}, true
}

// kubernetesService returns the Service that selects a workload's pods; "" if
// there is none.
func kubernetesService(src *source, name string) (string, int) {
	w, ok := src.workload(name)
	if !ok {
		return "", 0
	}
	for _, s := range src.manifests.Services {
		if manifests.Selects(s.Selector, w.Labels) {
			return s.Name, s.Port
		}
	}
	return "", 0
}

// completeExternalStream fills in the fields of a stream to an external
// service. It returns false if the stream's workload is not one.
func completeExternalStream(src *source, s armStream, out *traffic.Stream) bool {
	w, ok := src.workload(s.Workload)
	switch {
	case !ok:
		src.problem(s.path+".workload", fmt.Sprintf("stream %s: no manifest has a workload %q", s.Name, s.Workload), input.DidYouMean(s.Workload, src.manifests.WorkloadNames()))
		return false
	case !w.Role.External():
		src.problem(s.path+".workload", s.Workload+" is a demo service: load can only be sent to the first one of the chain", "omit workload")
		return false
	}
	for _, name := range (traffic.Stream{Header: s.Header}).InlineSecrets() {
		src.warn(s.path+".header", fmt.Sprintf("header %s of stream %s is stored in the run directory and in reports in plain text", name, s.Name), `use an environment variable: {`+name+`: "${TOKEN}"}`)
	}
	if w.Role == manifests.Plain {
		if out.Service, _ = kubernetesService(src, s.Workload); out.Service == "" {
			src.problem(s.path+".workload", "no Service selects the pods of "+s.Workload, "add a Service to its manifest")
		}
	}
	out.Workload, out.Target, out.Answer, out.InstanceHeader = s.Workload, string(s.URL), s.OK.Traffic(), s.InstanceHeader
	return true
}
