package loadgen

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// TestForeign: what a service that is none of ours answers is classed by the
// stream's rule, and who answered is kept.
func TestForeign(t *testing.T) {
	cases := map[string]struct {
		answer traffic.Answer
		status int
		body   string
		class  record.Class
		err    string
	}{
		"good":              {traffic.Answer{JSONPath: "$.ok"}, 200, `{"ok":true}`, "", ""},
		"wrong body":        {traffic.Answer{JSONPath: "$.ok"}, 200, `{"ok":false}`, record.WrongBody, "selects nothing"},
		"a good 404":        {traffic.Answer{Status: []traffic.StatusRange{{From: 404, To: 404}}}, 404, "", "", ""},
		"a 200 is not due":  {traffic.Answer{Status: []traffic.StatusRange{{From: 404, To: 404}}}, 200, "", record.StatusOther, ""},
		"an error":          {traffic.Answer{}, 503, "", record.Status5xx, ""},
		"too long to judge": {traffic.Answer{Match: "a"}, 200, strings.Repeat("a", maxJudgedBody+1), record.WrongBody, "was not applied"},
		"long enough":       {traffic.Answer{Match: "^a+$"}, 200, strings.Repeat("a", maxJudgedBody), "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Pod", "orders-7c9f-abc")
				w.Header().Set(record.TrailHeader, "not a trail")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			_, reqs := runLog(t, Config{Streams: []traffic.Stream{one(traffic.Stream{
				Path: "/", Workload: "orders", Target: url, Answer: &c.answer, InstanceHeader: "x-pod",
			})}})
			require.Len(t, reqs, 1)
			r := reqs[0]
			require.Equal(t, c.class, r.Class)
			require.Contains(t, r.Error, c.err)
			require.Equal(t, c.err == "", r.Error == "")
			require.Equal(t, record.Trail{{Service: "orders", Instance: record.Instance{Pod: "orders-7c9f-abc"}}}, r.Trail)
			require.Empty(t, r.TrailError, "what is not ours is not read")
			if c.class != "" {
				require.Equal(t, c.class, r.Attempts[0].Class)
			}
		})
	}
}

func TestForeignNamesNobody(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, reqs := runLog(t, Config{Streams: []traffic.Stream{one(traffic.Stream{Path: "/", Workload: "orders", Target: url})}})
	require.Len(t, reqs, 1)
	require.Nil(t, reqs[0].Trail)
	require.Empty(t, reqs[0].Class)
}
