package moe

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Training to convergence on as much as MMLU-Pro's train part holds: 5,084 prompts of 384 dimensions, 29 models, ten
// preferences; with the cost predictor, the stacking and the worth of combinations. TRILEMMA_BACKEND names the backend.
//
//	go test -run '^$' -bench Fit -benchtime 1x ./policies/moe
//	TRILEMMA_BACKEND=xla:cpu go test -run '^$' -bench Fit -benchtime 1x ./policies/moe
func BenchmarkFit(b *testing.B) {
	const prompts, models, dim = 5084, 29, 384
	r := policy.Stream(5, "moe benchmark")
	s := &policy.Split{Prompts: policy.Prompts{Dim: dim}, Outcomes: policy.Outcomes{Models: models}}
	o := &s.Outcomes
	for i := range prompts {
		topic := r.IntN(14)
		s.Prompts.ID, s.Prompts.Text = append(s.Prompts.ID, fmt.Sprint(i)), append(s.Prompts.Text, "Which of these is true?")
		s.Prompts.Category = append(s.Prompts.Category, fmt.Sprint("topic", topic))
		s.Reference = append(s.Reference, "A")
		for d := range dim {
			x := 0.05 * r.NormFloat64()
			if d%14 == topic {
				x += 0.05
			}
			s.Prompts.Vector = append(s.Prompts.Vector, float32(x))
		}
		for m := range models {
			score, answer := float32(0), string(rune('B'+r.IntN(9)))
			if r.Float64() < 0.3+0.01*float64(m)+0.2*float64((m+topic)%3)/2 {
				score, answer = 1, "A"
			}
			o.Present, o.Figures[policy.Quality], o.Answer = append(o.Present, true), append(o.Figures[policy.Quality], score), append(o.Answer, answer)
			tokens := float32(50 + r.IntN(500))
			o.Figures[policy.Cost], o.Figures[policy.Carbon], o.Figures[policy.Latency] = append(o.Figures[policy.Cost], tokens*1e-7*float32(1+m)), append(o.Figures[policy.Carbon], tokens*1e-4), append(o.Figures[policy.Latency], tokens*1e-2)
		}
	}
	var pool []policy.Model
	for m := range models {
		one := policy.NewModel(fmt.Sprint("model", m))
		one.PriceInputUSDPerMTok, one.PriceOutputUSDPerMTok = float64(1+m), float64(1+m)
		pool = append(pool, one)
	}
	var preferences []policy.Preference
	for _, lambda := range []float64{0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000} {
		preferences = append(preferences, policy.Preference{policy.Cost: lambda})
	}
	for _, k := range []int{1, 5} {
		b.Run(fmt.Sprintf("k=%d", k), func(b *testing.B) {
			for range b.N {
				p, err := Definition().New(policy.Setup{
					Models: pool, Params: json.RawMessage(fmt.Sprintf(`{"k":%d}`, k)), Seed: 1, Backend: os.Getenv("TRILEMMA_BACKEND"),
				})
				if err != nil {
					b.Fatal(err)
				}
				task := &policy.Task{Train: s, Preferences: preferences}
				if err := p.(policy.Learner).Fit(context.Background(), task, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
