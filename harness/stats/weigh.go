package stats

import "gonum.org/v1/gonum/blas/blas32"

// weighPlain is weigh where the processor or the build has no wide vectors.
func weighPlain(sum *[BlockSize]float32, weight []float32, index []int32, value []float32) {
	*sum = [BlockSize]float32{}
	y := blas32.Vector{N: BlockSize, Inc: 1, Data: sum[:]}
	for k, i := range index {
		blas32.Axpy(value[k], blas32.Vector{N: BlockSize, Inc: 1, Data: weight[int(i)*BlockSize : (int(i)+1)*BlockSize]}, y)
	}
}
