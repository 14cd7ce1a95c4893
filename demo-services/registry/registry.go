// Package registry is what a service needs of a registry ([Registrar],
// [Watcher]), what a registry lists ([Host], [Meta]), and, as a pure [Table],
// how a Nacos 2.x server decides: publications per connection, overlays, lists
// that are as old as the last push, and the push queue with its timing.
//
// Package nacos implements the interfaces with nacos-sdk-go; package embedded
// puts the Table behind Nacos' wire protocols; package registrytest holds both,
// and a real server, to one contract.
//
// It may not know clocks, goroutines, sockets or the SDK: instants come in as
// arguments, offsets from a zero that the caller chose.
package registry

import "context"

// Registrar publishes one instance of a service. A service calls it from one
// goroutine at a time.
type Registrar interface {
	// Register publishes h and returns once the server has acknowledged it. A
	// second call replaces the publication. It blocks at most until ctx ends.
	Register(ctx context.Context, service string, h Host) error
	// Deregister takes the publication back and returns once the server has
	// acknowledged it. Without a publication it does nothing.
	Deregister(ctx context.Context, service string, h Host) error
	// Close ends the connection, and with it all that it published. The one
	// who opened the Registrar closes it.
	Close() error
}

// Watcher follows the instances of services.
type Watcher interface {
	// Subscribe calls back with the list as it is now and after each change,
	// never concurrently, until Close. The callback must not block and owns the
	// slice. Subscribe returns once the server knows the subscription.
	Subscribe(ctx context.Context, service string, changed func([]Host)) error
	// Pull asks the server over HTTP for its list, sorted by address. A Nacos
	// server answers with what it last pushed, so a change shows after the push
	// delay and no sooner.
	Pull(ctx context.Context, service string) ([]Host, error)
	// Close ends the connection; no callback begins after it has returned.
	Close() error
}
