//go:build bench

package e2e

import "testing"

// Like the regular crash test, with twenty kills.
func TestBenchKilledAtTwentyMoments(t *testing.T) { killAtMoments(t, 20) }
