//go:build !bench

package e2e

var benchRoles []func() bool
