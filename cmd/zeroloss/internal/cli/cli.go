// Package cli is the command line: one file a verb, named as the verb. It is
// the only place with arguments, environment, signals and exit codes, and the
// composition root that joins scenarios, runtimes and reports. Decisions are
// made elsewhere.
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

// Env is what a command may touch of its surroundings.
type Env struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	// Executable is the path of this very binary, for its children.
	Executable string
	// Terminal says that Stderr is one, so that progress may be drawn on it.
	Terminal bool
}

// Main runs the command of this process and returns its exit code.
func Main() int {
	if code, played := applet(); played {
		return code
	}
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintf(os.Stderr, "zeroloss: finding its own binary: %v\n", err)
		return int(exitEnvironment)
	}
	// The first signal asks for an orderly end; a second one ends at once. But a
	// terminal that goes may say so more than once: by its shell, and by itself.
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	go func() { <-ctx.Done(); signal.Ignore(syscall.SIGHUP); stop() }()
	return Run(ctx, Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Executable: exe, Terminal: isTerminal(os.Stderr),
	})
}

// endings are the signals that ask for an end. Who is started with nohup stays
// when the terminal goes.
func endings() []os.Signal {
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
		// What was asked for could not be told: a full disk, a closed pipe.
		coded = &exitError{code: exitEnvironment, err: fmt.Errorf("writing the result: %w", err)}
	default:
		// cobra's own: an argument too many, or one that a verb does not know.
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
		Short: "Did our release lose traffic? Every request accounted for, every loss explained.",
		Long: `zeroloss runs a chain of services under a registry, releases and scales them
while an open-loop load is on, accounts for every request, and says what was
lost, where, when and why; with lossless offline on against off.

  zeroloss list               what there is to run
  zeroloss run offline        run it, judge it, write the report
  zeroloss plan offline       what it would do

Exit codes: 0 pass, 1 a gate failed, 2 wrong input, 3 invalid (the run proves
nothing), 4 the environment failed, 130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, verb := range verbs {
		root.AddCommand(verb(env))
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return inputError(fmt.Errorf("%w\n  see: zeroloss %s --help", err, cmd.Name()))
	})
	return root
}

// unknownVerb refuses what is no command, with the one that was meant.
func unknownVerb(root *cobra.Command, args []string) error {
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

// verbs lists the commands in the order of the documentation.
var verbs = []func(Env) *cobra.Command{
	newRun, newAttach, newPlan, newValidate, newList, newSchema,
	newReport, newJudge, newCompare, newReplay,
	newRegistry, newService, newLoad, newCollect, newPlainServer,
	newImage, newRender, newClean, newVersion,
}
