// Package registry holds what services and the registry server share:
//
//   - [Registrar] and [Watcher], what a service needs of a registry client.
//   - [Host] and [Meta], an instance as the registry lists it.
//   - [Table] (with its push queue and overlays) and [ConnHealth], the decisions
//     of a Nacos 2.x naming server as pure state machines.
//
// Package nacos implements the interfaces with nacos-sdk-go. Package embedded
// serves the Table on Nacos' wire protocols. Package registrytest holds both,
// and a real Nacos server, to one contract.
//
// This package may not use clocks, goroutines, sockets or the SDK. Instants are
// arguments: offsets from a zero that the caller chooses.
package registry

import "context"

// Registrar publishes one instance of a service. A service calls it from one
// goroutine at a time.
type Registrar interface {
	// Register publishes h and returns once the server has acknowledged it. A
	// second call replaces the publication. It blocks until ctx ends at the
	// latest.
	Register(ctx context.Context, service string, h Host) error
	// Deregister withdraws the publication and returns once the server has
	// acknowledged that. Without a publication it does nothing.
	Deregister(ctx context.Context, service string, h Host) error
	// Close ends the connection and with it everything that it published. The
	// caller that opened the Registrar closes it.
	Close() error
}

// Watcher follows the instances of services.
type Watcher interface {
	// Subscribe calls changed with the current list and after each change, never
	// concurrently, until Close. The callback must not block, and owns the slice.
	// Subscribe returns once the server knows the subscription.
	Subscribe(ctx context.Context, service string, changed func([]Host)) error
	// Pull asks the server over HTTP for its list, sorted by address. A Nacos
	// server answers with the list that it pushed last, so a change is visible
	// only after the push delay.
	Pull(ctx context.Context, service string) ([]Host, error)
	// Close ends the connection. No callback begins after it has returned.
	Close() error
}
