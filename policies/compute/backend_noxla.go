//go:build !(cgo && ((linux && (amd64 || arm64)) || (darwin && arm64)))

package compute

import "errors"

// errNoXLA: this program was built without the means to load a plugin.
var errNoXLA = errors.New("this program was built without cgo or for a system that XLA does not run on: " +
	"build it with CGO_ENABLED=1, or use the backend \"go\"")

func prepareXLA(string) (string, error) { return "", errNoXLA }

func locatePlugin(string) (string, error) { return "", errNoXLA }
