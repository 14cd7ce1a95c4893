package spec

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroloss/internal/input"
	"zeroloss/loadgen/record"
)

// valueError describes an invalid scalar.
type valueError struct{ text, hint string }

func (e valueError) Error() string {
	if e.hint == "" {
		return e.text
	}
	return e.text + " (" + e.hint + ")"
}

func newValueError(hint, format string, a ...any) error {
	return valueError{text: fmt.Sprintf(format, a...), hint: hint}
}

// Duration is a duration with a unit: 500ms, 70s, 1m30s, 2d.
type Duration time.Duration

// parseDuration parses Go's format and whole days.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseInt(strings.TrimSpace(days), 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// UnmarshalText parses a duration that is not negative.
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	v, err := parseDuration(s)
	if _, numErr := strconv.ParseFloat(s, 64); numErr == nil && s != "0" {
		return newValueError(fmt.Sprintf("write %ss or %sms", s, s), "duration %q has no unit", s)
	}
	if err != nil {
		return newValueError("use the units ms, s, m, h or d: 500ms, 70s, 1m30s, 1d", "invalid duration %q", s)
	}
	if v < 0 {
		return newValueError("write "+strings.TrimPrefix(s, "-"), "duration must not be negative, got %q", s)
	}
	*d = Duration(v)
	return nil
}

// MarshalText uses the format of time.Duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// IsZero reports whether the duration is absent, for omitempty and defaults.
func (d Duration) IsZero() bool { return d == 0 }

// Offset is a Duration that may be negative: -30s.
type Offset time.Duration

// UnmarshalText parses a duration with an optional minus sign.
func (o *Offset) UnmarshalText(b []byte) error {
	var d Duration
	text, behind := strings.CutPrefix(string(b), "-")
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return err
	}
	*o = Offset(d)
	if behind {
		*o = -*o
	}
	return nil
}

// MarshalText uses the format of time.Duration.
func (o Offset) MarshalText() ([]byte, error) { return []byte(time.Duration(o).String()), nil }

// Clock is the time of CronHPA's clock at time zero, in UTC.
type Clock time.Time

// clockDay is the date of a Clock without one: a Monday.
const clockDay = "2026-01-05"

// UnmarshalText parses a time of day (00:04:50) or a date and time.
func (c *Clock) UnmarshalText(b []byte) error {
	s := string(b)
	for _, layout := range []string{"2006-01-02 15:04:05", time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			*c = Clock(t.UTC())
			return nil
		}
	}
	t, err := time.Parse("2006-01-02 15:04:05", clockDay+" "+s)
	if err != nil {
		return newValueError(`write "00:04:50", or "2026-01-05 00:04:50"`, "invalid time of day %q", s)
	}
	*c = Clock(t)
	return nil
}

// MarshalText writes the time of day, and the date if it is not clockDay.
func (c Clock) MarshalText() ([]byte, error) {
	t := time.Time(c)
	if t.Format("2006-01-02") == clockDay {
		return []byte(t.Format("15:04:05")), nil
	}
	return []byte(t.Format("2006-01-02 15:04:05")), nil
}

// Time returns the instant, in UTC.
func (c Clock) Time() time.Time { return time.Time(c) }

// Rate is in requests per second.
type Rate float64

// maxRate is more than one machine can send.
const maxRate = 100_000

// UnmarshalText parses 100/s, 6000/m or 1/h.
func (r *Rate) UnmarshalText(b []byte) error {
	s := string(b)
	count, unit, ok := strings.Cut(s, "/")
	n, err := strconv.ParseFloat(strings.TrimSpace(count), 64)
	if err != nil || math.IsNaN(n) {
		return newValueError("write a rate such as 100/s", "invalid rate %q", s)
	}
	if !ok {
		return newValueError(fmt.Sprintf("write %s/s", strings.TrimSpace(count)), "rate %q has no unit", s)
	}
	per, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[strings.TrimSpace(unit)]
	if !known {
		return newValueError("use /s, /m or /h, as in 100/s", "rate %q has an unknown unit %q", s, unit)
	}
	if n /= per; n <= 0 || n > maxRate {
		return newValueError("", "rate must be greater than 0 and at most %d/s, got %q", maxRate, s)
	}
	*r = Rate(n)
	return nil
}

