package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

var nan = math.NaN()

func ref(i int) Ref {
	return Ref{ID: fmt.Sprintf("%064x", 0xabc0+i), Pool: "all", Policy: fmt.Sprintf("knn(k=%d)", i), Family: "knn", Seed: uint64(i % 2)}
}

func point(i int) Point {
	x := float64(i) + 0.1
	return Point{
		Preference: fmt.Sprintf("c%02d", i), Lambda: policy.Preference{policy.Cost: x, policy.Carbon: 0, policy.Latency: 1e-300},
		N: 10, Coverage: 1, Shares: []Share{{"a", 0.25}, {"b", 0.75}},
		Figures: policy.Figures{1 / x, 1e-7 * x, nan, x, nan, 2 * x},
		Low:     policy.Figures{1/x - 1, nan, nan, x - 1, nan, x},
		High:    policy.Figures{1/x + 1, nan, nan, x + 1, nan, 3 * x},
	}
}

// decisions yields n decisions whose slices are reused, as a runner does.
func decisions(n int) iter.Seq[Decision] {
	return func(yield func(Decision) bool) {
		models, weights := make([]string, 2), make([]float32, 2)
		for i := range n {
			models[0], models[1] = fmt.Sprintf("m%d", i%3), "other"
			weights[0], weights[1] = 0.75, 0.25
			d := Decision{
				PromptID: fmt.Sprintf("p%05d", i), Preference: "c01", Use: "select", Model: models[0], Probability: 0.75,
				Models: models, Weights: weights,
			}
			d.SetFigures(policy.Figures{float64(i % 2), 0.5, nan, 0, 2, nan})
			if i%5 == 0 {
				d.Asked, d.AskedRound = []string{"m1", "m2"}, []int32{0, 1}
			}
			if !yield(d) {
				return
			}
		}
	}
}

func open(t testing.TB) *Run {
	t.Helper()
	r, err := Open(t.TempDir(), "quick", "0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func save(t testing.TB, r *Run, i, rows int) {
	t.Helper()
	c := CellResult{Ref: ref(i), Points: []Point{point(i), point(i + 100)}, Decisions: decisions(rows), Checkpoint: []byte("state"), Wall: time.Second}
	if err := r.SaveCell(c); err != nil {
		t.Fatal(err)
	}
}

func TestCellReadsBack(t *testing.T) {
	r := open(t)
	const rows = 2*chunk + 17
	save(t, r, 1, rows)
	st, ok := r.Cell(ref(1).ID)
	if !ok || st.State != Done || st.Decisions.Rows != rows || st.WallSec != 1 {
		t.Fatalf("got %+v, %v", st, ok)
	}
	if diff := cmp.Diff([]Point{point(1), point(101)}, st.Points, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("points changed: %s", diff)
	}
	i := 0
	var want []Decision
	for d := range decisions(rows) {
		d.Models, d.Weights = append([]string(nil), d.Models...), append([]float32(nil), d.Weights...)
		want = append(want, d)
	}
	for d, err := range r.Decisions(ref(1).ID) {
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], d, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("decision %d changed: %s", i, diff)
		}
		i++
	}
	if i != rows {
		t.Errorf("%d decisions, want %d", i, rows)
	}
	results, err := r.Results(ref(1).ID)
	if err != nil || len(results.Lines) != 1 || results.Lines[0].Preference != "c01" {
		t.Fatalf("results %+v, %v; want those of one preference", results, err)
	}
	for i, w := range want {
		got, figures := results.Lines[0].Figures.At(i), w.Figures()
		if results.Place(w.PromptID) != i || results.Prompts[i] != w.PromptID || results.Lines[0].Model[i] != w.Model || !cmp.Equal(got, figures, cmpopts.EquateNaNs()) {
			t.Fatalf("result %d: %v of %s, want %v of %+v", i, got, results.Prompts[i], figures, w)
		}
	}
	if b, err := r.Checkpoint(ref(1).ID); err != nil || string(b) != "state" {
		t.Errorf("checkpoint %q, %v", b, err)
	}
}

