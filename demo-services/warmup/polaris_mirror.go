package warmup

import "time"

// polarisMirror is Polaris's with its way with clocks that differ
// (WarmupWeightAdjuster: uptime is Math.abs): a start a minute in the future
// looks like a minute of service, one a window ahead like a warm instance.
var polarisMirror = Model{
	Name: "polaris-mirror", Curve: 1, Parameter: "exponent", CacheFor: polarisCacheFor, WholeSeconds: true,
	Defect: "an instance looks as old as the consumer's clock is behind its start",
	weight: polarisMirrorWeight,
}

func polarisMirrorWeight(curve float64, age, window time.Duration, base int) int {
	return polarisWeight(curve, min(age.Abs(), window), window, base)
}
