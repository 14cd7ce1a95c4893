package plan

import "math"

// RatePerLoadPod is the maximum rate of one load pod, in requests per second: a
// third of the measured maximum of a load generator, since its node runs other
// pods, too.
const RatePerLoadPod = 2000

// LoadPods is the number of load pods that the streams require in a cluster.
func (p *Plan) LoadPods() int {
	return max(1, int(math.Ceil(p.peakRate()/RatePerLoadPod)))
}

// peakRate is the highest rate of all simultaneous streams together. It only
// rises when a stream starts.
func (p *Plan) peakRate() (most float64) {
	for _, first := range p.Streams {
		sum := 0.0
		for _, s := range p.Streams {
			if s.Start <= first.Start && first.Start < s.Start+s.Duration {
				sum += s.Rate
			}
		}
		most = max(most, sum)
	}
	return most
}
