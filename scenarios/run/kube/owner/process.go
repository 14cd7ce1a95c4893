package owner

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Process is a process that runs something. A host name and a process id do
// not tell one from another: two machines, or two containers, may share both.
type Process struct {
	Host   string
	PID    int
	boot   string // id of the system's start; "" if it has none
	pidsOf string // the PID namespace; "" likewise
}

// Self returns this process as owner annotations name it:
// "host/pid/boot/pid namespace".
func Self() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // not every system has one
	pids, _ := os.Readlink("/proc/self/ns/pid")
	p := Process{Host: host, PID: os.Getpid(), boot: strings.TrimSpace(string(boot)), pidsOf: strings.Trim(pids, "pid:[]")}
	return p.String()
}

func (p Process) String() string {
	return strings.TrimRight(strings.Join([]string{p.Host, strconv.Itoa(p.PID), p.boot, p.pidsOf}, "/"), "/")
}

// ParseProcess reads what [Self] returned; what it does not say is "", or
// PID -1.
func ParseProcess(text string) Process {
	part := append(strings.Split(text, "/"), "", "", "")
	pid, err := strconv.Atoi(part[1])
	if err != nil {
		pid = -1
	}
	return Process{Host: part[0], PID: pid, boot: part[2], pidsOf: part[3]}
}

// sharesPIDs reports whether the two see each other's process ids, as far as
// both say where they are.
func (p Process) sharesPIDs(o Process) bool {
	same := func(a, b string) bool { return a == "" || b == "" || a == b }
	return p.Host == o.Host && p.PID >= 0 && same(p.boot, o.boot) && same(p.pidsOf, o.pidsOf)
}

// location describes where p is, as o sees it.
func (p Process) location(o Process) string {
	switch {
	case p.Host == "" || p.PID < 0:
		return "an unknown host"
	case p.Host != o.Host:
		return p.Host
	case p.boot != o.boot:
		return p.Host + " before it was rebooted, or of another machine of that name"
	}
	return "another container called " + p.Host
}

// alive reports whether a process exists. Another one may have its number by
// now; then something is left that a later clean removes.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer func() { _ = p.Release() }() // nothing depends on it
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, syscall.EPERM)
}
