package plan

import "math"

// RatePerLoadPod is how many requests a second one load pod is to send in a
// cluster, at most: a third of what one generator has been seen to keep up
// with, as its node has other things to do.
const RatePerLoadPod = 2000

// LoadPods is how many load pods the plan's streams need in a cluster.
func (p *Plan) LoadPods() int {
	return max(1, int(math.Ceil(p.peakRate()/RatePerLoadPod)))
}

// peakRate is the rate of all streams that go on at once, at its highest. It
// rises only where a stream begins.
func (p *Plan) peakRate() (most float64) {
	for _, begins := range p.Streams {
		sum := 0.0
		for _, s := range p.Streams {
			if s.Start <= begins.Start && begins.Start < s.Start+s.Duration {
				sum += s.Rate
			}
		}
		most = max(most, sum)
	}
	return most
}
