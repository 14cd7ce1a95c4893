package control

import "time"

// deadline is the earliest of the times that were added to it.
type deadline struct {
	when time.Duration
	set  bool
}

func (d *deadline) add(t time.Duration) {
	if !d.set || t < d.when {
		d.when, d.set = t, true
	}
}
