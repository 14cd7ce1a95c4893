package cli

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"zeroloss/scenarios/rundir"
)

// hostInfo describes the host of a run. Facts that the system does not provide are
// left out.
func hostInfo() rundir.Machine {
	return rundir.Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), CPUs: runtime.NumCPU(),
		MemoryMB: memoryMB(), Kernel: kernel(),
	}
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// memoryMB returns the total memory from /proc/meminfo, or 0 where there is none.
func memoryMB() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			return kb / 1024
		}
	}
	return 0
}
