package interop

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// mlflowFinished and mlflowLocal are MLflow's numbers for a finished run and for a source on this machine.
const (
	mlflowFinished = 3
	mlflowLocal    = 4
)

// MLflow writes a run into a folder as MLflow's file store lays it out, for `mlflow ui --backend-store-uri DIR`: the
// experiment, a run of MLflow for the whole run, with its report as artifacts, and below it one for each policy, pool and
// seed with parameters, metrics and curves. It returns the folder of the experiment. MLflow keeps artifacts by absolute
// path: export again after moving the folder.
func MLflow(run *store.Run, dir string) (string, error) {
	w, err := read(run)
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("naming the folder of MLflow: %w", err)
	}
	m := &mlflow{whole: w, experiment: number(run.Experiment)}
	m.dir = filepath.Join(root, m.experiment)
	started := w.manifest.Started.UnixMilli()
	ended := started
	if w.manifest.Finished != nil {
		ended = w.manifest.Finished.UnixMilli()
	}
	err = m.yaml("meta.yaml", map[string]any{
		"artifact_location": fileURL(m.dir), "creation_time": started, "last_update_time": ended,
		"experiment_id": m.experiment, "lifecycle_stage": "active", "name": run.Experiment,
	})
	if err != nil {
		return "", err
	}
	parent := identity(run.Experiment + "/" + run.ID)
	if err := m.describe(parent, run.ID, started, ended, map[string]string{"trilemma.run": run.ID}); err != nil {
		return "", err
	}
	for _, name := range []string{"report.html", "report.md", "metrics.csv", "metrics.json", "points.csv", "manifest.json"} {
		text, err := os.ReadFile(run.Path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = m.file(filepath.Join(parent, "artifacts", name), text)
		}
		if err != nil {
			return "", fmt.Errorf("copying %s: %w", name, err)
		}
	}
	for _, s := range w.series {
		if err := m.series(s, parent); err != nil {
			return "", err
		}
	}
	return m.dir, nil
}

type mlflow struct {
	*whole
	experiment, dir string
}

// describe writes what MLflow must know of one of its runs.
func (m *mlflow) describe(id, name string, started, ended int64, tags map[string]string) error {
	err := m.yaml(filepath.Join(id, "meta.yaml"), map[string]any{
		"artifact_uri": fileURL(filepath.Join(m.dir, id, "artifacts")), "start_time": started, "end_time": ended,
		"entry_point_name": "", "experiment_id": m.experiment, "lifecycle_stage": "active", "run_id": id, "run_uuid": id,
		"run_name": name, "source_name": "trilemma", "source_type": mlflowLocal, "source_version": m.manifest.Build.Revision,
		"status": mlflowFinished, "tags": []string{}, "user_id": "",
	})
	if err != nil {
		return err
	}
	for _, folder := range []string{"artifacts", "metrics", "params", "tags"} {
		if err := os.MkdirAll(filepath.Join(m.dir, id, folder), 0o755); err != nil {
			return fmt.Errorf("making a run of MLflow: %w", err)
		}
	}
	for tag, value := range map[string]string{
		"mlflow.runName": name, "mlflow.source.name": "trilemma", "mlflow.source.type": "LOCAL", "mlflow.source.git.commit": m.manifest.Build.Revision,
	} {
		tags[tag] = value
	}
	for tag, value := range tags {
		if err := m.file(filepath.Join(id, "tags", tag), []byte(value)); err != nil {
			return err
		}
	}
	return nil
}

// series writes one policy in a pool with one seed.
func (m *mlflow) series(s *series, parent string) error {
	id := identity(m.run.Experiment + "/" + m.run.ID + "/" + s.name())
	ended := s.finished.UnixMilli()
	started := s.finished.Add(-time.Duration(s.wallSec * float64(time.Second))).UnixMilli()
	if err := m.describe(id, s.name(), started, ended, map[string]string{"mlflow.parentRunId": parent, "trilemma.run": m.run.ID}); err != nil {
		return err
	}
	for name, value := range s.params {
		if err := m.file(filepath.Join(id, "params", safe(name)), []byte(value)); err != nil {
			return err
		}
	}
	// A metric is a file of lines "time value step".
	lines := map[string][]byte{}
	for _, x := range s.scalars() {
		lines[x.name] = fmt.Appendf(lines[x.name], "%d %s %d\n", ended, strconv.FormatFloat(x.value, 'g', -1, 64), x.step)
	}
	for name, text := range lines {
		if err := m.file(filepath.Join(id, "metrics", filepath.FromSlash(name)), text); err != nil {
			return err
		}
	}
	return nil
}

func (m *mlflow) file(name string, text []byte) error {
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making a folder of MLflow: %w", err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // results are to be read by anybody
		return fmt.Errorf("writing a file of MLflow: %w", err)
	}
	return nil
}

func (m *mlflow) yaml(name string, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return m.file(name, text)
}

// identity is a run's id in MLflow: 32 hexadecimal digits, the same each time.
func identity(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}

// number is an experiment's id in MLflow: decimal digits, the same each time.
func number(name string) string {
	sum := sha256.Sum256([]byte(name))
	return strconv.FormatUint(binary.BigEndian.Uint64(sum[:8])%1e18, 10)
}

func fileURL(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
