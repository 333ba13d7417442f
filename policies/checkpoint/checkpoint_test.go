package checkpoint

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

type learned struct {
	Numbers F32s `json:"numbers"`
}

func instance(check error) *Learned[learned] {
	return &Learned[learned]{Kind: "subject/2", Check: func(*learned) error { return check }}
}

// A state comes back bit by bit, what is no number included, and equal states are equal bytes.
func TestStatesComeBack(t *testing.T) {
	l := instance(nil)
	l.State = &learned{F32s{0, float32(math.Copysign(0, -1)), 1e-40, float32(math.Inf(1)), math.Float32frombits(0x7fc00123)}}
	data, err := l.Save()
	if err != nil {
		t.Fatal(err)
	}
	again := instance(nil)
	if err := again.Load(data); err != nil {
		t.Fatal(err)
	}
	same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
	if !slices.EqualFunc(l.State.Numbers, again.State.Numbers, same) {
		t.Errorf("%v came back as %v", l.State.Numbers, again.State.Numbers)
	}
	if twice, _ := again.Save(); !bytes.Equal(data, twice) {
		t.Error("equal states give other bytes")
	}
}

func TestWhatCannotBeLoaded(t *testing.T) {
	l := instance(nil)
	if _, err := l.Save(); err == nil || err.Error() != "subject was not fitted" {
		t.Errorf("saved before a fit: %v", err)
	}
	l.State = new(learned)
	whole, err := l.Save()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		into *Learned[learned]
		data string
		want string
	}{
		"another policy": {&Learned[learned]{Kind: "other/2"}, string(whole), `the checkpoint holds "subject/2"; fit again`},
		"another pool":   {instance(errors.New("of three models")), string(whole), "loading subject/2: of three models"},
		"no JSON":        {instance(nil), "x", "not a checkpoint"},
		"half a number":  {instance(nil), `{"kind":"subject/2","state":{"numbers":"AAA="}}`, "not whole float32s"},
	} {
		if err := c.into.Load([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) || c.into.State != nil {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
