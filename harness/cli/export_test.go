package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// readBack asks TensorBoard and MLflow themselves what was exported.
const readBack = `
import glob, json, os, sys
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
import mlflow
boards, flows = {}, {}
for path in glob.glob(sys.argv[1] + "/**/events.out.tfevents.*", recursive=True):
    events = EventAccumulator(path, size_guidance={"scalars": 0})
    events.Reload()
    boards[os.path.relpath(os.path.dirname(path), sys.argv[1])] = {t: [[s.step, s.value] for s in events.Scalars(t)] for t in events.Tags()["scalars"]}
client = mlflow.MlflowClient(tracking_uri="file://" + sys.argv[2])
experiments = [e.name for e in client.search_experiments()]
for e in client.search_experiments():
    for r in client.search_runs([e.experiment_id], max_results=500):
        flows[r.info.run_name] = {"status": r.info.status, "metrics": r.data.metrics, "params": r.data.params,
            "parent": r.data.tags.get("mlflow.parentRunId", ""), "id": r.info.run_id,
            "artifacts": [a.path for a in client.list_artifacts(r.info.run_id)],
            "history": {m: len(client.get_metric_history(r.info.run_id, m)) for m in r.data.metrics}}
print(json.dumps({"boards": boards, "experiments": experiments, "flows": flows}))
`

func TestExport(t *testing.T) {
	results, boards, flows := t.TempDir(), t.TempDir(), t.TempDir()
	must(t, "run", experimentFile(t, strings.Replace(small, "agreement]", "{name: predict, params: {epochs: 3, members: 2}}]", 1)), "--results", results, "--in-process")
	if code, _, stderr := trilemma("export", "small", "--results", results); code != exitBad || !strings.Contains(stderr, "--tensorboard DIR") {
		t.Errorf("export to nowhere gives %d, %q", code, stderr)
	}
	for range 2 { // the second time replaces the first
		must(t, "export", "small", "--results", results, "--tensorboard", boards, "--mlflow", flows)
	}
	python := os.Getenv("TRILEMMA_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import tensorboard, mlflow").CombinedOutput(); err != nil {
		t.Skipf("%s has no tensorboard and mlflow (TRILEMMA_PYTHON names another interpreter): %.100s", python, out)
	}
	cmd := exec.Command(python, "-c", readBack, boards, flows)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("reading back what was exported: %v", err)
	}
	var got struct {
		Boards      map[string]map[string][][2]float64
		Experiments []string
		Flows       map[string]struct {
			Status, Parent, ID string
			Metrics            map[string]float64
			Params             map[string]string
			Artifacts          []string
			History            map[string]int
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Experiments) != 1 || got.Experiments[0] != "small" {
		t.Errorf("the experiments are %v, want small", got.Experiments)
	}
	var run string
	for name, f := range got.Flows {
		if f.Status != "FINISHED" {
			t.Errorf("%s is %s", name, f.Status)
		}
		if f.Parent == "" {
			run = f.ID
			if len(f.Artifacts) < 4 {
				t.Errorf("the run has artifacts %v, want its report and tables", f.Artifacts)
			}
		}
	}
	trained := false
	for name, f := range got.Flows {
		if f.Parent == "" {
			continue
		}
		if f.Parent != run {
			t.Errorf("%s belongs to %q, want %q", name, f.Parent, run)
		}
		matches, err := filepath.Glob(filepath.Join(boards, "small-*", filepath.FromSlash(strings.ReplaceAll(name, ":", "-"))))
		if err != nil || len(matches) != 1 {
			t.Fatalf("%s has the event folders %v, %v", name, matches, err)
		}
		at, err := filepath.Rel(boards, matches[0])
		if err != nil {
			t.Fatal(err)
		}
		for metric, value := range f.Metrics {
			curve := got.Boards[at][metric]
			if len(curve) != f.History[metric] {
				t.Errorf("%s of %s has %d steps in TensorBoard and %d in MLflow", metric, name, len(curve), f.History[metric])
			} else if last := curve[len(curve)-1][1]; float32(last) != float32(value) {
				t.Errorf("%s of %s ends at %v in TensorBoard and at %v in MLflow", metric, name, last, value)
			}
			trained = trained || strings.HasSuffix(metric, "/train_loss") && len(curve) > 2
		}
		if q := got.Boards[at]["front/quality"]; len(q) == 0 || q[0][1] <= 0 {
			t.Errorf("%s has the front %v", name, q)
		}
	}
	if !trained {
		t.Error("no policy has its training loss")
	}
}
