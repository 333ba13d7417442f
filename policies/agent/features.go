package agent

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// What the actor reads of a state, after a price in score for each λ of the weighed quantities and before the prompt's
// vector.
const (
	stateAsked           = iota // models that answered, by three
	stateSpent                  // price of what was spent, squashed
	stateLeadShare              // of the votes' weight that the leading answer has
	stateLead                   // votes of the leading answer before the second's
	stateGroups                 // different answers
	stateVoteProbability        // that the leading answer is right, if models err independently
	stateInHand                 // posterior of the better of the answers that stopping now may give
	stateBestAsk                // expected utility of the best model to ask
	stateGain                   // … beyond the answer in hand
	stateTopScore               // best expected score of the pool
	stateMeanScore              // mean of the same
	stateCheapest               // lowest price of a model not asked, squashed
	stateFirst                  // 1 before anybody was asked
	stateLeft                   // share of the asks that are left
	stateResponse               // how the last response looks, see [env.Shape]
	stateFeatures        = stateResponse + env.ShapeFeatures
)

// What the actor reads of each action.
const (
	actionAsk       = iota // 1 for asking a model
	actionLast             // 1 for stopping with the last answer
	actionVote             // 1 for stopping with the vote
	actionGain             // posterior beyond the answer in hand
	actionPrice            // what asking costs, squashed
	actionScore            // logit of the expected score
	actionAboveMean        // expected score above the pool's mean
	actionPosterior        // logit of the posterior
	actionRegret           // expected utility below that of the best action
	actionFeatures
)

// What the posterior of a model's answer is told, before two one-hots: which answer is meant, and of each model whether it
// agrees with that answer. Those from inputGiven to inputLeads are of a model that answered, those from inputVote to
// inputOther of one that did not.
const (
	inputScore        = iota                                 // logit of the model's expected score
	inputGiven                                               // 1 where it answered
	inputAnswer                                              // 1 where its response has an answer
	inputSupport                                             // votes of others for its answer
	inputOpposition                                          // votes for the strongest other answer
	inputSupporters                                          // others that gave its answer
	inputDissents                                            // others that gave another
	inputLeads                                               // 1 where its answer leads
	inputVote                                                // probability of the leading answer, if models err independently
	inputLead                                                // votes of the leading answer
	inputMargin                                              // … before the second's
	inputAskedScore                                          // mean logit of the expected scores of those that answered
	inputOther                                               // 1 where others answered
	inputAsked                                               // models that answered
	inputGroups                                              // different answers
	inputLeadShare                                           // of the votes' weight that the leading answer has
	inputPoolMean                                            // mean logit of the pool's expected scores
	inputPoolTop                                             // greatest of the same
	inputOwnResponse                                         // how its response looks
	inputLastResponse = inputOwnResponse + env.ShapeFeatures // how the last one looks, to a model that did not answer
	inputOneHots      = inputLastResponse + env.ShapeFeatures
)

// featurizer turns states into numbers. It works in buffers of its own: one a goroutine.
type featurizer struct {
	estimator *estimator
	config    *Config
	posterior []float32 // [models] probability that the model's answer is, or would be, right
	price     []float32 // [models] what asking costs, in score
	value     []float32 // [actions] expected utility of what is still to come, were the action the last of its kind
	votes     votes
	member    int       // of the posterior that judges; nn.Everybody for all
	input     []float32 // of the posterior, but for the one-hot
	shape     []float32 // standardised, [asks × ShapeFeatures]
	asked     []bool    // [models]
	hidden    []float32
	out       []float32
	others    *nn.OneHots // of the posterior about models not asked
	poolMean  float32     // of the expected scores' logits
	poolTop   float32
}

func newFeaturizer(s *estimator, c *Config) *featurizer {
	l := &featurizer{
		estimator: s, config: c, posterior: make([]float32, s.Models), price: make([]float32, s.Models),
		value: make([]float32, env.Actions(s.Models, c.sequential())), input: make([]float32, s.posteriorWidth()),
		shape: make([]float32, s.Models*env.ShapeFeatures), asked: make([]bool, s.Models), member: nn.Everybody,
	}
	if s.Posterior != nil {
		l.hidden, l.out, l.others = make([]float32, s.Posterior.Hidden), make([]float32, s.Posterior.Out()), s.Posterior.NewOneHots()
	}
	return l
}

// width is the number of inputs of the actor.
func (c *Config) width(s *estimator) int {
	if c.Vector {
		return stateFeatures + len(s.Weighed) + s.Dim
	}
	return stateFeatures + len(s.Weighed)
}

// posteriorWidth is the number of inputs of the posterior before the one-hot of the model that it is about.
func (s *estimator) posteriorWidth() int { return inputOneHots + len(s.Answers) + s.Models }

