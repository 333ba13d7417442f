package policy

import (
	"context"
	"encoding/json"
)

// Policy routes prompts. An instance serves one pool with one set of parameters; the harness never calls it from two
// goroutines at once. The same batch on the same state gives the same decisions, whatever the batch's neighbours are.
type Policy interface {
	Route(ctx context.Context, b *Batch) (*Decisions, error)
}

// Learner is a policy that is fitted before it routes. It stops soon after ctx is cancelled.
type Learner interface {
	Fit(ctx context.Context, t *Task, report func(Progress)) error
}

// Saver is a policy whose state can be stored. An instance made from the same Setup that loads what another saved
// makes the same decisions.
type Saver interface {
	Save() ([]byte, error)
	Load(state []byte) error
}

// Observer is an online policy: it routes a stream batch by batch, and is shown after each batch what its own decisions
// came to. Every stream begins in the state that Fit left.
type Observer interface {
	Observe(ctx context.Context, f *Feedback) error
}

// PreferenceUse says what a policy does with the user's preference.
type PreferenceUse string

const (
	// PreferenceInput says that one instance serves every preference of the sweep.
	PreferenceInput PreferenceUse = "input"
	// PreferenceFixed says that one instance is fitted for each preference.
	PreferenceFixed PreferenceUse = "fixed"
	// PreferenceIgnored says that the decisions do not depend on it, so the policy is a single point.
	PreferenceIgnored PreferenceUse = "ignored"
)

// Need is a column that a policy asks for. What is not asked for is not sent.
type Need string

// What a policy can ask for.
const (
	NeedText     Need = "text"     // prompt text
	NeedVector   Need = "vector"   // prompt vector
	NeedCategory Need = "category" // the trace's category label of the training prompts
	NeedAnswer   Need = "answer"   // extracted answers and references of the training prompts, and answers of asked models in rounds
	NeedGrid     Need = "grid"     // intensity of each model's grid when the prompt arrives
	NeedResponse Need = "response" // whole responses of the training prompts, and of asked models in rounds
	// NeedLiveCategory is the label of the prompts to be routed, which a live router would not know: whoever asks for it is
	// a yardstick, marked in every table and recommended to nobody.
	NeedLiveCategory Need = "live-category"
)

// Needs are all that a policy can ask for.
var Needs = []Need{NeedText, NeedVector, NeedCategory, NeedLiveCategory, NeedAnswer, NeedResponse, NeedGrid}

// Description says what a policy is and can do.
type Description struct {
	Name    string // lower-case words joined by hyphens
	Version string
	Summary string // one line
	Source  string // paper or tool it comes from, "" if none
	// ParamsSchema is a JSON Schema (an object with a default for every property) of the parameters.
	ParamsSchema json.RawMessage
	Preference   PreferenceUse
	Needs        []Need
	Stochastic   bool // decisions depend on Setup.Seed
	Learns       bool // implements Learner
	Saves        bool // implements Saver
	Online       bool // implements Observer
	Combines     bool // may answer Combine
	Sequential   bool // may answer Ask
	// Untrained are the parameters that leave out learning from reward, as a JSON object to be put over an entry's own: what
	// the policy starts from, for runs to show beside what reward made of it. Empty for a policy without such a start.
	Untrained json.RawMessage
	// EachModel: the parameter "model" names one model of the pool, and an experiment that leaves it out means one
	// instance for every model.
	EachModel bool
}

// Wants tells whether the policy declared a need.
func (d *Description) Wants(n Need) bool {
	for _, have := range d.Needs {
		if have == n {
			return true
		}
	}
	return false
}

// Setup is what an instance is made from.
type Setup struct {
	Models []Model
	// Params are the parameters as a JSON object that satisfies ParamsSchema; absent ones mean their defaults.
	Params json.RawMessage
	Seed   uint64
	// Backend names the GoMLX backend: "go", "xla:cpu", "xla:cuda" or a path to a PJRT plugin. "" means "go".
	Backend string
	// Memo is a folder that the policies of a run share: a training that equals one that another of them has done may take
	// over its result. Nothing that is learned depends on it. "" for none.
	Memo string
}

// Definition is one policy as a program offers it.
type Definition struct {
	Description Description
	New         func(Setup) (Policy, error)
}
