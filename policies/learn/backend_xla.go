//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package learn

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/go-xla/compute/xla"
)

// prepareXLA makes sure that the plugin is on this machine, for GoMLX would try to fetch it.
func prepareXLA(plugin string) error {
	if err := checkPluginPath(plugin); err != nil {
		return err
	}
	xla.EnableAutoInstall(false)
	name, _, _ := strings.Cut(plugin, ",")
	if filepath.IsAbs(name) {
		return nil
	}
	var have []string
	if err := recovered(func() error { have = xla.GetAvailablePlugins(); return nil }); err != nil {
		return err
	}
	slices.Sort(have)
	for _, h := range have {
		if h == name || strings.HasPrefix(h, name+"_") {
			return nil
		}
	}
	return fmt.Errorf("no PJRT plugin %q on this machine (found %q): put pjrt_c_api_%s_plugin.so into the folder that "+
		"PJRT_PLUGIN_LIBRARY_PATH names, or give the plugin's absolute path as the backend, or use the backend \"go\"",
		name, have, name)
}
