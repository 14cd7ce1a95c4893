package plan

import (
	"cmp"
	"fmt"
	"slices"

	"zeroloss/manifests"
)

// releases is the set of workloads that lose instances during the run.
type releases map[string]bool

// findReleases follows what CronHPA and the steps do to each workload. It also
// reports steps that make no sense at their place, such as a resume of a
// workload that is not paused.
func findReleases(src *source, jobs []ScheduledJob, steps []scenarioStep) releases {
	out := releases{}
	if src.hasTarget() && (src.scenario.Spec.Target.Observe || len(steps) > 0) {
		// Someone else, or a step. A run in which nobody releases it is invalid.
		out[src.scenario.Spec.Target.Deployment] = true
	}
	size := map[string]int{}
	for _, w := range src.workloads {
		size[w.Name] = w.Replicas
	}
	for _, j := range jobs {
		if j.Target < size[j.Workload] {
			out[j.Workload] = true
		}
		size[j.Workload] = j.Target
	}
	rollouts{src: src, states: map[string]*rolloutState{}, released: out}.follow(steps)
	if len(out) == 0 && len(src.problems) == 0 {
		src.warn("spec.steps", "no instance is taken out: no step does, and no CronHPA job scales in between the start and the end", "choose another time.start, or add a step such as {at: 10s, restart: spring-cloud-b}")
	}
	return out
}

// rollouts follows the steps in the order of their times. A step after an event
// may come at any time: it is assumed not to be held up by a pause.
type rollouts struct {
	src      *source
	states   map[string]*rolloutState
	released releases
}

type rolloutState struct {
	image       string
	maxReplicas int
	paused      bool
	pending     bool // something is rolled out once it is resumed
}

func (r rollouts) follow(steps []scenarioStep) {
	ordered := slices.Clone(steps)
	slices.SortStableFunc(ordered, func(a, b scenarioStep) int {
		if (a.After == nil) != (b.After == nil) {
			if a.After == nil {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.At, b.At)
	})
	for _, s := range ordered {
		if _, ok := s.Action.(ApplyRules); !ok {
			r.step(s)
		}
	}
}

// step applies a step to the state of its workload.
func (r rollouts) step(st scenarioStep) {
	w := st.workload
	s := r.states[w.Name]
	if s == nil {
		s = &rolloutState{image: w.Image, maxReplicas: w.Replicas}
		r.states[w.Name] = s
	}
	changesPods := false
	switch a := st.Action.(type) {
	case Scale:
		if a.Replicas < s.maxReplicas {
			r.released[w.Name] = true
		}
		s.maxReplicas = max(s.maxReplicas, a.Replicas)
	case RolloutRestart:
		changesPods = true
	case SetImage:
		changesPods = r.setImage(st, a.Image, s)
	case KillPods:
		r.released[w.Name] = true
	case DrainNode:
		for _, x := range r.src.workloads {
			if x.Service == w.Service {
				r.released[x.Name] = true
			}
		}
	case PauseRollout:
		s.paused = true
	case ResumeRollout:
		if !s.paused && st.After == nil {
			r.src.warn(st.path+".resume", fmt.Sprintf("%s is not paused: the step has no effect", w.Name), "")
		}
		changesPods, s.pending, s.paused = s.pending || st.After != nil, false, false
	case RestoreReplicas, ApplyRules: // neither takes an instance out
	}
	switch {
	case changesPods && s.paused && st.After == nil:
		s.pending = true
		r.src.warn(st.path+"."+ActionKind(st.Action), fmt.Sprintf("%s is paused: the step takes effect when it is resumed", w.Name), "")
	case changesPods:
		r.released[w.Name] = true
	}
}

// setImage reports an image that is not one of the workload's demo service. It
// returns whether the step changes the image.
func (r rollouts) setImage(st scenarioStep, image string, s *rolloutState) bool {
	w, path := st.workload, st.path+".ref"
	role, ok := manifests.RoleOf(image, r.src.scenario.Spec.ImageRoles)
	switch {
	case !ok:
		text, hint := manifests.UnknownImage(image)
		r.src.problem(path, text, hint)
	case role != w.Role:
		r.src.problem(path, fmt.Sprintf("image %q is the demo service %s, but %s is %s", image, role, w.Name, w.Role), "for example "+w.Image)
	case image == s.image:
		r.src.warn(path, fmt.Sprintf("%s has this image already: nothing is rolled out", w.Name), "")
	case r.src.scenario.Spec.Time.Cycles > 1:
		r.src.warn(path, "from the second cycle on the image is unchanged, and nothing is rolled out", "remove cycles, or use restart")
	}
	changed := image != s.image
	s.image = cmp.Or(image, s.image)
	return changed
}