// MarshalText writes requests per second.
func (r Rate) MarshalText() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(r), 'g', -1, 64) + "/s"), nil
}

// Request is a method and a path.
type Request struct{ Method, Path string }

// UnmarshalText parses "GET /A/a".
func (r *Request) UnmarshalText(b []byte) error {
	fields := strings.Fields(string(b))
	if len(fields) == 1 && strings.HasPrefix(fields[0], "/") {
		fields = []string{"GET", fields[0]}
	}
	if len(fields) != 2 || !strings.HasPrefix(fields[1], "/") {
		return newValueError("write a method and a path, as in GET /A/a", "invalid request %q", string(b))
	}
	methods := []string{"GET", "POST"}
	if !slices.Contains(methods, fields[0]) {
		return newValueError(input.DidYouMean(fields[0], methods), "unsupported method %q", fields[0])
	}
	*r = Request{Method: fields[0], Path: fields[1]}
	return nil
}

// MarshalText writes the format that UnmarshalText parses.
func (r Request) MarshalText() ([]byte, error) {
	if r == (Request{}) {
		return nil, nil
	}
	return []byte(r.Method + " " + r.Path), nil
}

// After is the event that starts a step.
type After struct {
	Source string // a workload or an arm
	Event  record.Kind
	Delay  time.Duration // not divided by speed: measured events are not either
}

var afterForm = regexp.MustCompile(`^\s*([A-Za-z0-9-]+)\.([A-Za-z-]+)\s*(?:\+\s*(\S+))?\s*$`)

// afterEvents lists the events that a step can wait for: those that instances
// report, and what the control plane does to them.
func afterEvents() []string {
	kinds := []record.Kind{
		record.KindListening, record.KindRegistered, record.KindReady, record.KindOffline, record.KindClosing,
		record.KindDeregistering, record.KindDeregistered, record.KindVerified, record.KindTermReceived, record.KindDrainWait,
		record.KindListenerClosed, record.KindDrained, record.KindListChanged, record.KindMarkSet, record.KindMarkCleared,
		record.KindCronFired, record.KindScaled, record.KindPodCreated, record.KindContainerStarted, record.KindPodReady,
		record.KindPodDeleted, record.KindHookStarted, record.KindHookDone, record.KindTermSent, record.KindContainerExited,
	}
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return words
}

// UnmarshalText parses "gray.deregistered + 200ms".
func (a *After) UnmarshalText(b []byte) error {
	m := afterForm.FindStringSubmatch(string(b))
	if m == nil {
		return newValueError("write WORKLOAD_OR_ARM.EVENT + DELAY, as in gray.deregistered + 200ms", "invalid event %q", string(b))
	}
	if !slices.Contains(afterEvents(), m[2]) {
		return newValueError(input.DidYouMean(m[2], afterEvents()), "unknown event %q", m[2])
	}
	var delay Duration
	if m[3] != "" {
		if err := delay.UnmarshalText([]byte(m[3])); err != nil {
			return err
		}
	}
	*a = After{Source: m[1], Event: record.Kind(m[2]), Delay: time.Duration(delay)}
	return nil
}

// MarshalText writes the format that UnmarshalText parses.
func (a After) MarshalText() ([]byte, error) {
	switch {
	case a == After{}:
		return nil, nil
	case a.Delay == 0:
		return []byte(a.Source + "." + string(a.Event)), nil
	}
	return []byte(fmt.Sprintf("%s.%s + %s", a.Source, a.Event, a.Delay)), nil
}

// StringOrNumber is a scalar as written, whether a string or a number.
type StringOrNumber string

// UnmarshalText keeps the text.
func (t *StringOrNumber) UnmarshalText(b []byte) error { *t = StringOrNumber(b); return nil }

// StringList is a string or a list of strings.
type StringList []string
