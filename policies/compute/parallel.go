package compute

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// chunk is how many rows one goroutine takes at a time.
const chunk = 32

// EachChunk calls do for consecutive ranges that together cover [0, n), on as many goroutines as there are processors.
// Rows must not depend on each other, so that the result is the same whoever computes them. It stops early with ctx.
func EachChunk(ctx context.Context, n int, do func(lo, hi int)) error {
	return Each(ctx, n, chunk, do)
}

// Each is EachChunk for ranges of a length.
func Each(ctx context.Context, n, chunk int, do func(lo, hi int)) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for lo := 0; lo < n; lo += chunk {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			do(lo, min(lo+chunk, n))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
