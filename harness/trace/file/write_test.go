package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// drawTrace makes any trace that can be stored.
func drawTrace(rt *rapid.T) *trace.Trace {
	text := rapid.StringMatching(`[a-zé世 .,]{0,12}`)
	words := rapid.SampledFrom([]string{"", "maths", "law", "physics"})
	maybe := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	n, m := rapid.IntRange(1, 20).Draw(rt, "prompts"), rapid.IntRange(1, 4).Draw(rt, "models")
	models := make([]policy.Model, m)
	for j := range models {
		models[j] = policy.NewModel(fmt.Sprintf("model-%d", j))
		models[j].Provider = words.Draw(rt, "provider")
		models[j].OpenWeights = maybe("open")
		if maybe("priced") {
			models[j].PriceInputUSDPerMTok = rapid.Float64Range(0, 100).Draw(rt, "price")
			models[j].PriceOutputUSDPerMTok = rapid.Float64Range(0, 100).Draw(rt, "price")
			models[j].ParamsActiveB = policy.Exactly(rapid.Float64Range(0.1, 30).Draw(rt, "params"))
			models[j].ParamsTotalB = policy.Range{Low: 20, High: 30.5}
			models[j].TokensPerSec, models[j].TimeToFirstTokenSec, models[j].Region = 55.5, 0.25, "us-east-1"
		}
	}
	column := func(name string, g *rapid.Generator[string]) []string {
		if !maybe(name) {
			return nil
		}
		return rapid.SliceOfN(g, n, n).Draw(rt, name)
	}
	p := trace.Prompts{
		Benchmark: column("benchmark", words), Category: column("category", words), Source: column("source", words),
		Text: column("text", text), Reference: column("reference", words), Split: column("split", words),
	}
	for i := range n {
		p.ID = append(p.ID, fmt.Sprintf("p%d", i))
	}
	if maybe("arrived_at") {
		for i := range n {
			p.ArrivedAt = append(p.ArrivedAt, time.UnixMicro(int64(i)*1e6+17).UTC())
		}
		p.ArrivedAt[n/2] = time.Time{}
	}
	if maybe("embedding") {
		p.Dim = rapid.IntRange(1, 5).Draw(rt, "dim")
		for range n * p.Dim {
			p.Embedding = append(p.Embedding, rapid.Float32Range(-1, 1).Draw(rt, "x"))
		}
	}
	t := trace.NewTrace(models, p)
	o := &t.Outcomes
	for q := range trace.Figures {
		if q > 2 && maybe(trace.Figures[q].Name) {
			*trace.Figures[q].Matrix(o) = trace.NewMatrix(n * m)
		}
	}
	if maybe("answer") {
		o.Answer, o.AnswerText = make([]uint32, n*m), []string{"", "A", "B"}
	}
	o.Present.Set(0) // a trace has at least one outcome
	for at := range n * m {
		if !maybe("present") && at > 0 {
			continue
		}
		o.Present.Set(at)
		for q := range trace.Figures {
			if x := *trace.Figures[q].Matrix(o); x != nil && (q == 0 || at == 0 || maybe("known")) {
				x[at] = rapid.Float32Range(0.001, 1).Draw(rt, "x")
			}
		}
		if x := o.TokensEstimated; x != nil && x[at] > 0 {
			if o.Estimated == nil {
				o.Estimated = trace.NewBitmap(n * m)
			}
			o.Estimated.Set(at)
		}
		if o.Answer != nil {
			o.Answer[at] = uint32(rapid.IntRange(0, 2).Draw(rt, "answer"))
		}
	}
	return t
}

// sameTrace compares what two traces hold, whatever the numbers of their answers. A column of empty texts may be nil.
func sameTrace(a, b *trace.Trace) string {
	letters := func(t *trace.Trace) (s []string) {
		for at := range len(t.Prompts.ID) * len(t.Models) {
			letter := ""
			if t.Outcomes.Answer != nil {
				letter = t.Outcomes.AnswerText[t.Outcomes.Answer[at]]
			}
			s = append(s, letter)
		}
		return s
	}
	return cmp.Diff(a, b, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(trace.Trace{}, "Dir"),
		cmpopts.IgnoreFields(trace.Outcomes{}, "Answer", "AnswerText")) + cmp.Diff(letters(a), letters(b))
}

func TestWriteThenOpen(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		want := drawTrace(rt)
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		response := func(p, m int) string { return fmt.Sprintf("response %d of %d", p, m) }
		if err := Write(dir, want, response); err != nil {
			rt.Fatal(err)
		}
		got, err := Open(context.Background(), dir)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := sameTrace(want, got); diff != "" {
			rt.Fatalf("wrote (-) and read (+) differ:\n%s", diff)
		}
		if list, total, err := Validate(context.Background(), dir, 0); err != nil || total != 0 {
			rt.Fatalf("validating what was written: %v %v", list, err)
		}
		odd := func(p, m int) bool { return (p+m)%2 == 1 }
		texts, err := Responses(context.Background(), got, odd)
		if err != nil {
			rt.Fatal(err)
		}
		for at, text := range texts {
			p, m := at/len(want.Models), at%len(want.Models)
			expect := ""
			if want.Outcomes.Present.Has(at) && odd(p, m) {
				expect = response(p, m)
			}
			if text != expect {
				rt.Fatalf("response of (%d, %d) is %q, want %q", p, m, text, expect)
			}
		}
	})
}

