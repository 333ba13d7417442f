// Package checkpoint turns what a policy has learned into bytes and back ([Save], [Load]), with numbers as blocks ([F32s]).
package checkpoint

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// F32s are float32s that are written into JSON as base64 of their little-endian bytes: exact, NaN included, and the
// same bytes for the same numbers on every machine.
type F32s []float32

// MarshalText implements [encoding.TextMarshaler].
func (f F32s) MarshalText() ([]byte, error) {
	raw := make([]byte, 4*len(f))
	for i, x := range f {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(x))
	}
	return base64.StdEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *F32s) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("reading a block of numbers: %w", err)
	}
	if len(raw)%4 != 0 {
		return fmt.Errorf("reading a block of numbers: %d bytes are not whole float32s", len(raw))
	}
	*f = make(F32s, len(raw)/4)
	for i := range *f {
		(*f)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// envelope says whose state it is, so that a checkpoint of another policy or of an older layout is refused.
type envelope struct {
	Kind  string          `json:"kind"`
	State json.RawMessage `json:"state"`
}

// Save turns the learned state of a policy into bytes; kind names the policy and the version of its layout, such as
// "knn/1". Equal states give equal bytes.
func Save(kind string, state any) ([]byte, error) {
	body, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("saving %s: %w", kind, err)
	}
	return json.Marshal(envelope{Kind: kind, State: body})
}

// Load reads what [Save] wrote into state.
func Load(kind string, data []byte, state any) error {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("loading %s: not a checkpoint of a bundled policy: %w", kind, err)
	}
	if e.Kind != kind {
		return fmt.Errorf("loading %s: the checkpoint holds %q; fit again", kind, e.Kind)
	}
	if err := json.Unmarshal(e.State, state); err != nil {
		return fmt.Errorf("loading %s: %w", kind, err)
	}
	return nil
}

// Learned is what an instance of a policy has learned. Embedded, it makes the policy one whose state can be saved.
type Learned[T any] struct {
	Kind  string         // the policy and the version of its layout, such as "knn/1"
	Check func(*T) error // whether a loaded state is whole and fits the instance; it may fill in what is not stored
	State *T             // nil before Fit
}

// Fitted is an error before Fit or Load.
func (l *Learned[T]) Fitted() error {
	if l.State == nil {
		name, _, _ := strings.Cut(l.Kind, "/")
		return fmt.Errorf("%s was not fitted", name)
	}
	return nil
}

// Save writes the state.
func (l *Learned[T]) Save() ([]byte, error) {
	if err := l.Fitted(); err != nil {
		return nil, err
	}
	return Save(l.Kind, l.State)
}

// Load reads what Save wrote.
func (l *Learned[T]) Load(data []byte) error {
	s := new(T)
	if err := Load(l.Kind, data, s); err != nil {
		return err
	}
	if err := l.Check(s); err != nil {
		return fmt.Errorf("loading %s: %w", l.Kind, err)
	}
	l.State = s
	return nil
}
