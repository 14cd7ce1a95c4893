package settings

import "time"

// Defaults of the fields of a [Document], for values that are 0. They are those
// of the products that the demo services imitate. The plan compiler writes them
// into the document (after dividing durations by the speed of the scenario);
// the packages that use a document fall back to them.
const (
	DefaultMinWaitAfterPush = time.Second // MinWait is the push delay + this
	DefaultQuietPeriod      = time.Second
	DefaultDrainTimeout     = 30 * time.Second
	DefaultGrace            = 30 * time.Second // Kubernetes' terminationGracePeriodSeconds
	DefaultVerifyTimeout    = 5 * time.Second
	DefaultConsumerMemory   = 60 * time.Second

	DefaultHealthEvery = 5 * time.Second

	DefaultPoll30First  = time.Second      // Ribbon
	DefaultPoll30Period = 30 * time.Second // Ribbon
	DefaultTTL35Period  = 35 * time.Second // Spring Cloud LoadBalancer
	DefaultMarkTTL      = 120 * time.Second

	DefaultWorkers = 64
	DefaultQueue   = 256

	DefaultDialTimeout = 300 * time.Millisecond
)

// DefaultCallTimeout returns the timeout of a whole call by the role of the
// caller. The timeouts are nested, so that a caller outlives its callee and can
// tell what happened; the client's own is 2.5 s.
func DefaultCallTimeout(role string) time.Duration {
	switch role {
	case "gateway":
		return 1800 * time.Millisecond
	case "a":
		return 1200 * time.Millisecond
	}
	return 800 * time.Millisecond
}

// WithDefaults returns o with defaults for values that are 0 or less. pushDelay
// is that of the registry.
func (o Offline) WithDefaults(pushDelay time.Duration) Offline {
	if o.Mode == "" {
		o.Mode = DeregisterFirst
	}
	o.MinWait = positive(o.MinWait, pushDelay+DefaultMinWaitAfterPush)
	o.QuietPeriod = positive(o.QuietPeriod, DefaultQuietPeriod)
	o.DrainTimeout = positive(o.DrainTimeout, DefaultDrainTimeout)
	o.Grace = positive(o.Grace, DefaultGrace)
	o.VerifyTimeout = positive(o.VerifyTimeout, DefaultVerifyTimeout)
	return o
}

// WithDefaults returns o with defaults for values that are 0 or less.
func (o Online) WithDefaults() Online {
	o.HealthEvery = positive(o.HealthEvery, DefaultHealthEvery)
	return o
}

// WithDefaults returns c with defaults for values that are 0 or less.
func (c Consumer) WithDefaults() Consumer {
	if c.Cache == "" {
		c.Cache = CachePush
	}
	period := DefaultPoll30Period
	if c.Cache == CacheTTL35 {
		period = DefaultTTL35Period
	}
	c.CacheFirst = positive(c.CacheFirst, DefaultPoll30First)
	c.CachePeriod = positive(c.CachePeriod, period)
	c.MarkTTL = positive(c.MarkTTL, DefaultMarkTTL)
	return c
}

// WithDefaults returns w with defaults for values that are 0 or less.
func (w Work) WithDefaults() Work {
	w.Workers = positive(w.Workers, DefaultWorkers)
	w.Queue = positive(w.Queue, DefaultQueue)
	return w
}

// WithDefaults returns c with defaults for values that are 0 or less. role is
// that of the caller.
func (c Call) WithDefaults(role string) Call {
	c.Timeout = positive(c.Timeout, DefaultCallTimeout(role))
	c.Dial = positive(c.Dial, DefaultDialTimeout)
	return c
}

// positive returns v, or def if v is 0 or less.
func positive[N int | time.Duration](v, def N) N {
	if v <= 0 {
		return def
	}
	return v
}
