package dataset

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/bert"
	"github.com/trilemma-bench/trilemma/harness/encode/weights"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
)

// Vectors are those of every prompt of the dataset by one encoder: [prompts × Dim].
type Vectors struct {
	Data    []float32 // nil without an encoder, and until [Dataset.Fill] computed them
	Dim     int
	SecEach float64 // that the encoder takes for a prompt; 0 where it was not measured, or there is none
	Files   []provenance.File
	About   EncoderAbout
	later   encode.Encoder // what computes Data when a cell needs it; nil when it is there
}

// EncoderAbout is what the manifest tells of an encoder.
type EncoderAbout struct {
	Kind        experiment.EncoderKind `json:"kind"`
	Dim         int                    `json:"dim"`
	Fingerprint string                 `json:"fingerprint"`
	Model       *bert.Config           `json:"model,omitempty"`
	Backend     string                 `json:"backend,omitempty"` // that vectors were asked of; cached ones may be another's
}

// Encode computes or reads the vectors of an encoder. Those of a model are known by its hash now, and computed by
// [Dataset.Fill] when a cell needs them.
func (d *Dataset) Encode(ctx context.Context, e experiment.Encoder, backend string) (v Vectors, err error) {
	switch e.Kind() {
	case experiment.NoVectors:
		v.About.Fingerprint = "none"
	case experiment.ColumnVectors:
		p := &d.Trace.Prompts
		if p.Embedding == nil {
			return v, errors.New("encoder embedding: the trace has no column embedding in prompts.parquet: use encoder: hash, or precomputed vectors")
		}
		// The column is part of the trace's own fingerprint.
		v.Data, v.Dim, v.About.Fingerprint = p.Embedding, p.Dim, "embedding"
	case experiment.FileVectors:
		v, err = d.precomputed(e)
	case experiment.ModelVectors:
		v, err = d.modelled(e, backend)
	case experiment.HashVectors:
		v, err = d.hashed(ctx, e)
	default:
		return v, fmt.Errorf("encoder %q: want hash, minilm, embedding, none, or a name with precomputed: FILE or model: FOLDER", e.Name)
	}
	v.About.Kind, v.About.Dim = e.Kind(), v.Dim
	return v, err
}

// hashed fits the hash encoder on the training prompts and encodes all.
func (d *Dataset) hashed(ctx context.Context, e experiment.Encoder) (v Vectors, err error) {
	texts := d.Trace.Prompts.Text
	if texts == nil {
		return v, errors.New("encoder hash: the trace has no column prompt in prompts.parquet: use precomputed vectors")
	}
	params := encode.DefaultHash()
	if e.Hash != nil {
		params = *e.Hash
	}
	enc, err := encode.DeferHash(Pick(texts, d.Rows(split.Train)), params)
	if err != nil {
		return v, fmt.Errorf("encoder %s: %w", e.Label, err)
	}
	v = Vectors{Dim: enc.Dim(), later: enc, About: EncoderAbout{Fingerprint: enc.Fingerprint()}}
	if err := d.Fill(ctx, &v, nil); err != nil {
		return v, fmt.Errorf("encoder %s: %w", e.Label, err)
	}
	return v, nil
}

// modelled are the vectors of a BERT model.
func (d *Dataset) modelled(e experiment.Encoder, backend string) (v Vectors, err error) {
	if d.Trace.Prompts.Text == nil {
		return v, fmt.Errorf("encoder %s: the trace has no column prompt in prompts.parquet: use precomputed vectors", e.Label)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("encoder %s: %w", e.Label, err)
		}
	}()
	dir, err := weights.Locate(e.Model)
	if err != nil {
		return v, err
	}
	model, err := bert.Open(dir, e.ModelParams())
	if err != nil {
		return v, err
	}
	enc, err := model.Encoder(e.Label, backend)
	if err != nil {
		return v, err
	}
	v = Vectors{Dim: enc.Dim(), later: enc, About: EncoderAbout{Fingerprint: enc.Fingerprint(), Model: &model.Config, Backend: backend}}
	for _, f := range model.Files {
		v.Files = append(v.Files, provenance.File{Path: filepath.Join(dir, filepath.FromSlash(f.Name)), SHA256: f.SHA256, Bytes: f.Bytes})
	}
	return v, nil
}

// encodedToTime is the number of prompts that are encoded once more to see how long it takes.
const encodedToTime = 8

// Fill computes vectors that are not computed yet, all of them through the cache: what was encoded before an interruption
// costs seconds.
func (d *Dataset) Fill(ctx context.Context, v *Vectors, progress func(done, total int)) error {
	if v.later == nil {
		return nil
	}
	enc, texts := v.later, d.Trace.Prompts.Text
	dir, err := encode.DefaultCacheDir()
	if err != nil {
		// Without a home there is no cache; the vectors are the same.
		if v.Data, err = enc.Encode(ctx, texts); err == nil {
			v.later = nil
		}
		return err
	}
	data, use, err := (&encode.Cache{Dir: dir, Progress: progress}).Encode(ctx, enc, texts)
	if err != nil {
		return errors.Join(err, use.Warning)
	}
	if use.Warning != nil {
		d.note("vectors could not be cached: %v", use.Warning)
	}
	v.Data, v.later = data, nil
	// An encoder that computed nothing, since all lay in the cache, is not made ready for being timed.
	texts = texts[:min(len(texts), encodedToTime)]
	if len(texts) == 0 || use.Computed == 0 {
		return nil
	}
	started := time.Now()
	_, err = enc.Encode(ctx, texts)
	v.SecEach = time.Since(started).Seconds() / float64(len(texts))
	return err
}

// precomputed reads the vectors of each source from its file.
func (d *Dataset) precomputed(e experiment.Encoder) (v Vectors, err error) {
	var sums [][]byte
	for _, s := range d.sources {
		path, err := e.Locate(s.dir)
		if err != nil {
			return v, err
		}
		data, dim, err := encode.LoadPrecomputed(path, s.trace.Prompts.ID)
		if err != nil {
			return v, fmt.Errorf("encoder %s: %w", e.Label, err)
		}
		if v.Dim != 0 && dim != v.Dim {
			return v, fmt.Errorf("encoder %s: the vectors of the train trace have %d figures, those of the test trace (%s) %d: use the same encoder for both",
				e.Label, v.Dim, path, dim)
		}
		v.Data, v.Dim = append(v.Data, data...), dim
		file, err := provenance.HashFile(path)
		if err != nil {
			return v, err
		}
		v.Files = append(v.Files, file)
		sums = append(sums, []byte(file.SHA256))
	}
	v.About.Fingerprint = provenance.Digest("precomputed", sums...)
	return v, nil
}
