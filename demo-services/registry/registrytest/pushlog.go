package registrytest

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"
)

// Pushed is a push as a real server accounts for it, to the millisecond.
type Pushed struct {
	Service string
	Net     time.Duration // from sending it to its acknowledgement
	Delay   time.Duration // from the first change that it carries to its acknowledgement
	SLA     time.Duration // from the last change of the service to the same
}

// pushLine is a push to all subscribers of a service that changed; those to one
// that is new have no SLA.
var pushLine = regexp.MustCompile(`\[PUSH-SUCC\] (\d+)ms, all delay time (\d+)ms, SLA (\d+)ms, Service\{.*name='([^']*)'`)

// ReadPushLog reads the pushes of changes in a server's naming-push.log.
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
				return nil, fmt.Errorf("reading push log line %q: %w", lines.Text(), err)
			}
			ms[i] = time.Duration(n) * time.Millisecond
		}
		out = append(out, Pushed{m[4], ms[0], ms[1], ms[2]})
	}
	return out, lines.Err()
}
