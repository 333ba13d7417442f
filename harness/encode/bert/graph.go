package bert

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/nn"

	"github.com/trilemma-bench/trilemma/harness/encode"
)

// activations are the non-linearities between the two layers of a feed-forward block, by their name in config.json. What
// the dense layer computes by itself comes first; the other is applied to its output. (nn.Dense takes the approximate GELU
// for the exact one on backends that fuse it, as of gomlx 0.28.)
var activations = map[string]struct {
	fused activation.Type
	after func(x *graph.Node) *graph.Node
}{
	"gelu":              {fused: activation.TypeGelu},
	"relu":              {fused: activation.TypeRelu},
	"gelu_new":          {after: geluTanh},
	"gelu_pytorch_tanh": {after: geluTanh},
}

// geluTanh is x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), the approximation of the first BERT (Hendrycks and Gimpel, 2016).
func geluTanh(x *graph.Node) *graph.Node {
	cube := graph.MulScalar(graph.Mul(graph.Square(x), x), 0.044715)
	inner := graph.MulScalar(graph.Add(x, cube), math.Sqrt(2/math.Pi))
	return graph.Mul(graph.MulScalar(x, 0.5), graph.AddScalar(graph.Tanh(inner), 1))
}

// forward is the graph of a model. On the backend go, MiniLM at 128 tokens spends its time so (go test -bench MiniLM/go/128
// -cpuprofile, two AVX-512 cores): 46 % in products of matrices, 20 % in GELU, which calls math.Erf number by number, 15 %
// in softmax, 8 % in adding biases and residuals, 5 % in transposing heads, 2 % in layer normalisation, the rest in the
// runtime. Attention by two plain products is 2 to 3 times as fast there as gomlx's fused one, which is scalar.
//
// It turns ids int32 [B, S] and lengths int32 [B], the number of tokens of each text, to vectors float32
// [B, Hidden].
func (c *Config) forward(scope *model.Scope, ids, lengths *graph.Node) *graph.Node {
	g := ids.Graph()
	weight := func(name string) *graph.Node { return scope.GetVariable(name).NodeValue(g) }
	dense := func(x *graph.Node, name string, act ...activation.Type) *graph.Node {
		return nn.Dense(x, weight(name+".weight"), weight(name+".bias"), act...) // weights are stored [in, out]
	}
	norm := func(x *graph.Node, name string) *graph.Node {
		return nn.LayerNorm(x, []int{-1}, c.Epsilon, weight(name+".weight"), weight(name+".bias"), nil)
	}
	size, length := ids.Shape().Dimensions[0], ids.Shape().Dimensions[1]
	head := c.Hidden / c.Heads

	// real [B, S] is 1 for tokens of the text, 0 for padding.
	at := graph.Iota(g, ids.Shape(), 1)
	isReal := graph.LessThan(at, graph.InsertAxes(lengths, -1))
	real := graph.ConvertDType(isReal, weight("embeddings.LayerNorm.bias").DType())
	// What is added to the scores of padding makes their softmax exactly 0.
	mask := graph.MulScalar(graph.AddScalar(graph.Neg(real), 1), -1e30)
	mask = graph.Reshape(mask, size, 1, 1, length)

	position := graph.Slice(weight("embeddings.position_embeddings.weight"), graph.AxisRange(0, length))
	kind := graph.Slice(weight("embeddings.token_type_embeddings.weight"), graph.AxisRange(0, 1))
	x := graph.Gather(weight("embeddings.word_embeddings.weight"), graph.InsertAxes(ids, -1))
	x = norm(graph.Add(x, graph.InsertAxes(graph.Add(position, kind), 0)), "embeddings.LayerNorm")
	for l := range c.Layers {
		p := fmt.Sprintf("encoder.layer.%d.", l)
		split := func(name string) *graph.Node {
			return graph.Reshape(dense(x, p+"attention.self."+name), size, length, c.Heads, head)
		}
		q, k, v := split("query"), split("key"), split("value")
		q = graph.MulScalar(q, 1/math.Sqrt(float64(head)))
		scores := graph.DotGeneral(q, []int{3}, []int{0, 2}, k, []int{3}, []int{0, 2}) // [B, heads, S, S]
		share := graph.Softmax(graph.Add(scores, mask), -1)
		a := graph.DotGeneral(share, []int{3}, []int{0, 1}, v, []int{1}, []int{0, 2}) // [B, heads, S, head]
		a = graph.TransposeAllAxes(a, 0, 2, 1, 3)
		a = graph.Reshape(a, size, length, c.Hidden)
		x = norm(graph.Add(x, dense(a, p+"attention.output.dense")), p+"attention.output.LayerNorm")
		act := activations[c.Activation]
		h := dense(x, p+"intermediate.dense", act.fused)
		if act.after != nil {
			h = act.after(h)
		}
		x = norm(graph.Add(x, dense(h, p+"output.dense")), p+"output.LayerNorm")
	}
	return c.pool(x, real)
}

// pool makes one vector a text of those of its tokens: x [B, S, Hidden], real [B, S].
func (c *Config) pool(x, real *graph.Node) *graph.Node {
	var y *graph.Node
	if c.Pooling == encode.PoolCLS {
		y = graph.Squeeze(graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 1)), 1)
	} else {
		// Padding is left out by multiplying it with 0; every text has two tokens at least.
		sum := graph.DotGeneral(real, []int{1}, []int{0}, x, []int{1}, []int{0})
		y = graph.Div(sum, graph.InsertAxes(graph.ReduceSum(real, 1), -1))
	}
	if !c.Normalise {
		return y
	}
	// As torch.nn.functional.normalize: a zero vector stays zero.
	length := graph.Sqrt(graph.ReduceAndKeep(graph.Square(y), graph.ReduceSum, -1))
	return graph.Div(y, graph.MaxScalar(length, 1e-12))
}
