package hook

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// described is a reading in one line: requests, sleeps, and "?" before what is
// not certain.
func described(r Reading) string {
	var out []string
	for _, e := range r.Effects {
		out = append(out, e.String())
	}
	return strings.Join(out, ", ")
}

func TestReadFollowsTheSyntaxTree(t *testing.T) {
	const offline = "GET 127.0.0.1:54199/offline"
	for _, c := range []struct{ script, want string }{
		{"curl -s http://127.0.0.1:54199/offline; sleep 30", offline + ", sleep 30s"},
		{"sleep 30; curl -s http://127.0.0.1:54199/offline", "sleep 30s, " + offline},
		{"echo stop > /tmp/prestop; /home/admin/.tools/curl http://127.0.0.1:54199/offline; sleep 30", offline + ", sleep 30s"},
		{"echo see docs/offline.md; sleep 30", "sleep 30s"},
		{"curl -X PUT http://localhost:28080/offline && sleep 20", "PUT localhost:28080/offline, sleep 20s"},
		{"# sleep 60 was too long\ncurl -s http://127.0.0.1:54199/offline\nsleep 10", offline + ", sleep 10s"},
		{"for i in 1 2 3; do sleep 3; done", "sleep 3s, sleep 3s, sleep 3s"},
		{"for i in $(seq 1 3); do sleep $i; done", "sleep 1s, sleep 2s, sleep 3s"},
		{"busybox wget -qO- 127.0.0.1:54199/offline && /bin/sleep 1m 5s", offline + ", sleep 1m5s"},
		{"timeout 10 curl -s http://127.0.0.1:54199/offline; timeout 5 sleep 30", offline + ", sleep 5s"},
		{"curl -s http://127.0.0.1:54199/offline | tee /tmp/out", offline},
		{"curl -s http://127.0.0.1:54199/offline | grep -q ok && sleep 10", offline + ", ?sleep 10s"},
		{"[ -x /usr/bin/curl ] && curl -s http://127.0.0.1:54199/offline", offline},
		{"curl -s http://127.0.0.1:54199/offline || exit 1; sleep 5", offline + ", sleep 5s"},
		{"[ -f /tmp/stay ] && exit 0; sleep 5", "?sleep 5s"},
		{"if [ -f /tmp/x ]; then sleep 5; else sleep 6; fi", "?sleep 5s, ?sleep 6s"},
		{"if true; then sleep 5; else sleep 6; fi", "sleep 5s"},
		{"while curl -s http://127.0.0.1:54199/offline; do sleep 1; done", offline + ", ?sleep 1s"},
		{"D=7; sleep $D; sleep ${N:-8}; sleep $SET; sleep $DYNAMIC", "sleep 7s, sleep 8s, sleep 9s, sleep unknown"},
		{"sleep $(cat /tmp/delay)", "sleep unknown"},
		{`curl "http://127.0.0.1:8848/nacos/v1/ns/instance?ip=$(hostname -i)&port=20002"`, "GET 127.0.0.1:8848/nacos/v1/ns/instance"},
		{`curl "$DYNAMIC/offline"`, "request unknown"},
		{"sh -c 'curl -s 127.0.0.1:54199/offline; exit 0'; sleep 1", offline + ", sleep 1s"},
		{"down() { curl -s http://127.0.0.1:54199/offline; }; sleep 1; down", "sleep 1s, " + offline},
		{"sleep 30 & curl -s http://127.0.0.1:54199/offline", "?sleep 30s, " + offline},
		{"sleep 1; exit 0; sleep 30", "sleep 1s"},
		{"curl -s 127.0.0.1:54199/offline 127.0.0.1:54199/b", offline + ", GET 127.0.0.1:54199/b"},
		{"curl -G -s http://127.0.0.1:54199/offline", offline},
		{"eval 'sleep 3'; (sleep 4; exit 0); { sleep 5; }", "sleep 3s, sleep 4s, sleep 5s"},
		{"while true; do sleep 1; break; done; for i in 1 2; do sleep 3; break; done", "sleep 1s, sleep 3s"},
	} {
		r := Read([]string{"/bin/sh", "-c", c.script}, map[string]string{"SET": "9"}, "DYNAMIC")
		require.Equal(t, c.want, described(r), c.script)
		require.Empty(t, r.Problems, c.script)
	}
	require.Equal(t, "sleep 30s", described(Read([]string{"sleep", "30"}, nil)))
	r := Read([]string{"/bin/sh", "-c", "sleep", "30"}, nil)
	require.Empty(t, r.Effects, "30 is $0")
	require.Empty(t, r.Problems)
	require.Equal(t, "sleep", r.Failures[0].Word)
	require.Equal(t, "sleep soon", Read([]string{"sh", "-c", "sleep soon; true"}, nil).Failures[0].Word)
}

