// Command zeroloss says whether a release lost traffic, request by request.
package main

import (
	"os"

	"zeroloss/cmd/zeroloss/internal/cli"
)

func main() { os.Exit(cli.Main()) }