// summarise sums up what a state shows: votes, responses, what is expected of the pool.
func (l *featurizer) summarise(score []float32, seen *env.Seen) {
	const k = env.ShapeFeatures
	l.votes.count(seen, l.estimator.Choices)
	if l.estimator.ShapeMean == nil || len(seen.Shape) < len(seen.Models)*k {
		clear(l.shape[:len(seen.Models)*k])
	} else {
		for i, m := range seen.Models {
			l.estimator.standardise(int(m), seen.Shape[i*k:(i+1)*k], l.shape[i*k:(i+1)*k])
		}
	}
	var count float32
	l.poolMean, l.poolTop = 0, logit(0)
	for _, q := range score {
		if q == q {
			z := logit(q)
			l.poolMean, l.poolTop, count = l.poolMean+z, max(l.poolTop, z), count+1
		}
	}
	l.poolMean /= max(count, 1)
}

// posteriorInput fills l.input with those of the posterior about model m, place being where it stands among those asked, -1 if it
// was not: then only the first number depends on the model. The state must have been read.
func (l *featurizer) posteriorInput(score []float32, seen *env.Seen, m, place int) {
	const k = env.ShapeFeatures
	out := l.input
	clear(out)
	answer, who := out[inputOneHots:len(out)-l.estimator.Models], out[len(out)-l.estimator.Models:]
	v, n := &l.votes, len(seen.Models)
	z := logit(score[m])
	out[inputScore] = z
	if place >= 0 {
		out[inputGiven] = 1
		if seen.Answers[place] != 0 {
			out[inputAnswer] = 1
		}
		out[inputSupport], out[inputOpposition] = v.support[place]/3, v.opposition[place]/3
		out[inputSupporters], out[inputDissents] = v.supporters[place], v.dissents[place]
		copy(out[inputOwnResponse:inputOwnResponse+k], l.shape[place*k:(place+1)*k])
		l.estimator.tellAnswer(seen.Answers[place], answer)
		if seen.Answers[place] == v.leader && v.leader != 0 {
			out[inputLeads] = 1
		}
	} else if n > 0 {
		copy(out[inputLastResponse:], l.shape[(n-1)*k:n*k])
		out[inputVote], out[inputLead] = v.probability, v.lead/3
		out[inputMargin] = (v.lead - v.second) / 3
		var mean float32
		for _, a := range seen.Models {
			mean += logit(score[a]) / float32(n)
		}
		out[inputAskedScore] = mean
		out[inputOther] = 1
	}
	// Who agrees: with m's answer, or with the one that leads. Models of a family err together.
	with := v.leader
	if place >= 0 {
		with = seen.Answers[place]
	}
	for i, a := range seen.Models {
		if i == place {
			continue
		}
		who[a] = -1
		if seen.Answers[i] == with && with != 0 {
			who[a] = 1
		}
	}
	out[inputAsked] = float32(n) / 3
	out[inputGroups] = float32(v.groups) / 3
	if v.total > 0 {
		out[inputLeadShare] = v.lead / v.total
	}
	out[inputPoolMean], out[inputPoolTop] = l.poolMean, l.poolTop
}

// inHand is the posterior in the better of the two answers that stopping now may give: the last one, or that of the vote.
func (l *featurizer) inHand(seen *env.Seen) float32 {
	n := len(seen.Models)
	if n == 0 {
		return 0
	}
	return max(l.posterior[seen.Models[n-1]], l.votePosterior(seen))
}

// votePosterior is the posterior in the answer that leads the vote: the mean of those in the models that gave it.
func (l *featurizer) votePosterior(seen *env.Seen) float32 {
	var sum, members float32
	for i, m := range seen.Models {
		if seen.Answers[i] == l.votes.leader {
			sum += l.posterior[m]
			members++
		}
	}
	return sum / max(members, 1)
}

// estimate fills the posteriors, the prices and the expected utilities of a state. e row holds what is expected of the prompt.
func (l *featurizer) estimate(e *forecast.Expected, row int, p *policy.Preference, seen *env.Seen) {
	s := l.estimator
	score := e.Row(policy.Quality, row)
	l.summarise(score, seen)
	clear(l.asked)
	for _, m := range seen.Models {
		l.asked[m] = true
	}
	more := s.Elasticity.factors(e, row, seen)
	for m := range s.Models {
		expected := e.At(row, m)
		for q := range expected {
			expected[q] *= more[q]
		}
		l.price[m] = float32(p.Price(expected))
		l.posterior[m] = score[m]
	}
	if len(seen.Models) == 0 || s.Posterior == nil {
		return
	}
	for i, m := range seen.Models {
		if score[m] == score[m] {
			l.posteriorInput(score, seen, int(m), i)
			l.posterior[m] = s.Posterior.OneHot(l.member, l.input, int(m), l.hidden, l.out)
		}
	}
	shared := false
	for m := range s.Models {
		if score[m] != score[m] || l.asked[m] {
			continue
		}
		if !shared {
			shared = true
			l.posteriorInput(score, seen, m, -1)
			l.others.Share(l.member, l.input)
		}
		l.posterior[m] = l.others.At(logit(score[m]), m)
	}
}

