package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"zeroloss/loadgen/record"
)

// EventsByWriter returns the events of a run by the name of their file, each in the
// order in which they were written; [Open] sorts all of them by time. Lines that
// cannot be read are skipped; Open reports them.
func EventsByWriter(dir string) (map[string][]record.Event, error) {
	files, err := filepath.Glob(filepath.Join(dir, EventsDir, "*"+eventsExt))
	if err != nil {
		return nil, fmt.Errorf("reading the events of %q: %w", dir, err)
	}
	out := map[string][]record.Event{}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("reading the events of %q: %w", dir, err)
		}
		events, _, err := record.ReadEvents(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("reading the events of %q: %w", dir, err)
		}
		out[strings.TrimSuffix(filepath.Base(path), eventsExt)] = events
	}
	return out, nil
}
