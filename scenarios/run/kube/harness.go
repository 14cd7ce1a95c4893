package kube

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// harnessMark is the annotation that tells which process a namespace belongs
// to, as thisHarness says it.
const harnessMark = "zeroloss/harness"

// harness is a process that runs something. A host's name and a process id do
// not tell one from another: two machines, or two containers, may share both.
type harness struct {
	host string
	pid  int
	boot string // id of the system's start; "" where it has none, and in older marks
	pids string // the namespace that counts its processes; "" likewise
}

// thisHarness is this process as "host/pid/boot/pids".
func thisHarness() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // not every system has one
	pids, _ := os.Readlink("/proc/self/ns/pid")
	h := harness{host: host, pid: os.Getpid(), boot: strings.TrimSpace(string(boot)), pids: strings.Trim(pids, "pid:[]")}
	return h.String()
}

func (h harness) String() string {
	return strings.TrimRight(strings.Join([]string{h.host, strconv.Itoa(h.pid), h.boot, h.pids}, "/"), "/")
}

// harnessOf reads a mark; what it does not say is "", or pid -1.
func harnessOf(mark string) harness {
	part := append(strings.Split(mark, "/"), "", "", "")
	pid, err := strconv.Atoi(part[1])
	if err != nil {
		pid = -1
	}
	return harness{host: part[0], pid: pid, boot: part[2], pids: part[3]}
}

// beside reports whether the two see each other's process ids, as far as both
// say where they are.
func (h harness) beside(o harness) bool {
	same := func(a, b string) bool { return a == "" || b == "" || a == b }
	return h.host == o.host && h.pid >= 0 && same(h.boot, o.boot) && same(h.pids, o.pids)
}

// place is where h is, as o sees it.
func (h harness) place(o harness) string {
	switch {
	case h.host == "" || h.pid < 0:
		return "an unknown host"
	case h.host != o.host:
		return h.host
	case h.boot != o.boot:
		return h.host + " before it was started anew, or of another machine of that name"
	}
	return "another container called " + h.host
}

// alive reports whether a process is there. Another one may have its number
// by now; then something is left that a later clean will take.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, syscall.EPERM)
}