func TestPointsAreSortedAndByteStable(t *testing.T) {
	var first [2][]byte
	for run, order := range [][]int{{3, 1, 2, 4}, {4, 2, 1, 3}} {
		r := open(t)
		for _, i := range order {
			save(t, r, i, 3)
		}
		points, missing := r.Gather([]Ref{ref(order[0]), ref(order[1]), ref(order[2]), ref(order[3]), ref(9)})
		if len(missing) != 1 || missing[0] != ref(9) {
			t.Fatalf("missing %v", missing)
		}
		if err := r.WritePoints(points); err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{PointsCSV, PointsParquet} {
			got, err := os.ReadFile(r.Path(name))
			if err != nil {
				t.Fatal(err)
			}
			if run == 0 {
				first[i] = got
			} else if !bytes.Equal(first[i], got) {
				t.Errorf("%s depends on the order in which cells were finished", name)
			}
		}
		back, err := r.Points()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(points, back, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("points.parquet reads back otherwise: %s", diff)
		}
	}
	lines := strings.Split(string(first[0]), "\n")
	want := []string{
		"pool,policy,seed,preference,lambda_cost,lambda_carbon,lambda_latency,lambda_water,n,coverage,quality,cost_usd,energy_wh,carbon_g,latency_s,water_ml",
		"all,knn(k=1),1,c01,1.1,0,1e-300,0,10,1,0.9090909090909091,1.1e-07,,1.1,,2.2",
	}
	if !reflect.DeepEqual(lines[:2], want) {
		t.Errorf("points.csv begins\n%s\nwant\n%s", strings.Join(lines[:2], "\n"), strings.Join(want, "\n"))
	}
}

func TestGatherCallsPointsAsThePlanDoes(t *testing.T) {
	r := open(t)
	save(t, r, 1, 0)
	again := ref(1)
	again.Policy, again.Pool = "my knn", "renamed"
	points, _ := r.Gather([]Ref{again})
	if points[0].Policy != "my knn" || points[0].Pool != "renamed" || points[0].Cell != again.ID {
		t.Errorf("got %+v", points[0])
	}
}

func TestHalfWrittenCellsAreNotDone(t *testing.T) {
	for name, spoil := range map[string]func(r *Run, id string) error{
		"no decisions":        func(r *Run, id string) error { return os.Remove(r.Path(decisionsDir, id+".parquet")) },
		"truncated decisions": func(r *Run, id string) error { return os.Truncate(r.Path(decisionsDir, id+".parquet"), 10) },
		"no checkpoint":       func(r *Run, id string) error { return os.Remove(r.Path(checkpointDir, id+".bin")) },
		"half a status":       func(r *Run, id string) error { return os.Truncate(r.statusPath(id), 30) },
		"another's status":    func(r *Run, id string) error { return os.Rename(r.statusPath(ref(2).ID), r.statusPath(id)) },
	} {
		r := open(t)
		save(t, r, 1, 5)
		save(t, r, 2, 5)
		id := ref(1).ID
		if !r.IsDone(id) {
			t.Fatal("a saved cell is not done")
		}
		if err := spoil(r, id); err != nil {
			t.Fatal(err)
		}
		if r.IsDone(id) {
			t.Errorf("%s: the cell counts as done", name)
		}
	}
}

func TestDamagedDecisionsGiveAnError(t *testing.T) {
	r := open(t)
	save(t, r, 1, 5000)
	path := r.Path(decisionsDir, ref(1).ID+".parquet")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{nil, whole[:len(whole)/2], append(bytes.Repeat([]byte{7}, 200), whole[200:]...)} {
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range r.Decisions(ref(1).ID) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), path) {
			t.Errorf("%d bytes: error %v, want one that names the file", len(damaged), last)
		}
	}
}

