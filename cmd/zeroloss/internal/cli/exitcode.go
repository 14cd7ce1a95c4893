package cli

import (
	"fmt"

	"zeroloss/reports/gate"
)

// exitCode is the exit code of the process.
type exitCode int

const (
	exitPass        exitCode = 0
	exitFail        exitCode = 1 // a gate failed
	exitInput       exitCode = 2 // the input is wrong; nothing was started
	exitInvalid     exitCode = 3 // the run proves nothing
	exitEnvironment exitCode = 4 // port in use, run directory not writable, child process not starting
	exitInterrupted exitCode = 130
)

// exitError is an error with an exit code.
type exitError struct {
	code exitCode
	err  error // nil: nothing more to print
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func inputError(err error) error       { return withCode(exitInput, err) }
func environmentError(err error) error { return withCode(exitEnvironment, err) }

func withCode(code exitCode, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}

// verdictError returns an error with the exit code of v, or nil for a pass.
func verdictError(v gate.Verdict) error {
	switch v {
	case gate.Pass:
		return nil
	case gate.Fail:
		return &exitError{code: exitFail}
	default:
		return &exitError{code: exitInvalid}
	}
}
