// Trilemma replays logged LLM traces against competing routing policies and draws what each gives up.
package main

import (
	"os"

	"github.com/trilemma-bench/trilemma/harness/cli"
)

func main() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
