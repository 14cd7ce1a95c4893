package hook

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func hostname(_ context.Context, p *programs, c call) error {
	set, rest, err := shortOptions(c.args, "ifs")
	if err == nil && len(rest) > 0 {
		err = errors.New("the name cannot be changed")
	}
	if err != nil {
		return status(c, 1, "hostname: %v", err)
	}
	name, ip, err := p.host()
	if err != nil {
		return status(c, 1, "hostname: %v", err)
	}
	if set['i'] {
		name = ip
	}
	fmt.Fprintln(c.out, name)
	return nil
}

// dateFields are the conversions of date, as layouts of package time.
var dateFields = map[byte]string{
	'T': "15:04:05", 'F': "2006-01-02", 'D': "01/02/06", 'R': "15:04", 'Y': "2006", 'y': "06", 'm': "01", 'd': "02",
	'H': "15", 'M': "04", 'S': "05", 'N': "000000000", 'z': "-0700", 'Z': "MST", 'a': "Mon", 'b': "Jan", 'j': "002",
}

// dateText formats a time as date does.
func dateText(args []string, now time.Time) (string, error) {
	format := "+%a %b %d %T %Z %Y"
	for _, a := range args {
		switch {
		case a == "-u", a == "--utc":
			now = now.UTC()
		case strings.HasPrefix(a, "+"):
			format = a
		case a == "-Iseconds", a == "-Is", a == "--iso-8601=seconds":
			return now.Format("2006-01-02T15:04:05-07:00"), nil
		case strings.HasPrefix(a, "-"):
			return "", optionError(a)
		default:
			return "", valueError{a, "the time cannot be set"}
		}
	}
	var b strings.Builder
	for i := 1; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch layout, ok := dateFields[format[i]]; {
		case format[i] == '%':
			b.WriteByte('%')
		case format[i] == 's':
			b.WriteString(strconv.FormatInt(now.Unix(), 10))
		case format[i] == 'N':
			fmt.Fprintf(&b, "%09d", now.Nanosecond())
		case ok:
			b.WriteString(now.Format(layout))
		default:
			return "", valueError{"%" + format[i:i+1], "unsupported conversion %" + format[i:i+1] + " of date"}
		}
	}
	return b.String(), nil
}

func date(_ context.Context, _ *programs, c call) error {
	text, err := dateText(c.args, time.Now())
	if err != nil {
		return status(c, 1, "date: %v", err)
	}
	fmt.Fprintln(c.out, text)
	return nil
}

func readDate(r *reader, args []string) outcome {
	if _, err := dateText(args, time.Time{}); err != nil && !isUnknown(strings.Join(args, "")) {
		r.badArgument(args, err, "date +%T, +%F or +%s")
		return fails
	}
	return succeeds
}

// service is the process of a container that a hook can signal.
const service = 1

// killHint is what can be written for signals and processes that are not there.
const killHint = "kill -TERM 1 stops the service"

// killArgs returns the signal: TERM, or 0 to find out whether the service runs.
func killArgs(args []string) (syscall.Signal, error) {
	sig := "TERM"
	if len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "--" {
		sig, args = args[0], args[1:]
		if (sig == "-s" || sig == "-n") && len(args) > 0 {
			sig, args = args[0], args[1:]
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	word := sig
	var s syscall.Signal
	switch strings.TrimPrefix(strings.TrimPrefix(strings.ToUpper(sig), "-"), "SIG") {
	case "TERM", "15":
		s = syscall.SIGTERM
	case "0":
	default:
		return 0, valueError{word, "the service handles only the signal TERM"}
	}
	if len(args) == 0 {
		return 0, errors.New("kill requires a process")
	}
	for _, pid := range args {
		if pid != strconv.Itoa(service) {
			return 0, valueError{pid, "process 1, the service, is the only one in a pod"}
		}
	}
	return s, nil
}

func kill(_ context.Context, p *programs, c call) error {
	s, err := killArgs(c.args)
	if err == nil {
		err = p.signal(s)
	}
	if err != nil {
		return status(c, 1, "kill: %v; %s", err, killHint)
	}
	return nil
}

func readKill(r *reader, args []string) outcome {
	if isUnknown(strings.Join(args, "")) {
		return undecided
	}
	if _, err := killArgs(args); err != nil {
		r.badArgument(args, err, killHint)
		return fails
	}
	return succeeds
}
