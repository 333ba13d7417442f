package synth

import (
	"errors"
	"fmt"
	"math"
)

// Params describe a simulated world. [Default] documents a world that behaves like a real pool.
type Params struct {
	// Seed names every random stream. Default 1.
	Seed uint64 `json:"seed" yaml:"seed"`
	// Prompts is the number of prompts. Default 6,000.
	Prompts int `json:"prompts" yaml:"prompts"`
	// Models is the size of the pool, 1 to 64. Fewer than 8 are spread over the built-in pool from cheap to dear, more
	// than 8 add variations of it. Default 8.
	Models int `json:"models" yaml:"models"`
	// Topics is the number of topics, 1 to 12; the dominant topic of a prompt is its category. Default 8.
	Topics int `json:"topics" yaml:"topics"`
	// Fields is the number of fields within each topic, 1 to 8. Models differ by field too, so that the category alone
	// does not say who is best. Default 4.
	Fields int `json:"fields" yaml:"fields"`
	// DominantShare is the mean share of a prompt's dominant skill in its mixture, 0.5 to 1. Default 0.85.
	DominantShare float64 `json:"dominant_share" yaml:"dominant_share"`

	// SizeEffect is the ability, in logits, that a tenfold price buys. Default 0.95.
	SizeEffect float64 `json:"size_effect" yaml:"size_effect"`
	// TopicSpread is the standard deviation of a model's ability between topics, in logits. Default 0.8.
	TopicSpread float64 `json:"topic_spread" yaml:"topic_spread"`
	// FieldSpread is the standard deviation of a model's ability between the fields of a topic, in logits. Default 0.9.
	FieldSpread float64 `json:"field_spread" yaml:"field_spread"`
	// Luck is the standard deviation of what makes one model suit one prompt better than its words can tell, in logits.
	// It is part of the truth, but no reader of prompts can learn it. Default 0.6.
	Luck float64 `json:"luck" yaml:"luck"`
	// Level shifts every ability, in logits: higher makes the whole pool better. Default 0.4.
	Level float64 `json:"level" yaml:"level"`

	// DifficultySD is the standard deviation of prompt difficulty, in logits. Default 1.4.
	DifficultySD float64 `json:"difficulty_sd" yaml:"difficulty_sd"`
	// DifficultyShown is the share of the variance of difficulty that the words carry, 0 to 1. Default 0.6.
	DifficultyShown float64 `json:"difficulty_shown" yaml:"difficulty_shown"`
	// Discrimination is the median slope of the item-response curve. Default 1.3.
	Discrimination float64 `json:"discrimination" yaml:"discrimination"`
	// DiscriminationSD is the standard deviation of the logarithm of the slope between prompts. Default 0.2.
	DiscriminationSD float64 `json:"discrimination_sd" yaml:"discrimination_sd"`

	// Options is the number of answers to choose from, 2 to 10; a guess is right once in Options. Default 8.
	Options int `json:"options" yaml:"options"`
	// Distraction is the share of wrong answers that fall on the prompt's one tempting wrong option, 0 to 1. The higher
	// it is, the more wrong models agree with one another. Default 0.5.
	Distraction float64 `json:"distraction" yaml:"distraction"`
	// Graded draws scores between 0 and 1 (a Beta distribution with the same mean) instead of right or wrong. Such a
	// trace has free text instead of options: no answers and no references. Default false.
	Graded bool `json:"graded" yaml:"graded"`
	// GradedConcentration is the sum of the Beta distribution's parameters: higher means less noise. Default 6.
	GradedConcentration float64 `json:"graded_concentration" yaml:"graded_concentration"`

	// PromptWords is the median number of words of a prompt. Default 45.
	PromptWords float64 `json:"prompt_words" yaml:"prompt_words"`
	// PromptWordsSD is the standard deviation of the logarithm of that number. Default 0.4.
	PromptWordsSD float64 `json:"prompt_words_sd" yaml:"prompt_words_sd"`
	// OutputSD is the standard deviation of the logarithm of a model's output tokens, given the prompt. Default 0.4.
	OutputSD float64 `json:"output_sd" yaml:"output_sd"`
	// LatencySD is the standard deviation of the logarithm of the noise in speed and time to first token. Default 0.2.
	LatencySD float64 `json:"latency_sd" yaml:"latency_sd"`
	// LogCost writes cost_usd; otherwise it is derived from tokens and prices by whoever reads. Default false.
	LogCost bool `json:"log_cost" yaml:"log_cost"`

	// MissingRate is the share of outcomes that are missing at random, 0 to 1. Default 0.
	MissingRate float64 `json:"missing_rate" yaml:"missing_rate"`
	// Bandit keeps one outcome a prompt, chosen by a known logging policy, and writes its propensity. Default false.
	Bandit bool `json:"bandit" yaml:"bandit"`
	// BanditEpsilon is the share of the logging policy that is uniform over the pool; the least propensity is this
	// divided by Models. Default 0.2.
	BanditEpsilon float64 `json:"bandit_epsilon" yaml:"bandit_epsilon"`
	// BanditTemperature is that of the logging policy's softmax over its view of each model's success. Default 0.15.
	BanditTemperature float64 `json:"bandit_temperature" yaml:"bandit_temperature"`

	// Drift is how far the world moves over DriftDays, 0 to 1: topics gain and lose popularity, and each model's
	// abilities move by up to Drift·TopicSpread logits a topic. Default 0.
	Drift float64 `json:"drift" yaml:"drift"`
	// DriftDays is how long the drift takes. Default 30.
	DriftDays float64 `json:"drift_days" yaml:"drift_days"`
	// PromptsPerDay is the rate at which prompts arrive. Default 200.
	PromptsPerDay float64 `json:"prompts_per_day" yaml:"prompts_per_day"`

	// Text is "full", or "short" for prompts of a few words and no options, as for traces of millions of rows. The rest
	// of the trace is the same. Default "full".
	Text string `json:"text" yaml:"text"`
	// Responses is "full", "short" (the answer alone) or "none". Default "full".
	Responses string `json:"responses" yaml:"responses"`
}

