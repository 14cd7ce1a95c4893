package hook

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"zeroloss/internal/ctxtime"

	"mvdan.cc/sh/v3/interp"
)

// tool is a command that is built in. Its error is a status, or ctx's.
type tool func(ctx context.Context, p *programs, c call) error

// call is one use of a tool.
type call struct {
	args     []string // without its name
	out, err io.Writer
	open     func(name string, flag int) (io.ReadWriteCloser, error)
}

// tools are the built-in commands by name.
var tools = map[string]tool{
	"curl":  func(ctx context.Context, p *programs, c call) error { return fetch(ctx, p.transport, c, curl) },
	"sleep": func(ctx context.Context, p *programs, c call) error { return sleep(ctx, c, p.speed) },
	"wget":  func(ctx context.Context, p *programs, c call) error { return fetch(ctx, p.transport, c, wget) },
}

func status(c call, code uint8, format string, args ...any) error {
	fmt.Fprintf(c.err, format+"\n", args...)
	return interp.ExitStatus(code)
}

// sleep waits for the sum of its arguments: seconds, or with s, m, h, d.
func sleep(ctx context.Context, c call, speed float64) error {
	if len(c.args) == 0 {
		return status(c, 1, "sleep: missing operand")
	}
	var total time.Duration
	for _, a := range c.args {
		d, err := sleepTime(a)
		if err != nil {
			return status(c, 1, "sleep: invalid time interval %q", a)
		}
		total += d
	}
	if speed > 0 {
		total = time.Duration(float64(total) / speed)
	}
	return ctxtime.Sleep(ctx, total)
}

// longest keeps a sum of infinities from overflowing.
const longest = 1000 * time.Hour

func sleepTime(a string) (time.Duration, error) {
	if a == "infinity" || a == "inf" {
		return longest, nil
	}
	unit := time.Second
	for suffix, u := range map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour} {
		if strings.HasSuffix(a, suffix) {
			a, unit = strings.TrimSuffix(a, suffix), u
			break
		}
	}
	n, err := strconv.ParseFloat(a, 64)
	if err != nil || n < 0 || math.IsNaN(n) {
		return 0, fmt.Errorf("parsing time %q: expected a number of seconds", a)
	}
	return time.Duration(min(n*float64(unit), float64(longest))), nil
}
