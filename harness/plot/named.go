package plot

// Named is a figure and the base of its file's name, which ends in the pool.
type Named struct {
	Name   string
	Figure Figure
}
