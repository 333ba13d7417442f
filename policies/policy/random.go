package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// Stream returns the random stream named by a seed and a path of names, such as (seed, "predict", "init").
// Streams of different names are independent, so adding a draw to one never shifts another.
func Stream(seed uint64, names ...string) *rand.Rand { return rand.New(Source(seed, names...)) }

// Source is what [Stream] draws from, for who has to keep its state.
func Source(seed uint64, names ...string) *rand.ChaCha8 {
	h := sha256.New()
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], seed)
	h.Write(word[:])
	for _, name := range names {
		// The length keeps ("ab", "c") and ("a", "bc") apart.
		binary.LittleEndian.PutUint64(word[:], uint64(len(name)))
		h.Write(word[:])
		h.Write([]byte(name))
	}
	return rand.NewChaCha8([32]byte(h.Sum(nil)))
}
