package registrytest

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"
)

// Pushed is a push in the log of a real server, with millisecond precision.
type Pushed struct {
	Service string
	Net     time.Duration // from sending to the acknowledgement
	Delay   time.Duration // from the first change in it to the acknowledgement
	SLA     time.Duration // from the last change of the service to the acknowledgement
}

// pushLine matches a push to all subscribers of a service that changed. Pushes to
// a new subscriber have no SLA.
var pushLine = regexp.MustCompile(`\[PUSH-SUCC\] (\d+)ms, all delay time (\d+)ms, SLA (\d+)ms, Service\{.*name='([^']*)'`)

// ReadPushLog reads the pushes of changes from a server's naming-push.log.
func ReadPushLog(r io.Reader) ([]Pushed, error) {
	var out []Pushed
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := pushLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		var ms [3]time.Duration
		for i := range ms {
			n, err := strconv.ParseInt(m[1+i], 10, 40)
			if err != nil {
				return nil, fmt.Errorf("parsing push log line %q: %w", lines.Text(), err)
			}
			ms[i] = time.Duration(n) * time.Millisecond
		}
		out = append(out, Pushed{m[4], ms[0], ms[1], ms[2]})
	}
	return out, lines.Err()
}
