package stats

// Quantiles of the normal distribution.
const (
	// Z95 is the 97.5 % quantile: a 95 % interval is the estimate ± Z95 standard errors.
	Z95 = 1.959963984540054
	// ZPower is how many standard errors a difference must be for a two-sided test at 5 % to show it with a power of 80 %.
	ZPower = Z95 + 0.8416212335729143
)
