package control

import (
	"cmp"
	"math"
	"slices"
)

// pausedRollout is the number of pods of each revision of a paused workload.
// The deployment controller only scales a paused Deployment, with the replica
// sets as they are: changes of its template are rolled out after it is
// resumed, and a rollout in progress stops.
//
// The arithmetic is that of Kubernetes' deployment controller (scale, in
// pkg/controller/deployment/sync.go): a single replica set gets all replicas;
// several replica sets share replicas and surge in proportion.
type pausedRollout struct {
	sets     []replicaSet // by age of the revision
	replicas int          // that sets were last computed for
}

type replicaSet struct{ revision, size int }

func (w *deployment) pause() {
	if w.paused {
		return
	}
	w.paused, w.pausedRollout = true, pausedRollout{replicas: w.replicas}
	for i := range w.revisions {
		if i == w.revision && w.replicaSetMissing() {
			continue
		}
		n := 0
		for _, d := range w.pods {
			if d.active() && d.revision == i {
				n++
			}
		}
		w.pausedRollout.sets = append(w.pausedRollout.sets, replicaSet{i, n})
	}
}

// replicaSetMissing reports whether the current revision has no replica set
// yet: Recreate creates it once the last old pod is gone.
func (w *deployment) replicaSetMissing() bool {
	return w.revision > 0 && w.revision == len(w.revisions)-1 && w.recreating()
}

func (w *deployment) resume() { w.paused, w.pausedRollout = false, pausedRollout{} }

// reconcilePaused creates and deletes pods of each revision to reach the size
// of its replica set.
func (w *deployment) reconcilePaused(p *SimulatedControlPlane) {
	w.pausedRollout.scale(w.replicas, w.spec, w.saturatedRevision(p))
	for _, s := range w.pausedRollout.sets {
		var have []*pod
		for _, d := range w.pods {
			if d.active() && d.revision == s.revision {
				have = append(have, d)
			}
		}
		for n := len(have); n < s.size; n++ {
			w.createPodOf(p, s.revision)
		}
		if surplus := len(have) - s.size; surplus > 0 {
			for _, d := range w.selectForDeletion(p, have, surplus) {
				d.delete(p)
			}
		}
	}
}

// saturatedRevision is the revision of the wanted template if all wanted pods
// are of it and available, else -1.
func (w *deployment) saturatedRevision(p *SimulatedControlPlane) int {
	r := slices.Index(w.revisions, w.wanted)
	n := 0
	for _, d := range w.pods {
		if d.active() && d.revision == r && w.available(p, d) {
			n++
		}
	}
	if r < 0 || n != w.replicas {
		return -1
	}
	return r
}

// scale sets the sizes of the replica sets for the wanted replicas.
func (h *pausedRollout) scale(replicas int, spec Workload, saturated int) {
	active := h.active()
	switch {
	case len(active) == 0:
		h.sets[len(h.sets)-1].size = replicas // the newest one
	case len(active) == 1:
		active[0].size = replicas
	case saturated >= 0 && h.size(saturated) == replicas:
		for _, s := range active {
			if s.revision != saturated {
				s.size = 0
			}
		}
	case !spec.Recreate:
		h.scaleProportionally(active, replicas, spec.MaxSurge)
	}
	h.replicas = replicas
}

func (h *pausedRollout) active() []*replicaSet {
	var out []*replicaSet
	for i := range h.sets {
		if h.sets[i].size > 0 {
			out = append(out, &h.sets[i])
		}
	}
	return out
}

func (h *pausedRollout) size(revision int) int {
	for _, s := range h.sets {
		if s.revision == revision {
			return s.size
		}
	}
	return 0
}

// scaleProportionally gives each of several replica sets its share of the
// pods to add or delete. The rest that rounding leaves goes to the largest;
// of two equal ones the newer grows first, and the older shrinks first.
func (h *pausedRollout) scaleProportionally(active []*replicaSet, replicas, surge int) {
	total, allowed := 0, 0
	for _, s := range active {
		total += s.size
	}
	if replicas > 0 {
		allowed = replicas + surge
	}
	add := allowed - total
	if add == 0 {
		return
	}
	slices.SortStableFunc(active, func(a, b *replicaSet) int {
		newer := cmp.Compare(b.revision, a.revision)
		if add < 0 {
			newer = -newer
		}
		return cmp.Or(cmp.Compare(b.size, a.size), newer)
	})
	added := 0
	for _, s := range active {
		part := s.proportion(replicas, surge, h.replicas)
		switch {
		case add == added:
			part = 0
		case add > 0:
			part = min(part, add-added)
		default:
			part = max(part, add-added)
		}
		s.size += part
		added += part
	}
	active[0].size = max(0, active[0].size+add-added)
}

// proportion is the change of a replica set when its Deployment, which had
// before replicas, is scaled to replicas.
func (s *replicaSet) proportion(replicas, surge, before int) int {
	switch {
	case replicas == 0:
		return -s.size
	case before+surge == 0:
		return 0
	}
	return int(math.Round(float64(s.size)*float64(replicas+surge)/float64(before+surge))) - s.size
}
