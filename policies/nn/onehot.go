package nn

import (
	"github.com/trilemma-bench/trilemma/policies/compute"
)

// OneHot is the first output for a single input that ends in a one-hot: x, then zeros but for a one at hot, In numbers
// in all. It is what the given member says, or the mean over the ensemble for [Everybody]. hidden is room for Hidden
// numbers, out for Out of them; nothing is allocated. The network must have a hidden layer.
func (n *Net) OneHot(member int, x []float32, hot int, hidden, out []float32) float32 {
	from, to := n.members(member)
	sum := 0.0
	for k := from; k < to; k++ {
		for j := range hidden {
			unit := k*n.Hidden + j
			row := n.W1[unit*n.In : (unit+1)*n.In]
			hidden[j] = max(0, n.B1[unit]+compute.Dot(row[:len(x)], x)+row[len(x)+hot])
		}
		n.head(k, hidden, out)
		link(n.Blocks, out)
		sum += float64(out[0])
	}
	return float32(sum / float64(to-from))
}

// members is the range of members that are asked: the given one, or all for [Everybody].
func (n *Net) members(member int) (from, to int) {
	if member == Everybody {
		return 0, n.Members
	}
	return member, member + 1
}

// OneHots computes what [Net.OneHot] does for many inputs that differ in their first number and in where the one stands: the
// rest of the hidden layer's sums is computed once. One a goroutine.
type OneHots struct {
	net      *Net
	from, to int // members
	features int // before the one-hot
	common   []float32
	out      []float32
}

// NewOneHots returns room for a network, which must have a hidden layer.
func (n *Net) NewOneHots() *OneHots {
	return &OneHots{net: n, common: make([]float32, n.Members*n.Hidden), out: make([]float32, n.Out())}
}

// Share takes the numbers that the inputs share, for the given member or [Everybody]. The first number counts for nothing.
func (o *OneHots) Share(member int, x []float32) {
	n := o.net
	o.from, o.to = n.members(member)
	o.features = len(x)
	for unit := o.from * n.Hidden; unit < o.to*n.Hidden; unit++ {
		o.common[unit] = n.B1[unit] + compute.Dot(n.W1[unit*n.In+1:unit*n.In+len(x)], x[1:])
	}
}

// At is the first output for the input with the given first number and a one at hot.
func (o *OneHots) At(first float32, hot int) float32 {
	n, sum := o.net, 0.0
	for k := o.from; k < o.to; k++ {
		units := n.W1[k*n.Hidden*n.In:]
		w2 := n.W2[k*len(o.out)*n.Hidden:]
		for i := range o.out {
			o.out[i] = n.B2[k*len(o.out)+i]
		}
		for j, z := range o.common[k*n.Hidden : (k+1)*n.Hidden] {
			row := units[j*n.In : (j+1)*n.In]
			if z += first*row[0] + row[o.features+hot]; z > 0 {
				for i := range o.out {
					o.out[i] += w2[i*n.Hidden+j] * z
				}
			}
		}
		link(n.Blocks, o.out)
		sum += float64(o.out[0])
	}
	return float32(sum / float64(o.to-o.from))
}