func TestReadCountsWhatFollowsARequest(t *testing.T) {
	offline := func(q Request) bool { return q.Path == "/offline" }
	for script, want := range map[string]time.Duration{
		"sleep 30; curl 127.0.0.1:54199/offline; sleep 5": 5 * time.Second,
		"curl 127.0.0.1:54199/offline; sleep 5; sleep 6":  11 * time.Second,
		"sleep 5": 0,
		"curl 127.0.0.1:54199/offline | grep -q ok && sleep 10": 0,
	} {
		d, _ := Read([]string{"sh", "-c", script}, nil).SleptAfter(offline)
		require.Equal(t, want, d, script)
	}
}

func TestReadNamesWhatIsNotAvailable(t *testing.T) {
	for script, want := range map[string]string{
		"sleep 1\nnginx -s quit":                           "2 nginx",
		"jcmd 1 Thread.print":                              "1 jcmd",
		"/app/prestop.sh":                                  "1 /app/prestop.sh",
		"sh /app/prestop.sh":                               "1 /app/prestop.sh",
		"python3 -c 'print(1)'":                            "1 python3",
		"consul leave":                                     "1 consul",
		"curl -s --bogus http://127.0.0.1/":                "1 --bogus",
		"wget -Z http://127.0.0.1/":                        "1 -Z",
		"kill -USR1 1":                                     "1 -USR1",
		"kill -TERM 17":                                    "1 17",
		"curl -s http://127.0.0.1/ > /var/log/offline.log": "1 /var/log/offline.log",
		"touch /var/run/down":                              "1 /var/run/down",
		"grep --bogus x":                                   "1 --bogus",
		"if":                                               "1 if",
		"curl -s http://127.0.0.1/ -w '%{nothing}'":        "1 %{nothing}",
		"timeout 5 nginx -s quit":                          "1 nginx",
		"echo $(nginx -v)":                                 "1 nginx",
	} {
		r := Read([]string{"sh", "-c", script}, nil)
		require.Len(t, r.Problems, 1, script)
		p := r.Problems[0]
		line, word, _ := strings.Cut(want, " ")
		require.Equal(t, line, string(rune('0'+p.Line)), script)
		require.Equal(t, word, p.Word, script)
		require.NotEmpty(t, p.Text, script)
		require.NotEmpty(t, p.Hint, script)
	}
	for _, script := range []string{
		"command -v nginx && nginx -s quit", "if [ -f /app/x.sh ]; then /app/x.sh; fi", "curl -s 127.0.0.1/ || nginx -s quit",
		"kill -TERM 1", "kill 1", "kill -s TERM 1", "kill -15 1", "kill -0 1", "kill -TERM $(cat /tmp/pid)",
		"echo x >/proc/1/fd/1 2>&1", "date +%T > /dev/null", "echo x >> /tmp/log", "$CMD x",
	} {
		require.Empty(t, Read([]string{"sh", "-c", script}, nil, "CMD").Problems, script)
	}
}
