package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/bert"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
)

// vectors are those of every prompt of the dataset by one encoder: [prompts × dim].
type vectors struct {
	data        []float32
	dim         int
	fingerprint string
	files       []provenance.File

	secEach float64 // that the encoder takes for a prompt; 0 where it was not measured, or there is none

	model *bert.Model    // where a model computes them
	later encode.Encoder // what computes data when a cell needs it; nil when it is there
}

// encode computes or reads the vectors of an encoder.
func (p *Plan) encode(ctx context.Context, e experiment.Encoder) (vectors, error) {
	switch e.Kind() {
	case experiment.NoVectors:
		return vectors{fingerprint: "none"}, nil
	case experiment.ColumnVectors:
		t := p.data.trace
		if t.Prompts.Embedding == nil {
			return vectors{}, errors.New("encoder embedding: the trace has no column embedding in prompts.parquet: use encoder: hash, or precomputed vectors")
		}
		// The column is part of the trace's own fingerprint.
		return vectors{data: t.Prompts.Embedding, dim: t.Prompts.Dim, fingerprint: "embedding"}, nil
	case experiment.FileVectors:
		return p.precomputed(e)
	case experiment.ModelVectors:
		return p.modelled(e)
	case experiment.HashVectors:
		return p.hashed(ctx, e)
	}
	return vectors{}, fmt.Errorf("encoder %q: want hash, minilm, embedding, none, or a name with precomputed: FILE or model: FOLDER", e.Name)
}

// encodedToTime is the number of prompts that are encoded once more to see how long it takes.
const encodedToTime = 8

// timed is how long an encoder takes for a prompt, by encoding some once more. An encoder that computed nothing, since all
// lay in the cache, is not made ready for that.
func timed(ctx context.Context, enc encode.Encoder, texts []string, use encode.CacheUse) (float64, error) {
	texts = texts[:min(len(texts), encodedToTime)]
	if len(texts) == 0 || use.Computed == 0 {
		return 0, nil
	}
	started := time.Now()
	_, err := enc.Encode(ctx, texts)
	return time.Since(started).Seconds() / float64(len(texts)), err
}

// hashed fits the hash encoder on the training prompts and encodes all.
func (p *Plan) hashed(ctx context.Context, e experiment.Encoder) (vectors, error) {
	texts := p.data.trace.Prompts.Text
	if texts == nil {
		return vectors{}, errors.New("encoder hash: the trace has no column prompt in prompts.parquet: use precomputed vectors")
	}
	params := encode.DefaultHash()
	if e.Hash != nil {
		params = *e.Hash
	}
	train := pick(texts, p.data.rows(split.Train))
	enc, err := encode.DeferHash(train, params)
	if err != nil {
		return vectors{}, fmt.Errorf("encoder %s: %w", e.Label, err)
	}
	v := vectors{dim: enc.Dim(), fingerprint: enc.Fingerprint()}
	dir, err := encode.DefaultCacheDir()
	if err != nil {
		// Without a home there is no cache; the vectors are the same.
		v.data, err = enc.Encode(ctx, texts)
		return v, err
	}
	var use encode.CacheUse
	if v.data, use, err = (&encode.Cache{Dir: dir}).Encode(ctx, enc, texts); err != nil {
		return vectors{}, fmt.Errorf("encoder %s: %w", e.Label, err)
	}
	if use.Warning != nil {
		p.Notices = append(p.Notices, fmt.Sprintf("vectors could not be cached: %v", use.Warning))
	}
	v.secEach, err = timed(ctx, enc, texts, use)
	return v, err
}

// precomputed reads the vectors of each source from its file.
func (p *Plan) precomputed(e experiment.Encoder) (vectors, error) {
	var v vectors
	var sums [][]byte
	for _, s := range p.data.sources {
		path, err := e.Locate(s.dir)
		if err != nil {
			return v, err
		}
		data, dim, err := encode.LoadPrecomputed(path, s.trace.Prompts.ID)
		if err != nil {
			return v, fmt.Errorf("encoder %s: %w", e.Label, err)
		}
		if v.dim != 0 && dim != v.dim {
			return v, fmt.Errorf("encoder %s: the vectors of the train trace have %d figures, those of the test trace (%s) %d: use the same encoder for both",
				e.Label, v.dim, path, dim)
		}
		v.data, v.dim = append(v.data, data...), dim
		file, err := provenance.HashFile(path)
		if err != nil {
			return v, err
		}
		v.files = append(v.files, file)
		sums = append(sums, []byte(file.SHA256))
	}
	v.fingerprint = digest("precomputed", sums...)
	return v, nil
}
