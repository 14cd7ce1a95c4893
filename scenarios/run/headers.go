package run

import (
	"os"

	"zeroloss/loadgen/traffic"
)

// ResolveHeaders fills in the headers that the streams take from environment
// variables of this process. The result may hold secrets and must not be recorded.
func ResolveHeaders(streams []traffic.Stream) ([]traffic.Stream, error) {
	return traffic.ResolveSecrets(streams, os.LookupEnv)
}