// describe lays a state out for the actor: state [width], each [actions × actionFeatures], base [actions]; allowed tells
// which actions make estimator. It returns the expected utility, in score, of the best of them: what the value adds to.
func (l *featurizer) describe(e *forecast.Expected, row int, vector []float32, p *policy.Preference, seen *env.Seen, allowed func(action int) bool, state, each, base []float32) (ahead float32) {
	l.estimate(e, row, p, seen)
	s, n, v := l.estimator, len(seen.Models), &l.votes
	score := e.Row(policy.Quality, row)
	inHand := l.inHand(seen)
	best, bestAsk, cheapest := float32(math.Inf(-1)), float32(math.Inf(-1)), float32(math.Inf(1))
	var mean, top, count float32
	for m, q := range score {
		if q == q {
			mean, count = mean+q, count+1
			top = max(top, q)
			if !l.asked[m] {
				cheapest = min(cheapest, l.price[m])
			}
		}
	}
	mean /= max(count, 1)
	for a := range base {
		base[a] = actor.NotAllowed
		x := each[a*actionFeatures : (a+1)*actionFeatures]
		clear(x)
		if !allowed(a) {
			continue
		}
		var u, b, price float32
		switch {
		case a < s.Models:
			b, price = l.posterior[a], l.price[a]
			if b != b || price != price {
				continue
			}
			u = max(b, inHand) - price
			bestAsk = max(bestAsk, u)
			x[actionAsk], x[actionScore], x[actionAboveMean] = 1, logit(score[a])/2, score[a]-mean
		case a == s.Models:
			b = l.posterior[seen.Models[n-1]]
			u = b
			x[actionLast] = 1
		default:
			b = l.votePosterior(seen)
			u = b
			x[actionVote] = 1
		}
		l.value[a] = u
		base[a] = u
		best = max(best, u)
		x[actionGain], x[actionPrice] = b-inHand, squash(price)
		x[actionPosterior] = logit(b) / 2
	}
	for a := range base {
		if base[a] > actor.NotAllowed {
			each[a*actionFeatures+actionRegret] = max(l.value[a]-best, -1) * 3
			base[a] = max((base[a]-best)/float32(l.config.Temperature), -40)
		}
	}
	if math.IsInf(float64(best), -1) {
		best = 0
	}
	if math.IsInf(float64(bestAsk), -1) {
		bestAsk = 0
	}
	if math.IsInf(float64(cheapest), 1) {
		cheapest = 0
	}
	var figures policy.Figures
	for q, x := range seen.Spent {
		figures[q] = float64(x)
	}
	spent := float32(p.Price(figures))
	if spent != spent {
		spent = 0
	}
	first, share := float32(0), float32(0)
	if n == 0 {
		first = 1
	}
	if v.total > 0 {
		share = v.lead / v.total
	}
	state = state[:0]
	for _, q := range s.Weighed {
		state = append(state, squash(float32(p[q]*s.Typical[q])))
	}
	x := state[len(state) : len(state)+stateFeatures]
	state = state[:len(state)+stateFeatures]
	x[stateAsked], x[stateSpent], x[stateLeadShare], x[stateLead] = float32(n)/3, squash(spent), share, (v.lead-v.second)/5
	x[stateGroups], x[stateVoteProbability], x[stateInHand] = float32(v.groups)/3, v.probability, inHand
	x[stateBestAsk], x[stateGain], x[stateTopScore], x[stateMeanScore] = bestAsk, bestAsk-inHand, top, mean
	x[stateCheapest], x[stateFirst] = squash(cheapest), first
	x[stateLeft] = float32(l.config.MaxAsks-n) / float32(max(l.config.MaxAsks, 1))
	clear(x[stateResponse:])
	if n > 0 {
		copy(x[stateResponse:], l.shape[(n-1)*env.ShapeFeatures:n*env.ShapeFeatures])
	}
	if l.config.Vector {
		scale := float32(math.Sqrt(float64(s.Dim)))
		for _, x := range vector {
			state = append(state, x*scale)
		}
	}
	return best
}

// squash keeps prices in a range that a network can read: about linear up to a hundredth, logarithmic beyond.
func squash(price float32) float32 {
	return float32(math.Log1p(50*math.Max(float64(price), 0))) / 2
}
