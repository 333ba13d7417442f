package split

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// whole is a trace with every column that there is, told by reflection so that a new one is not forgotten: the entry of
// prompt p and model m holds what only they have.
func whole(t *testing.T, prompts, models []int) *trace.Trace {
	var facts []policy.Model
	for _, m := range models {
		facts = append(facts, policy.NewModel(fmt.Sprintf("model-%d", m)))
	}
	var p trace.Prompts
	p.Dim = 2
	for _, i := range prompts {
		of := reflect.ValueOf(&p).Elem()
		for k := range of.NumField() {
			switch column := of.Field(k).Addr().Interface().(type) {
			case *[]string:
				*column = append(*column, fmt.Sprintf("%s of %d", of.Type().Field(k).Name, i))
			case *[]time.Time:
				*column = append(*column, time.Unix(int64(i), 0))
			case *[]float32:
				*column = append(*column, float32(i), float32(-i))
			case *int:
			default:
				t.Fatalf("no order is known for a column of prompts of type %T", column)
			}
		}
	}
	out := trace.NewTrace(facts, p)
	of := reflect.ValueOf(&out.Outcomes).Elem()
	for k := range of.NumField() {
		for a, i := range prompts {
			for b, m := range models {
				at, code := out.Outcomes.At(a, b), 100*k+10*i+m
				switch column := of.Field(k).Addr().Interface().(type) {
				case *[]float32:
					if *column == nil {
						*column = trace.NewMatrix(len(prompts) * len(models))
					}
					(*column)[at] = float32(code)
				case *[]uint32:
					if *column == nil {
						*column = make([]uint32, len(prompts)*len(models))
					}
					(*column)[at] = uint32(code)
				case *trace.Bitmap:
					if *column == nil {
						*column = trace.NewBitmap(len(prompts) * len(models))
					}
					if (i+m)%3 > 0 {
						column.Set(at)
					}
				case *policy.Matrix:
					for q := range column {
						if column[q] == nil {
							column[q] = trace.NewMatrix(len(prompts) * len(models))
						}
						column[q][at] = float32(code + 10000*q)
					}
				case *[]string, *int:
				default:
					t.Fatalf("no order is known for a column of outcomes of type %T", column)
				}
			}
		}
	}
	return out
}

func TestOrderedForgetsTheOrderOfTheFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	first, _, _ := Ordered(whole(t, r.Perm(9), r.Perm(4)))
	for range 5 {
		prompts, models := r.Perm(9), r.Perm(4)
		given := whole(t, prompts, models)
		got, rows, columns := Ordered(given)
		if d := cmp.Diff(first, got, cmpopts.EquateNaNs()); d != "" {
			t.Fatalf("another order of the same trace differs:\n%s", d)
		}
		for to, from := range rows {
			if got.Prompts.ID[to] != given.Prompts.ID[from] {
				t.Fatalf("prompt %d is said to have been prompt %d", to, from)
			}
		}
		for to, from := range columns {
			if got.Models[to].ID != given.Models[from].ID {
				t.Fatalf("model %d is said to have been model %d", to, from)
			}
		}
	}
}
