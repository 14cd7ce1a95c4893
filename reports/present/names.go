package present

import (
	"fmt"
	"strconv"
	"strings"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger"
)

// Arrows writes hops: "a->b" as "a→b".
func Arrows(s string) string { return strings.ReplaceAll(s, "->", "→") }

// ShortPod cuts what all pods of the demo share, so that a name fits beside a
// bar: "b-gray-7c9f8d-2" for spring-cloud-b-gray-7c9f8d-2/1. Later incarnations
// keep their number.
func ShortPod(i record.Instance) string {
	s := strings.TrimPrefix(i.Pod, "spring-cloud-")
	if i.Incarnation > 1 {
		s += "/" + strconv.Itoa(i.Incarnation)
	}
	return s
}

// LossID names a lost request: "base#1001".
func LossID(x ledger.Loss) string { return fmt.Sprintf("%s#%d", x.Stream, x.Seq) }

// names joins a list: "base, gray"; "none" if it is empty.
func names(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// place is a line of a file.
func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}
