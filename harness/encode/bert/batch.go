package bert

import (
	"context"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/policies/compute"
)

// plan says in which shapes texts are computed: each text in the narrowest that holds it. A shape depends on the text
// alone, so a vector does not depend on its neighbours, and a backend compiles each shape once.
type plan struct {
	widths  []int // tokens, ascending
	tokens  int   // of a batch: as many texts as fit
	workers int   // batches computed at a time
	spare   int   // rows of padding at the end of each batch
}

// widths of batches: steps of about a quarter, so that little is padding.
var widths = []int{16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512}

func newPlan(c *Config, backend string) plan {
	p := plan{tokens: 1024, workers: 1}
	if strings.Contains(backend, "cuda") {
		p.tokens = 32768 // a GPU wants more at once
	}
	maxTokens := c.MaxTokens
	if backend == "" || backend == compute.Default {
		// Much of a batch is computed on one processor only, so there are as many batches as processors. Larger ones are not
		// faster, and the last one of each width is mostly padding.
		p.tokens, p.workers = 256, runtime.GOMAXPROCS(0)
		if c.Hidden/c.Heads%16 != 0 || maxTokens%8 != 0 {
			// For matrices that do not fill vector registers, its kernels compute the last row of a batch in another order than
			// the rest: a text would have another vector there, by one unit in the last place. No text is put there.
			p.spare = 1
		}
	}
	for _, w := range widths {
		if w < maxTokens {
			p.widths = append(p.widths, w)
		}
	}
	p.widths = append(p.widths, maxTokens)
	return p
}

// width is the narrowest shape for a number of tokens.
func (p *plan) width(tokens int) int {
	for _, w := range p.widths {
		if tokens <= w {
			return w
		}
	}
	return p.widths[len(p.widths)-1]
}

// size is how many texts a batch of a width has.
func (p *plan) size(width int) int { return max(1, p.tokens/width-p.spare) }

// batch is one call: ids [size+spare × width] padded, lengths [size+spare]. Rows beyond those of texts are padding of
// length 2.
type batch struct {
	width   int
	rows    []int // texts, fewer than size in the last batch of a width
	ids     []int32
	lengths []int32
}

// Stream encodes texts and hands vectors over batch by batch, as they are ready: got is called from one goroutine at a
// time with row numbers of texts and their vectors, len(rows) × Dim.
func (e *Encoder) Stream(ctx context.Context, texts []string, got func(rows []int, vectors []float32) error) error {
	if len(texts) == 0 {
		return nil
	}
	exec, err := e.start()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	batches := make(chan *batch, 1)
	type result struct {
		rows    []int
		vectors []float32
	}
	results := make(chan result, 1)
	g.Go(func() error {
		defer close(batches)
		return e.gather(ctx, texts, batches)
	})
	working, wctx := errgroup.WithContext(ctx)
	for range e.plan.workers {
		working.Go(func() error {
			for b := range batches {
				if err := wctx.Err(); err != nil {
					return err
				}
				vectors, err := e.run(exec, b)
				if err != nil {
					return err
				}
				select {
				case results <- result{b.rows, vectors}:
				case <-wctx.Done():
					return wctx.Err()
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(results)
		return working.Wait()
	})
	g.Go(func() error {
		for r := range results {
			if err := got(r.rows, r.vectors); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// gather tokenises texts and sends a batch whenever one is full, the others at the end.
func (e *Encoder) gather(ctx context.Context, texts []string, out chan<- *batch) error {
	open := map[int]*batch{}
	send := func(b *batch) error {
		b.pad(e.plan.size(b.width)+e.plan.spare, e.model.tokens.Pad())
		select {
		case out <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var ids []int32
	for row, text := range texts {
		ids = e.model.tokens.Encode(ids[:0], text, e.model.Config.MaxTokens)
		w := e.plan.width(len(ids))
		b := open[w]
		if b == nil {
			b = &batch{width: w}
			open[w] = b
		}
		b.add(row, ids, e.model.tokens.Pad())
		if len(b.rows) == e.plan.size(w) {
			delete(open, w)
			if err := send(b); err != nil {
				return err
			}
		}
	}
	for _, w := range e.plan.widths {
		if b := open[w]; b != nil {
			if err := send(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// add appends a text.
func (b *batch) add(row int, ids []int32, pad int32) {
	b.rows = append(b.rows, row)
	b.lengths = append(b.lengths, int32(len(ids)))
	b.ids = append(b.ids, ids...)
	for range b.width - len(ids) {
		b.ids = append(b.ids, pad)
	}
}

// pad fills a batch up to its size.
func (b *batch) pad(size int, pad int32) {
	for len(b.lengths) < size {
		b.lengths = append(b.lengths, 2)
		for range b.width {
			b.ids = append(b.ids, pad)
		}
	}
}
