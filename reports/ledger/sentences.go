package ledger

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// The sentences that explain a loss, and the words they are made of. Each
// follows [subject]: "a→b refused: ".

func subject(f failure) string { return f.from + "→" + f.to + " " + string(f.class) + ": " }

func unknownClass() string { return "failures of an unknown class are not explained" }

func noCause(f failure, callee *history.Instance, phase string) string {
	s := "unexplained: no release event matches"
	if callee != nil {
		s += fmt.Sprintf("; %s was %s", f.callee, cmp.Or(phase, "not known to be running"))
	}
	return s
}

func queueFull(f failure) string { return "the queue of " + f.callee.String() + " was full" }

func outOfResources(f failure) string {
	what := "local ports"
	if f.class == record.NoDescriptor {
		what = "file descriptors"
	}
	return name(f.caller) + " had run out of " + what
}

func stalled(i record.Instance, d time.Duration) string {
	return fmt.Sprintf("%s got no CPU time for %s (host overloaded or throttled)", i, format.Duration(d))
}

func withinClockUncertainty(d time.Duration) string {
	return fmt.Sprintf(" (within the clock uncertainty of %s)", format.Duration(d))
}

// Sentences for a version that no call reached.

func version(f failure) string { return cmp.Or(f.wantedTag, "base") }

func unknownToCaller(f failure, registered []string) string {
	return fmt.Sprintf("%s knew of no %s instance of %s although %s was registered", name(f.caller), version(f), f.service, strings.Join(registered, ", "))
}

func noneRegistered(f failure, starting []string) string {
	return fmt.Sprintf("no %s instance of %s was registered; %s was still starting", version(f), f.service, strings.Join(starting, ", "))
}

func lastTakenOut(f failure, r *history.Release) string {
	return fmt.Sprintf("the last %s instance of %s, %s, had been taken out %s earlier", version(f), f.service, r.Instance.ID, format.Duration(f.addressed.Sub(r.Began)))
}

// Sentences for a callee that had only just started.

func beforeListening(f failure) string {
	return f.callee.String() + " was called before it was listening"
}

func beforeRegistered(f failure) string {
	return f.callee.String() + " was called before it was registered"
}

func cold(f failure, registered record.Micros) string {
	return fmt.Sprintf("%s had been registered for only %s and was still cold", f.callee, format.Duration(f.addressed.Sub(registered)))
}

// Sentences for a callee that was taken out.

func died(f failure, r *history.Release) string {
	verb := "crashed"
	if r.Reason == history.Kill {
		verb = "was killed"
	}
	if f.addressed < r.Began {
		return fmt.Sprintf("%s %s %s after the request was sent to it", r.Instance.ID, verb, format.Duration(r.Began.Sub(f.addressed)))
	}
	s := fmt.Sprintf("%s %s %s earlier", r.Instance.ID, verb, format.Duration(f.addressed.Sub(r.Began)))
	if heard := r.HeardAt(f.caller); heard > f.addressed {
		s += fmt.Sprintf("; %s received the update %s later", name(f.caller), format.Duration(heard.Sub(f.addressed)))
	}
	return s + "; an instance that dies cannot drain"
}

func cut(f failure, r *history.Release) string {
	return fmt.Sprintf("%s accepted the request %s before closing its listener and dropped it without an answer", r.Instance.ID, format.Duration(r.Closed.Sub(f.addressed)))
}

func cutAndRepeated(f failure, r *history.Release) string {
	return fmt.Sprintf("%s accepted the request %s before closing its listener and dropped it without an answer; the retry failed too", r.Instance.ID, format.Duration(r.Closed.Sub(f.firstAddressed)))
}

func neverDeregistered(f failure, r *history.Release) string {
	return fmt.Sprintf("%s had stopped serving %s earlier and never deregistered%s", r.Instance.ID, format.Duration(f.addressed.Sub(r.StoppedServing())), callerHeard(f, r))
}

func deregisteredLate(f failure, r *history.Release) string {
	return fmt.Sprintf("%s had stopped serving %s earlier and deregistered only %s later%s",
		r.Instance.ID, format.Duration(max(0, f.addressed.Sub(r.StoppedServing()))), format.Duration(r.Deregistered.Sub(f.addressed)), callerHeard(f, r))
}

func registryLate(f failure, r *history.Release, bound time.Duration) string {
	return fmt.Sprintf("%s had deregistered %s earlier, but the registry must notify its subscribers within %s%s",
		r.Instance.ID, format.Duration(f.addressed.Sub(r.Deregistered)), format.Duration(bound), callerHeard(f, r))
}

func stale(f failure, r *history.Release) string {
	return fmt.Sprintf("%s had deregistered %s earlier%s", r.Instance.ID, format.Duration(f.addressed.Sub(r.Deregistered)), callerHeard(f, r))
}

// callerHeard says when the caller's list of instances dropped the callee.
func callerHeard(f failure, r *history.Release) string {
	switch heard := r.HeardAt(f.caller); {
	case heard == 0:
		return "; " + name(f.caller) + " had not received the update by the end of the recording"
	case heard > f.addressed:
		return fmt.Sprintf("; %s received the update %s later", name(f.caller), format.Duration(heard.Sub(f.addressed)))
	default:
		return fmt.Sprintf("; %s had received the update %s earlier", name(f.caller), format.Duration(f.addressed.Sub(heard)))
	}
}

func callerLeft(f failure) string {
	return fmt.Sprintf("the caller %s was terminating and cancelled the request", f.caller)
}

// Sentences for an external service.

func byTime(text string) string {
	return "matched by time, as Kubernetes does not say which pod the request was sent to: " + text
}

func endedByItself(f failure, r *history.Release) string {
	return fmt.Sprintf("%s exited unexpectedly, which was observed %s", r.Instance.ID, relative(r.Closed, f.done))
}

func externalCut(f failure, r *history.Release) string {
	return fmt.Sprintf("the deletion of %s was observed %s, and its exit %s: it cut requests in flight", r.Instance.ID, relative(r.Began, f.done), relative(r.Closed, f.done))
}

func leftLists(f failure, r *history.Release, unlisted record.Micros) string {
	list := "the Service's endpoints"
	if endpoints, _ := r.Unlisted(); unlisted != endpoints {
		list = "the registry's list"
	}
	return fmt.Sprintf("%s had been removed from %s %s earlier, but requests were still sent to it", r.Instance.ID, list, format.Duration(f.addressed.Sub(unlisted)))
}

func closedWhileListed(f failure, r *history.Release, unlisted record.Micros) string {
	s := fmt.Sprintf("the deletion of %s was observed %s, and it closed while it was still in the endpoints", r.Instance.ID, relative(r.Began, f.addressed))
	if unlisted != 0 {
		s += fmt.Sprintf("; it was removed from them %s later", format.Duration(unlisted.Sub(f.addressed)))
	}
	return s
}

func startedNotReady(i record.Instance) string {
	return fmt.Sprintf("%s had only just started and was not ready yet", i)
}

func readyOnly(f failure, i record.Instance, ready record.Micros) string {
	return fmt.Sprintf("%s had been ready for only %s", i, format.Duration(f.addressed.Sub(ready)))
}

// relative is an instant as seen from another one: "213 ms earlier".
func relative(t, from record.Micros) string {
	if t > from {
		return format.Duration(t.Sub(from)) + " later"
	}
	return format.Duration(from.Sub(t)) + " earlier"
}

// name is an instance's name; the zero instance is the client.
func name(i record.Instance) string { return cmp.Or(i.String(), "the client") }
