package recommend

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"

	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/carbon"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// StreamSpec is a budget to be held over a stream of prompts.
type StreamSpec struct {
	Policy   string          // label
	Quantity policy.Quantity `json:"-"` // cost or carbon
	Budget   float64
	Streams  int
	Seed     uint64
	Step     float64 // of the controller; 0 takes its default
}

// MarshalJSON writes the quantity by its name.
func (s StreamSpec) MarshalJSON() ([]byte, error) {
	type plain StreamSpec
	return json.Marshal(struct {
		plain
		Kind string
	}{plain(s), s.Quantity.String()})
}

// Stream is what became of one shuffled stream.
type Stream struct {
	Spend     float64 `json:"spend"` // mean a prompt
	OverShare float64 `json:"over"`  // spend ÷ budget − 1
	Score     float64 `json:"score"`
	// Hindsight is the score of the best fixed λ that keeps the budget on this stream, and Short what the controller
	// falls short of it, as a share.
	Hindsight float64 `json:"hindsight"`
	Short     float64 `json:"short"`
	Lambda    float64 `json:"lambda"` // at the end
}

// Streams are the results of all of them.
type Streams struct {
	Spec        StreamSpec `json:"spec"`
	Prompts     int        `json:"prompts"`
	LambdaStart float64    `json:"lambda_start"` // chosen on selection
	// Slack tells that the policy takes less than the budget even at the smallest λ of its sweep: there is nothing to hold.
	Slack      bool     `json:"slack"`
	Streams    []Stream `json:"streams"`
	WorstOver  float64  `json:"worst_over"` // largest |over|
	WorstShort float64  `json:"worst_short"`
}

// sweepPoint is one λ of the sweep with what it led to prompt by prompt.
type sweepPoint struct {
	lambda    float64
	selection float64 // mean spend there
	score     []float64
	spend     []float64
}

// Hold lets a controller hold a budget over shuffled streams of the test prompts. The decisions at each λ of the sweep are
// those that the run stored; a λ between two of them takes the one or the other by chance, in proportion to their
// distance in ln λ. The controller sees each prompt's spend after it was decided, and nothing else.
func (c *Choices) Hold(spec StreamSpec) (*Streams, error) {
	if spec.Quantity != policy.Cost && spec.Quantity != policy.Carbon {
		return nil, fmt.Errorf("a budget of %s is not held over streams: want %s or %s", spec.Quantity, policy.Cost, policy.Carbon)
	}
	if spec.Streams < 1 || spec.Streams > 10000 {
		return nil, fmt.Errorf("%d streams, want 1 to 10000", spec.Streams)
	}
	points, err := c.readSweep(spec)
	if err != nil {
		return nil, err
	}
	if least := points[len(points)-1].selection; least > spec.Budget {
		return nil, fmt.Errorf("%w: a budget of %s: %s still takes %s on selection where a point of quality is worth least", ErrInfeasible, show(spec.Quantity, spec.Budget), spec.Policy, show(spec.Quantity, least))
	}
	out := &Streams{Spec: spec, Prompts: len(points[0].score), LambdaStart: start(points, spec.Budget), Slack: points[0].selection < spec.Budget}
	best := hindsight(points, spec.Budget)
	for k := range spec.Streams {
		s, err := hold(points, spec, k, out.LambdaStart)
		if err != nil {
			return nil, err
		}
		s.Hindsight = best
		s.Short = 1 - s.Score/best
		out.Streams = append(out.Streams, s)
		out.WorstOver, out.WorstShort = max(out.WorstOver, math.Abs(s.OverShare)), max(out.WorstShort, s.Short)
	}
	return out, nil
}

// readSweep reads the sweep of a policy over one λ, ascending, λ = 0 left out: its logarithm has no place.
func (c *Choices) readSweep(spec StreamSpec) ([]sweepPoint, error) {
	var cell string
	lambdas := map[string]*sweepPoint{}
	for i := range c.List {
		x := &c.List[i]
		if x.Ref.Policy != spec.Policy || cell != "" && x.Ref.ID != cell {
			continue
		}
		l, others := x.Test.Lambda[spec.Quantity], x.Test.Lambda
		others[spec.Quantity] = 0
		if l > 0 && others == (policy.Preference{}) {
			cell = x.Ref.ID
			lambdas[x.Test.Preference] = &sweepPoint{lambda: l, selection: value(&x.Selection, spec.Quantity)}
		}
	}
	if len(lambdas) < 2 {
		for _, b := range c.Barred {
			if b.Policy == spec.Policy {
				return nil, fmt.Errorf("policy %q cannot be deployed: %s", b.Policy, b.Reason)
			}
		}
		return nil, fmt.Errorf("policy %q has no sweep over λ_%s in pool %s: name a policy that takes a preference, and sweep lambda_%s in the experiment", spec.Policy, spec.Quantity, c.Pool, spec.Quantity)
	}
	results, err := c.Run.Results(cell)
	if err != nil {
		return nil, err
	}
	lines := slices.DeleteFunc(results.Lines, func(l store.Line) bool { return lambdas[l.Preference] == nil })
	for p := range results.Prompts {
		known := len(lines) == len(lambdas)
		for _, l := range lines {
			x := l.Figures[policy.Quality][p] + l.Figures[spec.Quantity][p]
			known = known && x == x
		}
		if !known {
			continue
		}
		for _, l := range lines {
			g := lambdas[l.Preference]
			g.score, g.spend = append(g.score, float64(l.Figures[policy.Quality][p])), append(g.spend, float64(l.Figures[spec.Quantity][p]))
		}
	}
	var out []sweepPoint
	for _, g := range lambdas {
		out = append(out, *g)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].lambda < out[j].lambda })
	if len(out[0].score) == 0 {
		return nil, fmt.Errorf("no test prompt has a known score and %s under every λ", spec.Quantity)
	}
	return out, nil
}

