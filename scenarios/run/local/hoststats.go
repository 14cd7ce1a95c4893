package local

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// HostStats is what may have disturbed a run: the state of the machine and of the
// harness at one moment. Values that the system does not provide are left out.
type HostStats struct {
	CPUs        int           `json:"cpus"`
	LoadAverage string        `json:"loadAverage,omitempty"` // 1, 5 and 15 minutes
	CPUTicks    string        `json:"cpuTicks,omitempty"`    // user nice system idle iowait irq softirq steal …, of 10 ms
	Pressure    string        `json:"pressure,omitempty"`    // CPU: how long some task waited
	MemPressure string        `json:"memPressure,omitempty"`
	PortRange   string        `json:"portRange,omitempty"` // for outgoing connections
	Sockets     string        `json:"sockets,omitempty"`   // in use, waiting (tw)
	OpenFiles   int           `json:"openFiles,omitempty"` // of the harness
	MaxFiles    uint64        `json:"maxFiles,omitempty"`
	GCs         int64         `json:"gcs"` // of the harness since its start
	GCPause     time.Duration `json:"gcPause"`
	HeapBytes   uint64        `json:"heapBytes"`
}

func readHostStats() HostStats {
	n := HostStats{
		CPUs:        runtime.NumCPU(),
		LoadAverage: firstLine("/proc/loadavg", ""),
		CPUTicks:    firstLine("/proc/stat", "cpu "),
		Pressure:    firstLine("/proc/pressure/cpu", "some"),
		MemPressure: firstLine("/proc/pressure/memory", "some"),
		PortRange:   firstLine("/proc/sys/net/ipv4/ip_local_port_range", ""),
		Sockets:     firstLine("/proc/net/sockstat", "TCP:"),
		MaxFiles:    maxOpenFiles(),
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		n.OpenFiles = len(fds)
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	n.GCs, n.GCPause = gc.NumGC, gc.PauseTotal
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	n.HeapBytes = mem.HeapAlloc
	return n
}

// firstLine is the rest of the first line with the prefix; "" if there is no
// such file or line.
func firstLine(path, prefix string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	return ""
}

func hostStatsJSON() json.RawMessage {
	b, err := json.Marshal(readHostStats())
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}
