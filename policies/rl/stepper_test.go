package rl

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Minibatches together hold every row once, each with its own figures.
func TestBatchesDealEveryRowOnce(t *testing.T) {
	const slots, horizon, width, actions, each, count = 4, 3, 2, 3, 2, 3
	r := NewRollout(slots, horizon, actor.Shape{In: width, Actions: actions, Each: each})
	r.State, r.About, r.Base = nil, nil, nil
	for row := range r.Rows() {
		x := float32(row)
		r.State = append(r.State, x, x+0.5)
		for a := range actions {
			r.About = append(r.About, 10*x+float32(a), x)
			r.Base = append(r.Base, 100*x+float32(a))
		}
		r.Action[row], r.LogP[row], r.Ahead[row], r.Value[row] = int32(row%actions), -x, 2*x, 3*x
		r.Advantage[row], r.Target[row] = x+0.25, x+0.75
	}
	order := make([]int32, 0, r.Rows())
	for _, row := range policy.Stream(1, "deal").Perm(r.Rows()) {
		order = append(order, int32(row))
	}
	size := r.Rows() / count
	seen := map[int]bool{}
	facts := 2*actions + 5
	for k := range count {
		into := actor.Sample{
			State: make([]float32, size*width), About: make([]float32, actions*size*each), Facts: make([]float32, facts*size),
		}
		r.deal(order[k*size:(k+1)*size], into)
		for i := range size {
			row := int(into.State[i*width])
			if seen[row] {
				t.Errorf("row %d is dealt twice", row)
			}
			seen[row] = true
			x, fact := float32(row), func(j int) float32 { return into.Facts[j*size+i] }
			for a := range actions {
				want := float32(0)
				if a == row%actions {
					want = 1
				}
				if fact(a) != 100*x+float32(a) || fact(actions+a) != want || into.About[(a*size+i)*each] != 10*x+float32(a) {
					t.Errorf("row %d, action %d: base %v, taken %v, about %v", row, a, fact(a), fact(actions+a), into.About[(a*size+i)*each])
				}
			}
			for j, want := range []float32{-x, 2 * x, 3 * x, x + 0.25, x + 0.75} {
				if fact(2*actions+j) != want {
					t.Errorf("row %d: fact %d is %v, want %v", row, j, fact(2*actions+j), want)
				}
			}
		}
	}
	if len(seen) != r.Rows() {
		t.Errorf("%d rows are dealt, want %d", len(seen), r.Rows())
	}
}
