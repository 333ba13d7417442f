package encode

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// dripping is a streaming encoder that gives one vector at a time, last text first, until it breaks.
type dripping struct {
	lengths
	after int // vectors before it breaks
}

var errBroken = errors.New("broken")

func (d *dripping) Stream(_ context.Context, texts []string, got func([]int, []float32) error) error {
	for i := range slices.Backward(texts) {
		if d.after--; d.after < 0 {
			return errBroken
		}
		d.asked = append(d.asked, texts[i])
		if err := got([]int{i}, []float32{float32(len(texts[i])), 1}); err != nil {
			return err
		}
	}
	return nil
}

// What was computed before a failure is not computed again.
func TestStreamedVectorsOutliveFailure(t *testing.T) {
	var seen []int
	c := &Cache{Dir: t.TempDir(), Progress: func(done, total int) { seen = append(seen, done, total) }}
	texts := []string{"a", "bb", "a", "ccc", "dddd"}
	d := &dripping{after: 2}
	if _, _, err := c.Encode(background, d, texts); !errors.Is(err, errBroken) {
		t.Fatalf("error %v", err)
	}
	if !slices.Equal(seen, []int{0, 4, 1, 4, 2, 4}) {
		t.Errorf("progress %v", seen)
	}
	d = &dripping{after: 9}
	v, use, err := c.Encode(background, d, texts)
	if err != nil || use != (CacheUse{Hits: 2, Computed: 2}) || !slices.Equal(d.asked, []string{"bb", "a"}) {
		t.Errorf("%+v, asked %q, %v", use, d.asked, err)
	}
	if want := []float32{1, 1, 2, 1, 1, 1, 3, 1, 4, 1}; !slices.Equal(v, want) {
		t.Errorf("vectors %v, want %v", v, want)
	}
}
