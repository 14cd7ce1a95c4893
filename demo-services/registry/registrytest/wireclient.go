package registrytest

import (
	"encoding/json"
	"net"
	"strconv"
	"testing"
	"time"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
)

// WireClient is a client without an SDK: it sends only what a test tells it to,
// and acknowledges nothing by itself.
type WireClient struct {
	t      testing.TB
	unary  pb.RequestClient
	stream pb.BiRequestStream_RequestBiStreamClient
	frames chan Answer // of the stream; closed when it ends
}

// Answer is a message of the server, with the fields that tests use.
type Answer struct {
	Kind         string `json:"-"` // name of the message type
	ErrorCode    int    `json:"errorCode"`
	ResultCode   int    `json:"resultCode"`
	Success      bool   `json:"success"`
	Message      string `json:"message"`
	RequestID    string `json:"requestId"`
	ConnectionID string `json:"connectionId"`
	Type         string `json:"type"`
	DataID       string `json:"dataId"`
	Content      string `json:"content"`
	MD5          string `json:"md5"`

	ChangedConfigs []struct {
		DataID string `json:"dataId"`
	} `json:"changedConfigs"`
	ServiceInfo struct {
		Name        string `json:"name"`
		Group       string `json:"groupName"`
		Clusters    string `json:"clusters"`
		LastRefTime int64  `json:"lastRefTime"`
		Hosts       []struct {
			IP string `json:"ip"`
		} `json:"hosts"`
	} `json:"serviceInfo"`
}

// DialWire connects to a server's gRPC port, until the test ends.
func DialWire(t testing.TB, host string, port int) *WireClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+net.JoinHostPort(host, strconv.Itoa(port)),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	st, err := pb.NewBiRequestStreamClient(conn).RequestBiStream(t.Context())
	require.NoError(t, err)
	w := &WireClient{t, pb.NewRequestClient(conn), st, make(chan Answer, 1024)}
	go w.listen()
	return w
}

func (w *WireClient) listen() {
	defer close(w.frames)
	for {
		p, err := w.stream.Recv()
		if err != nil {
			return // the connection has ended, which Receive reports
		}
		a, err := answerOf(p)
		if err != nil {
			return
		}
		w.frames <- a
	}
}

func answerOf(p *pb.Payload) (Answer, error) {
	a := Answer{Kind: p.GetMetadata().GetType()}
	err := json.Unmarshal(p.GetBody().GetValue(), &a)
	return a, err
}

// NewFrame returns a message with a JSON body.
func NewFrame(kind, body string) *pb.Payload {
	return &pb.Payload{Metadata: &pb.Metadata{Type: kind}, Body: &anypb.Any{Value: []byte(body)}}
}

// Call makes a unary call.
func (w *WireClient) Call(kind, body string) Answer {
	w.t.Helper()
	p, err := w.unary.Request(w.t.Context(), NewFrame(kind, body))
	require.NoError(w.t, err)
	a, err := answerOf(p)
	require.NoError(w.t, err)
	return a
}

// Send sends a frame on the stream.
func (w *WireClient) Send(kind, body string) {
	w.t.Helper()
	require.NoError(w.t, w.stream.Send(NewFrame(kind, body)))
}

// Receive waits for the next frame of the stream. It returns false if the stream
// has ended.
func (w *WireClient) Receive(within time.Duration) (Answer, bool) {
	w.t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	select {
	case a, ok := <-w.frames:
		return a, ok
	case <-deadline.C:
		require.FailNow(w.t, "no frame within "+within.String())
		return Answer{}, false
	}
}

// SetUp sends the setup request and waits until the server has handled it, as
// messages on the stream are not answered.
func (w *WireClient) SetUp() {
	w.t.Helper()
	w.Send("ConnectionSetupRequest", `{"clientVersion":"Nacos-Go-Client:test","tenant":"","labels":{"module":"naming","source":"sdk"}}`)
	deadline := time.Now().Add(5 * time.Second)
	for {
		a := w.Call("HealthCheckRequest", `{}`)
		if a.Kind == "HealthCheckResponse" {
			return
		}
		require.Equal(w.t, 301, a.ErrorCode)
		require.True(w.t, time.Now().Before(deadline), "the server does not handle the setup request")
	}
}
