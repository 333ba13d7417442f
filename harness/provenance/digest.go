package provenance

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Digest is the SHA-256 of named blocks, each with its length so that no two lists of blocks look alike.
func Digest(name string, blocks ...[]byte) string {
	h := sha256.New()
	var word [8]byte
	for _, b := range append([][]byte{[]byte(name)}, blocks...) {
		binary.LittleEndian.PutUint64(word[:], uint64(len(b)))
		h.Write(word[:])
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}
