// Package e2e tests the built command: transcripts of what a user types, runs
// that are interrupted or killed, what they leave behind, replay of recorded
// runs, the import law and, with the tag bench, the published figures.
package e2e
