//go:build bench && linux

package registrytest_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/demo-services/registry/registrytest"
)

// figures is what a server costs.
type figures struct {
	answer     time.Duration // from its start to the first request over HTTP that says it is ready
	registered time.Duration // from its start to the first acknowledged registration of an SDK
	cpu        time.Duration // of the processor until the first answer: the same on a busy machine
	idle, busy int64         // resident bytes: when it has answered, and with 100 publishers and 20 subscribers
}

// TestBenchStandIn measures `zeroloss registry` and a real Nacos in one run.
func TestBenchStandIn(t *testing.T) {
	var ours, nacos figures
	// One after the other, and nothing of the one left when the other starts.
	require.True(t, t.Run("real", func(t *testing.T) { nacos = benchReal(t) }))
	require.True(t, t.Run("ours", func(t *testing.T) { ours = benchOurs(t) }))
	if nacos == (figures{}) {
		t.Skip("nothing to compare with")
	}
	ratio := func(a, b float64) string { return fmt.Sprintf("%.0f×", b/a) }
	mb := func(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }
	ms := func(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000) }
	t.Logf(`
| | zeroloss registry | Nacos 2.3.2 (-Xmx256m) | |
|---|---:|---:|---:|
| start to the first answer | %s | %s | %s |
| processor time of that | %s | %s | %s |
| start to the first registration of an SDK | %s | %s | %s |
| resident, idle | %s | %s | %s |
| resident, 100 publishers and 20 subscribers | %s | %s | %s |`,
		ms(ours.answer), ms(nacos.answer), ratio(ours.answer.Seconds(), nacos.answer.Seconds()),
		ms(ours.cpu), ms(nacos.cpu), ratio(ours.cpu.Seconds(), nacos.cpu.Seconds()),
		ms(ours.registered), ms(nacos.registered), ratio(ours.registered.Seconds(), nacos.registered.Seconds()),
		mb(ours.idle), mb(nacos.idle), ratio(float64(ours.idle), float64(nacos.idle)),
		mb(ours.busy), mb(nacos.busy), ratio(float64(ours.busy), float64(nacos.busy)))
	require.Less(t, ours.answer, nacos.answer)
	require.Less(t, ours.busy, nacos.busy)
}

func benchReal(t *testing.T) figures {
	n := registrytest.StartNacos(t)
	return measure(t, n.Target(), n.Boot, n.PID())
}

func benchOurs(t *testing.T) figures {
	bin := filepath.Join(t.TempDir(), "zeroloss")
	build := exec.Command("go", "build", "-o", bin, "zeroloss/cmd/zeroloss")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	target := registrytest.Target{Host: "127.0.0.1", Port: freePort(t), GRPCPort: freePort(t)}
	cmd := exec.Command(bin, "registry", "--port", strconv.Itoa(target.Port), "--grpc-port", strconv.Itoa(target.GRPCPort))
	began := time.Now()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait() // how it exits is not what is measured
	})
	url := fmt.Sprintf("http://127.0.0.1:%d/nacos/v2/console/health/readiness", target.Port)
	for {
		resp, err := http.Get(url)
		if err == nil {
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			break
		}
		require.Less(t, time.Since(began), 10*time.Second, "%v", err)
		time.Sleep(time.Millisecond)
	}
	return measure(t, target, time.Since(began), cmd.Process.Pid)
}

// measure takes the figures of a server that has just answered, answer after
// its start.
func measure(t *testing.T, target registrytest.Target, answer time.Duration, pid int) figures {
	f := figures{answer: answer, cpu: processor(t, pid), idle: resident(t, pid)}
	began := time.Now()
	for i := range 120 {
		c, err := nacos.Connect(t.Context(), nacos.Options{Host: target.Host, Port: target.Port, GRPCPort: target.GRPCPort, Dir: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		service := fmt.Sprintf("bench-%d", i%10)
		if i >= 100 {
			require.NoError(t, c.Subscribe(t.Context(), service, func([]registry.Host) {}))
			continue
		}
		require.NoError(t, c.Register(t.Context(), service, registry.NewHost(fmt.Sprintf("10.0.0.%d", i+1), 80, registry.Meta{})))
		if i == 0 {
			f.registered = answer + time.Since(began)
		}
	}
	time.Sleep(2 * time.Second) // the pushes of all this
	f.busy = resident(t, pid)
	return f
}

var rss = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

func resident(t *testing.T, pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	m := rss.FindSubmatch(status)
	require.NotNil(t, m)
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	require.NoError(t, err)
	return kb << 10
}

// processor is the time of all processors that a process has used so far, in
// steps of 10 ms.
func processor(t *testing.T, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(stat), ") ") // the name may hold anything
	require.True(t, ok)
	fields := strings.Fields(rest)
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	return max(time.Duration(ticks)*10*time.Millisecond, 10*time.Millisecond)
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
