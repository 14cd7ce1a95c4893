package present

// Headings of sections and tables.
const (
	FiguresHeading      = "Requests by arm"
	TimelineHeading     = "Time line"
	ReleasesHeading     = "Releases"
	WarmupsHeading      = "Warm-up: expected vs. measured"
	LossesHeading       = "Lost requests"
	ExpectationsHeading = "Expectations"
	BoundsHeading       = "What the counts prove"
	QualityHeading      = "Measurement quality"
	DefectsHeading      = "Incomplete or contradictory records"
	PropagationHeading  = "Registry propagation delay"
	NotesHeading        = "Notes"
	FindingsHeading     = "About the manifests"
	RunHeading          = "The run"
)

// Labels of axes and legends.
const (
	RequestsPerSecond = "requests per second"
	ShareOfChanges    = "share of changes, %"
	LostRequests      = "lost requests"
	ByRootCause       = "by root cause"
	ByWindow          = "by window"

	ArithmeticLabel    = "prediction"
	MaskedLabel        = "masked"
	ReleaseShading     = "release; darker: deregistered but still addressed"
	PushDelayLine      = "push delay of the registry"
	PredictedBand      = "predicted from push delay and request rate"
	ReceivedPerSecond  = "received by an instance, per second"
	LostInSecond       = "lost by the arm, per second"
	WarmupOwnTraffic   = RequestsPerSecond + " to the new instance"
	WarmupExpected     = "expected"
	WarmupBand         = "95 % range of chance"
	WarmupOtherTraffic = "to each other instance"
	WarmupFailed       = "failed"
	WarmupWeight       = "declared weight, relative to a warm instance"
	WarmupLatency      = "median latency seen by callers, ms"
)

// Explanations of a table or a picture.
const (
	StepsNote = "Steps are in milliseconds after the deletion began."

	ExpectationsNote = "A gate that is not met fails the run. A contrast that is not met makes the run invalid. Info is only shown."

	MaskedNote = "Masked losses cannot be measured where deliveries are not visible. They are unknown there, not zero."

	PropagationNote = "From the registry's acknowledgement of a change until the list of a subscriber shows it, measured the same way in every runtime. Dashed: the push delay of the registry. Changes within one push delay share a push, so the later ones arrive sooner."
)

// NotMeasured is the cell of a figure that is unknown; noValue of one that does
// not exist.
const (
	NotMeasured = "not measured"
	noValue     = "—"
)
