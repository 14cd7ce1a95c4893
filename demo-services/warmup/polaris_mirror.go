package warmup

import "time"

// polarisMirror is the model of Polaris with its handling of clocks that differ
// (WarmupWeightAdjuster: uptime is Math.abs): a start that is a minute in the
// future counts as a minute of service, and one that is a window ahead as a warm
// instance.
var polarisMirror = Model{
	Name: "polaris-mirror", Curve: 1, Parameter: "exponent", CacheFor: polarisCacheFor, WholeSeconds: true,
	Defect: "an instance whose start is in the future of the consumer's clock counts as equally old",
	weight: polarisMirrorWeight,
}

func polarisMirrorWeight(curve float64, age, window time.Duration, base int) int {
	return polarisWeight(curve, min(age.Abs(), window), window, base)
}
