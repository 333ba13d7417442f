package store

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Results keep a number that is not known as null, in JSON and in Parquet alike: a nil pointer. In memory it is NaN.

// Known is the number as it is kept.
func Known(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// OrNaN is the number as it is reckoned with.
func OrNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// fields are the places of the quantities' columns in a stored row, by the names that its tags give them; −1 where it has none.
// The Parquet library reads pointers of embedded structs wrongly, so rows are flat, and who adds a quantity adds its fields.
type fields [policy.NumQuantities]int

func fieldsOf[Row any](column func(policy.Quantity) string) (at fields) {
	row := reflect.TypeFor[Row]()
	for q := range at {
		at[q] = -1
		for i := range row.NumField() {
			if name, _, _ := strings.Cut(row.Field(i).Tag.Get("parquet"), ","); name == column(policy.Quantity(q)) {
				at[q] = i
			}
		}
	}
	return at
}

// get reads the figures of a row; NaN where one is null or has no column.
func (at *fields) get(row any) policy.Figures {
	v, f := reflect.ValueOf(row).Elem(), policy.Unknown()
	for q, i := range at {
		if i < 0 {
			continue
		}
		switch x := v.Field(i).Interface().(type) {
		case float64:
			f[q] = x
		case *float64:
			f[q] = OrNaN(x)
		case *float32:
			if x != nil {
				f[q] = float64(*x)
			}
		}
	}
	return f
}

// set writes the figures into a row.
func (at *fields) set(row any, f policy.Figures) {
	v := reflect.ValueOf(row).Elem()
	for q, i := range at {
		if i < 0 {
			continue
		}
		switch x := v.Field(i).Addr().Interface().(type) {
		case *float64:
			*x = f[q]
		case **float64:
			*x = Known(f[q])
		case **float32:
			if *x = nil; f[q] == f[q] {
				*x = new(float32(f[q]))
			}
		}
	}
}

// Halves are what a setting led to on the two halves of the selection prompts, by chance and the same for all cells: one
// tells in which order settings are tested, the other tests them.
type Halves struct {
	Preference string  `json:"preference"`
	Order      Moments `json:"order"`
	Check      Moments `json:"check"`
}

// Moments are those of each decisive quantity, over the prompts that a setting covers.
type Moments [policy.NumQuantities]stats.Moments

// MarshalJSON writes [n, mean, sd, skewness] by column, null for what is not known.
func (m Moments) MarshalJSON() ([]byte, error) {
	out := map[string][]*float64{}
	for _, q := range policy.Decisive {
		out[q.Column()] = []*float64{Known(float64(m[q].N)), Known(m[q].Mean), Known(m[q].SD), Known(m[q].Skewness)}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads null as NaN. A quantity that is not there is known of no prompt.
func (m *Moments) UnmarshalJSON(text []byte) error {
	var columns map[string][]*float64
	if err := json.Unmarshal(text, &columns); err != nil {
		return err
	}
	for _, q := range policy.Decisive {
		switch x := columns[q.Column()]; {
		case x == nil:
			m[q] = stats.MomentsOf(nil)
		case len(x) == 4 && x[0] != nil:
			m[q] = stats.Moments{N: int(*x[0]), Mean: OrNaN(x[1]), SD: OrNaN(x[2]), Skewness: OrNaN(x[3])}
		default:
			return fmt.Errorf("the moments of a figure are 4 numbers, not %d", len(x))
		}
	}
	return nil
}
