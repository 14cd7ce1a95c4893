package plan

import (
	"cmp"
	"fmt"
	"slices"

	"zeroloss/manifests"
)

// rollouts follows what the steps make of the workloads, in the order in which
// they come. What comes after an event may come at any time: of that, nothing is
// taken to be held up.
type rollouts map[string]*rolling

// deed is a step that names a workload.
type deed struct {
	path     string
	step     Step
	workload manifests.Workload
}

// follow goes through all.
func (r rollouts) follow(c *compiler, deeds []deed) {
	slices.SortStableFunc(deeds, func(a, b deed) int {
		if (a.step.After == nil) != (b.step.After == nil) {
			return boolCompare(a.step.After != nil)
		}
		return cmp.Compare(a.step.At, b.step.At)
	})
	for _, d := range deeds {
		r.step(c, d.path, d.step, d.workload)
	}
}

func boolCompare(later bool) int {
	if later {
		return 1
	}
	return -1
}

type rolling struct {
	image  string
	size   int // the most that there were
	paused bool
	waits  bool // something is to be rolled out once it is resumed
}

// step notes which workloads lose instances, and what a step cannot mean.
func (r rollouts) step(c *compiler, path string, st Step, w manifests.Workload) {
	s := r[w.Name]
	if s == nil {
		s = &rolling{image: w.Image, size: c.with(w, c.s.Spec.Set[w.Name]).Replicas}
		r[w.Name] = s
	}
	changes := false
	switch a := st.Action.(type) {
	case Scale:
		if a.Replicas < s.size {
			c.release(w.Name)
		}
		s.size = max(s.size, a.Replicas)
	case RolloutRestart:
		changes = true
	case KillPods:
		c.release(w.Name)
	case DrainNode:
		for _, x := range c.m.Workloads {
			if x.Service == w.Service {
				c.release(x.Name)
			}
		}
	case SetImage:
		changes = c.image(path, a.Image, w, s)
	case PauseRollout:
		s.paused = true
	case ResumeRollout:
		if !s.paused && st.After == nil {
			c.warn(path+".resume", fmt.Sprintf("%s is not paused: the step does nothing", w.Name), "")
		}
		changes, s.waits, s.paused = s.waits || st.After != nil, false, false
	case RestoreReplicas, ApplyRules: // neither takes an instance out
	}
	switch {
	case changes && s.paused && st.After == nil:
		s.waits = true
		c.warn(path+"."+ActionKind(st.Action), fmt.Sprintf("%s is paused: the step comes into force when it is resumed", w.Name), "")
	case changes:
		c.release(w.Name)
	}
}

// image refuses what is no image of the workload's demo service; false: it
// changes nothing.
func (c *compiler) image(path, image string, w manifests.Workload, s *rolling) bool {
	role, ok := manifests.RoleOf(image, c.s.Spec.ImageRoles)
	switch {
	case !ok:
		text, hint := manifests.UnknownImage(image)
		c.problem(path+".ref", text, hint)
	case role != w.Role:
		c.problem(path+".ref", fmt.Sprintf("image %q is one of the demo service %s, and %s runs %s", image, role, w.Name, w.Role),
			"as "+w.Image)
	case image == s.image:
		c.warn(path+".ref", fmt.Sprintf("%s has this image already: nothing is rolled out", w.Name), "")
	case c.p.Cycles > 1:
		c.warn(path+".ref", "from the second cycle on the image is there already, and nothing is rolled out", "leave cycles out, or restart instead")
	}
	changed := image != s.image
	s.image = cmp.Or(image, s.image)
	return changed
}
