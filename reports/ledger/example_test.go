package ledger_test

import (
	"fmt"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

// A Deployment named shop is sent ten requests per second for one second. One of
// its two pods is deleted after half a second and leaves the Service's endpoints
// 20 ms later; the next request is refused.
func ExampleBuild() {
	zero := record.At(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	at := func(ms int) record.Micros { return zero.Add(time.Duration(ms) * time.Millisecond) }

	in := ledger.Input{
		Plan: &plan.Plan{
			Arms:      []plan.Arm{{Name: "shop", Workloads: []string{"shop"}}},
			Workloads: []plan.Workload{{Name: "shop", Role: "target", Service: "shop", External: true, Replicas: 2}},
			Streams:   []traffic.Stream{{Name: "get", Arm: "shop", Workload: "shop", Rate: 10, Duration: time.Second}},
		},
		Zero: zero, End: at(1000),
	}
	event := func(ms int, pod string, payload record.Payload) {
		in.Events = append(in.Events, record.Event{
			At: at(ms), Instance: record.Instance{Pod: pod, Incarnation: 1}, Workload: "shop", Payload: payload,
		})
	}
	for _, pod := range []string{"shop-1", "shop-2"} {
		event(-60_000, pod, record.PodReady{})
	}
	event(500, "shop-1", record.PodDeleted{})
	event(520, "shop-1", record.EndpointRemoved{})
	event(540, "shop-1", record.ContainerExited{})
	in.Events = append(in.Events, record.Event{At: at(1000), Payload: record.LoadEnd{Sent: 10}})
	for n := range 10 {
		r := record.Request{Stream: "get", Seq: uint64(n), Due: at(100 * n), Sent: at(100 * n), Done: at(100*n + 5), Status: 200}
		if n == 6 {
			r.Status, r.Class = 0, record.Refused
		}
		in.Requests = append(in.Requests, r)
	}

	l := ledger.Build(in)
	for _, a := range l.Arms {
		fmt.Printf("%s: %d of %d requests lost, longest outage %s\n", a.Name, a.Lost, a.Sent, a.LongestOutage)
	}
	for _, x := range l.Losses {
		fmt.Printf("request %d at %s, %s: %s\n", x.Seq, x.Due, x.Window, x.Explanation)
	}
	fmt.Println("defects:", len(l.Defects))
	// Output:
	// shop: 1 of 10 requests lost, longest outage 200ms
	// request 6 at 600ms, stale-route: client→target refused: matched by time, as Kubernetes does not say which pod the request was sent to: shop-1/1 had been removed from the Service's endpoints 80 ms earlier, but requests were still sent to it
	// defects: 0
}
