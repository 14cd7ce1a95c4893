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
		Short: "Serve a Nacos-compatible registry by itself",
		Long: `Serves the naming part of Nacos 2.x: gRPC for SDKs, HTTP for lists and switches,
pushes after the first change as the real server's. In memory; ends with Ctrl-C.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Timing = registry.Timing{PushDelay: delay}
			if delay == 0 && cmd.Flags().Changed("push-delay") {
				o.Timing.PushDelay = -1 // none at all
			}
			return serveRegistry(cmd.Context(), cmd.OutOrStdout(), o, child)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Bind, "bind", "127.0.0.1", "address to listen on")
	f.IntVar(&o.Port, "port", 8848, "HTTP port; 0 is any that is free")
	f.IntVar(&o.GRPCPort, "grpc-port", 0, "port of SDKs; 0 is the HTTP port + 1000, or any if that is 0")
	f.DurationVar(&delay, "push-delay", 500*time.Millisecond, "from the first change to the push")
	child.register(cmd)
	return cmd
}

func serveRegistry(ctx context.Context, out io.Writer, o embedded.Options, child childFlags) error {
	ctx, stop := child.bindLife(ctx)
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
	if err := errors.Join(server.Close(), writing, child.end(events)); err != nil {
		return environmentError(fmt.Errorf("closing the registry: %w", err))
	}
	return nil
}

// portError tells a taken port from other failures to listen, with a hint.
func portError(who string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return environmentError(fmt.Errorf("%s asked for a port that is taken: %w\n  end what holds it, or choose another one", who, err))
	}
	return environmentError(fmt.Errorf("starting %s: %w", who, err))
}

// childFlags are what the harness gives to its children; people rarely do.
type childFlags struct {
	events   string // "fd:N" or a path
	parentFD int
}

func (c *childFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.events, "events", "", "append event lines to this file (fd:N is an inherited one)")
	cmd.Flags().IntVar(&c.parentFD, "parent-fd", 0, "end when this inherited pipe does")
	_ = cmd.Flags().MarkHidden("parent-fd")
}

// bindLife is ctx, ending also when the harness is gone.
func (c *childFlags) bindLife(ctx context.Context) (context.Context, context.CancelFunc) {
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

// open opens the events file; nil if there is none.
func (c *childFlags) open() (*record.EventWriter, error) {
	if c.events == "" {
		return nil, nil
	}
	if n, ok := strings.CutPrefix(c.events, "fd:"); ok {
		fd, err := strconv.Atoi(n)
		if err != nil || fd < 3 {
			return nil, fmt.Errorf("opening events %q: want fd:N with N of 3 or more", c.events)
		}
		return record.NewEventWriter(os.NewFile(uintptr(fd), "events")), nil
	}
	f, err := os.OpenFile(c.events, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening events: %w", err)
	}
	return record.NewEventWriter(f), nil
}

// end writes the line that makes a stream complete.
func (c *childFlags) end(w *record.EventWriter) error {
	if w == nil {
		return nil
	}
	return w.Write(record.Event{At: record.At(time.Now()), Kind: record.KindEnd})
}