func TestFailedCellKeepsReasonAndLog(t *testing.T) {
	r := open(t)
	log, err := r.Log(ref(1).ID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		fmt.Fprintf(log, "line %d\n", i)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.FailCell(ref(1), time.Second, errors.New("plugin exited")); err != nil {
		t.Fatal(err)
	}
	st, ok := r.Cell(ref(1).ID)
	if !ok || st.State != Failed || st.Reason != "plugin exited" || !strings.HasSuffix(st.LogTail, "line 999\n") || !strings.HasPrefix(st.LogTail, "line ") {
		t.Errorf("got %+v, %v", st, ok)
	}
	if r.IsDone(ref(1).ID) {
		t.Error("a failed cell counts as done")
	}
	save(t, r, 1, 1)
	if !r.IsDone(ref(1).ID) {
		t.Error("a cell that failed once cannot be done")
	}
}

func TestTwoRunsDoNotClash(t *testing.T) {
	results := t.TempDir()
	r, err := Open(results, "x", "run1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(results, "x", "run1")
	if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("second Open: %v, want ErrBusy with the process", err)
	}
	other, err := Read(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := other.Summarise(time.Now()); err != nil || !s.Running {
		t.Errorf("summary of a locked run: %+v, %v", s, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := other.Summarise(time.Now()); err != nil || s.Running {
		t.Errorf("summary of an unlocked run: %+v, %v", s, err)
	}
	again, err := Open(results, "x", "run1")
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

func TestBadNames(t *testing.T) {
	for _, n := range []string{"", ".", "..", "a/b", "../x", "latest", ".hidden", strings.Repeat("x", 200)} {
		if _, err := Open(t.TempDir(), n, "run"); err == nil {
			t.Errorf("experiment %q was accepted", n)
		}
	}
	r := open(t)
	if err := r.SaveCell(CellResult{Ref: Ref{ID: "../../etc"}}); err == nil {
		t.Error("a path was accepted as a cell's id")
	}
}

// fullDisk lets budget bytes through.
type fullDisk struct {
	pending
	budget *int
}

func (f fullDisk) Write(p []byte) (int, error) {
	if *f.budget -= len(p); *f.budget < 0 {
		return 0, syscall.ENOSPC
	}
	return f.pending.Write(p)
}

func TestFullDiskLosesNothingFinished(t *testing.T) {
	r := open(t)
	save(t, r, 1, 100)
	for _, budget := range []int{0, 100, 3000, 6000} {
		left := budget
		r.create = func(path string) (pending, error) {
			f, err := createPending(path)
			return fullDisk{f, &left}, err
		}
		err := r.SaveCell(CellResult{Ref: ref(2), Points: []Point{point(1)}, Decisions: decisions(100), Checkpoint: make([]byte, 4000)})
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), r.Dir) || !strings.Contains(err.Error(), "kept") {
			t.Errorf("budget %d: error %v, want one that names the file and says what is kept", budget, err)
		}
		if r.IsDone(ref(2).ID) {
			t.Errorf("budget %d: a half written cell counts as done", budget)
		}
		if !r.IsDone(ref(1).ID) {
			t.Errorf("budget %d: an earlier cell was lost", budget)
		}
		if left := temporaries(t, r); len(left) > 0 {
			t.Errorf("budget %d: temporary files stay: %v", budget, left)
		}
	}
	r.create = createPending
	save(t, r, 2, 100)
	if !r.IsDone(ref(2).ID) {
		t.Error("the cell cannot be saved when there is room again")
	}
}

func temporaries(t *testing.T, r *Run) []string {
	t.Helper()
	var found []string
	for _, sub := range []string{"", cellsDir, decisionsDir, checkpointDir} {
		list, err := filepath.Glob(r.Path(sub, ".*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			if filepath.Base(f) != lockFile {
				found = append(found, f)
			}
		}
	}
	return found
}

func TestRealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small tmpfs: %v %s", err, out)
	}
	defer func() { _ = exec.Command("umount", dir).Run() }()
	r, err := Open(dir, "x", "run")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	save(t, r, 1, 10)
	err = r.SaveCell(CellResult{Ref: ref(2), Checkpoint: make([]byte, 1<<20)})
	if !errors.Is(err, syscall.ENOSPC) || r.IsDone(ref(2).ID) || !r.IsDone(ref(1).ID) {
		t.Errorf("error %v, want no space left, the earlier cell kept", err)
	}
}

// A process that saves cells is killed at any moment; whatever counts as done afterwards is whole.
func TestKillMinusNine(t *testing.T) {
	if dir := os.Getenv("STORE_TEST_KILLED"); dir != "" {
		r, err := Open(dir, "x", "run")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1 << 20 {
			save(t, r, i, 3000)
			fmt.Println("saved", i)
		}
		return
	}
	dir := t.TempDir()
	for attempt := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKillMinusNine$")
		cmd.Env = append(os.Environ(), "STORE_TEST_KILLED="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Wait for some cells, then kill in the middle of the next one.
		lines, saved := bufio.NewScanner(out), 0
		for saved < 4 && lines.Scan() {
			if strings.HasPrefix(lines.Text(), "saved") {
				saved++
			}
		}
		time.Sleep(time.Duration(attempt*3) * time.Millisecond)
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()

		r, err := Open(dir, "x", "run")
		if err != nil {
			t.Fatalf("the lock outlived its process: %v", err)
		}
		done := 0
		for i := range 64 {
			if !r.IsDone(ref(i).ID) {
				continue
			}
			done++
			rows := 0
			for _, err := range r.Decisions(ref(i).ID) {
				if err != nil {
					t.Fatal(err)
				}
				rows++
			}
			if rows != 3000 {
				t.Errorf("cell %d is done with %d of 3000 rows", i, rows)
			}
		}
		if done < 4 {
			t.Errorf("%d cells are done after 4 were saved", done)
		}
		if left := temporaries(t, r); len(left) > 0 {
			t.Errorf("temporary files stay: %v", left)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindAndSummarise(t *testing.T) {
	results := t.TempDir()
	if _, err := Find(results, ""); err == nil || !strings.Contains(err.Error(), "no runs") {
		t.Errorf("empty results: %v", err)
	}
	var last *Run
	for _, id := range []string{"aaaa1111", "aabb2222"} {
		r, err := Open(results, "quick", id)
		if err != nil {
			t.Fatal(err)
		}
		last = r
		defer r.Close()
	}
	if err := last.WritePlan([]Ref{ref(1), ref(2), ref(3)}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"quick": "aabb2222", "quick/aaaa1111": "aaaa1111", "aaaa": "aaaa1111", "aab": "aabb2222",
		filepath.Join(results, "quick", "aaaa1111"): "aaaa1111", filepath.Join(results, "quick"): "aabb2222", "": "aabb2222",
	} {
		r, err := Find(results, name)
		if err != nil || r.ID != want || r.Experiment != "quick" {
			t.Errorf("Find(%q) = %+v, %v; want %s", name, r, err, want)
		}
	}
	for name, want := range map[string]string{"aa": "2 runs", "zz": "quick/aaaa1111, quick/aabb2222"} {
		if _, err := Find(results, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%q): %v, want %q", name, err, want)
		}
	}
	save(t, last, 1, 1)
	if err := last.FailCell(ref(2), 0, errors.New("why")); err != nil {
		t.Fatal(err)
	}
	log, err := event.AppendJSONLines(last.Path(EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []event.Event{
		{Kind: event.RunStarted, Total: 3}, {Kind: event.CellDone, Cell: "1"}, {Kind: event.CellFailed, Cell: "2"}, {Kind: event.CellStarted, Cell: "3", Label: "l"},
	} {
		log.Send(e)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := last.Summarise(time.Now())
	if err != nil || s.Total != 3 || s.Done != 1 || s.Failed != 1 || s.Pending != 1 || !s.Running || len(s.Active) != 1 || s.ETASec == nil || s.Complete {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestManifestAndOutputs(t *testing.T) {
	r := open(t)
	save(t, r, 1, 2)
	if err := r.WriteFile("plots/a.svg", []byte("x")); err != nil {
		t.Fatal(err)
	}
	out, err := r.Outputs()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range out {
		names = append(names, f.Path)
	}
	want := []string{"checkpoints/" + ref(1).ID + ".bin", "decisions/" + ref(1).ID + ".parquet", "plots/a.svg"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("outputs %v, want %v", names, want)
	}
	if err := r.WriteManifest(Manifest{Config: []byte(`{}`), Outputs: out}); err != nil {
		t.Fatal(err)
	}
	m, err := r.Manifest()
	if err != nil || m.Experiment != "quick" || m.Schema != ManifestSchema || len(m.Outputs) != 3 {
		t.Errorf("got %+v, %v", m, err)
	}
}

func BenchmarkSaveCell(b *testing.B) {
	r := open(b)
	const rows = 60000
	for b.Loop() {
		save(b, r, 1, rows)
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkResults(b *testing.B) {
	r := open(b)
	const rows = 60000
	save(b, r, 1, rows)
	for b.Loop() {
		if _, err := r.Results(ref(1).ID); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// Where symbolic links may not be made, latest is a file that names the run.
func TestLatestAsAFile(t *testing.T) {
	r := open(t)
	link := filepath.Join(filepath.Dir(r.Dir), latestLink)
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(link, []byte(r.ID+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	found, err := Find(filepath.Dir(filepath.Dir(r.Dir)), r.Experiment)
	if err != nil || found.ID != r.ID {
		t.Errorf("found %v, %v; want run %s", found, err, r.ID)
	}
}
