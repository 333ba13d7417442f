package synth

import (
	"math/rand/v2"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// topic is a category of prompts: its name and the words that only it uses, most frequent first.
type topic struct {
	name  string
	words []string
}

// topics are in the order in which [Params.Topics] takes them.
var topics = []topic{
	{"mathematics", strings.Fields("integral matrix theorem polynomial prime vector proof graph angle series ratio equation function limit algebra probability")},
	{"history", strings.Fields("empire treaty revolution dynasty parliament colony monarch archive siege migration reform province century crown alliance rebellion")},
	{"computing", strings.Fields("algorithm compiler array thread packet cache recursion pointer database loop kernel syntax protocol server buffer queue")},
	{"biology", strings.Fields("cell enzyme protein species membrane gene habitat neuron tissue mutation bacteria ecosystem hormone chromosome plant organism")},
	{"law", strings.Fields("contract statute tort plaintiff court negligence easement jury liability appeal clause warrant trustee evidence damages defendant")},
	{"physics", strings.Fields("momentum photon entropy voltage wave gravity particle friction lens orbit pressure quantum charge velocity field pendulum")},
	{"economics", strings.Fields("inflation demand tariff monopoly interest wage supply currency subsidy market deficit elasticity labour capital auction tax")},
	{"medicine", strings.Fields("diagnosis artery dosage infection patient surgery symptom vaccine fever kidney therapy fracture insulin lesion clinic biopsy")},
	{"chemistry", strings.Fields("acid molecule reaction catalyst ion bond solvent oxide polymer isotope titration alloy crystal mole electrolyte enthalpy")},
	{"philosophy", strings.Fields("ethics premise duty virtue knowledge belief mind freedom argument justice paradox reason being truth utility consent")},
	{"engineering", strings.Fields("beam turbine valve circuit load torque bridge pump sensor gear concrete motor boiler stress welding antenna")},
	{"literature", strings.Fields("novel stanza metaphor narrator sonnet tragedy chapter rhyme irony character drama verse essay satire author fable")},
}

// levels are words that tell how hard a prompt is, easiest first.
var levels = [][]string{
	strings.Fields("simple basic name list common daily plain beginner"),
	strings.Fields("describe typical identify usual short familiar normal standard"),
	strings.Fields("explain compare relate given following several between approximate"),
	strings.Fields("derive justify infer constraint simultaneous estimate conditional indirect"),
	strings.Fields("rigorous counterexample asymptotic subtle unresolved necessary sufficient intricate"),
}

var (
	glue    = strings.Fields("the of a in to and is for that with on by this as from which when it are at")
	filler  = strings.Fields("case example note group part number result first second change large small value point order study record question problem work form side line year place")
	opening = strings.Fields("Consider Regarding Given Concerning Suppose About In On")
	asking  = []string{"Which answer is right?", "What follows?", "Which statement holds?", "What is the best answer?", "Which option fits?"}
	hedges  = []string{"I am not sure, but", "It might be that", "Possibly", "This is a guess:", "It is hard to say, though perhaps", "Maybe"}
	firm    = []string{"We know that", "By definition", "Step by step:", "It follows that", "Clearly", "Checking each option,"}
)

const (
	onsets = "b c d f g k l m n p r s t v z"
	vowels = "a e i o u"
	codas  = "n r l s m"
)

var (
	onsetList = strings.Fields(onsets)
	vowelList = strings.Fields(vowels)
	codaList  = strings.Fields(codas)
)

// coin appends a pronounceable word of the given number of syllables.
func coin(b []byte, r *rand.Rand, syllables int) []byte {
	for range syllables {
		b = append(b, pick(r, onsetList)...)
		b = append(b, pick(r, vowelList)...)
	}
	return append(b, pick(r, codaList)...)
}

// fieldWords are the made-up terms of every field, [topic·fields+field]. They depend on nothing but the topic's name
// and the field's number, so that traces of different seeds speak one language and a router can be tried on another.
func fieldWords(topicCount, fields int) [][]string {
	all := make([][]string, 0, topicCount*fields)
	for _, t := range topics[:topicCount] {
		for f := range fields {
			r := policy.Stream(0, "vocabulary", t.name, letter(f))
			words := make([]string, 14)
			for i := range words {
				words[i] = string(coin(nil, r, 2+i%2))
			}
			all = append(all, words)
		}
	}
	return all
}

// pick draws a word uniformly.
func pick(r *rand.Rand, words []string) string { return words[r.IntN(len(words))] }

// skewed draws a word, the first ones more often.
func skewed(r *rand.Rand, words []string) string {
	u := r.Float64()
	return words[int(u*u*float64(len(words)))]
}
