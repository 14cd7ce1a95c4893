package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
)

// A client follows a service while an instance of it is registered.
func Example() {
	if err := followOrders(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// orders: []
	// orders: [10.0.0.7:8080]
}

func followOrders(ctx context.Context) (err error) {
	server, err := embedded.Start(embedded.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	server.SetPushDelay(0) // tests need not wait 500 ms for each push

	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	client, err := nacos.Connect(ctx, nacos.Options{Host: server.Host(), Port: server.Port(), GRPCPort: server.GRPCPort(), Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()

	lists := make(chan []registry.Host, 10)
	if err := client.Subscribe(ctx, "orders", func(hosts []registry.Host) { lists <- hosts }); err != nil {
		return err
	}
	show := func() {
		addrs := []string{}
		for _, h := range <-lists {
			addrs = append(addrs, h.Addr())
		}
		fmt.Println("orders:", addrs)
	}
	show()
	if err := client.Register(ctx, "orders", registry.NewHost("10.0.0.7", 8080, registry.Meta{})); err != nil {
		return err
	}
	show()
	return nil
}
