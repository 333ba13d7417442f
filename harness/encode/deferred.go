package encode

import (
	"context"
	"errors"
	"sync"
)

// deferredHash is a hash encoder that is fitted when a vector is first asked for: with a [Cache] that has them all,
// never.
type deferredHash struct {
	texts []string
	Hash  // only params and fingerprint until it is fitted

	mu     sync.Mutex
	fitted *Hash
}

// DeferHash returns the encoder of [FitHash] without fitting it yet. The texts must not change afterwards.
func DeferHash(texts []string, p HashParams) (Encoder, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, errNoTexts
	}
	return &deferredHash{texts: texts, Hash: Hash{params: p, fingerprint: HashFingerprint(texts, p)}}, nil
}

var errNoTexts = errors.New("fitting the hash encoder: there is no training prompt; give the experiment a train split with prompts")

// Encode fits the encoder on first use.
func (d *deferredHash) Encode(ctx context.Context, texts []string) ([]float32, error) {
	d.mu.Lock()
	if d.fitted == nil {
		h, err := FitHash(ctx, d.texts, d.params)
		if err != nil {
			d.mu.Unlock()
			return nil, err
		}
		d.fitted = h
	}
	h := d.fitted
	d.mu.Unlock()
	return h.Encode(ctx, texts)
}
