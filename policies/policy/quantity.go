package policy

import (
	"fmt"
	"math"
	"slices"
)

// Quantity is one figure of an outcome that routing weighs. All that there is to know of one stands in [quantities]: every
// column, flag, label and sum elsewhere is made by going through it.
type Quantity int

// The quantities of an outcome.
const (
	Quality Quantity = iota // the score, in [0, 1]; more is better
	Cost
	Energy
	Carbon
	Latency
	Water
	NumQuantities
)

var quantities = [NumQuantities]struct {
	name, column, unit string
	// letter labels the preferences that weigh the quantity; "" where none does.
	letter string
	// remedy is where an unknown figure can come from.
	remedy string
	// told is in what amounts people read what is weighed.
	told amount
}{
	Quality: {name: "quality", column: "score"},
	Cost:    {"cost", "cost_usd", "USD", "c", "give the model's prices in models.yaml or log cost_usd", amount{1000, "USD", perThousand}},
	// Energy is weighed by what it leads to: money and carbon.
	Energy:  {name: "energy", column: "energy_wh", unit: "Wh", remedy: "give the model's parameter counts in models.yaml or log energy_wh"},
	Carbon:  {"carbon", "carbon_g", "gCO2e", "g", "give the model's parameter counts and region in models.yaml or log carbon_g", amount{1000, "gCO2e", perThousand}},
	Latency: {"latency", "latency_s", "s", "l", "give the model's parameter counts or throughput in models.yaml or log latency_s", amount{1, "s", " a prompt"}},
	// A millilitre a prompt is a litre a thousand.
	Water: {"water", "water_ml", "mL", "w", "give the model's parameter counts and region in models.yaml or log water_ml", amount{1, "L", perThousand}},
}

// Weighed are the quantities that a preference may weigh against quality, in the order in which they are charged.
var Weighed = func() (out []Quantity) {
	for q, about := range quantities {
		if about.letter != "" {
			out = append(out, Quantity(q))
		}
	}
	return out
}()

// Decisive are the quantities that decisions depend on: quality and what is weighed against it.
var Decisive = append([]Quantity{Quality}, Weighed...)

// Spent are all quantities but quality: what an answer takes.
var Spent = func() (out []Quantity) {
	for q := Cost; q < NumQuantities; q++ {
		out = append(out, q)
	}
	return out
}()

func (q Quantity) String() string { return quantities[q].name }

// Column names the quantity in traces, in results and over the wire, with its unit.
func (q Quantity) Column() string { return quantities[q].column }

// Unit is that of one figure, "" for quality.
func (q Quantity) Unit() string { return quantities[q].unit }

// Letter labels the preferences that weigh the quantity: "c01" is the first of a sweep of λ_cost.
func (q Quantity) Letter() string { return quantities[q].letter }

// Remedy says where an unknown figure can come from.
func (q Quantity) Remedy() string { return quantities[q].remedy }

// FindQuantity is the quantity of a name, such as "cost".
func FindQuantity(name string) (Quantity, error) {
	for q, about := range quantities {
		if about.name == name {
			return Quantity(q), nil
		}
	}
	var names []string
	for _, about := range quantities {
		names = append(names, about.name)
	}
	return 0, fmt.Errorf("no quantity %q: want one of %v", name, names)
}

// Figures are one number for each quantity; NaN where it is not known.
type Figures [NumQuantities]float64

// Unknown are figures of which none is known.
func Unknown() Figures {
	var f Figures
	for q := range f {
		f[q] = math.NaN()
	}
	return f
}

// Matrix holds figures of many outcomes, one column a quantity: nil where none is known or it was not asked for, NaN where
// one is not known.
type Matrix [NumQuantities][]float32

// At is entry i of every column, NaN where there is no column.
func (m *Matrix) At(i int) Figures {
	f := Unknown()
	for q, column := range m {
		if column != nil {
			f[q] = float64(column[i])
		}
	}
	return f
}

// NewMatrix has n unset entries of the given quantities, of all where none is named.
func NewMatrix(n int, of ...Quantity) Matrix {
	var m Matrix
	for q := range m {
		if len(of) == 0 || slices.Contains(of, Quantity(q)) {
			m[q] = make([]float32, n)
		}
	}
	return m
}

// Preference says what the user would pay: λ_q is the score that one unit of quantity q (one dollar, one gram of CO2e, one
// second) is worth. That of quality itself, and of quantities that are not [Weighed], is 0.
type Preference [NumQuantities]float64

// Utility of an outcome under the preference:
//
//	score − Σ_q λ_q·figure_q
//
// A quantity whose λ is zero is ignored, even when it is unknown (NaN).
func (p *Preference) Utility(f Figures) float64 {
	u := f[Quality]
	for _, q := range Weighed {
		if p[q] != 0 {
			u -= p[q] * f[q]
		}
	}
	return u
}

// Price is what of score the outcome's figures are worth: Σ_q λ_q·figure_q.
func (p *Preference) Price(f Figures) float64 {
	f[Quality] = 0
	return -p.Utility(f)
}
