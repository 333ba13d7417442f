package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// garbled is what fmt writes for a value that its verb does not fit, and what a pointer looks like.
var garbled = regexp.MustCompile(`%!|\(PANIC=|\b0x[0-9a-f]{6,}\b|<nil>|&lt;nil&gt;`)

// TestNothingIsGarbled runs every command, and looks through all that they print and write.
func TestNothingIsGarbled(t *testing.T) {
	home := t.TempDir()
	results, traceDir := filepath.Join(home, "results"), filepath.Join(home, "trace")
	file := experimentFile(t, drawn)
	emissions := filepath.Join(home, "emissions.csv")
	measured := "model_id,gpu_model,activated_params_billions,total_params_billions,avg_batch_size,weight_precision,energy_per_token_joules\n"
	for i := range 8 {
		b := 7 * (i + 1)
		measured += fmt.Sprintf("m%d,H100,%d,%d,%d,bfloat16,%v\n", i, b, b, 32+8*i, 0.05*float64(b+i%3))
	}
	if err := os.WriteFile(filepath.Join(home, "J.csv"), []byte(measured), 0o644); err != nil {
		t.Fatal(err)
	}
	ran := map[string]bool{}
	for _, c := range []struct {
		line string
		code int
	}{
		{"version", exitOK}, {"version --json", exitOK}, {"man", exitBad}, {"man " + home, exitOK}, {"init I", exitOK},
		{"data", exitBad}, {"policy x", exitBad}, {"encoder", exitBad}, {"backend", exitBad},
		{"policy list", exitOK}, {"policy list --json", exitOK}, {"policy describe predict", exitOK}, {"policy new mine --dir P", exitOK}, {"policy check knn", exitOK},
		{"encoder list", exitOK}, {"encoder install x", exitBad}, {"encoder describe x", exitBad}, {"encoder check x", exitBad},
		{"backend list", exitOK}, {"backend install x", exitBad}, {"backend check go", exitOK},
		{"data synth --prompts 200 --models 3 --out T", exitOK}, {"data describe T", exitOK}, {"data describe T --json", exitOK},
		{"data validate T", exitOK}, {"data import x", exitBad}, {"data import list", exitOK}, {"data import new FORMAT", exitOK}, {"data import FORMAT FORMAT/sample --explain 3", exitOK},
		{"data import FORMAT FORMAT/sample --out LOG", exitOK}, {"data import FORMAT FORMAT/sample --out LOG2 --json", exitOK}, {"data describe LOG", exitOK}, {"data export x", exitBad},
		{"data encode T --encoder x", exitBad}, {"encode T --encoder x", exitBad},
		{"plan E", exitOK}, {"plan E --json", exitOK}, {"run E --in-process", exitOK}, {"run E --quiet --json", exitOK}, {"resume small", exitOK},
		{"status small", exitOK}, {"status small --json", exitOK}, {"report small", exitOK}, {"report small --paper P/paper", exitOK},
		{"report small small --html H.html", exitOK}, {"verify small", exitOK}, {"compare small small", exitOK},
		{"compare small small --json", exitOK}, {"compare small small --html C.html", exitOK}, {"serve nowhere", exitBad},
		{"export small --tensorboard TB --mlflow ML", exitOK}, {"carbon small", exitOK}, {"carbon small --json", exitOK},
		{"carbon small --by model", exitOK}, {"carbon small --emissions-csv M.csv", exitOK}, {"carbon import M.csv", exitOK},
		{"recommend small --max-cost 100/1k", exitOK}, {"recommend small --max-cost 100/1k --json", exitOK},
		{"run E --in-process --quiet --set data.split.seed=2 --set plots={formats:[]}", exitOK}, {"across small", exitOK},
		{"carbon calibrate J.csv", exitOK}, {"carbon calibrate J.csv --json --out D.yaml", exitOK},
		{"budget small --policy knn --max-cost 1.00/1k", exitOK},
	} {
		args := strings.Fields(c.line)
		found, _, err := newRoot().Find(args)
		if err != nil {
			t.Fatalf("%s: %v", c.line, err)
		}
		ran[found.CommandPath()] = true
		for i, a := range args {
			switch {
			case a == "E":
				args[i] = file
			case a == "T":
				args[i] = traceDir
			case a == "M.csv":
				args[i] = emissions
			case i > 0 && args[i-1] != "--policy" && strings.ToUpper(a[:1]) == a[:1] && a[0] > '9':
				args[i] = filepath.Join(home, a)
			}
		}
		if f := found.Flags().Lookup("results"); f != nil {
			args = append(args, "--results", results)
		}
		code, stdout, stderr := trilemma(args...)
		if code != c.code {
			t.Errorf("%s: exit %d, want %d\n%s%s", c.line, code, c.code, stdout, stderr)
		}
		if at := garbled.FindString(stdout + stderr); at != "" {
			t.Errorf("%s prints %q:\n%s%s", c.line, at, stdout, stderr)
		}
	}
	var every func(cmd *cobra.Command)
	every = func(cmd *cobra.Command) {
		if cmd.Runnable() && !cmd.Hidden && cmd.HasParent() && !ran[cmd.CommandPath()] && cmd.Name() != "help" && !strings.Contains(cmd.CommandPath(), "completion") {
			t.Errorf("%s: this test does not run it", cmd.CommandPath())
		}
		for _, c := range cmd.Commands() {
			every(c)
		}
	}
	every(newRoot())
	texts := 0
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		switch filepath.Ext(path) {
		case ".html", ".md", ".tex", ".bib", ".csv", ".svg", ".json", ".jsonl", ".yaml", ".log", ".1", ".go":
		default:
			return nil
		}
		texts++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if at := garbled.FindIndex(text); at != nil {
			t.Errorf("%s holds %q", path, text[max(0, at[0]-80):min(len(text), at[1]+80)])
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if texts < 30 {
		t.Errorf("%d text files were looked through, want at least 30", texts)
	}
}

// TestReportsHaveTheSameBytes writes the report of one run twice, into two folders: no clock, address or order of a map may
// reach it.
func TestReportsHaveTheSameBytes(t *testing.T) {
	results, twice := t.TempDir(), [2]string{t.TempDir(), t.TempDir()}
	text := strings.Replace(small, "formats: []", "formats: [svg, png, pdf]", 1)
	must(t, "run", experimentFile(t, text), "--results", results, "--in-process")
	for _, dir := range twice {
		if err := os.CopyFS(dir, os.DirFS(results)); err != nil {
			t.Fatal(err)
		}
		must(t, "report", "small", "--results", dir, "--paper", filepath.Join(dir, "paper"))
		must(t, "report", "small", "--results", dir, "--html", filepath.Join(dir, "together.html"))
	}
	files := 0
	err := filepath.WalkDir(twice[0], func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		name, err := filepath.Rel(twice[0], path)
		if err != nil {
			return err
		}
		a, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(twice[1], name))
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs between two reports of one run", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("%d files compared, want at least 50", files)
	}
}
