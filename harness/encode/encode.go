// Package encode turns prompt texts into vectors.
//
// The way of the data:
//
//  1. Texts become vectors through an [Encoder]. [Hash] is the built-in one: counts of hashed word and character
//     n-grams, weighted by how rare they are in the training prompts, projected to 384 floats. It needs no download.
//  2. [Cache] stands between the two, so that a text is encoded once by each encoder: vectors lie on disk by the
//     encoder's fingerprint and the text's SHA-256.
//  3. Vectors that someone else computed are read by [LoadPrecomputed] from a Parquet file, by prompt id.
//
// Packages below this one: bert is an encoder of BERT models on GoMLX, wordpiece and safetensors read what such models are
// made of, and weights knows where they come from and where they are kept.
//
// An encoder is fitted on the training prompts alone: what it knows of the test prompts' words would be a leak.
package encode

import "context"

// Encoder turns texts into vectors. The vector of a text depends on nothing but the text and the encoder: not on the
// batch, its order or how many goroutines work on it.
type Encoder interface {
	// Name is a short label such as "hash-svd-384".
	Name() string
	// Dim is the length of a vector.
	Dim() int
	// Fingerprint identifies the mapping from text to vector: encoders of equal fingerprint give equal vectors. It is
	// lower-case hexadecimal and known before anything is computed.
	Fingerprint() string
	// Encode returns len(texts) × Dim floats, row-major. It stops soon after ctx is cancelled.
	Encode(ctx context.Context, texts []string) ([]float32, error)
}

// Streamer is an encoder that hands vectors over as they are ready, so that what was computed before an interruption is
// kept.
type Streamer interface {
	Encoder
	// Stream calls got with rows of texts and their vectors, len(rows) × Dim, each text once, in any order, from one
	// goroutine at a time. It stops soon after ctx is cancelled or got returns an error.
	Stream(ctx context.Context, texts []string, got func(rows []int, vectors []float32) error) error
}