// small is a trace of two prompts and two models.
func small() *trace.Trace {
	models := []policy.Model{policy.NewModel("a"), policy.NewModel("b")}
	t := trace.NewTrace(models, trace.Prompts{ID: []string{"p0", "p1"}, Text: []string{"one", "two"}, Category: []string{"x", "y"}})
	for at := range 4 {
		t.Outcomes.Present.Set(at)
		t.Outcomes.Logged[policy.Quality][at] = float32(at) / 4
		t.Outcomes.OutputTokens[at] = 10
	}
	return t
}

func readAll(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+string(filepath.Separator))] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWriteSameBytes(t *testing.T) {
	root := t.TempDir()
	response := func(p, m int) string { return strings.Repeat("word ", 50*p+m) }
	var first map[string][]byte
	for i := range 3 {
		dir := filepath.Join(root, fmt.Sprint(i))
		if err := Write(dir, small(), response); err != nil {
			t.Fatal(err)
		}
		files := readAll(t, dir)
		if i == 0 {
			first = files
			continue
		}
		if diff := cmp.Diff(first, files); diff != "" {
			t.Errorf("two writings differ: %s", diff)
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 3 {
		t.Errorf("the parent folder holds %v, want the three traces alone", entries)
	}
}

func TestWriterInParts(t *testing.T) {
	root := t.TempDir()
	w, err := NewWriter(filepath.Join(root, "t"), small().Models)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		part := small()
		part.Prompts.ID = []string{fmt.Sprintf("q%d", 2*i), fmt.Sprintf("q%d", 2*i+1)}
		if err := w.Append(part, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Append(small2("q0"), nil); err == nil {
		t.Error("a prompt id was taken twice")
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	got, err := Open(context.Background(), filepath.Join(root, "t"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Prompts.Len() != 6 || got.Outcomes.Logged[policy.Quality][got.Outcomes.At(5, 1)] != 0.75 {
		t.Errorf("got %d prompts, last score %v", got.Prompts.Len(), got.Outcomes.Logged[policy.Quality][len(got.Outcomes.Logged[policy.Quality])-1])
	}
}

func small2(id string) *trace.Trace {
	t := small()
	t.Prompts.ID[0] = id
	return t
}

// full is a disk with so many bytes left.
type full struct {
	io.WriteCloser
	left *int
}

func (f full) Write(b []byte) (int, error) {
	if *f.left -= len(b); *f.left < 0 {
		return 0, syscall.ENOSPC
	}
	return f.WriteCloser.Write(b)
}

func TestWriteFullDisk(t *testing.T) {
	for _, left := range []int{0, 10, 200, 500, 1000, 1500} {
		root := t.TempDir()
		dir := filepath.Join(root, "t")
		w, err := NewWriter(dir, small().Models)
		if err != nil {
			t.Fatal(err)
		}
		room := left
		w.create = func(path string) (io.WriteCloser, error) {
			f, err := createFile(path)
			return full{f, &room}, err
		}
		err = w.Append(small2("other"), nil)
		if err == nil {
			err = w.Commit()
		} else if e := w.Abort(); e != nil {
			t.Fatal(e)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%d bytes left: %v, want no space left on device", left, err)
		}
		if entries, _ := os.ReadDir(root); len(entries) != 0 {
			t.Errorf("%d bytes left: something half-written stays: %v", left, entries)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	root := t.TempDir()
	taken := filepath.Join(root, "notes")
	if err := os.MkdirAll(taken, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(taken, "thesis.txt"), []byte("years of work"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(taken, small(), nil); err == nil {
		t.Error("a folder with other things was written over")
	}
	if b, _ := os.ReadFile(filepath.Join(taken, "thesis.txt")); !bytes.Equal(b, []byte("years of work")) {
		t.Error("a file of somebody else is gone")
	}
	for name, spoil := range map[string]func(*trace.Trace){
		"score":     func(t *trace.Trace) { t.Outcomes.Logged[policy.Quality][1] = 1.5 },
		"no score":  func(t *trace.Trace) { t.Outcomes.Logged[policy.Quality][1] = float32(math.NaN()) },
		"tokens":    func(t *trace.Trace) { t.Outcomes.OutputTokens[1] = -1 },
		"same id":   func(t *trace.Trace) { t.Prompts.ID[1] = "p0" },
		"column":    func(t *trace.Trace) { t.Prompts.Text = t.Prompts.Text[:1] },
		"models":    func(t *trace.Trace) { t.Models[1].ID = "a" },
		"no models": func(t *trace.Trace) { *t = *trace.NewTrace(nil, t.Prompts) },
		"utf-8":     func(t *trace.Trace) { t.Prompts.Text[0] = "\xff" },
		"empty":     func(t *trace.Trace) { t.Outcomes.Present = trace.NewBitmap(4) },
	} {
		tr := small()
		spoil(tr)
		dir := filepath.Join(root, "bad")
		if err := Write(dir, tr, nil); err == nil {
			t.Errorf("%s: written", name)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: something was left behind", name)
		}
	}
}
