package importer

import (
	"math"
	"unicode"

	"github.com/trilemma-bench/trilemma/harness/encode/wordpiece"
)

// TokenCounter counts the tokens of a text.
type TokenCounter interface {
	// Name says how, for reports.
	Name() string
	// Count is 0 for the empty text.
	Count(text string) int
}

// Estimate guesses how many WordPiece tokens (of an uncased English vocabulary of 30,522 pieces) a text has, without
// the vocabulary: from the lengths of its words. Against exact counts of MMLU-Pro it is off by 6 % a prompt and 3 % a
// response on average, and by 2 % and 1 % in sum.
type Estimate struct{}

// Name of the counter.
func (Estimate) Name() string { return "estimated WordPiece" }

// Mean pieces of a word by its number of letters, and of a run of digits by its number of digits, from 0. Fitted by
// weighted least squares to the token counts of 10,000 responses and 4,235 prompts of MMLU-Pro, and checked on as many
// others.
var (
	letterPieces = [...]float64{0, 1, 0.94, 0.98, 1.07, 1.05, 0.98, 1.11, 1.11, 1.18, 1.27, 1.5, 1.78, 1.78, 2.02}
	digitPieces  = [...]float64{0, 1.05, 1.05, 1.13, 1.49, 2.72, 3.15}
)

const (
	letterPiecesMore = 0.45 // of every letter beyond the table
	digitPiecesMore  = 0.5  // of every digit beyond it
	symbolPieces     = 1.08 // of a punctuation mark or symbol
)

// Count estimates.
func (Estimate) Count(text string) int {
	var sum float64
	letters, digits := 0, 0
	flush := func() {
		sum += pieces(letters, letterPieces[:], letterPiecesMore) + pieces(digits, digitPieces[:], digitPiecesMore)
		letters, digits = 0, 0
	}
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Mn, r):
			// An accent belongs to its letter.
		case wordpiece.IsChinese(r):
			flush()
			sum++
		case unicode.IsLetter(r):
			if digits > 0 {
				flush()
			}
			letters++
		case unicode.IsDigit(r):
			if letters > 0 {
				flush()
			}
			digits++
		default:
			flush()
			if !unicode.IsSpace(r) && !unicode.IsControl(r) {
				sum += symbolPieces
			}
		}
	}
	flush()
	if sum > 0 {
		return max(1, int(math.Round(sum)))
	}
	return 0
}

func pieces(n int, table []float64, more float64) float64 {
	last := len(table) - 1
	if n <= last {
		return table[n]
	}
	return table[last] + more*float64(n-last)
}
