package event

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(sec float64) time.Time { return t0.Add(time.Duration(sec * float64(time.Second))) }

// story is a run of four cells: one cached, one done, one failed, one running.
func story() []Event {
	return []Event{
		{Time: at(0), Kind: RunStarted, Run: "results/x/abc", Total: 4, Jobs: 2},
		{Time: at(0), Kind: CellCached, Cell: "a", Label: "all/random"},
		{Time: at(0), Kind: CellStarted, Cell: "b", Label: "all/knn"},
		{Time: at(1), Kind: CellProgress, Cell: "b", Label: "all/knn", Stage: "train", Step: 3, Total: 9, Metrics: []Metric{{"loss", 0.5}}},
		{Time: at(1), Kind: CellStarted, Cell: "c", Label: "all/static"},
		{Time: at(20), Kind: CellProgress, Cell: "b", Label: "all/knn", Stage: "train", Step: 8, Total: 9, Metrics: []Metric{{"loss", math.NaN()}, {"auc", 0.25}}},
		{Time: at(24), Kind: CellDone, Cell: "b", Label: "all/knn", WallSec: 24},
		{Time: at(30), Kind: CellFailed, Cell: "c", Label: "all/static", Reason: "exit status 2\npanic: …"},
		{Time: at(30), Kind: Notice, Text: "12 prompts have no outcome"},
		{Time: at(31), Kind: CellStarted, Cell: "d", Label: "all/predict"},
	}
}

func TestLinesTellTheStory(t *testing.T) {
	var b bytes.Buffer
	s := Lines(&b)
	for _, e := range story() {
		s.Send(e)
	}
	s.Send(Event{Time: at(61), Kind: CellDone, Cell: "d", Label: "all/predict", WallSec: 30})
	s.Send(Event{Time: at(61), Kind: RunFinished})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := `run results/x/abc: 4 cells, 2 at a time
[1/4] all/random: cached
[1/4] all/knn: train 8/9, loss NaN, auc 0.25
[2/4] all/knn: done in 24 s, about 24 s left
[3/4] all/static: FAILED: exit status 2 …
note: 12 prompts have no outcome
[4/4] all/predict: done in 30 s
finished: 2 done, 1 cached, 1 failed in 1 m 01 s
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestJSONLinesFoldBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	// What a killed attempt left: an earlier run and half a line.
	if err := os.WriteFile(path, []byte(`{"kind":"run_started","total":99}`+"\n"+`{"kind":"cell_do`), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := AppendJSONLines(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range story() {
		s.Send(e)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := FoldFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if p.Total != 4 || p.Done != 1 || p.Cached != 1 || p.Failed != 1 || p.Finished() != 3 || !p.Ended.IsZero() {
		t.Errorf("got %+v", p)
	}
	if a := p.Active(); len(a) != 1 || a[0].Cell != "d" {
		t.Errorf("running %+v, want d", a)
	}
	// Two cells took 24 s and 29 s; the last one has run for none of the mean, then for more than it.
	for now, want := range map[float64]time.Duration{31: 26500 * time.Millisecond, 41: 16500 * time.Millisecond, 91: time.Minute} {
		if eta, ok := p.ETA(at(now)); !ok || eta != want {
			t.Errorf("ETA at %v s: %v %v, want %v", now, eta, ok, want)
		}
	}
	if len(p.Failures) != 1 || !strings.Contains(p.Failures[0].Reason, "exit status 2") {
		t.Errorf("failures %+v", p.Failures)
	}
	if none, err := FoldFile(path + "x"); err != nil || none.Total != 0 {
		t.Errorf("missing log: %+v %v", none, err)
	}
}

func TestJSONLinesThinProgress(t *testing.T) {
	var b bytes.Buffer
	s := JSONLines(&b)
	for i := range 1000 {
		s.Send(Event{Time: at(float64(i) / 1000), Kind: CellProgress, Cell: "a", Step: i, Total: 2000})
	}
	if n := strings.Count(b.String(), "\n"); n != 1 {
		t.Errorf("%d lines within a second, want 1", n)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestSinksKeepTheirFirstError(t *testing.T) {
	for name, s := range map[string]Sink{"lines": Lines(full{}), "json": JSONLines(full{})} {
		for _, e := range story() {
			s.Send(e)
		}
		if err := s.Close(); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: Close gave %v", name, err)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestSinksFromManyGoroutines(t *testing.T) {
	var text, drawn lockedBuffer
	rec := &Record{}
	s := Tee(Lines(&text), Bars(&drawn, false), JSONLines(&lockedBuffer{}), rec)
	s.Send(Event{Kind: RunStarted, Total: 40, Jobs: 8})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 5 {
				id := fmt.Sprintf("%d-%d", w, i)
				s.Send(Event{Kind: CellStarted, Cell: id, Label: id})
				for step := range 10 {
					s.Send(Event{Kind: CellProgress, Cell: id, Label: id, Stage: "train", Step: step, Total: 10})
				}
				if i == 4 {
					s.Send(Event{Kind: CellFailed, Cell: id, Label: id, Reason: "why " + id})
					continue
				}
				s.Send(Event{Kind: CellDone, Cell: id, Label: id, WallSec: 0.1})
			}
		})
	}
	wg.Wait()
	s.Send(Event{Kind: RunFinished})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "finished: 32 done, 0 cached, 8 failed") {
		t.Errorf("lines end with %q", text.String())
	}
	if got := drawn.String(); !strings.Contains(got, "32 done, 0 cached, 8 failed") || !strings.Contains(got, "FAILED 0-4: why 0-4") {
		t.Errorf("bars drew %q", got)
	}
	if n := len(rec.Events()); n != 2+40+400+40 {
		t.Errorf("%d events recorded", n)
	}
	if rec.Events()[0].Time.IsZero() {
		t.Error("an event has no time")
	}
}

