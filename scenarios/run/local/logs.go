package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"zeroloss/scenarios/rundir"
)

// logsDir holds the standard output and error of children, which write nothing
// unless something is wrong.
const logsDir = "logs"

func createLog(dir *rundir.Dir, name string) (*os.File, error) {
	if err := os.MkdirAll(dir.Join(logsDir), 0o755); err != nil {
		return nil, fmt.Errorf("making the directory of logs: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir.Join(logsDir), name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("making the log of %s: %w", name, err)
	}
	return f, nil
}

// logTail is the end of a child's log, to be appended to an error; "" if the log
// is empty.
func logTail(dir *rundir.Dir, name string) string {
	const most = 400
	b, err := os.ReadFile(filepath.Join(dir.Join(logsDir), name+".log"))
	text := strings.TrimSpace(string(b[max(0, len(b)-most):]))
	if err != nil || text == "" {
		return ""
	}
	return fmt.Sprintf(": %s (logs/%s.log)", text, name)
}

// removeEmptyLogs removes empty logs, and their directory if all are empty.
func removeEmptyLogs(dir *rundir.Dir) error {
	entries, err := os.ReadDir(dir.Join(logsDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	kept := 0
	for _, e := range entries {
		info, statErr := e.Info()
		if statErr == nil && info.Size() > 0 {
			kept++
			continue
		}
		err = errors.Join(err, statErr, os.Remove(filepath.Join(dir.Join(logsDir), e.Name())))
	}
	if kept == 0 && err == nil {
		err = os.Remove(dir.Join(logsDir))
	}
	return err
}
