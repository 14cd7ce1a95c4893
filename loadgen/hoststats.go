package loadgen

import (
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// HostStats is what may have disturbed the generator while it ran. A reading
// that the system does not provide is nil.
type HostStats struct {
	Wall       time.Duration  `json:"wall"`
	CPU        *time.Duration `json:"cpu,omitempty"` // of this process, user and system (not on Windows)
	GCs        int64          `json:"gcs"`
	GCPause    time.Duration  `json:"gcPause"`             // sum
	GCPauseMax time.Duration  `json:"gcPauseMax"`          // of the latest 256
	Steal      *time.Duration `json:"steal,omitempty"`     // taken by the hypervisor, all CPUs (Linux)
	Pressure   *time.Duration `json:"pressure,omitempty"`  // a task waited for a CPU (Linux)
	OpenFiles  *int           `json:"openFiles,omitempty"` // at the end (Linux)
	MaxFiles   *uint64        `json:"maxFiles,omitempty"`  // (not on Windows)
}

// hostReading is the state of the counters at one instant; nil: the system has
// no such counter.
type hostReading struct {
	at                   time.Time
	gc                   debug.GCStats
	cpu, steal, pressure *time.Duration
}

func readHost() hostReading {
	r := hostReading{at: time.Now(), cpu: processCPU()}
	debug.ReadGCStats(&r.gc)
	if b, err := os.ReadFile("/proc/stat"); err == nil {
		r.steal = parseSteal(b)
	}
	if b, err := os.ReadFile("/proc/pressure/cpu"); err == nil {
		r.pressure = parsePressure(b)
	}
	return r
}

// statsSince is what has happened from r to now.
func (r hostReading) statsSince() HostStats {
	now := readHost()
	s := HostStats{
		Wall: now.at.Sub(r.at), CPU: difference(now.cpu, r.cpu),
		GCs: now.gc.NumGC - r.gc.NumGC, GCPause: now.gc.PauseTotal - r.gc.PauseTotal,
		Steal: difference(now.steal, r.steal), Pressure: difference(now.pressure, r.pressure),
		MaxFiles: maxOpenFiles(),
	}
	for i := range now.gc.Pause { // the latest first
		if int64(i) >= s.GCs {
			break
		}
		s.GCPauseMax = max(s.GCPauseMax, now.gc.Pause[i])
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		n := len(files)
		s.OpenFiles = &n
	}
	return s
}

func difference(after, before *time.Duration) *time.Duration {
	if after == nil || before == nil {
		return nil
	}
	d := *after - *before
	return &d
}

// parseSteal reads the eighth number of the first line of /proc/stat, in ticks
// of 10 ms.
func parseSteal(stat []byte) *time.Duration {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	f := strings.Fields(string(line))
	if len(f) < 9 || f[0] != "cpu" {
		return nil
	}
	ticks, err := strconv.ParseInt(f[8], 10, 64)
	if err != nil {
		return nil
	}
	d := time.Duration(ticks) * 10 * time.Millisecond
	return &d
}

// parsePressure reads total=, in µs, of the line "some" of /proc/pressure/cpu.
func parsePressure(psi []byte) *time.Duration {
	line, _, _ := strings.Cut(string(psi), "\n")
	_, total, ok := strings.Cut(line, "total=")
	if !ok || !strings.HasPrefix(line, "some ") {
		return nil
	}
	us, err := strconv.ParseInt(strings.TrimSpace(total), 10, 64)
	if err != nil {
		return nil
	}
	d := time.Duration(us) * time.Microsecond
	return &d
}
