// Package nacos is the client of a Nacos 2.x server, real or embedded. A [Client]
// is a registry.Registrar and a registry.Watcher on top of the unmodified
// nacos-sdk-go. It works around the behaviours of the SDK that would make a
// release lose requests:
//
//	registrar.go          a deregistration that comes too early is undone
//	deregister_retry.go   a reconnect undoes a deregistration
//	subscription.go       concurrent lists can arrive in the wrong order
//	noop.go               HTTP and logs that nobody asked for
//
// It may not know what the lists are used for.
package nacos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/nacos_client"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/common/logger"

	"zeroloss/demo-services/registry"
	"zeroloss/internal/ctxtime"
)

var (
	_ registry.Registrar = (*Client)(nil)
	_ registry.Watcher   = (*Client)(nil)
)

// Options configures a Client. Host and Dir are required.
type Options struct {
	Host     string
	Port     int    // HTTP; 0 is 8848
	GRPCPort int    // 0 is Port + 1000
	Identity string // how the server's events name this client, such as pod/incarnation; "" is its address

	Namespace string // "" is public
	Group     string // "" is DEFAULT_GROUP

	// Dir is an existing directory. The SDK's cache goes into a new directory
	// below it, which Close removes.
	Dir string
	// KeepWhenEmpty ignores empty lists, which is the SDK's default: the last
	// instance of a service then stays in the list forever.
	KeepWhenEmpty bool
	// Timeout bounds each call of the server; 0 is 3 s.
	Timeout time.Duration
}

// Client is one connection to the server. A connection has one publication per
// service: to publish two instances of a service, open two clients.
type Client struct {
	opts        Options
	sdk         naming_client.INamingClient
	http        *http.Client
	cache       string // the SDK's cache directory
	connectedAt time.Time

	mu                sync.Mutex // held through callbacks, so that they never overlap
	closed            bool
	stopSubscriptions []context.CancelFunc // guarded by mu
	subscriptions     sync.WaitGroup

	// publishing is held while the SDK registers or deregisters, so that a
	// repeated deregistration cannot come after a new registration.
	publishing        sync.Mutex
	deregisterRepeats map[string]context.CancelFunc // by service: see leave

	closing  sync.Once
	closeErr error
}

// Connect opens a connection. It returns once the SDK is connected, which takes
// about 100 ms, or with an error when ctx ends.
func Connect(ctx context.Context, o Options) (*Client, error) {
	o.Port = cmp.Or(o.Port, 8848)
	o.GRPCPort = cmp.Or(o.GRPCPort, o.Port+int(constant.RpcPortOffset))
	o.Group = cmp.Or(o.Group, constant.DEFAULT_GROUP)
	o.Timeout = cmp.Or(o.Timeout, 3*time.Second)
	cache, err := os.MkdirTemp(o.Dir, "nacos-")
	if err != nil {
		return nil, fmt.Errorf("creating a directory for the cache of the registry's client: %w", err)
	}
	c := &Client{opts: o, cache: cache, http: &http.Client{Timeout: o.Timeout}, deregisterRepeats: map[string]context.CancelFunc{}}
	if err := c.dial(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to the registry %s (gRPC port %d): %w", c.addr(), o.GRPCPort, err), c.Close())
	}
	return c, nil
}

func (c *Client) addr() string { return net.JoinHostPort(c.opts.Host, strconv.Itoa(c.opts.Port)) }

// retryInterval is the pause between two attempts at something that the server
// did not answer. The SDK's own pause between its three attempts is 100 ms, too.
const retryInterval = 100 * time.Millisecond

func (c *Client) dial(ctx context.Context) error {
	// The SDK's default logger writes to a file next to the binary.
	logger.SetLogger(noopLogger{})
	sdk, err := c.open()
	if err != nil {
		return err
	}
	c.sdk = sdk
	// A client that could not connect at once keeps trying in the background.
	for !sdk.ServerHealthy() {
		if err := ctxtime.Sleep(ctx, retryInterval); err != nil {
			return fmt.Errorf("no answer; is the registry up? %w", err)
		}
	}
	c.connectedAt = time.Now()
	return nil
}

func (c *Client) config() constant.ClientConfig {
	cfg := constant.ClientConfig{
		NamespaceId:          c.opts.Namespace,
		TimeoutMs:            uint64(c.opts.Timeout.Milliseconds()), //nolint:gosec // not negative
		CacheDir:             c.cache,
		LogDir:               c.cache, // unused, as the logger is set; "" would be next to the binary
		NotLoadCacheAtStart:  true,    // otherwise the hosts of the last run come back from disk
		UpdateCacheWhenEmpty: !c.opts.KeepWhenEmpty,
		TLSCfg:               constant.TLSConfig{Appointed: true}, // otherwise the environment may enable TLS
	}
	if c.opts.Identity != "" {
		cfg.AppConnLabels = map[string]string{registry.IdentityLabel: c.opts.Identity}
	}
	return cfg
}

// clientMap guards the SDK's package variable of that name. The SDK adds clients
// under a lock but deletes them without one, so closing a client while another
// one opens or closes can crash the process. Opening takes 100 ms and is safe
// concurrently with opening, hence the read lock there.
var clientMap sync.RWMutex

func (c *Client) open() (naming_client.INamingClient, error) {
	var nc nacos_client.NacosClient
	err := errors.Join(
		nc.SetClientConfig(c.config()),
		nc.SetServerConfig([]constant.ServerConfig{{IpAddr: c.opts.Host, Port: portNumber(c.opts.Port), GrpcPort: portNumber(c.opts.GRPCPort)}}),
		// Without a gRPC connection the SDK checks the server's health over HTTP,
		// and is satisfied with that. Without HTTP, the health that it reports is
		// that of the gRPC connection.
		nc.SetHttpAgent(noopHTTP{}),
	)
	if err != nil {
		return nil, fmt.Errorf("configuring the SDK: %w", err)
	}
	clientMap.RLock()
	defer clientMap.RUnlock()
	return naming_client.NewNamingClient(&nc)
}

func closeSDK(sdk naming_client.INamingClient) {
	clientMap.Lock()
	defer clientMap.Unlock()
	sdk.CloseClient()
}

// SDK returns the SDK's client, for what this package does not offer: the
// contract suite uses it.
func (c *Client) SDK() naming_client.INamingClient { return c.sdk }

// Close ends the connection. The server removes what it published at once.
func (c *Client) Close() error {
	c.closing.Do(func() {
		c.mu.Lock()
		c.closed = true
		for _, end := range c.stopSubscriptions {
			end()
		}
		c.mu.Unlock()
		c.subscriptions.Wait()
		if c.sdk != nil {
			closeSDK(c.sdk)
		}
		c.publishing.Lock()
		for service := range c.deregisterRepeats {
			c.stopDeregisterRepeats(service)
		}
		c.publishing.Unlock()
		c.http.CloseIdleConnections()
		if err := os.RemoveAll(c.cache); err != nil {
			c.closeErr = fmt.Errorf("removing the cache of the registry's client: %w", err)
		}
	})
	return c.closeErr
}