func TestBarsWithoutRunAndAfterClose(t *testing.T) {
	var b lockedBuffer
	s := Bars(&b, true)
	s.Send(Event{Kind: CellFailed, Label: "x", Reason: "y"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Send(Event{Kind: Notice, Text: "late"})
	if got := b.String(); got != "\x1b[31mFAILED\x1b[0m x: y\n" {
		t.Errorf("got %q", got)
	}
	if _, plain := Terminal(&b).(*lines); !plain {
		t.Error("Terminal draws bars on a buffer")
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0 s", 400 * time.Millisecond: "0.4 s", 12 * time.Second: "12 s", 200 * time.Second: "3 m 20 s", 125 * time.Minute: "2 h 05 m",
		59999 * time.Millisecond: "1 m 00 s", 3599900 * time.Millisecond: "1 h 00 m",
	} {
		if got := Short(d); got != want {
			t.Errorf("Short(%v) = %q, want %q", d, got, want)
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add([]byte(`{"kind":"run_started","total":4}` + "\n{\n" + `{"kind":"cell_done","wall_s":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Progress
		err := Each(bytes.NewReader(data), p.Add)
		if err != nil {
			t.Fatal(err)
		}
		p.ETA(t0)
		p.Active()
	})
}

// What waits is taken to need what its own kind took, in this run or else in an earlier one, and not the mean of all.
func TestETAIsThatOfItsKind(t *testing.T) {
	p := Progress{}
	p.Add(Event{
		Time: at(0), Kind: RunStarted, Total: 7, Jobs: 1,
		Waiting: map[string]int{"all/knn": 3, "all/ppo": 2, "all/new": 2}, Earlier: map[string]float64{"all/ppo": 500, "all/knn": 9},
	})
	// Nothing of this run is known yet: an earlier one tells of knn and ppo, nothing does of what is new.
	for _, step := range []struct {
		event Event
		now   float64
		want  time.Duration
	}{
		{Event{Time: at(0), Kind: CellStarted, Cell: "a", Label: "all/knn seed 1"}, 1, (8 + 2*9 + 2*500) * time.Second},
		{Event{Time: at(10), Kind: CellDone, Cell: "a", Label: "all/knn seed 1", WallSec: 10}, 10, (2*10 + 2*500 + 2*10) * time.Second},
		{Event{Time: at(10), Kind: CellStarted, Cell: "b", Label: "all/ppo seed 1"}, 110, (400 + 500 + 2*10 + 2*10) * time.Second},
		// Longer than the earlier one: a little more each time.
		{Event{Time: at(600), Kind: CellProgress, Cell: "b", Label: "all/ppo seed 1"}, 610, (60 + 500 + 2*10 + 2*10) * time.Second},
		{Event{Time: at(610), Kind: CellDone, Cell: "b", Label: "all/ppo seed 1", WallSec: 600}, 610, (600 + 2*10 + 2*305) * time.Second},
		{Event{Time: at(610), Kind: CellStarted, Cell: "c", Label: "all/new seed 1"}, 610, (305 + 600 + 2*10 + 305) * time.Second},
		// One that failed at once says nothing of its kind.
		{Event{Time: at(611), Kind: CellFailed, Cell: "c", Label: "all/new seed 1", WallSec: 1}, 611, (600 + 2*10 + 203) * time.Second},
	} {
		p.Add(step.event)
		got, ok := p.ETA(at(step.now))
		if diff := (got - step.want).Abs(); !ok || diff > time.Second {
			t.Errorf("at %v s: %v %v, want %v", step.now, got, ok, step.want)
		}
	}
	if took := p.Took(); took["all/ppo"] != 600 || took["all/knn"] != 10 || len(took) != 2 {
		t.Errorf("took %v", took)
	}
}
