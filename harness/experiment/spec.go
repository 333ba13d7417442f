package experiment

import (
	"encoding/json"
	"time"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Spec is a checked experiment: what to route, with which policies, under which preferences, and what to make of it.
type Spec struct {
	// Name of the experiment, and of its folder under results/: letters, digits, '.', '_' and '-'.
	Name string `json:"name" jsonschema:"required,pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$,title=a name for the folder of its results\\, of letters\\, digits\\, '.'\\, '_' and '-'"`
	// What the experiment asks, in a sentence or two.
	Description string `json:"description,omitempty"`
	// The trace or traces, and how they are split into train, validation, selection and test.
	Data Data `json:"data" jsonschema:"required"`
	// Named lists of models; each gets its own table and plots. Without any there is one pool, all, of every model.
	Pools Pools `json:"pools"`
	// Which test and training prompts count for a pool: complete takes those that the whole pool answered, available all.
	Coverage string `json:"coverage" jsonschema:"enum=complete,enum=available,default=complete"`
	// How prompts become vectors, for policies that want them. Several encoders multiply the cells of those policies.
	Encoders Encoders `json:"encoder"`
	// The policies to compare.
	Policies Policies `json:"policies" jsonschema:"required"`
	// The sweep of preferences: how much quality one dollar, one gram of CO2e and one second are worth.
	Preferences Preferences `json:"preferences"`
	// Seeds of policies that draw at random: a list, or how many (3 means 1, 2, 3). Policies that do not draw run once.
	Seeds Seeds `json:"seeds"`
	// How points become metrics and intervals.
	Metrics Metrics `json:"metrics"`
	// How the fronts are drawn.
	Plots Plots `json:"plots"`
	// How energy and carbon that the trace did not log are derived.
	Accounting Accounting `json:"accounting"`
	// Backend of policies that train and of encoders that are models: go, xla:cpu, xla:cuda or a path to a PJRT plugin.
	Backend string `json:"backend" jsonschema:"default=go"`
	// How long a cell may take before it is stopped and counts as failed, such as 90s, 30m or 2h.
	Timeout Duration `json:"timeout"`
	// How online policies meet the prompts: in order of arrival where all have a time, else shuffled.
	Stream Stream `json:"stream"`
	// Decisions asked of a policy in one call. It changes speed, never results.
	Batch int `json:"batch" jsonschema:"minimum=1,maximum=1000000,default=1024"`

	// File is where the experiment was read from, Sets what was put over it.
	File string   `json:"-"`
	Sets []string `json:"-"`

	root *node // the experiment as written, for what is found out later
}

// Stream says how online policies meet prompts. It changes their results.
type Stream struct {
	// Decisions between two looks at what came of them.
	Batch int `json:"batch" jsonschema:"minimum=1,maximum=1000000,default=32"`
	// Another seed is another order of prompts without times of arrival, and other draws from what a policy answers.
	Seed uint64 `json:"seed" jsonschema:"minimum=0,default=1"`
}

// Data is where outcomes come from: one trace that is split, a train and a test trace, or a simulated one.
type Data struct {
	// Name of a data set: a trace in the folder that TRILEMMA_DATA names, or in data/.
	Set string `json:"set,omitempty" jsonschema:"pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$,title=the name of a folder in data/ or TRILEMMA_DATA\\, such as mmlu-pro"`
	// Folder of the one trace. May use ${VARIABLE} and ${VARIABLE:-default}; relative to the experiment file.
	Trace string `json:"trace,omitempty"`
	// Folder of the trace to learn from, beside test.
	Train string `json:"train,omitempty"`
	// Folder of the trace to be judged on, beside train.
	Test string `json:"test,omitempty"`
	// Parameters of a simulated trace; {} takes the defaults.
	Synth *synth.Params `json:"synth,omitempty"`
	// How prompts are divided.
	Split Split `json:"split"`
	// Times of arrival for prompts that have none.
	Arrivals *Arrivals `json:"arrivals,omitempty"`
	// Models that can be run in several places: beside the model itself each place is one more, called model@place.
	Regions []Deployment `json:"regions,omitempty"`

	// Looked is where the set was looked for in vain.
	Looked []string `json:"-"`
}

// Arrivals draws times of arrival, evenly over a time span, for a trace whose prompts have none.
type Arrivals struct {
	// When the first prompt may arrive, such as 2024-06-01T00:00:00Z.
	From string `json:"from" jsonschema:"required,title=a time such as 2024-06-01T00:00:00Z"`
	// How long prompts arrive, such as 48h.
	Span Duration `json:"span" jsonschema:"required,title=how long prompts arrive\\, such as 48h"`
	// Another seed is another order.
	Seed uint64 `json:"seed" jsonschema:"minimum=0"`
	// Replace the times of arrival that the trace has. Without it such a trace is refused.
	Replace bool `json:"replace,omitempty"`
}

// Deployment says where some models can be run.
type Deployment struct {
	// Model ids or globs (* and ?). Without any: every model.
	Models []string `json:"models,omitempty"`
	// Countries (FRA) or cloud regions (gcp/europe-west1).
	Zones []string `json:"zones" jsonschema:"required,minItems=1,uniqueItems=true,title=a list of countries (FRA) or cloud regions (gcp/europe-west1)"`
}

// Split divides prompts into train, validation, selection and test.
type Split struct {
	// By the hash of the prompt's text (hash), the same within every category (stratified), by time of arrival (time), or as the
	// trace's own column split says (column).
	Method string `json:"method" jsonschema:"enum=hash,enum=stratified,enum=time,enum=column,default=hash"`
	// Share of the prompts to learn from.
	Train float64 `json:"train" jsonschema:"minimum=0,maximum=1"`
	// Share of the prompts that policies tune themselves by.
	Validation float64 `json:"validation" jsonschema:"minimum=0,maximum=1"`
	// Share of the prompts that settings and policies are chosen by; no policy is given them before. Where it is left out,
	// half of the validation share is set apart.
	Selection float64 `json:"selection" jsonschema:"minimum=0,maximum=1"`
	// Share of the prompts to be judged on. With a test trace of its own, the train trace has no such share.
	Test float64 `json:"test" jsonschema:"minimum=0,maximum=1"`
	// Another seed is another division.
	Seed uint64 `json:"seed" jsonschema:"minimum=0,default=1"`
	// Prompts whose texts are at least this similar (Jaccard, 0 to 1) stay on one side; off lets them part.
	NearDuplicates Similarity `json:"near_duplicates"`
}

// Similarity is a threshold from 0 to 1; 0 is written off.
type Similarity float64

// Off tells whether there is no threshold.
func (s Similarity) Off() bool { return s == 0 }

// Pools are the pools of an experiment, in order.
type Pools []Pool

// Pool is a named list of models. A model belongs to it when all that is said holds.
type Pool struct {
	// Name of the pool in tables and plots.
	Name string `json:"name" jsonschema:"title=a name for tables and plots"`
	// Model ids or globs (* and ?). One that begins with ! takes models away again. Without any: every model.
	Models []string `json:"models,omitempty"`
	// Model ids or globs to leave out.
	Exclude []string `json:"exclude,omitempty"`
	// true: only models with open weights; false: only closed ones.
	OpenWeights *bool `json:"open_weights,omitempty"`
	// Only models of these providers.
	Providers []string `json:"providers,omitempty"`
}

// Encoders are the encoders of an experiment, in order.
type Encoders []Encoder

// Encoder says how prompts become vectors: hash (hashed n-grams), minilm or another BERT model, a file of precomputed
// vectors, embedding (the trace's own column) or none.
type Encoder struct {
	// hash, minilm, embedding, none, or a name of your own for precomputed vectors or a model.
	Name string `json:"name"`
	// What it is called where there are several of the same name.
	Label string `json:"label,omitempty"`
	// Parquet file of vectors (prompt_id, embedding). A relative one is looked for in each trace's folder first, then
	// beside the experiment.
	Precomputed string `json:"precomputed,omitempty"`
	// Folder of a BERT model in Hugging Face's layout, or the name of an installed one.
	Model string `json:"model,omitempty"`
	// How a model's tokens become one vector, in place of what its folder says.
	Pooling string `json:"pooling,omitempty" jsonschema:"enum=mean,enum=cls"`
	// Whether a model's vectors are scaled to length one, in place of what its folder says.
	Normalise *bool `json:"normalise,omitempty"`
	// Where a model cuts texts, in tokens, in place of what its folder says.
	MaxTokens int `json:"max_tokens,omitempty" jsonschema:"minimum=2"`
	// Hash holds the parameters of hash; in a file they stand beside the name.
	Hash *encode.HashParams `json:"hash,omitempty"`

	beside string // the folder that a relative file is looked for in after the trace's
}

// Policies are the policies of an experiment, in order.
type Policies []Policy

// Policy is one entry of the list of policies.
type Policy struct {
	// Name of the policy, as `trilemma policy list` shows it.
	Name string `json:"name"`
	// What it is called in tables and plots. Without one: its name and what of the grid makes it differ.
	Label string `json:"label,omitempty"`
	// Parameters, as `trilemma policy describe NAME` lists them. Those left out keep their defaults.
	Params json.RawMessage `json:"params,omitempty"`
	// Parameters to vary: a list of values each, in all combinations, the last one fastest.
	Grid Grid `json:"grid,omitempty"`
	// Seeds of this policy in place of the experiment's.
	Seeds Seeds `json:"seeds,omitempty"`
	// Executable that serves the policy, in place of the one found by name.
	Plugin string `json:"plugin,omitempty"`
	// What the SHA-256 of the executable must be, in hexadecimal.
	SHA256 string `json:"sha256,omitempty" jsonschema:"pattern=^[0-9a-fA-F]{64}$,title=a SHA-256 of 64 hexadecimal digits\\, as sha256sum prints"`
	// false: no cell of what a policy that learns from reward starts from is added beside it.
	Untrained *bool `json:"untrained,omitempty"`
	// How long a cell of this policy may take, in place of the experiment's.
	Timeout Duration `json:"timeout,omitempty"`
}

// Grid lists the values of parameters that vary, in the order written.
type Grid []Axis

// Axis is one parameter of a grid.
type Axis struct {
	Name   string
	Values []json.RawMessage
}

// Seeds name random streams.
type Seeds []uint64

// Duration is a time span, written 90s, 30m or 2h.
type Duration time.Duration

// Metrics says how points become metrics.
type Metrics struct {
	// The policy that differences are taken to: a label, or best-single. Without one: static where it runs, else
	// best-single.
	Baseline string `json:"baseline"`
	// Bootstrap resamples of the prompts.
	Resamples int `json:"resamples" jsonschema:"minimum=100,maximum=1000000,default=10000"`
	// Seed of the bootstrap.
	Seed uint64 `json:"seed" jsonschema:"minimum=0,default=1"`
	// Loss of quality that still counts as none, where a saving is said to keep it.
	Margin float64 `json:"margin" jsonschema:"minimum=0,maximum=1,default=0.01"`
	// What resamples are stratified by.
	Strata string `json:"strata" jsonschema:"enum=category,enum=benchmark,enum=none,default=category"`
}

// Plots says how fronts are drawn.
type Plots struct {
	// Files of each figure; [] draws none.
	Formats []string `json:"formats" jsonschema:"uniqueItems=true,enum=png,enum=svg,enum=pdf"`
	// Logarithmic cost and carbon axes: true, false, or auto for where they help.
	LogCost Choice `json:"log_cost"`
	// Size: for the screen, or for the columns of papers, where the caption takes the place of the heading.
	Style string `json:"style" jsonschema:"enum=screen,enum=single,enum=double,enum=neurips,enum=acm,enum=acm-double,enum=ieee,enum=ieee-double,default=screen"`
}

// Choice is true, false or auto.
type Choice string

// Accounting says how energy and carbon are derived where they were not logged.
type Accounting struct {
	// Grid intensity in gCO2e per kWh for models whose region is not known. In place of zone.
	GridGPerKWh *float64 `json:"grid_g_per_kwh,omitempty" jsonschema:"minimum=0"`
	// Country (ISO 3166 alpha-3, FRA), cloud region (gcp/europe-west1) or world: whose grid models of unknown region run on.
	Zone string `json:"zone,omitempty" jsonschema:"default=world"`
	// Use that grid for every model, whatever its region.
	IgnoreRegions bool `json:"ignore_regions"`
	// Power usage effectiveness of the data centre.
	PUE float64 `json:"pue" jsonschema:"minimum=1,default=1.2"`
	// Requests served together.
	BatchSize float64 `json:"batch_size" jsonschema:"minimum=1,default=64"`
	// Bits of one parameter.
	QuantisationBits float64 `json:"quantisation_bits" jsonschema:"minimum=1,maximum=64,default=16"`
	// Count the energy of reading the prompt too, which the published method leaves out; false is as published. It needs
	// the number of input tokens.
	Prefill bool `json:"prefill" jsonschema:"default=true"`
	// Share of the GPU's peak that reading the prompt reaches.
	PrefillUtilisation float64 `json:"prefill_utilisation" jsonschema:"minimum=0.01,maximum=1,default=0.4"`
	// How energy is estimated where it was not logged: the published regression, the same calibrated on measurements, a
	// roofline on named hardware, a constant a token, or measured: not at all.
	Energy string `json:"energy,omitempty" jsonschema:"enum=regression,enum=calibrated,enum=roofline,enum=constant,enum=measured,default=regression"`
	// Card of energy: calibrated, as trilemma carbon calibrate writes it; absent: the built-in one.
	EnergyCard string `json:"energy_card,omitempty"`
	// Hardware of the roofline: H100, A100, L4, MI300X, Apple M-series or CPU; of energy: calibrated, one that the card has.
	Hardware string `json:"hardware,omitempty" jsonschema:"default=H100"`
	// Share of the hardware's peak FLOP/s that serving reaches, for the roofline.
	Utilisation float64 `json:"utilisation,omitempty" jsonschema:"minimum=0,maximum=1,default=0.4"`
	// Share of the hardware's memory bandwidth that serving reaches, for the roofline.
	BandwidthUtilisation float64 `json:"bandwidth_utilisation,omitempty" jsonschema:"minimum=0,maximum=1,default=0.6"`
	// Wh for 1,000 output tokens, of energy: constant.
	WhPer1kOutput float64 `json:"wh_per_1k_output,omitempty" jsonschema:"minimum=0"`
	// Wh for 1,000 input tokens, of energy: constant.
	WhPer1kInput float64 `json:"wh_per_1k_input,omitempty" jsonschema:"minimum=0"`
	// CSV of hourly grid intensities: datetime, zone, gco2e_per_kwh, or an export of Electricity Maps or WattTime. It counts
	// for prompts with a time of arrival and models with a region.
	Hourly string `json:"hourly,omitempty"`
	// Price book, in place of the prices of models.yaml.
	Prices string `json:"prices,omitempty"`
	// Date of the book's prices for prompts without a time of arrival, such as 2024-07-01.
	PricesOn string `json:"prices_on,omitempty" jsonschema:"pattern=^[0-9]{4}-[0-9]{2}-[0-9]{2}$,title=a date such as 2024-07-01"`
	// What becomes of outcomes that have a score but no known cost: exclude leaves them out, impute charges them with the mean
	// of their model's other outcomes, quality-only compares models by their scores alone.
	UnknownCost string `json:"unknown_cost,omitempty" jsonschema:"enum=exclude,enum=impute,enum=quality-only,default=exclude"`
	// Token counts that the trace lacks: logged leaves them unknown, estimate counts the tokens of prompt and response.
	Tokens string `json:"tokens,omitempty" jsonschema:"enum=logged,enum=estimate,default=logged"`
	// Whether cached and reasoning tokens are part of input_tokens and output_tokens (inclusive, as OpenAI logs) or come on
	// top of them (exclusive).
	Usage string `json:"usage,omitempty" jsonschema:"enum=inclusive,enum=exclusive,default=inclusive"`
	// Litres of water that data centres take for one kWh of servers, for regions whose operator states none.
	WaterLPerKWh *float64 `json:"water_l_per_kwh,omitempty" jsonschema:"minimum=0"`
}

// Preferences are sweeps over λ, one quantity at a time with the others 0, or all combinations where Grid is set.
// λ = 0 throughout (quality at any price) is always among them. Without any sweep, cost and carbon are swept as auto.
type Preferences struct {
	// Lambda is the sweep of each quantity that can be weighed, written lambda_cost and so on.
	Lambda [policy.NumQuantities]*Sweep `json:"-"`
	// All combinations of the sweeps instead of one at a time.
	Grid bool `json:"grid"`
}

// Sweep lists the values of one λ: auto or {auto: n} (from the pool's own figures), {log: [from, to, n]},
// {linear: [from, to, n]}, or a list.
type Sweep struct {
	Auto   int       `json:"auto,omitempty"`
	Log    *Span     `json:"log,omitempty"`
	Linear *Span     `json:"linear,omitempty"`
	Values []float64 `json:"values,omitempty"`
}

// Span is n values from From to To, both included.
type Span struct {
	From, To float64
	N        int
}
