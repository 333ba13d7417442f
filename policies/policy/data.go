package policy

// Prompts are n prompts in columns. A column that the policy did not declare in [Description.Needs] is nil.
type Prompts struct {
	ID       []string  // [n]; opaque: the same prompt has the same id throughout a run, and it says nothing of the prompt
	Text     []string  // [n]; with NeedText
	Category []string  // [n]; the trace's own label: in Fit with NeedCategory, in Route and Observe with NeedLiveCategory
	Vector   []float32 // [n × Dim] row-major; with NeedVector
	Dim      int
	// GridGPerKWh [n × models] is the intensity, in gCO2e/kWh, of the grid that each model runs on when the prompt arrives;
	// with NeedGrid. It is known when a prompt is routed: grids publish it, and forecasts of it, hour by hour.
	GridGPerKWh []float32
}

// Len is the number of prompts.
func (p *Prompts) Len() int { return len(p.ID) }

// Row is the vector of prompt i: a view, not a copy.
func (p *Prompts) Row(i int) []float32 { return p.Vector[i*p.Dim : (i+1)*p.Dim : (i+1)*p.Dim] }

// Outcomes hold what each of Models models did with each prompt: dense matrices, [n × Models] row-major, in the order of
// [Setup.Models]. Where Present is false there is no outcome and the figures are NaN. A figure that is not known for a
// present outcome is NaN as well; quality never is.
type Outcomes struct {
	Models       int
	Present      []bool
	Figures      Matrix
	InputTokens  []float32
	OutputTokens []float32
	Propensity   []float32 // probability with which a bandit log chose this model; nil under full feedback
	Answer       []string  // extracted answers; nil unless NeedAnswer, "" where there is none
	Response     []string  // whole responses; nil unless NeedResponse
}

// Weighed are the quantities that a preference may weigh and that the log has a column of.
func (o *Outcomes) Weighed() []Quantity {
	var out []Quantity
	for _, q := range Weighed {
		if o.Figures[q] != nil {
			out = append(out, q)
		}
	}
	return out
}

// Split is one labelled part of a trace.
type Split struct {
	Prompts   Prompts
	Reference []string // [n] reference answers; nil unless NeedAnswer
	Outcomes  Outcomes
}

// Len is the number of prompts of the split.
func (s *Split) Len() int { return s.Prompts.Len() }

// Task is all that a policy may learn from.
type Task struct {
	Train      *Split
	Validation *Split
	// Preferences are those that the policy will be asked to serve: the whole sweep, or the single one of its cell
	// where the policy cannot take a preference as input.
	Preferences []Preference
	// Snapshot is what an interrupted Fit of the same task, parameters and seed reported last, nil where there is none. A
	// policy that reports snapshots goes on from there, to the same result as without the interruption; others ignore it.
	Snapshot []byte
}

// Progress is one report of a running Fit.
type Progress struct {
	Stage   string // "train", "fit k", …
	Step    int
	Total   int // 0 when unknown
	Metrics []Metric
	// Snapshot is all that a Fit of the same task needs to go on from here; nil for none. The host keeps the last one until
	// the cell is done.
	Snapshot []byte
	// SparedSec are seconds of training that this Fit did not take because another of the run had done the same (see
	// [Setup.Memo]). They are charged to the policy like its own.
	SparedSec float64
}

// Metric is one named number of a progress report, such as the training loss.
type Metric struct {
	Name  string
	Value float64
}
