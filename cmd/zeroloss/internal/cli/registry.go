package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/loadgen/record"
)

func newRegistry(Env) *cobra.Command {
	var o embedded.Options
	var delay time.Duration
	var child childFlags
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Run a Nacos-compatible registry",
		Long: `Runs an in-memory registry that implements the naming API of Nacos 2.x: gRPC for
SDKs, HTTP for lists and switches. It pushes changes with the delay of a real
server. Stop it with Ctrl-C.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Timing = registry.Timing{PushDelay: delay}
			if delay == 0 && cmd.Flags().Changed("push-delay") {
				o.Timing.PushDelay = -1 // no delay
			}
			return serveRegistry(cmd.Context(), cmd.OutOrStdout(), o, child)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Bind, "bind", "127.0.0.1", "address to listen on")
	f.IntVar(&o.Port, "port", 8848, "HTTP port (0: any free port)")
	f.IntVar(&o.GRPCPort, "grpc-port", 0, "gRPC port for SDKs (0: HTTP port + 1000, or any free port if --port is 0)")
	f.DurationVar(&delay, "push-delay", 500*time.Millisecond, "delay from the first change to the push")
	child.register(cmd)
	return cmd
}

func serveRegistry(ctx context.Context, out io.Writer, o embedded.Options, child childFlags) error {
	ctx, stop := child.withParent(ctx)
	defer stop()
	events, err := child.open()
	if err != nil {
		return environmentError(err)
	}
	var writing error
	if events != nil {
		o.OnEvent = func(e record.Event) { writing = errors.Join(writing, events.Write(e)) }
	}
	server, err := embedded.Start(o)
	if err != nil {
		return portError("the registry", err)
	}
	fmt.Fprintf(out, "registry on http://%s:%d, SDKs on port %d\n", server.Host(), server.Port(), server.GRPCPort())
	<-ctx.Done()
	if err := errors.Join(server.Close(), writing, child.close(events)); err != nil {
		return environmentError(fmt.Errorf("closing the registry: %w", err))
	}
	return nil
}

// portError adds a hint to the error of a server whose port is in use.
func portError(who string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return environmentError(fmt.Errorf("starting %s: port already in use: %w\n  stop the process that uses it, or choose another port", who, err))
	}
	return environmentError(fmt.Errorf("starting %s: %w", who, err))
}

// childFlags are the flags that the harness passes to its child processes.
type childFlags struct {
	events   string // "fd:N" or a path
	parentFD int
}

func (c *childFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.events, "events", "", "append events to this file (fd:N: an inherited file descriptor)")
	cmd.Flags().IntVar(&c.parentFD, "parent-fd", 0, "exit when this inherited pipe closes")
	_ = cmd.Flags().MarkHidden("parent-fd")
}

// withParent returns a copy of ctx that also ends when the parent process exits.
func (c *childFlags) withParent(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	if c.parentFD > 0 {
		pipe := os.NewFile(uintptr(c.parentFD), "parent")
		go func() {
			_, _ = io.Copy(io.Discard, pipe) // returns when the writing end is gone, whatever the reason
			stop()
		}()
	}
	return ctx, stop
}

// open opens the event log; the result is nil without --events.
func (c *childFlags) open() (*record.EventWriter, error) {
	if c.events == "" {
		return nil, nil
	}
	if n, ok := strings.CutPrefix(c.events, "fd:"); ok {
		fd, err := strconv.Atoi(n)
		if err != nil || fd < 3 {
			return nil, fmt.Errorf("opening events %q: want fd:N with N at least 3", c.events)
		}
		return record.NewEventWriter(os.NewFile(uintptr(fd), "events")), nil
	}
	f, err := os.OpenFile(c.events, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening events: %w", err)
	}
	return record.NewEventWriter(f), nil
}

// close writes the last line of the event log, which marks it as complete.
func (c *childFlags) close(w *record.EventWriter) error {
	if w == nil {
		return nil
	}
	return w.Write(record.Event{At: record.At(time.Now()), Payload: record.End{}})
}
