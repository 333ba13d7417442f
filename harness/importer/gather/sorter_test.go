package gather

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Entries come by key and place, whatever memory holds and whichever sorter has them; nothing stays on disk.
func TestSorter(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		list := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00é")), 0, 12, -1), 1, 60).Draw(rt, "keys")
		sorted := func(sorters, most int) (out []string) {
			all := make([]*sorter, sorters)
			for i := range all {
				n++
				all[i] = &sorter{path: filepath.Join(dir, fmt.Sprint(n)), most: most}
			}
			for i, key := range list {
				if err := all[i%sorters].add(key, Seq{Record: uint32(i)}, []byte(strings.Repeat(key, i%5))); err != nil {
					rt.Fatal(err)
				}
			}
			err := merge(all, func(key string, at Seq, content []byte) error {
				if key != list[at.Record] || string(content) != strings.Repeat(key, int(at.Record)%5) {
					rt.Fatalf("%q at %v has %q", key, at, content)
				}
				out = append(out, fmt.Sprintf("%s %08d", key, at.Record))
				return nil
			})
			for _, s := range all {
				if most < 100 && len(list) > 20 && len(s.runs) == 0 && sorters == 1 {
					rt.Fatal("nothing went to disk")
				}
				if e := s.close(); e != nil || err != nil {
					rt.Fatal(err, e)
				}
			}
			return out
		}
		want := sorted(1, 1<<20)
		for i := 1; i < len(want); i++ {
			a, b, _ := strings.Cut(want[i-1], " ")
			c, d, _ := strings.Cut(want[i], " ")
			if a > c || a == c && b >= d {
				rt.Fatalf("%q before %q", want[i-1], want[i])
			}
		}
		if got := sorted(3, 64); !reflect.DeepEqual(got, want) {
			rt.Fatalf("by disk %q, want %q", got, want)
		}
		sorted(1, 64)
	})
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("%v stay", left)
	}
}

// A record is what was encoded.
func TestRecord(t *testing.T) {
	r := record{id: "", has: has(fieldPrompt) | has(fieldArrived) | has(fieldOutcome) | has(fieldModel) | has(fieldSample) | has(fieldResponse) | has(fieldAnswer) | has(fieldOtherwise) | hasOwner,
		arrived: -5, model: "m", sample: "s", response: strings.Repeat("r", 300), answer: "a", figures: 1<<0 | 1<<3, others: 1 << 2, given: "g", owner: "o"}
	r.texts[fieldPrompt] = "q"
	r.figure[0], r.figure[3], r.other[2] = 0.5, 2, 3
	b := r.encode(nil)
	var got record
	if err := got.decode(b); err != nil || got != r {
		t.Errorf("%+v, %v, want %+v", got, err, r)
	}
	for n := range len(b) {
		var cut record
		if err := cut.decode(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes are taken for the whole", n, len(b))
		}
	}
}

func TestInstant(t *testing.T) {
	for v, want := range map[any]string{
		"2026-01-02T03:04:05+01:30": "2026-01-02T01:34:05Z", "2026-01-02 03:04:05.25": "2026-01-02T03:04:05.25Z", "2026-01-02": "2026-01-02T00:00:00Z", "2026-01-02 03:04:05+00": "2026-01-02T03:04:05Z",
		1767323045: "2026-01-02T03:04:05Z", 1767323045.5: "2026-01-02T03:04:05.5Z", 1767323045500: "2026-01-02T03:04:05.5Z", 1767323045500000: "2026-01-02T03:04:05.5Z",
		1767323045500000000: "2026-01-02T03:04:05.5Z", "1767323045": "2026-01-02T03:04:05Z", "yesterday": "", true: "", "": "",
	} {
		got, err := Instant(v)
		if want == "" {
			if err == nil {
				t.Errorf("%v is %v", v, got)
			}
			continue
		}
		if text := got.Round(time.Microsecond).Format(time.RFC3339Nano); err != nil || text != want {
			t.Errorf("%v: %s, %v, want %s", v, text, err, want)
		}
	}
}
