package control

import "time"

// recreating reports whether a Recreate rollout waits for old pods to be
// gone.
func (w *deployment) recreating() bool {
	if !w.spec.Recreate {
		return false
	}
	for _, d := range w.pods {
		if d.revision != w.revision {
			return true
		}
	}
	return false
}

// rollOut advances a rollout by what the strategy allows now. now and old are
// the active pods of the current revision and of earlier ones.
func (w *deployment) rollOut(p *SimulatedControlPlane, now, old []*pod) {
	if w.spec.Recreate {
		for _, d := range old {
			d.delete(p)
		}
		return // new pods are created once the last old one is gone
	}
	w.scaleUpNew(p, len(now), len(old))
	now, old = w.podsByRevision()
	w.scaleDownOld(p, now, old)
}

// scaleUpNew creates pods of the current revision; there are never more than
// replicas + surge in all.
func (w *deployment) scaleUpNew(p *SimulatedControlPlane, now, old int) {
	room := w.replicas + w.spec.MaxSurge - now - old
	for n := min(room, w.replicas-now); n > 0; n-- {
		w.createPod(p)
	}
}

// scaleDownOld deletes pods of earlier revisions, unavailable ones first, so
// that at least replicas - maxUnavailable stay available.
func (w *deployment) scaleDownOld(p *SimulatedControlPlane, now, old []*pod) {
	floor := w.replicas - w.spec.MaxUnavailable
	available, idle := 0, 0
	for _, d := range now {
		if w.available(p, d) {
			available++
		} else {
			idle++
		}
	}
	oldAvailable := 0
	for _, d := range old {
		if w.available(p, d) {
			oldAvailable++
		}
	}
	// Kubernetes calls this the cleanup of unhealthy replicas.
	spare := len(now) + len(old) - floor - idle
	surplus := available + oldAvailable - floor
	var own []*pod
	for _, d := range w.deletionOrder(p, old) {
		switch {
		case !w.available(p, d) && spare > 0:
			own = append(own, d)
			spare--
		case w.available(p, d) && surplus > 0 && spare > 0:
			own = append(own, d)
			surplus--
			spare--
		}
	}
	for _, d := range w.recordedOr(p, old, own) {
		d.delete(p)
	}
	w.deleteSurplus(p, now)
}

// deleteSurplus deletes surplus pods of the current revision: the workload
// was scaled in during the rollout.
func (w *deployment) deleteSurplus(p *SimulatedControlPlane, now []*pod) {
	if surplus := len(now) - w.replicas; surplus > 0 {
		for _, d := range w.selectForDeletion(p, now, surplus) {
			d.delete(p)
		}
	}
}

// available reports whether the pod has been ready for minReadySeconds.
func (w *deployment) available(p *SimulatedControlPlane, d *pod) bool {
	return d.ready && p.now-d.readySince >= w.spec.MinReady
}

// nextAvailable adds the times at which pods of a rollout become available.
func (w *deployment) nextAvailable(p *SimulatedControlPlane, dl *deadline) {
	if _, old := w.podsByRevision(); len(old) == 0 || w.spec.MinReady == 0 {
		return
	}
	for _, d := range w.pods {
		if at := d.readySince + w.spec.MinReady; d.active() && d.ready && at > p.now {
			dl.add(time.Duration(at))
		}
	}
}
