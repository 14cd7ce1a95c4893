package run

import (
	"os"

	"zeroloss/loadgen/traffic"
)

// ResolveHeaders is streams as a generator is told them: what their headers take from
// this process's environment is filled in. They are not to be written down.
func ResolveHeaders(streams []traffic.Stream) ([]traffic.Stream, error) {
	return traffic.Resolve(streams, os.LookupEnv)
}
