package host

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/trilemma-bench/trilemma/plugins/host/process"
	"github.com/trilemma-bench/trilemma/plugins/wire"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Source says where a policy comes from: an executable, or a definition within this program. One of the two is set.
type Source struct {
	Name       string
	Executable string
	Args       []string
	// SHA256 pins the executable: lower-case hex of [Digest]. "" pins nothing.
	SHA256 string
	// Definition serves the policy without a process of its own.
	Definition *policy.Definition
}

// Self is the source of a policy that this program brings with it, in a process of its own: the program, re-executed,
// which must then call serve.Bundled.
func Self(name string) (Source, error) {
	path, err := os.Executable()
	if err != nil {
		return Source{}, &Error{Policy: name, Op: "start", Kind: KindStart, Err: err}
	}
	return Source{Name: name, Executable: path, Args: []string{wire.BundledArg, name}}, nil
}

// InProcess is the source of a policy without a process of its own.
func InProcess(def policy.Definition) Source {
	return Source{Name: def.Description.Name, Definition: &def}
}

// Options are how an instance is run. The zero value is usable.
type Options struct {
	// Log receives what the process prints, whole lines at a time; nil drops it. It must allow concurrent writes where
	// instances share it.
	Log io.Writer
	// StartTimeout is the time from the start of the process to its description; 60 s if zero.
	StartTimeout time.Duration
	// CallTimeout bounds every call but Fit; 5 min if zero.
	CallTimeout time.Duration
	// FitTimeout bounds Fit; zero means no bound.
	FitTimeout time.Duration
	// SilenceTimeout is how long a fitting process may be without a sign of life; 60 s if zero. Processes send one every
	// two seconds, so only one that is stopped or starved is found silent.
	SilenceTimeout time.Duration
	// BatchRows is how many decisions RouteAll asks for in a call; 8192 if zero.
	BatchRows int
	// Env is added to the cleaned environment of the process, as "NAME=value".
	Env []string
	// Dir is the folder that the process runs in; "" means an empty one of its own, removed at the end.
	Dir string
}

func (o Options) withDefaults() Options {
	if o.StartTimeout <= 0 {
		o.StartTimeout = 60 * time.Second
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = 5 * time.Minute
	}
	if o.SilenceTimeout <= 0 {
		o.SilenceTimeout = 60 * time.Second
	}
	if o.BatchRows <= 0 {
		o.BatchRows = 8192
	}
	return o
}

// Start makes an instance. ctx bounds the start alone, not the life of the instance, which lasts until Close.
func Start(ctx context.Context, src Source, opt Options) (*Instance, error) {
	opt = opt.withDefaults()
	log := process.NewLog(opt.Log)
	i := &Instance{name: src.Name, opt: opt}
	if src.Definition != nil {
		i.transport = newLocal(*src.Definition, log)
	} else {
		r, err := startRemote(ctx, src, opt, log)
		if err != nil {
			return nil, err
		}
		i.transport = r
	}
	if err := i.readDescription(ctx); err != nil {
		i.transport.kill()
		_ = i.Close()
		return nil, err
	}
	return i, nil
}