// Default is the world of the quickstart: 6,000 prompts × 8 models, the dear ones about 200 times as dear as the cheap.
func Default() Params {
	return Params{
		Seed: 1, Prompts: 6000, Models: 8, Topics: 8, Fields: 4, DominantShare: 0.85,
		SizeEffect: 0.95, TopicSpread: 0.8, FieldSpread: 0.9, Luck: 0.6, Level: 0.4,
		DifficultySD: 1.4, DifficultyShown: 0.6, Discrimination: 1.3, DiscriminationSD: 0.2,
		Options: 8, Distraction: 0.5, GradedConcentration: 6,
		PromptWords: 45, PromptWordsSD: 0.4, OutputSD: 0.4, LatencySD: 0.2,
		BanditEpsilon: 0.2, BanditTemperature: 0.15,
		DriftDays: 30, PromptsPerDay: 200,
		Text: "full", Responses: "full",
	}
}

// maxPrompts keeps prompt × model indices within 32 bits for the largest pool.
const maxPrompts = 30_000_000

// Check lists every parameter that is out of range.
func (p Params) Check() error {
	var wrong []error
	between := func(name string, x, low, high float64) {
		if math.IsNaN(x) || x < low || x > high {
			wrong = append(wrong, fmt.Errorf("simulation parameter %s is %v: give a number from %v to %v", name, x, low, high))
		}
	}
	oneOf := func(name, x string, values ...string) {
		for _, v := range values {
			if x == v {
				return
			}
		}
		wrong = append(wrong, fmt.Errorf("simulation parameter %s is %q: give one of %q", name, x, values))
	}
	between("prompts", float64(p.Prompts), 1, maxPrompts)
	between("models", float64(p.Models), 1, 64)
	between("topics", float64(p.Topics), 1, float64(len(topics)))
	between("fields", float64(p.Fields), 1, 8)
	between("dominant_share", p.DominantShare, 0.5, 1)
	between("size_effect", p.SizeEffect, -10, 10)
	between("topic_spread", p.TopicSpread, 0, 10)
	between("field_spread", p.FieldSpread, 0, 10)
	between("luck", p.Luck, 0, 10)
	between("level", p.Level, -20, 20)
	between("difficulty_sd", p.DifficultySD, 0, 10)
	between("difficulty_shown", p.DifficultyShown, 0, 1)
	between("discrimination", p.Discrimination, 0.01, 20)
	between("discrimination_sd", p.DiscriminationSD, 0, 2)
	between("options", float64(p.Options), 2, 10)
	between("distraction", p.Distraction, 0, 1)
	between("graded_concentration", p.GradedConcentration, 0.1, 1000)
	between("prompt_words", p.PromptWords, 5, 2000)
	between("prompt_words_sd", p.PromptWordsSD, 0, 1)
	between("output_sd", p.OutputSD, 0, 2)
	between("latency_sd", p.LatencySD, 0, 2)
	between("missing_rate", p.MissingRate, 0, 1)
	between("bandit_epsilon", p.BanditEpsilon, 0, 1)
	between("bandit_temperature", p.BanditTemperature, 0.001, 1000)
	between("drift", p.Drift, 0, 1)
	between("drift_days", p.DriftDays, 0.001, 1e5)
	between("prompts_per_day", p.PromptsPerDay, 0.01, 1e9)
	oneOf("text", p.Text, "full", "short")
	oneOf("responses", p.Responses, "full", "short", "none")
	return errors.Join(wrong...)
}
