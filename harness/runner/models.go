package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/bert"
	"github.com/trilemma-bench/trilemma/harness/encode/weights"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/provenance"
)

// modelled are the vectors of a BERT model: known by its hash now, computed when a cell needs them.
func (p *Plan) modelled(e experiment.Encoder) (vectors, error) {
	texts := p.data.trace.Prompts.Text
	if texts == nil {
		return vectors{}, fmt.Errorf("encoder %s: the trace has no column prompt in prompts.parquet: use precomputed vectors", e.Label)
	}
	dir, err := weights.Locate(e.Model)
	if err != nil {
		return vectors{}, fmt.Errorf("encoder %s: %w", e.Label, err)
	}
	model, err := bert.Open(dir, e.ModelParams())
	if err != nil {
		return vectors{}, fmt.Errorf("encoder %s: %w", e.Label, err)
	}
	enc, err := model.Encoder(e.Label, p.Spec.Backend)
	if err != nil {
		return vectors{}, fmt.Errorf("encoder %s: %w", e.Label, err)
	}
	v := vectors{dim: enc.Dim(), fingerprint: enc.Fingerprint(), model: model, later: enc}
	for _, f := range model.Files {
		v.files = append(v.files, provenance.File{Path: filepath.Join(dir, filepath.FromSlash(f.Name)), SHA256: f.SHA256, Bytes: f.Bytes})
	}
	return v, nil
}

// fill computes the vectors that cells need and that are not computed yet. What was encoded before lies in the cache, so
// an interruption costs seconds.
func (p *Plan) fill(ctx context.Context, cells []*experiment.Cell, opt Options) error {
	for _, c := range cells {
		v := p.vectors[c.Encoder]
		if v.later == nil {
			continue
		}
		var progress func(done, total int)
		if opt.Encoding != nil {
			progress = func(done, total int) { opt.Encoding(c.Encoder, done, total) }
		}
		if err := p.compute(ctx, &v, progress); err != nil {
			return fmt.Errorf("encoder %s: %w", c.Encoder, err)
		}
		p.vectors[c.Encoder] = v
	}
	return nil
}

// compute encodes all prompts through the cache.
func (p *Plan) compute(ctx context.Context, v *vectors, progress func(done, total int)) error {
	texts := p.data.trace.Prompts.Text
	dir, err := encode.DefaultCacheDir()
	if err != nil {
		// Without a home there is no cache; the vectors are the same.
		v.data, err = v.later.Encode(ctx, texts)
		v.later = nil
		return err
	}
	data, use, err := (&encode.Cache{Dir: dir, Progress: progress}).Encode(ctx, v.later, texts)
	if err != nil {
		return errors.Join(err, use.Warning)
	}
	if use.Warning != nil {
		p.Notices = append(p.Notices, fmt.Sprintf("vectors could not be cached: %v", use.Warning))
	}
	v.secEach, err = timed(ctx, v.later, texts, use)
	v.data, v.later = data, nil
	return err
}

// encoderAbout is what the manifest tells of an encoder.
type encoderAbout struct {
	Kind        experiment.EncoderKind `json:"kind"`
	Dim         int                    `json:"dim"`
	Fingerprint string                 `json:"fingerprint"`
	Model       *bert.Config           `json:"model,omitempty"`
	Backend     string                 `json:"backend,omitempty"` // that vectors were asked of; cached ones may be another's
}

// aboutEncoders describes the encoders that were opened, by label.
func (p *Plan) aboutEncoders() map[string]encoderAbout {
	out := map[string]encoderAbout{}
	for _, e := range p.Spec.Encoders {
		v, ok := p.vectors[e.Label]
		if !ok {
			continue
		}
		a := encoderAbout{Kind: e.Kind(), Dim: v.dim, Fingerprint: v.fingerprint}
		if v.model != nil {
			a.Model, a.Backend = &v.model.Config, p.Spec.Backend
		}
		out[e.Label] = a
	}
	return out
}
