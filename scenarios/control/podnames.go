package control

import "math/rand/v2"

// podNames generates unique pod names.
type podNames struct {
	rand *rand.Rand
	used map[string]bool
}

const (
	nameStream   = 0x706f646e616d6573 // "podnames": keeps the sequence apart from others of the same seed
	nameAlphabet = "bcdfghjklmnpqrstvwxz2456789"
	nameLength   = 5
)

// next is a new name of the form "<workload>-<5 characters>".
func (n *podNames) next(workload string) string {
	for {
		b := make([]byte, nameLength)
		for i := range b {
			b[i] = nameAlphabet[n.rand.IntN(len(nameAlphabet))]
		}
		name := workload + "-" + string(b)
		if !n.used[name] {
			n.used[name] = true
			return name
		}
	}
}
