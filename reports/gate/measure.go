package gate

import (
	"fmt"
	"slices"

	"zeroloss/reports/expect"
	"zeroloss/reports/ledger"
)

// measure reads e's figure from the ledger. why is why it was not measured; ""
// if it was.
func measure(l *ledger.Ledger, a *ledger.Arm, e expect.Expectation) (f figure, why string) {
	switch {
	case a.Sent > 0 && e.Metric.NeedsWarmup():
		return warmupFigure(l, a, e.Metric)
	case a.Sent > 0 && (e.Metric == expect.EarlyRequests || e.Metric == expect.ReadyBeforeRegistered):
		return onlineFigure(a, e.Metric)
	}
	f.value, why = countedFigure(l, a, e)
	return f, why
}

// countedFigure is a figure that the ledger counted.
func countedFigure(l *ledger.Ledger, a *ledger.Arm, e expect.Expectation) (v float64, why string) {
	if a.Sent == 0 && e.Metric != expect.Unsent {
		return 0, "no request of arm " + a.Name + " was sent"
	}
	switch e.Metric {
	case expect.Lost, expect.Unexplained, expect.Timeouts:
		return float64(countLosses(l, e)), sentProblem(l, e)
	case expect.OK, expect.Sent, expect.Unsent:
		return requestCount(l, a, e)
	case expect.Masked:
		return maskedCount(l, a, e)
	case expect.Releases:
		return float64(a.Releases), ""
	case expect.StaleRoute:
		return staleRoute(l, a)
	default: // a time of successful requests
		return latency(a, e)
	}
}

// latency is a figure of the requests that were ok.
func latency(a *ledger.Arm, e expect.Expectation) (v float64, why string) {
	if a.OK == 0 {
		return 0, "no request of arm " + a.Name + " was ok"
	}
	response := &a.ResponseTime
	if e.Filter.Window == expect.WarmupWindow {
		response = a.OnlineResponseTime
	}
	if response == nil {
		return 0, "no request of arm " + a.Name + " was ok while an instance came online"
	}
	switch e.Metric {
	case expect.LongestOutage:
		return millis(a.LongestOutage), ""
	case expect.P50:
		return millis(response.P50), ""
	case expect.P99:
		return millis(response.P99), ""
	case expect.Max:
		return millis(response.Max), ""
	default:
		return 0, fmt.Sprintf("unknown metric %q", e.Metric)
	}
}

// countLosses counts the lost requests that match e's filter.
func countLosses(l *ledger.Ledger, e expect.Expectation) (n int) {
	for i := range l.Losses {
		if matches(&l.Losses[i], e) {
			n++
		}
	}
	return n
}

func matches(x *ledger.Loss, e expect.Expectation) bool {
	f := e.Filter
	return x.Arm == e.Arm &&
		(f.Stream == "" || x.Stream == f.Stream) &&
		(f.Hop == "" || x.Hop == f.Hop) &&
		(f.Window == "" || string(x.Window) == f.Window) &&
		(e.Metric != expect.Timeouts || timeout(x.Class)) &&
		(len(f.Classes) == 0 || slices.Contains(f.Classes, string(x.Class))) &&
		(e.Metric != expect.Unexplained || x.Window == ledger.Unexplained)
}

// sentProblem says that no request was sent that could be lost; "" if one was.
func sentProblem(l *ledger.Ledger, e expect.Expectation) string {
	if e.Filter.Stream == "" {
		return ""
	}
	s := findStream(l, e)
	if s == nil || s.Sent == 0 {
		return "no request of stream " + e.Filter.Stream + " was sent"
	}
	return ""
}

func findStream(l *ledger.Ledger, e expect.Expectation) *ledger.Stream {
	for i := range l.Streams {
		if l.Streams[i].Name == e.Filter.Stream && l.Streams[i].Arm == e.Arm {
			return &l.Streams[i]
		}
	}
	return nil
}

// requestCount counts requests that were not lost, which have no hop, class or
// window.
func requestCount(l *ledger.Ledger, a *ledger.Arm, e expect.Expectation) (float64, string) {
	f := e.Filter
	if f.Hop != "" || f.Window != "" || len(f.Classes) > 0 {
		return 0, string(e.Metric) + " cannot be filtered by hop, window or class; only losses can"
	}
	ok, sent, unsent := a.OK, a.Sent, a.Unsent
	if f.Stream != "" {
		s := findStream(l, e)
		if s == nil || s.Due == 0 {
			return 0, "stream " + f.Stream + " has no requests"
		}
		ok, sent, unsent = s.OK, s.Sent, s.Unsent
	}
	switch e.Metric {
	case expect.OK:
		return float64(ok), ""
	case expect.Sent:
		return float64(sent), ""
	default:
		return float64(unsent), ""
	}
}

func maskedCount(l *ledger.Ledger, a *ledger.Arm, e expect.Expectation) (float64, string) {
	f := e.Filter
	switch {
	case a.Masked == nil:
		return 0, "masked losses of arm " + a.Name + " are unknown: a service in its chain reports no trail"
	case f.Window != "" || len(f.Classes) > 0 || f.Stream != "" && f.Hop != "":
		return 0, "masked losses can be filtered only by stream or by hop"
	case f.Hop != "":
		return float64(a.MaskedByHop[f.Hop]), ""
	case f.Stream != "":
		if s := findStream(l, e); s != nil && s.Sent > 0 {
			return float64(s.Masked), ""
		}
		return 0, "no request of stream " + f.Stream + " was sent"
	}
	return float64(*a.Masked), ""
}

// staleRoute is measured only if a released instance reported when it had
// deregistered.
func staleRoute(l *ledger.Ledger, a *ledger.Arm) (float64, string) {
	for _, r := range l.Releases {
		if slices.Contains(r.Arms, a.Name) && r.Deregistered != nil {
			return millis(a.StaleRoute), ""
		}
	}
	return 0, "no release of arm " + a.Name + " is known to have deregistered"
}
