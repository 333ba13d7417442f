package encode

import (
	"errors"
	"fmt"
)

// Pooling makes one vector of the vectors of a text's tokens.
const (
	PoolMean = "mean" // their mean, [CLS] and [SEP] included
	PoolCLS  = "cls"  // that of [CLS]
)

// ModelParams override what the folder of a BERT model says; zero values leave it as it is.
type ModelParams struct {
	// Pooling is "mean" or "cls". Without it and without a sentence-transformers configuration: mean.
	Pooling string
	// Normalise scales vectors to length one. Without a sentence-transformers configuration: no.
	Normalise *bool
	// MaxTokens is where texts are cut, [CLS] and [SEP] included. Without it: what the folder says, at most 512.
	MaxTokens int
}

// Check lists what is wrong with the parameters by themselves.
func (p ModelParams) Check() error {
	var wrong []error
	if p.Pooling != "" && p.Pooling != PoolMean && p.Pooling != PoolCLS {
		wrong = append(wrong, fmt.Errorf("encoder parameter pooling is %q: give %q or %q", p.Pooling, PoolMean, PoolCLS))
	}
	if p.MaxTokens != 0 && p.MaxTokens < 2 {
		wrong = append(wrong, fmt.Errorf("encoder parameter max_tokens is %d: give at least 2, for [CLS] and [SEP]", p.MaxTokens))
	}
	return errors.Join(wrong...)
}
