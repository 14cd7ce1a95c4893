package control

import (
	"cmp"
	"math"
	"slices"
)

// pausedRollout is how many pods of each revision a paused workload is to have. While
// it is paused a Deployment's controller does nothing but scale, and it does
// that to the replica sets as they are: nothing of what changes its template is
// rolled out before it is resumed, and a rollout that was under way stands.
//
// The arithmetic is that of Kubernetes' deployment controller (scale, in
// pkg/controller/deployment/sync.go): one replica set gets all, of several each
// its share of replicas and surge.
type pausedRollout struct {
	sets     []replicaSet // by age of the revision
	replicas int          // that they were last made for
}

// replicaSet is a replica set of a paused workload.
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

// replicaSetMissing says that the revision that is rolled out has no replica set yet: a
// Recreate makes it when the last old pod is gone.
func (w *deployment) replicaSetMissing() bool {
	return w.revision > 0 && w.revision == len(w.revisions)-1 && w.recreating()
}

func (w *deployment) resume() { w.paused, w.pausedRollout = false, pausedRollout{} }

// reconcilePaused has as many pods of each revision as it is to have.
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

// saturatedRevision is the revision that has all that is wanted, available, and is of
// the wanted template; -1 if none is.
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

// scale brings the sets to the wanted replicas.
func (h *pausedRollout) scale(replicas int, spec Workload, saturated int) {
	active := h.active()
	switch {
	case len(active) == 0:
		h.sets[len(h.sets)-1].size = replicas // the newest
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

// scaleProportionally gives each of several sets its part of what is to be added, or taken
// away. What rounding leaves goes to the largest; of two that are equal the
// newer one grows first, and the older one shrinks first.
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
		if add == added {
			part = 0
		} else if add > 0 {
			part = min(part, add-added)
		} else {
			part = max(part, add-added)
		}
		s.size += part
		added += part
	}
	active[0].size = max(0, active[0].size+add-added)
}

// proportion is by how much a set changes when a Deployment that had before replicas
// is to have others.
func (s *replicaSet) proportion(replicas, surge, before int) int {
	switch {
	case replicas == 0:
		return -s.size
	case before+surge == 0:
		return 0
	}
	return int(math.Round(float64(s.size)*float64(replicas+surge)/float64(before+surge))) - s.size
}
