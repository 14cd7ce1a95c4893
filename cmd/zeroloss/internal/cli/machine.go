package cli

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"zeroloss/scenarios/rundir"
)

// machine describes what a run runs on. What the system does not tell is
// left out.
func machine() rundir.Machine {
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

// memoryMB is the machine's memory as /proc/meminfo has it; 0 elsewhere.
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
