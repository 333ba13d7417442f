//go:build linux && cgo

package selfmeter

import (
	"errors"
	"fmt"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// gpus reads NVIDIA GPUs: the energy counter of each where it has one (since Volta), else its power over time.
type gpus struct {
	devices []nvml.Device
	last    []uint64 // mJ; where counted
	counted []bool
	at      time.Time
	wh      float64
}

// openGPU is nil where there is no driver or no GPU.
func openGPU() counter {
	if nvml.Init() != nvml.SUCCESS {
		return nil
	}
	n, ret := nvml.DeviceGetCount()
	b := &gpus{at: time.Now()}
	for i := 0; ret == nvml.SUCCESS && i < n; i++ {
		d, ok := nvml.DeviceGetHandleByIndex(i)
		if ok != nvml.SUCCESS {
			continue
		}
		mj, counted := d.GetTotalEnergyConsumption()
		b.devices = append(b.devices, d)
		b.last, b.counted = append(b.last, mj), append(b.counted, counted == nvml.SUCCESS)
	}
	if len(b.devices) == 0 {
		_ = nvml.Shutdown() // nothing was found to be read
		return nil
	}
	return b
}

func (b *gpus) read() (float64, error) {
	var failed error
	now := time.Now()
	hours := now.Sub(b.at).Hours()
	b.at = now
	for i, d := range b.devices {
		if b.counted[i] {
			mj, ret := d.GetTotalEnergyConsumption()
			if ret != nvml.SUCCESS {
				failed = errors.New(nvml.ErrorString(ret))
				continue
			}
			if mj >= b.last[i] { // a reloaded driver counts from zero
				b.wh += float64(mj-b.last[i]) / 1e3 / 3600
			}
			b.last[i] = mj
			continue
		}
		mw, ret := d.GetPowerUsage()
		if ret != nvml.SUCCESS {
			failed = errors.New(nvml.ErrorString(ret))
			continue
		}
		b.wh += float64(mw) / 1e3 * hours
	}
	return b.wh, failed
}

func (b *gpus) how() string {
	return fmt.Sprintf("NVML, %d boards of the whole machine", len(b.devices))
}

func (b *gpus) close() { _ = nvml.Shutdown() } // nothing is left to be done about it
