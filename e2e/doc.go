// Package e2e tests the whole: the import law, transcripts of the command,
// replay of recorded runs and, with the tag bench, the measured figures.
package e2e
