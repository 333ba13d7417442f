package metrics

// Outcomes are what every model of a pool did with n prompts: [n × Models] row-major, all present.
type Outcomes struct {
	Models  int
	Score   []float32
	CostUSD []float32
	CarbonG []float32 // nil, or NaN where unknown
}

// Len is the number of prompts.
func (o *Outcomes) Len() int { return len(o.Score) / max(o.Models, 1) }

// Dearest is the model of the highest mean cost, of equals the first.
func (o *Outcomes) Dearest() int {
	sums := make([]float64, o.Models)
	for i, c := range o.CostUSD {
		sums[i%o.Models] += float64(c)
	}
	dearest := 0
	for m, s := range sums {
		if s > sums[dearest] {
			dearest = m
		}
	}
	return dearest
}

// Oracle is the highest score of each prompt, then the lowest cost; where no model scores, the cheapest, which is paid.
func (o *Outcomes) Oracle() []int32 {
	choice := make([]int32, o.Len())
	for p := range choice {
		row := p * o.Models
		best := 0
		for m := 1; m < o.Models; m++ {
			if s, b := o.Score[row+m], o.Score[row+best]; s > b || s == b && o.CostUSD[row+m] < o.CostUSD[row+best] {
				best = m
			}
		}
		choice[p] = int32(best)
	}
	return choice
}

// Sound tells of each choice whether ORBIT's routing collapse index counts it as sound: the chosen model is among the
// best and not the dearest, or the dearest alone is best and was chosen. The index RCI is 1 − the share of sound choices.
// −1 is no choice, and not sound. ORBIT (LAMDA), cal_rci.
func (o *Outcomes) Sound(choice []int32, dearest int) []float32 {
	sound := make([]float32, len(choice))
	for p, c := range choice {
		if c < 0 {
			continue
		}
		row := o.Score[p*o.Models : (p+1)*o.Models]
		best, holders := row[0], 0
		for _, s := range row {
			best = max(best, s)
		}
		for _, s := range row {
			if s == best {
				holders++
			}
		}
		if row[c] == best && (int(c) != dearest || holders == 1) {
			sound[p] = 1
		}
	}
	return sound
}

// RCI is ORBIT's routing collapse index of the choices.
func (o *Outcomes) RCI(choice []int32, dearest int) float64 {
	var sum float64
	for _, s := range o.Sound(choice, dearest) {
		sum += float64(s)
	}
	return 1 - sum/float64(len(choice))
}
