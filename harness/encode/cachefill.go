package encode

import (
	"context"
	"fmt"
	"time"
)

// cacheFill encodes the texts that a cache lacks and stores their vectors, every few seconds where the encoder streams:
// who interrupts a long encoding loses seconds of it.
type cacheFill struct {
	cache *Cache
	enc   Encoder
	path  string
	head  []byte
	keys  []textKey // of the texts
	place func(i int, vector []float32)

	done, total int
	// What was computed and not stored yet.
	waitingKeys    []textKey
	waitingVectors []float32
	stored         time.Time
	warning        error // of the first time that storing failed; it is not tried again
}

// storeEvery is how long vectors wait to be stored.
const storeEvery = 5 * time.Second

func (f *cacheFill) encode(ctx context.Context, texts []string) error {
	f.progress(0)
	f.stored = time.Now()
	streamer, ok := f.enc.(Streamer)
	if !ok {
		vectors, err := f.enc.Encode(ctx, texts)
		if err != nil {
			return err
		}
		rows := make([]int, len(texts))
		for i := range rows {
			rows[i] = i
		}
		if err := f.take(ctx, rows, vectors); err != nil {
			return err
		}
		f.store(ctx)
		return nil
	}
	err := streamer.Stream(ctx, texts, func(rows []int, vectors []float32) error { return f.take(ctx, rows, vectors) })
	// What there is when it was interrupted or failed is kept too.
	f.store(ctx)
	if err == nil && f.done != f.total {
		err = fmt.Errorf("encoder %s gave %d vectors for %d texts", f.enc.Name(), f.done, f.total)
	}
	return err
}

// take places vectors and stores them when it is time to.
func (f *cacheFill) take(ctx context.Context, rows []int, vectors []float32) error {
	dim := f.enc.Dim()
	if len(vectors) != len(rows)*dim {
		return fmt.Errorf("encoder %s returned %d floats for %d texts, want %d", f.enc.Name(), len(vectors), len(rows), len(rows)*dim)
	}
	for i, row := range rows {
		f.place(row, vectors[i*dim:(i+1)*dim])
		f.waitingKeys = append(f.waitingKeys, f.keys[row])
	}
	f.waitingVectors = append(f.waitingVectors, vectors...)
	if time.Since(f.stored) >= storeEvery {
		f.store(ctx)
	}
	f.progress(len(rows))
	return nil
}

func (f *cacheFill) progress(more int) {
	f.done += more
	if f.cache.Progress != nil {
		f.cache.Progress(f.done, f.total)
	}
}

// store appends what waits to the cache's file.
func (f *cacheFill) store(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // an interruption must not cost what is computed already
	if f.warning == nil && len(f.waitingKeys) > 0 {
		if err := store(ctx, f.path, f.head, f.enc.Dim(), f.waitingKeys, f.waitingVectors); err != nil {
			f.warning = fmt.Errorf("storing vectors for the next time: %w", err)
		}
	}
	f.waitingKeys, f.waitingVectors, f.stored = f.waitingKeys[:0], f.waitingVectors[:0], time.Now()
}
