//go:build !unix

package loadgen

import "time"

func processCPU() *time.Duration { return nil }

func maxOpenFiles() *uint64 { return nil }
