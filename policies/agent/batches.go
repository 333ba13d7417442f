package agent

import (
	"context"
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/policies/learn"
)

// Columns are those that every algorithm's minibatches have, of size rows each. States and what is known of actions have
// the rows last, as a [learn.Updater] wants them.
func (r *Rollout) Columns(size int) []learn.Column {
	return []learn.Column{
		{Name: "state", Dims: []int{r.Width, size}}, {Name: "about", Dims: []int{r.Each, size * r.Actions}}, {Name: "base", Dims: []int{size, r.Actions}},
		{Name: "action", Dims: []int{size, r.Actions}}, {Name: "logp", Dims: []int{size}}, {Name: "ahead", Dims: []int{size}},
		{Name: "value", Dims: []int{size}}, {Name: "advantage", Dims: []int{size}}, {Name: "target", Dims: []int{size}},
	}
}

// Batches deals rollouts into minibatches.
type Batches struct {
	order        []int32
	state, about []float32   // of the rollout, rows last
	Column       [][]float32 // in the order of [Rollout.Columns]
}

// Take turns a rollout over, so that its rows come last. It must come before the rollout is dealt.
func (b *Batches) Take(r *Rollout) {
	rows := r.Rows()
	if b.order == nil {
		b.order = make([]int32, rows)
		for i := range b.order {
			b.order[i] = int32(i)
		}
	}
	if b.state == nil {
		b.state, b.about = make([]float32, len(r.State)), make([]float32, len(r.About))
	}
	_ = learn.EachChunk(context.Background(), rows, func(lo, hi int) {
		turn(r.State, r.Width, lo, hi, b.state)
		turn(r.About, r.Each, lo*r.Actions, hi*r.Actions, b.about)
	})
}

// turn writes items from to to of x [items × width] as [width × items], a few items at a time, so that what is read and
// what is written stays in the cache.
func turn(x []float32, width, from, to int, out []float32) {
	if width == 0 {
		return
	}
	const few = 16
	items := len(x) / width
	for lo := from; lo < to; lo += few {
		hi := min(lo+few, to)
		for j := range width {
			for i := lo; i < hi; i++ {
				out[j*items+i] = x[i*width+j]
			}
		}
	}
}

// Deal fills the columns with rows of the rollout in a new random order, as many as room for size·count rows; rows that
// do not fill a minibatch are left for another time. With as many rows as there is room for, every row comes once.
func (b *Batches) Deal(r *Rollout, size, count int, advantage, target []float32, draw *rand.Rand) [][]float32 {
	columns := r.Columns(size)
	if b.Column == nil {
		for _, c := range columns {
			b.Column = append(b.Column, make([]float32, count*c.Size()))
		}
	}
	draw.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
	clear(b.Column[3])
	rows, a := r.Rows(), r.Actions
	_ = learn.EachChunk(context.Background(), r.Width, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			from := b.state[j*rows : (j+1)*rows]
			for k := range count {
				to := b.Column[0][k*columns[0].Size()+j*size:]
				for i, row := range b.order[k*size : (k+1)*size] {
					to[i] = from[row]
				}
			}
		}
	})
	for j := range r.Each {
		for k := range count {
			to := b.Column[1][k*columns[1].Size()+j*size*a:]
			for i, row := range b.order[k*size : (k+1)*size] {
				copy(to[i*a:(i+1)*a], b.about[(j*rows+int(row))*a:])
			}
		}
	}
	for to, from := range b.order[:size*count] {
		row := int(from)
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
