package nacos_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
)

func start(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func options(t *testing.T, s *embedded.Server) nacos.Options {
	return nacos.Options{Host: s.Host(), Port: s.Port(), GRPCPort: s.GRPCPort(), Dir: t.TempDir()}
}

func connect(t *testing.T, o nacos.Options) *nacos.Client {
	t.Helper()
	c, err := nacos.Connect(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

var fast = registry.Timing{PushDelay: 20 * time.Millisecond, Tick: time.Millisecond}

func TestConnectSaysWhoDoesNotAnswer(t *testing.T) {
	s := start(t, embedded.Options{})
	o := options(t, s)
	require.NoError(t, s.Down())
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := nacos.Connect(ctx, o)
	require.ErrorContains(t, err, o.Host)
	require.ErrorContains(t, err, "is the registry up?")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	left, err := os.ReadDir(o.Dir)
	require.NoError(t, err)
	require.Empty(t, left, "the cache is removed, too")
}

func TestConnectWaitsForARegistryThatIsStarting(t *testing.T) {
	s := start(t, embedded.Options{})
	o := options(t, s)
	require.NoError(t, s.Down())
	connected := make(chan error, 1)
	go func() {
		c, err := nacos.Connect(t.Context(), o)
		if err == nil {
			err = c.Close()
		}
		connected <- err
	}()
	require.NoError(t, s.Up())
	require.NoError(t, <-connected)
}

func TestNoStrayFiles(t *testing.T) {
	work := t.TempDir()
	t.Chdir(work)
	beside := filepath.Dir(os.Args[0]) // the SDK's default directory
	before, err := os.ReadDir(beside)
	require.NoError(t, err)
	s := start(t, embedded.Options{Timing: fast})
	o := options(t, s)
	c := connect(t, o)
	lists := make(chan []registry.Host, 16)
	require.NoError(t, c.Subscribe(t.Context(), "b", func(h []registry.Host) { lists <- h }))
	require.NoError(t, c.Register(t.Context(), "b", registry.NewHost("127.0.0.1", 1, registry.Meta{})))
	for len(<-lists) != 1 { // the SDK writes its cache before it calls back
	}
	inside, err := os.ReadDir(o.Dir)
	require.NoError(t, err)
	require.Len(t, inside, 1)
	require.NoError(t, c.Close())
	for _, dir := range []string{work, o.Dir} {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "in %s", dir)
	}
	after, err := os.ReadDir(beside)
	require.NoError(t, err)
	require.Len(t, after, len(before), "beside the binary: %v", after)
}

// TestDeregisteringAtOnceSticks is about the SDK's first "connected" event, which
// registers again what was registered just before. Whether it comes late is
// chance: without the wait, some of 100 instances come back.
func TestDeregisteringAtOnceSticks(t *testing.T) {
	const clients = 100
	s := start(t, embedded.Options{Timing: fast})
	watcher := connect(t, options(t, s))
	errs := make(chan error, clients)
	for i := range clients {
		o := options(t, s)
		go func() { errs <- comeAndGo(t.Context(), o, registry.NewHost("127.0.0.1", 1+i, registry.Meta{})) }()
	}
	for range clients {
		require.NoError(t, <-errs)
	}
	// Each client is still connected, so only what came after its deregistration
	// can have brought an instance back. A later change shows all earlier ones.
	last := connect(t, options(t, s))
	lists := make(chan []registry.Host, 64)
	require.NoError(t, watcher.Subscribe(t.Context(), "b", func(h []registry.Host) { lists <- h }))
	mark := registry.NewHost("127.0.0.9", 9, registry.Meta{})
	require.NoError(t, last.Register(t.Context(), "b", mark))
	for list := range lists {
		if len(list) > 0 && list[len(list)-1].Equal(mark) {
			require.Len(t, list, 1, "zombies")
			return
		}
	}
}

func comeAndGo(ctx context.Context, o nacos.Options, h registry.Host) error {
	c, err := nacos.Connect(ctx, o) // closed with the test's process, because Close would deregister
	if err != nil {
		return err
	}
	if err := c.Register(ctx, "b", h); err != nil {
		return err
	}
	return c.Deregister(ctx, "b", h)
}

func TestRegisterOutlastsARestart(t *testing.T) {
	s := start(t, embedded.Options{Timing: fast})
	c := connect(t, options(t, s))
	require.NoError(t, s.Down())
	registered := make(chan error, 1)
	go func() { registered <- c.Register(t.Context(), "b", registry.NewHost("127.0.0.1", 1, registry.Meta{})) }()
	require.NoError(t, s.Up())
	require.NoError(t, <-registered)
}

func TestCallsEndWithTheirContext(t *testing.T) {
	s := start(t, embedded.Options{Timing: fast})
	c := connect(t, options(t, s))
	require.NoError(t, s.Down())
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	h := registry.NewHost("127.0.0.1", 1, registry.Meta{})
	for what, err := range map[string]error{
		"registering":    c.Register(ctx, "b", h),
		"deregistering":  c.Deregister(ctx, "b", h),
		"subscribing to": c.Subscribe(ctx, "b", func([]registry.Host) {}),
	} {
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, strings.HasPrefix(err.Error(), what), "%v", err)
	}
	_, err := c.Pull(t.Context(), "b")
	require.ErrorContains(t, err, `pulling the list of "b"`)
}

func TestNoCallbackAfterClose(t *testing.T) {
	s := start(t, embedded.Options{Timing: fast})
	watcher, publisher := connect(t, options(t, s)), connect(t, options(t, s))
	lists := make(chan []registry.Host, 16)
	require.NoError(t, watcher.Subscribe(t.Context(), "b", func(h []registry.Host) { lists <- h }))
	require.NoError(t, publisher.Register(t.Context(), "b", registry.NewHost("127.0.0.1", 1, registry.Meta{})))
	for len(<-lists) != 1 {
	}
	require.NoError(t, watcher.Close())
	require.NoError(t, watcher.Close(), "closed is closed")
	// Another client sees a later change: by then a callback would have come.
	other := connect(t, options(t, s))
	seen := make(chan []registry.Host, 16)
	require.NoError(t, other.Subscribe(t.Context(), "b", func(h []registry.Host) { seen <- h }))
	require.NoError(t, publisher.Close())
	for len(<-seen) != 0 {
	}
	require.Empty(t, lists)
}
