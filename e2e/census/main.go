// Command census measures how the source is laid out: lines, files and types
// of each package, types by number of methods, functions over 60 lines, and
// names that vocabulary.txt lists as private words.
//
//	go run ./e2e/census [DIR]
//
// DIR is the root of a checkout; the default is the current directory. The
// figures are symptoms: a type with many methods may have several
// responsibilities, and moving its methods to more files does not change that.
package main

import (
	"fmt"
	"os"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	words, err := readVocabulary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c, err := Take(root, words)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(c)
}
