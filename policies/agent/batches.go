package agent

import (
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
)

// Facts are those that every algorithm's minibatches have.
func (r *Rollout) Facts() []actor.Fact {
	return []actor.Fact{
		{Name: "base", Rows: r.Actions}, {Name: "action", Rows: r.Actions}, {Name: "logp"}, {Name: "ahead"},
		{Name: "value"}, {Name: "advantage"}, {Name: "target"},
	}
}

// Batches deals the rows of rollouts into minibatches, in an order that it shuffles.
type Batches struct{ order []int32 }

// Shuffle draws a new order of a rollout's rows.
func (b *Batches) Shuffle(r *Rollout, draw *rand.Rand) {
	if b.order == nil {
		b.order = make([]int32, r.Rows())
		for i := range b.order {
			b.order[i] = int32(i)
		}
	}
	draw.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
}

// Deal fills minibatch k of some size. Those of whole minibatches hold every row once; rows that do not fill a minibatch
// are left for another order.
func (b *Batches) Deal(r *Rollout, k, size int, advantage, target []float32, into actor.Sample) {
	a, rows := r.Actions, b.order[k*size:(k+1)*size]
	base, action, rest := into.Facts[:a*size], into.Facts[a*size:2*a*size], into.Facts[2*a*size:]
	clear(action)
	for i, row := range rows {
		row := int(row)
		copy(into.State[i*r.Width:(i+1)*r.Width], r.State[row*r.Width:])
		for j := range a {
			base[j*size+i] = r.Base[row*a+j]
			copy(into.About[(j*size+i)*r.Each:(j*size+i+1)*r.Each], r.About[(row*a+j)*r.Each:])
		}
		action[int(r.Action[row])*size+i] = 1
		for j, from := range [...][]float32{r.LogP, r.Ahead, r.Value, advantage, target} {
			rest[j*size+i] = from[row]
		}
	}
}

// ExplainedVariance is 1 − Var(target − value)/Var(target): how much of the returns the value foresees.
func ExplainedVariance(value, target []float32) float64 {
	var n, sum, square, errSum, errSquare float64
	for i, y := range target {
		e := float64(y) - float64(value[i])
		n, sum, square = n+1, sum+float64(y), square+float64(y)*float64(y)
		errSum, errSquare = errSum+e, errSquare+e*e
	}
	variance := square/n - sum/n*sum/n
	if variance <= 0 {
		return 0
	}
	return 1 - (errSquare/n-errSum/n*errSum/n)/variance
}