// start is the λ at which the selection prompts take just the budget, between the points on its two sides.
func start(points []sweepPoint, budget float64) float64 {
	for i := range points {
		if points[i].selection > budget {
			continue
		}
		if i == 0 {
			return points[0].lambda
		}
		a, b := &points[i-1], &points[i]
		t := (a.selection - budget) / (a.selection - b.selection)
		return math.Exp(math.Log(a.lambda) + t*(math.Log(b.lambda)-math.Log(a.lambda)))
	}
	return points[len(points)-1].lambda
}

func mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// hindsight is the best mean score of a fixed λ, at a point of the sweep or between two, whose mean spend keeps the budget.
func hindsight(points []sweepPoint, budget float64) float64 {
	best := math.Inf(-1)
	for i := range points {
		s, q := mean(points[i].spend), mean(points[i].score)
		if s <= budget {
			best = max(best, q)
		}
		if i == 0 {
			continue
		}
		s0, q0 := mean(points[i-1].spend), mean(points[i-1].score)
		if (s0-budget)*(s-budget) < 0 {
			t := (s0 - budget) / (s0 - s)
			best = max(best, q0+t*(q-q0))
		}
	}
	return best
}

// hold runs the controller over one stream, as in a run: it decides, one point of the sweep is drawn, and it is shown what
// that came to.
func hold(points []sweepPoint, spec StreamSpec, k int, lambda float64) (Stream, error) {
	ctl, err := carbon.NewController(spec.Step, carbon.Budget{PerPrompt: spec.Budget, Lambda: lambda})
	if err != nil {
		return Stream{}, err
	}
	rng := policy.Stream(spec.Seed, "budget stream", fmt.Sprint(k))
	order := rng.Perm(len(points[0].score))
	ctl.Horizon = len(order)
	var s Stream
	play := replay.Stream{
		Order: order, Batch: 1, Uniform: func(int) float64 { return rng.Float64() },
		Route: func(rows []int) (*replay.Decisions, error) {
			d := &replay.Decisions{Final: policy.NewDecisions(len(rows))}
			for range rows {
				between(points, ctl.Budgets[0].Lambda, d.Final)
			}
			return d, nil
		},
		Outcome: func(rows []int, d *replay.Decisions, into []replay.Result) error {
			for i, row := range rows {
				_, drawn, _ := d.Final.Row(i)
				into[i].Set(policy.Quality, float32(points[drawn[0]].score[row]))
				into[i].Covered = true
			}
			return nil
		},
		Observe: func(c *replay.Came) error {
			for i, row := range c.Row {
				at := &points[c.Model[i]]
				s.Score += at.score[row]
				s.Spend += at.spend[row]
				ctl.Spend(at.spend[row])
				// Beyond the sweep λ changes nothing: it waits at the ends, so that it is back at once when it is needed.
				ctl.Budgets[0].Lambda = min(max(ctl.Budgets[0].Lambda, points[0].lambda/2), points[len(points)-1].lambda*2)
			}
			return nil
		},
	}
	if err := play.Play(); err != nil {
		return Stream{}, err
	}
	n := float64(len(order))
	s.Score, s.Spend, s.Lambda = s.Score/n, s.Spend/n, ctl.Budgets[0].Lambda
	s.OverShare = s.Spend/spec.Budget - 1
	return s, nil
}

// between decides for the points on the two sides of a λ, in proportion to its distance from them in ln λ.
func between(points []sweepPoint, lambda float64, d *policy.Decisions) {
	at := sort.Search(len(points), func(j int) bool { return points[j].lambda > lambda }) - 1
	if at < 0 || at == len(points)-1 {
		d.AppendOne(policy.Select, max(at, 0))
		return
	}
	a, b := math.Log(points[at].lambda), math.Log(points[at+1].lambda)
	upper := float32((math.Log(lambda) - a) / (b - a))
	d.Append(policy.Select, []int32{int32(at + 1), int32(at)}, []float32{upper, 1 - upper})
}

// TellStreams writes what became of the streams.
func TellStreams(w io.Writer, s *Streams, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	weighing := func(lambda float64) (p policy.Preference) {
		p[s.Spec.Quantity] = lambda
		return p
	}
	fmt.Fprintf(w, "%s held to %s over %d shuffled streams of %d test prompts, from where %s (chosen on selection)\n",
		s.Spec.Policy, show(s.Spec.Quantity, s.Spec.Budget), len(s.Streams), s.Prompts, weighing(s.LambdaStart).Meaning())
	for i, x := range s.Streams {
		fmt.Fprintf(w, "  %2d: %s, %+.2f %% of the budget; score %.4f, %+.2f %% beside the best fixed preference in hindsight (%.4f); a point is worth %s at the end\n",
			i+1, show(s.Spec.Quantity, x.Spend), 100*x.OverShare, x.Score, -100*x.Short, x.Hindsight, weighing(x.Lambda).PointWorth())
	}
	if s.Slack {
		fmt.Fprintf(w, "the budget does not bind: the policy takes less of it even where a point of quality is worth most\n")
	}
	within := 0
	for _, x := range s.Streams {
		if math.Abs(x.OverShare) <= 0.02 && x.Short <= 0.03 {
			within++
		}
	}
	_, err := fmt.Fprintf(w, "%d of %d streams end within 2 %% of the budget and 3 %% of hindsight; furthest from the budget: %.2f %%; furthest below hindsight: %.2f %%\n",
		within, len(s.Streams), 100*s.WorstOver, 100*max(s.WorstShort, 0))
	return err
}
