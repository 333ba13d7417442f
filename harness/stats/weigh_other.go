//go:build !goexperiment.simd || !amd64

package stats

// weigh sets sum[r] = Σ_k value[k] · weight[index[k]·BlockSize + r].
func weigh(sum *[BlockSize]float32, weight []float32, index []int32, value []float32) {
	weighPlain(sum, weight, index, value)
}
