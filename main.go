// Trilemma replays logged LLM traces against competing routing policies and draws what each gives up.
package main

import (
	_ "embed"
	"os"

	"github.com/trilemma-bench/trilemma/harness/cli"
)

//go:embed LICENSE
var license string

func main() {
	cli.License = license
	os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
