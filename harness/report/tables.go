package report

import (
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// TablesDir is the folder of tables within a run.
const TablesDir = "tables"

// Tables writes tables/metrics-POOL.tex, .md and .csv: the main metrics of each pool with their 95 % intervals, every policy
// in bold that no other is clearly better than, and a dagger where one differs clearly from the baseline, both after Holm's
// correction; tables/hindsight-POOL likewise, settings chosen on test, without marks; tables/effects-POOL, the differences
// to the baseline; and the curves of training. What has no rank is set apart and never marked. It returns the paths.
func Tables(run *store.Run) ([]string, error) {
	tables, err := leaderboard.Read(run)
	if err != nil {
		return nil, err
	}
	var paths []string
	for i := range tables {
		t := &tables[i]
		for _, p := range []*leaderboard.Sheet{
			{Table: t, Kind: "metrics", Columns: t.Columns(leaderboard.MainColumns), Marks: t.Marks()},
			{Table: t, Kind: "hindsight", Columns: t.Columns(leaderboard.HindsightColumns)},
		} {
			if len(p.Columns) == 0 {
				continue
			}
			written, err := writeSheet(run, p.Kind+"-"+t.Pool, p)
			if err != nil {
				return paths, err
			}
			paths = append(paths, written...)
		}
	}
	for _, e := range leaderboard.EffectsOf(tables) {
		written, err := writeSheet(run, "effects-"+e.Pool, &e)
		if err != nil {
			return paths, err
		}
		paths = append(paths, written...)
	}
	cells, err := trained(run)
	if err != nil {
		return paths, err
	}
	curves, err := writeCurves(run, cells)
	return append(paths, curves...), err
}

// writeSheet writes a table in its three forms.
func writeSheet(run *store.Run, base string, p interface {
	LaTeX() []byte
	Markdown() []byte
	CSV() ([]byte, error)
}) ([]string, error) {
	plain, err := p.CSV()
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range []struct {
		ext  string
		text []byte
	}{{".tex", p.LaTeX()}, {".md", p.Markdown()}, {".csv", plain}} {
		name := TablesDir + "/" + base + f.ext
		if err := run.WriteFile(name, f.text); err != nil {
			return paths, err
		}
		paths = append(paths, run.Path(name))
	}
	return paths, nil
}
