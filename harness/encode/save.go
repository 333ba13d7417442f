package encode

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// savedHash heads the saved form: its JSON, then buckets, idf, offset and projection as little-endian 32-bit words,
// then the SHA-256 of all that.
type savedHash struct {
	Version     string     `json:"version"`
	Params      HashParams `json:"params"`
	Fingerprint string     `json:"fingerprint"`
	Features    int        `json:"features"`
}

// Save returns the encoder as bytes for [LoadHash]: about 25 MB with the default parameters.
func (h *Hash) Save() ([]byte, error) {
	head, err := json.Marshal(savedHash{hashVersion, h.params, h.fingerprint, len(h.buckets)})
	if err != nil {
		return nil, fmt.Errorf("saving the hash encoder: %w", err)
	}
	b := make([]byte, 0, 8+len(head)+4*(len(h.buckets)*(2+h.params.Dim)+h.params.Dim)+sha256.Size)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(head)))
	b = append(b, head...)
	for _, bucket := range h.buckets {
		b = binary.LittleEndian.AppendUint32(b, bucket)
	}
	for _, column := range [][]float32{h.idf, h.offset, h.projection} {
		for _, x := range column {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// LoadHash returns the encoder that was saved: it has the same fingerprint and gives the same vectors.
func LoadHash(b []byte) (*Hash, error) {
	broken := func(why error) error {
		return fmt.Errorf("loading a hash encoder: %w; fit it again", why)
	}
	if len(b) < 8+sha256.Size {
		return nil, broken(fmt.Errorf("%d bytes are too few", len(b)))
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, broken(errors.New("the checksum is wrong"))
	}
	size := binary.LittleEndian.Uint64(body)
	body = body[8:]
	if size > uint64(len(body)) {
		return nil, broken(errors.New("the header is cut short"))
	}
	var head savedHash
	if err := json.Unmarshal(body[:size], &head); err != nil {
		return nil, broken(err)
	}
	if head.Version != hashVersion {
		return nil, broken(fmt.Errorf("it is of version %q, this program has %q", head.Version, hashVersion))
	}
	if err := head.Params.Check(); err != nil {
		return nil, broken(err)
	}
	body = body[size:]
	dim, n := head.Params.Dim, head.Features
	if n < 0 || n > 1<<24 || len(body) != 4*(n*(2+dim)+dim) {
		return nil, broken(fmt.Errorf("%d bytes do not hold %d features", len(body), n))
	}
	h := &Hash{params: head.Params, fingerprint: head.Fingerprint, buckets: make([]uint32, n)}
	word := func() uint32 {
		x := binary.LittleEndian.Uint32(body)
		body = body[4:]
		return x
	}
	for f := range h.buckets {
		h.buckets[f] = word()
		if h.buckets[f] >= 1<<head.Params.Bits {
			return nil, broken(fmt.Errorf("bucket %d does not exist", h.buckets[f]))
		}
	}
	floats := func(length int) []float32 {
		column := make([]float32, length)
		for i := range column {
			column[i] = math.Float32frombits(word())
		}
		return column
	}
	h.idf, h.offset, h.projection = floats(n), floats(dim), floats(n*dim)
	h.index()
	return h, nil
}
