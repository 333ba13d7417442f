// Package selfmeter measures what the program itself takes while it runs, training and routing together:
//
//   - processors by RAPL's counters (/sys/class/powercap) where they can be read: the packages of the whole machine, others'
//     work included; else by CPU time of this process and of the policies' processes, at a stated share of a
//     processor's power ([WattPerCore]);
//   - GPUs by NVML where a driver is there: those of the whole machine.
//
// [Start] samples until [Sampler.Stop]. Energy is in Wh, without the overhead of a data centre.
package selfmeter

import (
	"sync"
	"time"
)

// WattPerCore is the power that one busy core is taken to draw where RAPL cannot be read: 10 W, about 350 W of a server
// processor's TDP over its 32 to 36 cores.
const WattPerCore = 10

// Usage is what the program took.
type Usage struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_s"` // of this process and its children that ended
	CPUWh      float64 `json:"cpu_wh"`
	CPUHow     string  `json:"cpu_how"`
	GPUWh      float64 `json:"gpu_wh"`
	GPUHow     string  `json:"gpu_how"`
	EnergyWh   float64 `json:"energy_wh"`
	Samples    int     `json:"samples"`
	// CarbonG is what it emitted on the grid that the experiment's accounting names; filled in by the caller.
	CarbonG float64 `json:"carbon_g"`
}

// Add puts another stretch of the same run to it.
func (o Usage) Add(more Usage) Usage {
	o.Seconds += more.Seconds
	o.CPUSeconds += more.CPUSeconds
	o.CPUWh += more.CPUWh
	o.GPUWh += more.GPUWh
	o.EnergyWh += more.EnergyWh
	o.CarbonG += more.CarbonG
	o.Samples += more.Samples
	if o.CPUHow == "" {
		o.CPUHow, o.GPUHow = more.CPUHow, more.GPUHow
	}
	return o
}

// counter is energy that something counts.
type counter interface {
	// read returns Wh since the reader was made.
	read() (float64, error)
	how() string
	close()
}

// Sampler measures until it is stopped.
type Sampler struct {
	started time.Time
	cpu0    float64
	cpu     counter // nil: by CPU time
	gpu     counter // nil: none
	mu      sync.Mutex
	out     Usage
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
}

// every is how often counters are read: RAPL's wrap after minutes at the soonest, and power of GPUs is integrated.
const every = 500 * time.Millisecond

// Start begins to measure.
func Start() *Sampler {
	s := &Sampler{started: time.Now(), cpu0: cpuSeconds(), stop: make(chan struct{}), done: make(chan struct{})}
	s.cpu, s.gpu = openRAPL("/sys"), openGPU()
	go s.loop()
	return s
}

func (s *Sampler) loop() {
	defer close(s.done)
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			s.sample()
			return
		case <-t.C:
			s.sample()
		}
	}
}

func (s *Sampler) sample() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Samples++
	if s.cpu != nil {
		if wh, err := s.cpu.read(); err == nil {
			s.out.CPUWh, s.out.CPUHow = wh, s.cpu.how()
		}
	}
	if s.gpu != nil {
		if wh, err := s.gpu.read(); err == nil {
			s.out.GPUWh, s.out.GPUHow = wh, s.gpu.how()
		}
	}
}

// Stop ends the measurement and tells what was taken. It may be called more than once.
func (s *Sampler) Stop() Usage {
	s.once.Do(func() {
		close(s.stop)
		<-s.done
		for _, c := range []counter{s.cpu, s.gpu} {
			if c != nil {
				c.close()
			}
		}
		o := &s.out
		o.Seconds = time.Since(s.started).Seconds()
		o.CPUSeconds = cpuSeconds() - s.cpu0
		if o.CPUHow == "" {
			o.CPUWh = o.CPUSeconds * WattPerCore / 3600
			o.CPUHow = "CPU time of the program and its policies at 10 W a core (RAPL cannot be read)"
		}
		if o.GPUHow == "" {
			o.GPUHow = "none found"
		}
		o.EnergyWh = o.CPUWh + o.GPUWh
	})
	return s.out
}
