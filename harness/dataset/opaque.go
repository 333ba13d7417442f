package dataset

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// opaque are the ids that policies see of the prompts: hashes of the trace's own, which may tell what a prompt is about
// ("mmlu-pro-117" stands among its category's). The key is which prompts there are and how they are divided, so that
// nobody who knows the ids of a public data set can look a hash up.
func (d *Dataset) opaque() []string {
	ids := d.Trace.Prompts.ID
	order := UpTo(len(ids))
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })
	key := sha256.New()
	var size [8]byte
	for _, i := range order {
		binary.LittleEndian.PutUint64(size[:], uint64(len(ids[i])))
		key.Write(size[:])
		key.Write([]byte(ids[i]))
		key.Write([]byte{byte(d.Part[i])})
	}
	prefix := key.Sum([]byte("trilemma prompt id\x00"))
	out := make([]string, len(ids))
	for i, id := range ids {
		sum := sha256.Sum256(append(prefix[:len(prefix):len(prefix)], id...))
		out[i] = hex.EncodeToString(sum[:16])
	}
	return out
}

// Blind puts prompts in the order of their opaque ids, which says nothing: in the trace, neighbours are alike. It
// returns the prompts in that order, and the place of each in rows.
func (f *Feed) Blind(rows []int) (prompts, place []int) {
	place = UpTo(len(rows))
	slices.SortFunc(place, func(a, b int) int { return cmp.Compare(f.data.IDs[rows[a]], f.data.IDs[rows[b]]) })
	prompts = make([]int, len(rows))
	for i, at := range place {
		prompts[i] = rows[at]
	}
	return prompts, place
}
