package agent

import (
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/policies/learn"
)

// Columns are those that every algorithm's minibatches have. "left" is constant over a minibatch: the part of the
// training that is still to come.
func (r *Rollout) Columns() []learn.Column {
	return []learn.Column{
		{Name: "state", Width: r.Width}, {Name: "about", Width: r.Actions * r.Each}, {Name: "base", Width: r.Actions},
		{Name: "action", Width: r.Actions}, {Name: "logp"}, {Name: "ahead"}, {Name: "value"}, {Name: "advantage"}, {Name: "target"},
	}
}

// Batches deals rollouts into minibatches.
type Batches struct {
	order  []int32
	Column [][]float32 // in the order of [Rollout.Columns]
}

// Deal fills the columns with rows of the rollout in a new random order, as many as room for size·count rows; rows that
// do not fill a minibatch are left for another time. With as many rows as there is room for, every row comes once.
func (b *Batches) Deal(r *Rollout, size, count int, advantage, target []float32, draw *rand.Rand) [][]float32 {
	if b.order == nil {
		b.order = make([]int32, r.Rows())
		for i := range b.order {
			b.order[i] = int32(i)
		}
		for _, c := range r.Columns() {
			b.Column = append(b.Column, make([]float32, size*count*max(c.Width, 1)))
		}
	}
	draw.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
	clear(b.Column[3])
	w, x, a := r.Width, r.Actions*r.Each, r.Actions
	for to, from := range b.order[:size*count] {
		row := int(from)
		copy(b.Column[0][to*w:(to+1)*w], r.State[row*w:(row+1)*w])
		copy(b.Column[1][to*x:(to+1)*x], r.About[row*x:(row+1)*x])
		copy(b.Column[2][to*a:(to+1)*a], r.Base[row*a:(row+1)*a])
		b.Column[3][to*a+int(r.Action[row])] = 1
		b.Column[4][to], b.Column[5][to], b.Column[6][to] = r.LogP[row], r.Ahead[row], r.Value[row]
		b.Column[7][to], b.Column[8][to] = advantage[row], target[row]
	}
	return b.Column
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
