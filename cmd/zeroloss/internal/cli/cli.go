// Package cli implements the command line, with one file per command. It is the
// only package that handles arguments, environment variables, signals and exit
// codes, and it connects scenarios, runtimes and reports. It makes no decisions
// about a run.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"zeroloss/internal/input"
)

// Env is the environment of a command.
type Env struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	// Executable is the path of this binary, for child processes.
	Executable string
	// Terminal reports whether Stderr is a terminal, so that progress can be drawn.
	Terminal bool
}

// Main runs the command of this process and returns its exit code.
func Main() int {
	if code, ran := applet(); ran {
		return code
	}
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintf(os.Stderr, "zeroloss: finding the path of its binary: %v\n", err)
		return int(exitEnvironment)
	}
	// The first signal starts an orderly shutdown, a second one kills. SIGHUP is
	// ignored after the first signal: a closing terminal may send it more than once.
	ctx, stop := signal.NotifyContext(context.Background(), shutdownSignals()...)
	defer stop()
	go func() { <-ctx.Done(); signal.Ignore(syscall.SIGHUP); stop() }()
	return Run(ctx, Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Executable: exe, Terminal: isTerminal(os.Stderr),
	})
}

// shutdownSignals returns the signals that start an orderly shutdown. A process
// started with nohup ignores SIGHUP, and so do we.
func shutdownSignals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// Run executes one command line and returns its exit code.
func Run(ctx context.Context, env Env) int {
	root := newRoot(env)
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return int(exitPass)
	}
	var coded *exitError
	var file *fs.PathError
	switch {
	case errors.As(err, &coded):
	case errors.As(err, &file):
		// The result could not be written: a full disk, a closed pipe.
		coded = &exitError{code: exitEnvironment, err: fmt.Errorf("writing the result: %w", err)}
	default:
		// An error of cobra: too many arguments, or an unknown flag or argument.
		coded = &exitError{code: exitInput, err: fmt.Errorf("%w\n  see: %s --help", err, cmd.CommandPath())}
	}
	if coded.err != nil {
		fmt.Fprintf(env.Stderr, "zeroloss: %v\n", coded.err)
	}
	return int(coded.code)
}

func newRoot(env Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "zeroloss",
		Short: "Find out whether a release lost requests, and why",
		Long: `zeroloss runs a chain of services with a registry, releases and scales them under
open-loop load, accounts for every request, and reports which requests were lost,
where, when and why, with lossless shutdown on and off.

  zeroloss list               list the scenarios
  zeroloss run offline        run a scenario, judge it, write the reports
  zeroloss plan offline       print what the run would do

Exit codes: 0 pass, 1 a gate failed, 2 wrong input, 3 invalid (the run proves
nothing), 4 environment error, 130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, newCommand := range commands {
		root.AddCommand(newCommand(env))
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return inputError(fmt.Errorf("%w\n  see: zeroloss %s --help", err, cmd.Name()))
	})
	return root
}

// unknownCommand returns an error for an unknown command, with the nearest match.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	return inputError(fmt.Errorf("unknown command %q (%s)", args[0], input.DidYouMean(args[0], known)))
}

// commands lists the commands in the order of the documentation.
var commands = []func(Env) *cobra.Command{
	newRun, newAttach, newPlan, newValidate, newList, newSchema,
	newReport, newJudge, newCompare, newReplay,
	newRegistry, newService, newLoad, newCollect, newPlainServer,
	newImage, newRender, newClean, newVersion,
}
