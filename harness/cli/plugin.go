package cli

import (
	"github.com/trilemma-bench/trilemma/plugins/serve"
	"github.com/trilemma-bench/trilemma/plugins/wire"
	"github.com/trilemma-bench/trilemma/policies/bundled"
)

// servePlugin turns the process into one of the bundled policies, where the host re-executed the program for that. It
// does not return then.
func servePlugin(args []string) {
	if len(args) == 3 && args[1] == wire.BundledArg {
		serve.Bundled(args[2], bundled.Find)
	}
}
