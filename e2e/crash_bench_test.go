//go:build bench

package e2e

import "testing"

// The same as the test of every day, at twenty moments.
func TestBenchKilledAtTwentyMoments(t *testing.T) { killAtMoments(t, 20) }
