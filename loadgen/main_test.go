package loadgen

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// mainWith runs Main as a parent does, which then goes at once or stays.
func mainWith(t *testing.T, job Job, parentGoes bool) ([]Progress, error) {
	doc, err := json.Marshal(job)
	require.NoError(t, err)
	in, parent := io.Pipe()
	defer parent.Close()
	go func() {
		if _, err := parent.Write(doc); err != nil {
			parent.CloseWithError(err)
		}
		if parentGoes {
			parent.Close()
		}
	}()
	var out bytes.Buffer
	failed := Main(t.Context(), in, &out)
	var all []Progress
	for dec := json.NewDecoder(&out); dec.More(); {
		var p Progress
		require.NoError(t, dec.Decode(&p))
		all = append(all, p)
	}
	return all, failed
}
