package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/trilemma-bench/trilemma/harness/browse"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// TestServe looks at a folder of three runs as a user would: two finished ones and one that is being written.
func TestServe(t *testing.T) {
	results := copySmall(t)
	must(t, "run", experimentFile(t, small), "--results", results, "--in-process", "--set", "data.split.seed=2")
	running, err := store.Open(results, "slow", "r1")
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	if err := running.WritePlan([]store.Ref{{ID: "a", Policy: "x", Pool: "all", Seed: 1}, {ID: "b", Policy: "y", Pool: "all", Seed: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(results, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := browse.New(results, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	s.Resamples = 100
	server := httptest.NewServer(s)
	defer server.Close()
	get := func(path string, change func(*http.Request)) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(r)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	_, body := get("/runs.json", nil)
	var rows []browse.Row
	if err := json.Unmarshal([]byte(body), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 {
		t.Fatalf("%d runs, want 3: %s", len(rows), body)
	}
	var ids []string
	for _, r := range rows {
		switch {
		case r.Experiment == "slow" && (r.State != "running" || r.Done != 0 || r.Total != 2):
			t.Errorf("the running one is %+v", r)
		case r.Experiment == "small" && (r.State != "complete" || len(r.Best) == 0 || r.Best[0].Value <= 0 || r.Best[0].Metric != "aiq_pool" || r.Prompts == 0):
			t.Errorf("a finished one is %+v", r)
		case r.Experiment == "small":
			ids = append(ids, r.ID)
		}
	}
	for path, want := range map[string]int{
		"/run/small/" + ids[0] + "/":                            200,
		"/run/small/" + ids[0] + "/points.csv":                  200,
		"/run/small/" + ids[0] + "/none.csv":                    404,
		"/run/small/nope/":                                      404,
		"/run/small/..%2F..%2Fsecret/":                          404,
		"/run/small/" + ids[0] + "/..%2F..%2F..%2Fsecret":       400,
		"/run/../secret/":                                       404,
		"/report?run=small/" + ids[0] + "&run=small/" + ids[1]:  200,
		"/compare?run=small/" + ids[0] + "&run=small/" + ids[1]: 200,
		"/compare?run=small/" + ids[0]:                          200,
		"/compare?run=small/" + ids[0] + "&run=../" + ids[1]:    404,
		"/compare?run=small/" + ids[0] + "&run=slow/r1":         200,
		"/changes.json?run=small/" + ids[0] + "&run=slow/r1":    422,
		"/status/slow/r1":                                       200,
		"/run/slow/r1/":                                         200,
		"/anything":                                             404,
	} {
		if got, body := get(path, nil); got != want || strings.Contains(body, "secret\n") {
			t.Errorf("%s gives %d, want %d: %.200s", path, got, want, body)
		}
	}
	if got, _ := get("/", func(r *http.Request) { r.Host = "results.example" }); got != http.StatusForbidden {
		t.Errorf("a name of the web is answered with %d", got)
	}

	ctx, complaints := browser(t, 1440, server.URL+"/")
	rowCount := `document.querySelectorAll('#runs tbody tr').length`
	if n := evaluate[int](t, ctx, rowCount); n != 3 {
		t.Errorf("the table has %d runs, want 3", n)
	}
	// The second run differs from the first by its split's seed: that column stands before all that the runs share.
	headings := `[...document.querySelectorAll('#runs thead th')].map(th => th.textContent)`
	if got := evaluate[[]string](t, ctx, headings); len(got) < 5 || got[4] != "data.split.seed" {
		t.Errorf("the columns are %q, want data.split.seed right after the state", got)
	}
	first := `document.querySelector('#runs tbody tr').children[1].textContent`
	heading := func(name string) string {
		return `[...document.querySelectorAll('#runs thead button')].find(b => b.textContent === '` + name + `').click()`
	}
	evaluate[any](t, ctx, heading("Experiment"))
	ascending := evaluate[string](t, ctx, first)
	evaluate[any](t, ctx, heading("Experiment"))
	if descending := evaluate[string](t, ctx, first); ascending != "slow" && descending != "slow" || ascending == descending {
		t.Errorf("sorted up %q is first, down %q", ascending, descending)
	}
	evaluate[any](t, ctx, `(`+input+`)('filter', 'complete small')`)
	if n := evaluate[int](t, ctx, rowCount); n != 2 {
		t.Errorf("the filter leaves %d runs, want 2", n)
	}
	accessible(t, ctx)
	for range 2 { // each click draws the table anew
		evaluate[any](t, ctx, `document.querySelector('#runs input:not(:checked)').click()`)
	}
	before := evaluate[string](t, ctx, `location.search`)
	if want := "?q=complete+small&sort=-experiment&run="; !strings.HasPrefix(before, want) || strings.Count(before, "run=") != 2 {
		t.Errorf("the address holds %q, want %q and two runs", before, want)
	}
	// The address alone restores it all.
	restored, complaintsOfRestored := browser(t, 1440, server.URL+"/"+before)
	state := `JSON.stringify([document.getElementById('filter').value, document.querySelectorAll('#runs input:checked').length, document.querySelector('[aria-sort=descending]').textContent, document.querySelectorAll('#runs tbody tr').length])`
	if got, want := evaluate[string](t, restored, state), `["complete small",2,"Experiment",2]`; got != want {
		t.Errorf("the link shows %s, want %s", got, want)
	}
	if got := complaintsOfRestored(); len(got) > 0 {
		t.Errorf("the restored table complains: %v", got)
	}
	evaluate[any](t, ctx, `document.getElementById('compare').click()`)
	if err := chromedp.Run(ctx, chromedp.WaitVisible(`//h1[text()='Runs compared']`), chromedp.WaitVisible(`#front svg polyline`), chromedp.WaitVisible(`//*[@id='changes'][contains(., 'paired')]`)); err != nil {
		t.Fatalf("comparing from the table: %v", err)
	}
	// Both runs are on one front, each with a dash of its own; the table has what changed with its interval.
	if n := evaluate[int](t, ctx, `new Set([...document.querySelectorAll('#front polyline')].map(l => l.dataset.run)).size`); n != 2 {
		t.Errorf("the front has lines of %d runs, want 2", n)
	}
	if n := evaluate[int](t, ctx, `[...document.querySelectorAll('#front polyline')].filter(l => getComputedStyle(l).stroke === 'none').length`); n != 0 {
		t.Errorf("%d lines of the front have no colour", n)
	}
	if got := evaluate[string](t, ctx, `document.querySelector('#metrics tbody td:last-child').textContent`); !strings.Contains(got, "[") {
		t.Errorf("a change is %q, want it with its interval", got)
	}
	if got := evaluate[[]string](t, ctx, `[...document.querySelectorAll('#settings tbody th')].map(th => th.textContent)`); len(got) == 0 || got[0] != "data.split.seed" {
		t.Errorf("settings that differ: %q", got)
	}
	evaluate[any](t, ctx, `(`+input+`)('x', 'carbon')`)
	if got := evaluate[string](t, ctx, `new URLSearchParams(location.search).get('x') + ' ' + document.querySelector('#front svg').getAttribute('aria-label').includes('Emissions')`); got != "carbon true" {
		t.Errorf("the axes are %s in the address and on the front", got)
	}
	accessible(t, ctx)
	back := `new Promise(done => { addEventListener('popstate', () => setTimeout(() => done(document.getElementById('x').value), 300)); history.back(); })`
	var x string
	if err := chromedp.Run(ctx, chromedp.Evaluate(back, &x, func(p *cdpruntime.EvaluateParams) *cdpruntime.EvaluateParams { return p.WithAwaitPromise(true) })); err != nil || x != "cost" {
		t.Errorf("the back button leaves the axis %q, %v", x, err)
	}
	evaluate[any](t, ctx, `document.getElementById('back').click()`)
	if err := chromedp.Run(ctx, chromedp.WaitVisible(`//h1[text()='Runs']`), chromedp.WaitVisible(`#runs tbody tr`)); err != nil {
		t.Fatalf("going back to the table: %v", err)
	}
	if got, want := evaluate[string](t, ctx, state), `["complete small",2,"Experiment",2]`; got != want {
		t.Errorf("back at the table it is %s, want %s", got, want)
	}
	if got := complaints(); len(got) > 0 {
		t.Errorf("the table and the comparison complain: %v", got)
	}
	ctx, complaints = browser(t, 390, server.URL+"/run/slow/r1/")
	if got := evaluate[string](t, ctx, `document.getElementById('state').textContent`); got != "Running: 0 of 2 cells done" {
		t.Errorf("the running one shows %q", got)
	}
	if got := complaints(); len(got) > 0 {
		t.Errorf("the progress complains: %v", got)
	}
	// The rules of what a page may load hold for the report too.
	_, complaints = browser(t, 1440, server.URL+"/run/small/"+ids[0]+"/")
	if got := complaints(); len(got) > 0 {
		t.Errorf("the served report complains: %v", got)
	}
}
