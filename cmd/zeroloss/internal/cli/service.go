package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"zeroloss/demo-services/chain"
	"zeroloss/demo-services/settings"
)

// serviceFlags describe a demo service that is started by hand. The harness passes
// a settings document instead.
type serviceFlags struct {
	doc      settings.Document
	registry string
}

// chainRoles are the services of the chain: name in the registry, port, and the
// service that each calls.
var chainRoles = map[string]struct {
	service, next string
	port          int
}{
	"gateway": {"spring-cloud-zuul", "spring-cloud-a", 20000},
	"a":       {"spring-cloud-a", "spring-cloud-b", 20001},
	"b":       {"spring-cloud-b", "spring-cloud-c", 20002},
	"c":       {"spring-cloud-c", "", 20003},
}

func newService(env Env) *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:       "service gateway|a|b|c",
		Short:     "Run one demo service",
		Long:      "Runs one service of the chain until SIGTERM, then shuts it down as --offline says. Ctrl-C\nstops it immediately.",
		ValidArgs: []string{"gateway", "a", "b", "c"},
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := f.document(args[0], env.Getenv(settings.Env))
			if err != nil {
				return inputError(err)
			}
			if d.Dir == "" {
				if d.Dir, err = os.MkdirTemp("", "zeroloss-"); err != nil {
					return environmentError(err)
				}
				defer os.RemoveAll(d.Dir)
			}
			if d.Incarnation == 0 {
				if d.Incarnation, err = countStart(filepath.Join(d.Dir, "starts")); err != nil {
					return environmentError(err)
				}
			}
			return runService(cmd.Context(), d)
		},
	}
	p := cmd.Flags()
	p.StringVar(&f.registry, "registry", "127.0.0.1:8848", "HTTP address of the Nacos server")
	p.IntVar(&f.doc.Registry.GRPCPort, "grpc-port", 0, "gRPC port of the Nacos server (default: HTTP port + 1000)")
	p.StringVar(&f.doc.IP, "ip", "127.0.0.1", "IP address to listen on and to register")
	p.IntVar(&f.doc.Port, "port", 0, "service port (default: 20000 to 20003, by role)")
	p.StringVar(&f.doc.Service, "name", "", "service name in the registry (default: by role)")
	p.StringVar(&f.doc.Next, "next", "", "service to call (default: by role)")
	p.StringVar(&f.doc.Tag, "tag", "", "version tag (default: base)")
	p.StringVar(&f.doc.Offline.Mode, "offline", settings.Lossless, "shutdown mode: lossless, deregister-first, close-first, kill or reject")
	return cmd
}

// countStart returns this container's restart number. It counts in a file whose
// length is the number of starts; the file's directory outlives the container.
func countStart(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, fmt.Errorf("counting the container's starts: %w", err)
	}
	_, err = f.WriteString(".")
	info, serr := f.Stat()
	if err := errors.Join(err, serr, f.Close()); err != nil {
		return 0, fmt.Errorf("counting the container's starts: %w", err)
	}
	return int(info.Size()), nil
}

// document returns the settings document from the environment (set by the
// harness), or one made from the flags.
func (f *serviceFlags) document(role, fromEnv string) (settings.Document, error) {
	if path, ok := strings.CutPrefix(fromEnv, "@"); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return settings.Document{}, fmt.Errorf("reading settings: %w", err)
		}
		fromEnv = string(b)
	}
	if fromEnv != "" {
		return settings.Parse([]byte(fromEnv))
	}
	host, port, err := net.SplitHostPort(f.registry)
	if err != nil {
		return settings.Document{}, fmt.Errorf("reading --registry %q: %w", f.registry, err)
	}
	d, r := f.doc, chainRoles[role]
	if d.Registry.Port, err = strconv.Atoi(port); err != nil {
		return d, fmt.Errorf("reading --registry %q: the port is not a number", f.registry)
	}
	d.Schema, d.Role, d.Pod, d.Incarnation, d.Workload = settings.Schema, role, fmt.Sprintf("%s-%d", role, os.Getpid()), 1, role
	d.Registry.Host, d.Registry.PushDelay = host, 500*time.Millisecond
	if d.Port == 0 {
		d.Port = r.port
	}
	if d.Service == "" {
		d.Service = r.service
	}
	if d.Next == "" {
		d.Next = r.next
	}
	if d.Offline.Mode == settings.Lossless {
		d.MSE = settings.MSE{On: true, OfflinePort: 54199, ReadinessPort: 55199}
	}
	return d, d.Check()
}

// runService runs until the service has shut down. It ignores the end of ctx,
// because SIGTERM starts an orderly shutdown that takes time. An interrupt stops the
// service immediately.
func runService(ctx context.Context, d settings.Document) error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	defer signal.Stop(term)
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt)
	defer stop()
	code, err := chain.Run(ctx, d, term)
	if err != nil && ctx.Err() == nil {
		return portError(fmt.Sprintf("service %s (%s)", d.Service, d.Pod), err)
	}
	if code != 0 {
		return &exitError{code: exitCode(code)}
	}
	return nil
}
