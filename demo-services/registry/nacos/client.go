// Package nacos speaks to a Nacos 2.x server, real or embedded, through the
// unmodified nacos-sdk-go client: a [Client] is a registry.Registrar and a
// registry.Watcher. Each trap of the SDK that would cost a release requests is
// handled here and nowhere else.
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

// Options says where the server is and who we are. Host and Dir are required.
type Options struct {
	Host     string
	Port     int    // HTTP; 0 is 8848
	GRPCPort int    // 0 is Port + 1000
	Identity string // what the server calls this client in its events, as pod/incarnation; "" is its address

	Namespace string // "" is public
	Group     string // "" is DEFAULT_GROUP

	// Dir is an existing directory; the SDK's cache goes into a folder of our
	// own below it, which Close removes.
	Dir string
	// KeepWhenEmpty ignores a push of an empty list, as the SDK does unless it
	// is told otherwise: the last instance of a service then stays for ever.
	KeepWhenEmpty bool
	// Timeout bounds each single call of the server; 0 is 3 s.
	Timeout time.Duration
}

// Client is one connection to the server. A connection holds one publication
// of each service: whoever publishes two instances of a service opens two.
type Client struct {
	opts        Options
	sdk         naming_client.INamingClient
	http        *http.Client
	cache       string    // the SDK's cache directory
	connectedAt time.Time // when it was connected

	mu                sync.Mutex // held through callbacks, so that they never overlap
	closed            bool
	stopSubscriptions []context.CancelFunc // of the followers; guarded by mu
	subscriptions     sync.WaitGroup       // the followers

	// publishing is held while the SDK registers or deregisters: a repeated
	// deregistration must not come after a new registration.
	publishing        sync.Mutex
	deregisterRepeats map[string]context.CancelFunc // by service: see leave

	closing  sync.Once
	closeErr error
}

// Connect opens a connection and returns once the SDK is connected, which
// takes it about 100 ms, or with an error once ctx ends.
func Connect(ctx context.Context, o Options) (*Client, error) {
	o.Port = cmp.Or(o.Port, 8848)
	o.GRPCPort = cmp.Or(o.GRPCPort, o.Port+int(constant.RpcPortOffset))
	o.Group = cmp.Or(o.Group, constant.DEFAULT_GROUP)
	o.Timeout = cmp.Or(o.Timeout, 3*time.Second)
	cache, err := os.MkdirTemp(o.Dir, "nacos-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the cache of the registry's client: %w", err)
	}
	c := &Client{opts: o, cache: cache, http: &http.Client{Timeout: o.Timeout}, deregisterRepeats: map[string]context.CancelFunc{}}
	if err := c.dial(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to the registry %s (gRPC port %d): %w", c.addr(), o.GRPCPort, err), c.Close())
	}
	return c, nil
}

func (c *Client) addr() string { return net.JoinHostPort(c.opts.Host, strconv.Itoa(c.opts.Port)) }

// retryInterval is the pause between two attempts at something that the server
// did not answer; the SDK's own, between its three attempts, is 100 ms.
const retryInterval = 100 * time.Millisecond

func (c *Client) dial(ctx context.Context) error {
	// The SDK's stock logger writes into a file beside the binary.
	logger.SetLogger(noopLogger{})
	sdk, err := c.open()
	if err != nil {
		return err
	}
	c.sdk = sdk
	// A client that could not connect at once tries for ever in the background.
	for !sdk.ServerHealthy() {
		if err := ctxtime.Sleep(ctx, retryInterval); err != nil {
			return fmt.Errorf("nothing answers there; is the registry up? %w", err)
		}
	}
	c.connectedAt = time.Now()
	return nil
}

func (c *Client) config() constant.ClientConfig {
	cfg := constant.ClientConfig{
		NamespaceId:          c.opts.Namespace,
		TimeoutMs:            uint64(c.opts.Timeout.Milliseconds()),
		CacheDir:             c.cache,
		LogDir:               c.cache, // unused, as the logger is set; "" would be beside the binary
		NotLoadCacheAtStart:  true,    // else the last run's hosts come back from disk
		UpdateCacheWhenEmpty: !c.opts.KeepWhenEmpty,
		TLSCfg:               constant.TLSConfig{Appointed: true}, // else the environment may switch TLS on
	}
	if c.opts.Identity != "" {
		cfg.AppConnLabels = map[string]string{registry.IdentityLabel: c.opts.Identity}
	}
	return cfg
}

// clientMap guards the SDK's package variable of that name: clients are added
// to it under a lock but deleted without, so two that close, or one that
// closes while another opens, can crash the process. Opening takes 100 ms and
// is safe beside opening: hence the read lock there.
var clientMap sync.RWMutex

func (c *Client) open() (naming_client.INamingClient, error) {
	var nc nacos_client.NacosClient
	err := errors.Join(
		nc.SetClientConfig(c.config()),
		nc.SetServerConfig([]constant.ServerConfig{{IpAddr: c.opts.Host, Port: uint64(c.opts.Port), GrpcPort: uint64(c.opts.GRPCPort)}}),
		// Without its gRPC connection the SDK asks over HTTP for the server's
		// health and is content with that. With HTTP closed to it, its health
		// is that of the connection.
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

// SDK is the client below, for what this package does not offer: the contract
// suite asks the server through it.
func (c *Client) SDK() naming_client.INamingClient { return c.sdk }

// Close ends the connection: the server drops what it published at once.
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
