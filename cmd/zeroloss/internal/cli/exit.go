package cli

import (
	"fmt"

	"zeroloss/reports/gate"
)

// exitCode is what the process ends with.
type exitCode int

const (
	exitPass        exitCode = 0
	exitFail        exitCode = 1 // a gate failed
	exitInput       exitCode = 2 // the input is wrong; nothing was started
	exitInvalid     exitCode = 3 // the run proves nothing
	exitEnvironment exitCode = 4 // port taken, no directory to write to, a child that does not come up
	exitInterrupted exitCode = 130
)

// exitError carries the code that an error ends the process with.
type exitError struct {
	code exitCode
	err  error // nil: all is said already
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

// ofVerdict is the error that makes the process end as v asks; nil for pass.
func ofVerdict(v gate.Verdict) error {
	switch v {
	case gate.Pass:
		return nil
	case gate.Fail:
		return &exitError{code: exitFail}
	default:
		return &exitError{code: exitInvalid}
	}
}
