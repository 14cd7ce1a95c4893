package loadgen

import (
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// HostStats is what may have disturbed the generator, over its run. What a
// system does not tell is 0.
type HostStats struct {
	Wall      time.Duration `json:"wall"`
	CPU       time.Duration `json:"cpu"` // of this process, user and system
	GCs       int64         `json:"gcs"`
	GCPause   time.Duration `json:"gcPause"`    // in all
	GCMax     time.Duration `json:"gcPauseMax"` // of the latest 256
	Steal     time.Duration `json:"steal"`      // taken by the hypervisor, all CPUs (Linux)
	Pressure  time.Duration `json:"pressure"`   // some task waited for a CPU (Linux)
	OpenFiles int           `json:"openFiles"`  // at the end (Linux)
	MaxFiles  uint64        `json:"maxFiles"`
}

// hostReading is the state of the counters at one instant.
type hostReading struct {
	at              time.Time
	cpu             time.Duration
	gc              debug.GCStats
	steal, pressure time.Duration
}

func readHost() hostReading {
	r := hostReading{at: time.Now()}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		r.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	debug.ReadGCStats(&r.gc)
	// Both files are Linux's alone: where they are missing the readings are 0.
	if b, err := os.ReadFile("/proc/stat"); err == nil {
		r.steal = stealOf(b)
	}
	if b, err := os.ReadFile("/proc/pressure/cpu"); err == nil {
		r.pressure = pressureOf(b)
	}
	return r
}

// statsSince is the noise from r to now.
func (r hostReading) statsSince() HostStats {
	now := readHost()
	n := HostStats{
		Wall: now.at.Sub(r.at), CPU: now.cpu - r.cpu,
		GCs: now.gc.NumGC - r.gc.NumGC, GCPause: now.gc.PauseTotal - r.gc.PauseTotal,
		Steal: now.steal - r.steal, Pressure: now.pressure - r.pressure,
	}
	for i := range now.gc.Pause { // the latest first
		if int64(i) >= n.GCs {
			break
		}
		n.GCMax = max(n.GCMax, now.gc.Pause[i])
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		n.OpenFiles = len(files)
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		n.MaxFiles = uint64(limit.Cur)
	}
	return n
}

// stealOf reads the 8th number of /proc/stat's first line, in ticks of 10 ms.
func stealOf(stat []byte) time.Duration {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	f := strings.Fields(string(line))
	if len(f) < 9 || f[0] != "cpu" {
		return 0
	}
	ticks, err := strconv.ParseInt(f[8], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// pressureOf reads total= of the line "some" in /proc/pressure/cpu, in µs.
func pressureOf(psi []byte) time.Duration {
	line, _, _ := strings.Cut(string(psi), "\n")
	_, total, ok := strings.Cut(line, "total=")
	if !ok || !strings.HasPrefix(line, "some ") {
		return 0
	}
	us, err := strconv.ParseInt(strings.TrimSpace(total), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}
