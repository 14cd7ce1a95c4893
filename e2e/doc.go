// Package e2e tests the whole, on the command as it is built: transcripts of
// what a user types, runs that are interrupted and killed, replay of recorded
// runs, what is left behind, the import law and, with the tag bench, the
// measured figures.
package e2e
