package registrytest

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
)

// Frame is a message that passed a Recorder.
type Frame struct {
	At        time.Time
	Client    bool // sent by the client, otherwise by the server
	Kind      string
	RequestID string
	Type      string // of an instance request
}

// Recorder is a gRPC proxy between a client and a server that records their
// messages. Each connection of the client has its own connection to the server,
// and ends with it.
type Recorder struct {
	t      testing.TB
	server string
	port   int

	mu      sync.Mutex
	all     []Frame
	news    chan struct{}
	onFrame func(Frame) // see OnFrame
}

// NewRecorder returns a Recorder that forwards to host:port until the test ends.
func NewRecorder(t testing.TB, host string, port int) *Recorder {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	r := &Recorder{
		t: t, server: net.JoinHostPort(host, strconv.Itoa(port)), port: l.Addr().(*net.TCPAddr).Port,
		news: make(chan struct{}, 1), onFrame: func(Frame) {},
	}
	s := grpc.NewServer(grpc.StatsHandler(connTagger{r}), grpc.MaxRecvMsgSize(10<<20))
	pb.RegisterRequestServer(s, recordedCalls{r: r})
	pb.RegisterBiRequestStreamServer(s, recordedStreams{r: r})
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) }) // it ends with an error, when it is stopped
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	return r
}

// Port returns the port that it listens on.
func (r *Recorder) Port() int { return r.port }

// OnFrame sets a function that is called with each frame before it is forwarded.
// While it blocks, only its frame waits.
func (r *Recorder) OnFrame(f func(Frame)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onFrame = f
}

// Frames returns the frames so far.
func (r *Recorder) Frames() []Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// Await waits until the frames so far are as wanted.
func (r *Recorder) Await(within time.Duration, what string, want func([]Frame) bool) {
	r.t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for !want(r.Frames()) {
		select {
		case <-r.news:
		case <-deadline.C:
			require.FailNow(r.t, "not "+what+" within "+within.String(), "%+v", r.Frames())
		}
	}
}

// pass records a frame, after OnFrame's function has returned.
func (r *Recorder) pass(client bool, p *pb.Payload) {
	var body struct {
		RequestID string `json:"requestId"`
		Type      string `json:"type"`
	}
	// A body that is not JSON has no request ID: tests see an empty one.
	_ = json.Unmarshal(p.GetBody().GetValue(), &body)
	f := Frame{time.Now(), client, p.GetMetadata().GetType(), body.RequestID, body.Type}
	r.mu.Lock()
	onFrame := r.onFrame
	r.mu.Unlock()
	onFrame(f)
	r.mu.Lock()
	r.all = append(r.all, f)
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// connTagger ties a client's connection to the Recorder's connection to the
// server.
type connTagger struct{ r *Recorder }

type upstreamKey struct{}

func (t connTagger) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	// It cannot fail: the options are complete.
	c, _ := grpc.NewClient("passthrough:///"+t.r.server, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(10<<20)))
	return context.WithValue(ctx, upstreamKey{}, c)
}

func (t connTagger) HandleConn(ctx context.Context, s stats.ConnStats) {
	if _, end := s.(*stats.ConnEnd); end {
		_ = upstream(ctx).Close() // fails only if it is closed already
	}
}

func (connTagger) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (connTagger) HandleRPC(context.Context, stats.RPCStats)                       {}

func upstream(ctx context.Context) *grpc.ClientConn {
	c, _ := ctx.Value(upstreamKey{}).(*grpc.ClientConn)
	return c
}

type recordedCalls struct {
	pb.UnimplementedRequestServer
	r *Recorder
}

// Request forwards a call and its answer.
func (c recordedCalls) Request(ctx context.Context, p *pb.Payload) (*pb.Payload, error) {
	c.r.pass(true, p)
	out, err := pb.NewRequestClient(upstream(ctx)).Request(ctx, p)
	if err == nil {
		c.r.pass(false, out)
	}
	return out, err
}

type recordedStreams struct {
	pb.UnimplementedBiRequestStreamServer
	r *Recorder
}

// RequestBiStream forwards frames in both directions until either side ends.
func (s recordedStreams) RequestBiStream(in pb.BiRequestStream_RequestBiStreamServer) error {
	ctx, cancel := context.WithCancel(in.Context())
	defer cancel()
	out, err := pb.NewBiRequestStreamClient(upstream(ctx)).RequestBiStream(ctx)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- s.copy(true, in.Recv, out.Send) }() // ends when this returns
	var down sync.WaitGroup
	down.Go(func() { ended <- s.copy(false, out.Recv, in.Send) })
	err = <-ended
	cancel()
	down.Wait()
	return err
}

func (s recordedStreams) copy(client bool, receive func() (*pb.Payload, error), send func(*pb.Payload) error) error {
	for {
		p, err := receive()
		if err != nil {
			return err
		}
		s.r.pass(client, p)
		if err := send(p); err != nil {
			return err
		}
	}
}
