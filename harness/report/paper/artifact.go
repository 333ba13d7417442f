package paper

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/savings"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/wholefile"
)

//go:embed artifact.md.tmpl
var artifactText string

var artifactTemplate = template.Must(template.New("README.md").Funcs(template.FuncMap{
	"cell": func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }, "join": strings.Join, "gib": func(bytes int64) string { return fmt.Sprintf("%.0f GiB", float64(bytes)/(1<<30)) },
}).Parse(artifactText))

// Files of an artifact. Claims and environment are files of their own, for those who review many.
const (
	readmeFile      = "README.md"
	claimsFile      = "CLAIMS.md"
	environmentFile = "environment.json"
	licenceFile     = "LICENSE"
	experimentFile  = "experiment.json"
	resultsFolder   = "results"
)

// claim is something that the report says, where its numbers are, and the command that shows it again.
type claim struct{ Says, Where, Command string }

type artifactOf struct {
	store.Manifest
	About  string
	Folder string // of the run's results within the artifact
	Claims []claim
	Shown  []claim // the pictures of the report
	Copied string  // the experiment's file within the artifact; "" where it is gone
}

// Artifact writes what reviewers of artifacts ask for into a folder (the badges of the ACM): a README that says what is needed
// and how long it takes, the environment, a licence, and a table of claims with the command for each, beside a copy of the
// run's results. The licence is the program's. It returns the paths of what it wrote, the README first, without the copy.
func Artifact(run *store.Run, dir, licence string) ([]string, error) {
	m, err := run.Manifest()
	if err != nil {
		return nil, err
	}
	about, err := m.About()
	if err != nil {
		return nil, err
	}
	a := artifactOf{Manifest: m, About: about, Folder: path.Join(resultsFolder, m.Experiment, m.Run)}
	if a.Claims, a.Shown, err = claims(run, a.Folder); err != nil {
		return nil, err
	}
	if err := copyRun(run.Dir, filepath.Join(dir, filepath.FromSlash(a.Folder))); err != nil {
		return nil, err
	}
	var paths []string
	add := func(name string, text []byte) error {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("making the folder of an artifact: %w", err)
		}
		paths = append(paths, to)
		return wholefile.Write(to, text)
	}
	source := m.File
	if !filepath.IsAbs(source) {
		source = filepath.Join(m.Call.Directory, source)
	}
	experiment, err := os.ReadFile(source)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the experiment: %w", err)
	}
	if err == nil {
		a.Copied = filepath.Base(m.File)
	}
	for _, part := range []struct{ file, template string }{{readmeFile, "readme"}, {claimsFile, "claims"}} {
		var text strings.Builder
		if err := artifactTemplate.ExecuteTemplate(&text, part.template, &a); err != nil {
			return nil, fmt.Errorf("writing %s: %w", part.file, err)
		}
		if err := add(part.file, []byte(text.String())); err != nil {
			return nil, err
		}
	}
	environment, err := json.MarshalIndent(map[string]any{"build": m.Build, "host": m.Host, "backend": m.Backend, "seeds": m.Seeds, "inputs": m.Inputs, "plugins": m.Plugins}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", environmentFile, err)
	}
	for _, f := range []struct {
		name string
		text []byte
	}{{environmentFile, append(environment, '\n')}, {licenceFile, []byte(licence)}, {experimentFile, append(slices.Clone(m.Config), '\n')}, {a.Copied, experiment}} {
		if len(f.text) > 0 && f.name != "" {
			if err := add(f.name, f.text); err != nil {
				return nil, err
			}
		}
	}
	return paths, nil
}

// claims are the answer of each pool, the differences from the baseline that are clear of chance, and the savings that are at
// the best single model's quality; and beside them what the pictures show that a report shows.
func claims(run *store.Run, folder string) (found, shown []claim, err error) {
	at := run.Experiment + "/" + run.ID
	redraw, footprint := "trilemma report "+at, "trilemma carbon "+at
	tables, err := leaderboard.Read(run)
	if err != nil {
		return nil, nil, err
	}
	for i := range tables {
		if t := &tables[i]; t.Answer() != "" {
			found = append(found, claim{fmt.Sprintf("Pool %s: %s", t.Pool, t.Answer()), path.Join(folder, report.TablesDir, "metrics-"+t.Pool+".csv"), redraw})
		}
	}
	for _, e := range leaderboard.EffectsOf(tables) {
		for _, row := range e.Rows {
			if d := row.Diff[0]; row.Clear[0] {
				found = append(found, claim{
					fmt.Sprintf("Pool %s: %s differs from %s by %+.3f [%+.3f, %+.3f] in %s, clear of zero after Holm's correction", e.Pool, row.Policy, e.Baseline, leaderboard.Parse(d.Diff), leaderboard.Parse(d.DiffLow), leaderboard.Parse(d.DiffHigh), e.Columns[0].Print),
					path.Join(folder, report.TablesDir, "effects-"+e.Pool+".csv"), redraw,
				})
			}
		}
	}
	saved, err := run.Savings()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for i := range saved.Savings {
		s := &saved.Savings[i]
		if s.ChosenOn != store.OnSelection || s.Role != store.RolePolicy || s.Baseline != "best single" || savings.Verdict(s.QualityVerdict) != savings.NonInferior ||
			s.CarbonSaving == nil || s.CarbonSavingBothLow == nil || s.CarbonSavingBothHigh == nil || *s.CarbonSavingBothLow <= 0 {
			continue
		}
		found = append(found, claim{
			fmt.Sprintf("Pool %s: %s saves %.0f %% [%.0f, %.0f] of the emissions of the %s model, at a score that is %+.3f from its own and shown to be no more than %.2f lower, on %d test prompts",
				s.Pool, s.Policy, 100**s.CarbonSaving, 100**s.CarbonSavingBothLow, 100**s.CarbonSavingBothHigh, s.Baseline, s.QualityDiff, saved.Margin, s.N),
			path.Join(folder, store.SavingsCSV), footprint,
		})
	}
	pictures, err := report.Pictures(run)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range pictures {
		if p.Shown {
			says, _, _ := strings.Cut(p.Caption, ". ")
			shown = append(shown, claim{says, path.Join(folder, "plots", p.Name+".csv"), redraw})
		}
	}
	return found, shown, nil
}

// copyRun copies the folder of a run, but for what marks it as worked on.
func copyRun(from, to string) error {
	inside, err := filepath.Rel(from, to)
	if err != nil {
		return fmt.Errorf("comparing %s with the run's folder: %w", to, err)
	}
	if inside == "." || filepath.IsLocal(inside) {
		return fmt.Errorf("the artifact would lie within the run that it copies, %s: choose another folder", from)
	}
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("copying the run: %w", err)
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return fmt.Errorf("copying the run: %w", err)
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("copying the run: %w", err)
		}
		return wholefile.Write(filepath.Join(to, rel), data)
	})
}
