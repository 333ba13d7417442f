//go:build linux

package selfmeter

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs/sysfs"
)

// rapl reads the energy counters of the processor packages, and of their memory where it has counters of its own.
type rapl struct {
	zones []sysfs.RaplZone
	last  []uint64 // beside zones, µJ
	wh    float64
}

// openRAPL finds the top zones (intel-rapl:0, not intel-rapl:0:1, whose energy is in its parent's) and their memory under the
// mount point of sysfs. It is nil where there are none or they may not be read, as for ordinary users of most machines.
func openRAPL(sys string) counter {
	fs, err := sysfs.NewFS(sys)
	if err != nil {
		return nil
	}
	found, err := sysfs.GetRaplZones(fs)
	if err != nil {
		return nil
	}
	r := &rapl{}
	for _, z := range found {
		// The zones of intel-rapl-mmio are the same counters by another way.
		if z.Name != "package" && z.Name != "dram" || strings.HasPrefix(filepath.Base(z.Path), "intel-rapl-mmio") {
			continue
		}
		now, err := z.GetEnergyMicrojoules()
		if err != nil {
			return nil
		}
		r.zones, r.last = append(r.zones, z), append(r.last, now)
	}
	if len(r.zones) == 0 {
		return nil
	}
	return r
}

func (r *rapl) read() (float64, error) {
	var failed error
	for i, z := range r.zones {
		now, err := z.GetEnergyMicrojoules()
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		delta := now - r.last[i]
		if now < r.last[i] {
			delta = z.MaxMicrojoules - r.last[i] + now
		}
		r.last[i] = now
		r.wh += float64(delta) / 1e6 / 3600
	}
	return r.wh, failed
}

func (r *rapl) how() string { return "RAPL counters of the whole machine" }

func (r *rapl) close() {}
