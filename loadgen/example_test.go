package loadgen_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// Send 20 requests at 200 requests per second and read the outcome of each one
// back from the request log.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/orders" {
			http.Error(w, "no such path", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()

	var log bytes.Buffer
	_, err := loadgen.Run(context.Background(), loadgen.Config{
		Target: server.URL,
		Zero:   time.Now().Add(50 * time.Millisecond),
		Out:    &log,
		Streams: []traffic.Stream{
			{Name: "orders", Path: "/orders", Rate: 200, Duration: 50 * time.Millisecond},
			{Name: "invoices", Path: "/invoices", Rate: 200, Duration: 50 * time.Millisecond},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	requests, tail, err := record.ReadRequests(&log)
	if err != nil {
		fmt.Println(err)
		return
	}
	ok := map[string]int{}
	failed := map[record.Class]int{}
	for _, r := range requests {
		switch {
		case r.Unsent: // the generator was too late
		case r.Class == "":
			ok[r.Stream]++
		default:
			failed[r.Class]++
		}
	}
	fmt.Println("complete:", tail.Complete)
	fmt.Println("ok:", ok)
	fmt.Println("failed:", failed)
	// Output:
	// complete: true
	// ok: map[orders:10]
	// failed: map[status-5xx:10]
}
