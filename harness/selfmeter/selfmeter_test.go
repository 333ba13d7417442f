package selfmeter

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestCPUTimeIsCharged(t *testing.T) {
	s := Start()
	x := 1.0
	// So many roots take a fifth of a second of processor time, however busy the machine is.
	for range 50_000_000 {
		x = math.Sqrt(x + 1)
	}
	o := s.Stop()
	t.Logf("took %+v", o)
	if o.CPUSeconds < 0.05 || o.EnergyWh <= 0 || o.CPUHow == "" || o.GPUHow == "" || o.Samples < 1 || x < 0 {
		t.Errorf("took %+v", o)
	}
	if again := s.Stop(); again != o {
		t.Errorf("stopped again: %+v, want %+v", again, o)
	}
	if two := o.Add(o); two.EnergyWh != 2*o.EnergyWh || two.CPUHow != o.CPUHow {
		t.Errorf("twice is %+v", two)
	}
}

func TestRAPLCountsAndWraps(t *testing.T) {
	root := t.TempDir()
	write := func(zone, file string, v any) {
		t.Helper()
		dir := filepath.Join(root, "class/powercap", zone)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), fmt.Append(nil, v, "\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for zone, name := range map[string]string{"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram"} {
		write(zone, "name", name)
		write(zone, "energy_uj", 9_000_000)
		write(zone, "max_energy_range_uj", 10_000_000)
	}
	r := openRAPL(root)
	if r == nil {
		t.Fatal("no counters were found")
	}
	write("intel-rapl:0", "energy_uj", 2_000_000) // 3 J further, over the end
	write("intel-rapl:0:0", "energy_uj", 2_000_000)
	write("intel-rapl:0:1", "energy_uj", 9_600_000)
	got, err := r.read()
	if want := 3.6 / 3600; err != nil || math.Abs(got-want) > 1e-12 {
		t.Errorf("%v Wh, %v; want %v: package and memory, without the cores again", got, err, want)
	}
	if openRAPL(t.TempDir()) != nil {
		t.Error("counters where there are none")
	}
}
