package selfmeter

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// rapl reads the energy counters of the processor packages, and of their memory where it has counters of its own.
type rapl struct {
	zones []*zone
	wh    float64
}

type zone struct {
	path string
	last uint64
	wrap uint64
}

// openRAPL finds the top zones (intel-rapl:0, not intel-rapl:0:1, whose energy is in its parent's) and their memory. It is
// nil where there are none or they may not be read, as for ordinary users of most machines.
func openRAPL(root string) counter {
	found, _ := filepath.Glob(filepath.Join(root, "*-rapl*:*"))
	r := &rapl{}
	for _, dir := range found {
		name, _ := os.ReadFile(filepath.Join(dir, "name"))
		what := strings.TrimSpace(string(name))
		if !strings.HasPrefix(what, "package") && what != "dram" {
			continue
		}
		if strings.HasPrefix(filepath.Base(dir), "intel-rapl-mmio") {
			continue // the same counters by another way
		}
		z := &zone{path: filepath.Join(dir, "energy_uj")}
		var err error
		if z.last, err = number(z.path); err != nil {
			return nil
		}
		if z.wrap, err = number(filepath.Join(dir, "max_energy_range_uj")); err != nil {
			return nil
		}
		r.zones = append(r.zones, z)
	}
	if len(r.zones) == 0 {
		return nil
	}
	return r
}

func number(path string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

func (r *rapl) read() (float64, error) {
	var failed error
	for _, z := range r.zones {
		now, err := number(z.path)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		delta := now - z.last
		if now < z.last {
			delta = z.wrap - z.last + now
		}
		z.last = now
		r.wh += float64(delta) / 1e6 / 3600
	}
	return r.wh, failed
}

func (r *rapl) how() string { return "RAPL counters of the whole machine" }

func (r *rapl) close() {}
