package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// hostile is text that must never become markup.
const hostile = `<script>document.documentElement.dataset.hacked='yes'</script><img src=x onerror="document.documentElement.dataset.hacked='yes'">`

// chromium is where one is installed.
func chromium(t *testing.T) string {
	t.Helper()
	found := os.Getenv("TRILEMMA_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if found == "" {
			found, _ = exec.LookPath(name)
		}
	}
	if found == "" {
		t.Skip("no Chromium: install one, or name it in TRILEMMA_CHROMIUM")
	}
	return found
}

// browser opens a page in headless Chromium, a file without any network, and returns where its complaints are gathered.
func browser(t *testing.T, width int64, url string) (context.Context, func() []string) {
	t.Helper()
	found := chromium(t)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(found), chromedp.NoSandbox, chromedp.WindowSize(int(width), 1000))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 60*time.Second)
	t.Cleanup(cancel)
	var mu sync.Mutex
	var complaints []string
	chromedp.ListenTarget(ctx, func(e any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := e.(type) {
		case *cdpruntime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Error())
		case *cdpruntime.EventConsoleAPICalled:
			if e.Type == cdpruntime.APITypeError || e.Type == cdpruntime.APITypeWarning {
				complaints = append(complaints, fmt.Sprint("console: ", string(e.Args[0].Value)))
			}
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "file:") && !strings.HasPrefix(e.Request.URL, "http://127.0.0.1:") && !strings.HasPrefix(e.Request.URL, "data:") && !strings.HasPrefix(e.Request.URL, "blob:") {
				complaints = append(complaints, "asks the network for "+e.Request.URL)
			}
		}
	})
	err := chromedp.Run(ctx, network.Enable(), network.EmulateNetworkConditions(strings.HasPrefix(url, "file:"), 0, -1, -1), chromedp.EmulateViewport(width, 1000),
		chromedp.Navigate(url), chromedp.WaitReady(`html[data-ready=true]`, chromedp.ByQuery))
	if err != nil {
		t.Fatalf("opening the page: %v", err)
	}
	return ctx, func() []string { mu.Lock(); defer mu.Unlock(); return complaints }
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) (out T) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.Evaluate(script, &out)); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return out
}

const input = `(id, value) => { const e = document.getElementById(id); e.value = value; e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true})); }`

// whole holds the tables of a page to showing all their rows: boxes scroll sideways only.
func whole(t *testing.T, ctx context.Context) {
	t.Helper()
	tables := evaluate[[]int](t, ctx, `(() => {
		document.querySelectorAll('details').forEach(d => d.open = true);
		const boxes = [...document.querySelectorAll('.scroll')].filter(b => b.clientHeight > 0);
		const rows = boxes[0].querySelector('tbody'); // as many as a large run has
		for (let i = 0; i < 60; i++) rows.append(rows.rows[0].cloneNode(true));
		return [boxes.length, boxes.filter(b => b.scrollHeight > b.clientHeight + 1).length];
	})()`)
	if tables[0] < 2 || tables[1] > 0 {
		t.Errorf("%d of %d tables are cut", tables[1], tables[0])
	}
}

// TestReportPage uses report.html as a reader would.
func TestReportPage(t *testing.T) {
	chromium(t) // before the run, which only a browser can look at
	dir := altered(t, func(tr *trace.Trace) {
		tr.Prompts.Text[7] = "needle " + hostile
		for p := range tr.Prompts.Text {
			if p != 7 {
				tr.Prompts.Text[p] += " " + hostile
			}
		}
		tr.Prompts.Category[7] += hostile
		tr.Models[0].Provider = hostile
		tr.Prompts.Split = make([]string, tr.Prompts.Len())
		for p := range tr.Prompts.Split {
			tr.Prompts.Split[p] = []string{"train", "validation", "test"}[p%3]
		}
		tr.Prompts.Split[7] = "test"
	})
	results := t.TempDir()
	text := strings.Replace(drawn, "data: {synth: {prompts: 300, models: 4}, split: {method: stratified, train: 0.6, validation: 0.2, test: 0.2}}",
		"data: {trace: "+dir+", split: {method: column}}\ndescription: '"+strings.ReplaceAll(hostile, "'", "''")+"'", 1)
	text = strings.Replace(text, "{lambda_cost: {auto: 4}}", "{lambda_cost: {auto: 4}, lambda_carbon: {auto: 4}, lambda_latency: {auto: 3}}", 1)
	must(t, "run", experimentFile(t, text), "--results", results)
	ctx, complaints := browser(t, 1440, "file://"+filepath.Join(results, "small", "latest", "report.html"))

	readable(t, ctx)

	top := `[...document.querySelectorAll('#ranking tbody th')].map(e => e.textContent).join()`
	before := evaluate[string](t, ctx, top)
	evaluate[any](t, ctx, `(`+input+`)('w-cost', 0.9)`)
	after := evaluate[string](t, ctx, top)
	if before == after {
		t.Errorf("the ranking is %q whether money matters or not", before)
	}
	evaluate[any](t, ctx, `(`+input+`)('w-cost', 0)`)
	evaluate[any](t, ctx, `(`+input+`)('budget', 0)`)
	if n := evaluate[int](t, ctx, `document.querySelectorAll('#ranking tbody tr').length`); n == 0 || n >= evaluate[int](t, ctx, `document.querySelectorAll('#metrics tbody tr').length`) {
		t.Errorf("%d policies fit the least budget, want some but not all", n)
	}
	if n := evaluate[int](t, ctx, `document.querySelectorAll('.marker').length`); n == 0 {
		t.Error("no marker shows where the sliders put the policies")
	}

	evaluate[any](t, ctx, `(`+input+`)('search', 'needle')`)
	if n := evaluate[int](t, ctx, `document.querySelectorAll('#prompts details').length`); n != 1 {
		t.Errorf("the search for one prompt finds %d", n)
	}
	evaluate[any](t, ctx, `document.querySelector('#prompts summary').click()`)
	if err := chromedp.Run(ctx, chromedp.WaitVisible(`#prompts pre`, chromedp.ByQuery)); err != nil {
		t.Fatal(err)
	}
	if got := evaluate[string](t, ctx, `document.querySelector('#prompts pre').textContent`); !strings.Contains(got, hostile) {
		t.Errorf("the prompt is shown as %q, want its text as it is", got)
	}
	// Why a choice was right counts all that a setting weighs.
	why := evaluate[string](t, ctx, `[...document.querySelectorAll('#prompts table')].pop().textContent`)
	for _, weighed := range []string{" for carbon = ", " for time = "} {
		if !strings.Contains(why, weighed) {
			t.Errorf("no%qin what each policy chose and why: %s", weighed, why)
		}
	}
	evaluate[any](t, ctx, `(`+input+`)('search', '')`)
	all := evaluate[string](t, ctx, `document.querySelector('#drill p[role=status]').textContent`)
	evaluate[any](t, ctx, `(`+input+`)('filter', 'lost')`)
	if lost := evaluate[string](t, ctx, `document.querySelector('#drill p[role=status]').textContent`); lost == all || strings.HasPrefix(lost, "0 ") {
		t.Errorf("router wrong, oracle right: %q of %q", lost, all)
	}

	light := evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`)
	if err := chromedp.Run(ctx, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}})); err != nil {
		t.Fatal(err)
	}
	if dark := evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`); dark == light {
		t.Errorf("the page is %s in a dark system too", dark)
	}
	evaluate[any](t, ctx, `document.getElementById('theme').click()`)
	if again := evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`); again != light {
		t.Errorf("the switch gives %s, want %s", again, light)
	}

	var pdf []byte
	err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		pdf, _, err = page.PrintToPDF().Do(ctx)
		return err
	}))
	if err != nil || len(pdf) < 10_000 {
		t.Errorf("printing to PDF: %d bytes, %v", len(pdf), err)
	}
	if evaluate[bool](t, ctx, `document.documentElement.dataset.hacked === 'yes' || document.querySelector('img') !== null`) {
		t.Error("text of the data became markup")
	}
	if got := complaints(); len(got) > 0 {
		t.Errorf("the page complains: %v", got)
	}
	whole(t, ctx)
	if wide := evaluate[int](t, ctx, `document.documentElement.scrollWidth`); wide > 1440 {
		t.Errorf("the page is %d pixels wide", wide)
	}

	ctx, complaints = browser(t, 390, "file://"+filepath.Join(results, "small", "latest", "report.html"))
	whole(t, ctx)
	if wide := evaluate[int](t, ctx, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("on a phone the page is %d pixels wide", wide)
	}
	if got := complaints(); len(got) > 0 {
		t.Errorf("on a phone the page complains: %v", got)
	}
	accessible(t, ctx)
}

// readable looks for what a reader should find at once: few pictures, every policy's line, the mix as a curve, names that do
// not lie on each other, settings in words, and words that are explained.
func readable(t *testing.T, ctx context.Context) {
	t.Helper()
	if n := evaluate[int](t, ctx, `[...document.querySelectorAll('figure')].filter(f => f.checkVisibility({contentVisibilityAuto: true}) && f.getBoundingClientRect().height > 0).length`); n < 4 || n > 8 {
		t.Errorf("%d pictures are shown at first, want 4 to 8", n)
	}
	if first := evaluate[bool](t, ctx, `document.querySelector('#asked figure svg .mix').getAttribute('points').split(' ').length > 30 && document.querySelectorAll('#asked figure').length === 1 && document.querySelectorAll('#asked tbody tr').length <= 6`); !first {
		t.Error("the top has not one front with the mix as a curve and a table of at most six rows")
	}
	lines := evaluate[int](t, ctx, `document.querySelectorAll('#asked .line').length`)
	if want := evaluate[int](t, ctx, `new Set([...document.querySelectorAll('#asked .line')].map(e => e.dataset.policy)).size`); lines == 0 || lines != want {
		t.Errorf("%d lines of %d policies", lines, want)
	}
	for _, c := range evaluate[[]string](t, ctx, `[...document.querySelectorAll('figure svg')].flatMap(svg => {
		const names = [...svg.querySelectorAll('text.name')].map(e => [e.textContent, e.getBBox()]);
		return names.flatMap(([a, p], i) => names.slice(i + 1).filter(([, q]) => p.x + 2 < q.x + q.width && q.x + 2 < p.x + p.width && p.y + 3 < q.y + q.height && q.y + 3 < p.y + p.height).map(([b]) => a + ' and ' + b));
	})`) {
		t.Errorf("the names %s lie on each other", c)
	}
	shown := evaluate[string](t, ctx, `document.body.innerText`)
	if key := regexp.MustCompile(`\b[cgl]\d\d\b`).FindString(shown); key != "" {
		t.Errorf("a setting is shown as %s", key)
	}
	if told := evaluate[[]string](t, ctx, `[...document.querySelectorAll('#app abbr')].map(e => e.textContent)`); !slices.Contains(told, "AIQ") || len(told) < 5 {
		t.Errorf("explained are only %v", told)
	}
	evaluate[any](t, ctx, `document.querySelector('#app abbr').dispatchEvent(new FocusEvent('focus'))`)
	if tip := evaluate[string](t, ctx, `document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent`); !strings.Contains(tip, ": ") {
		t.Errorf("a word in focus is explained by %q", tip)
	}
	evaluate[any](t, ctx, `document.querySelector('#app abbr').dispatchEvent(new FocusEvent('blur'))`)
}

// accessible runs axe over the open page, where a Python package that carries it is installed.
func accessible(t *testing.T, ctx context.Context) {
	t.Helper()
	python := os.Getenv("TRILEMMA_PYTHON")
	if python == "" {
		python = "python3"
	}
	const find = `import importlib.util, pathlib
for name in ("axe_playwright_python", "axe_core_python", "axe_selenium_python"):
    spec = importlib.util.find_spec(name)
    if spec:
        print(next(iter(sorted(pathlib.Path(spec.submodule_search_locations[0]).rglob("axe*.js")))))
        break`
	out, err := exec.Command(python, "-c", find).Output()
	path := strings.TrimSpace(string(out))
	if err != nil || path == "" {
		t.Logf("axe is not checked: %s has no package axe-playwright-python (TRILEMMA_PYTHON names another interpreter)", python)
		return
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	evaluate[any](t, ctx, string(axe)+"\n;null")
	var problems []string
	err = chromedp.Run(ctx, chromedp.Evaluate(`axe.run().then(r => r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical')
		.map(v => v.id + ': ' + v.help + ' at ' + v.nodes.slice(0, 3).map(n => n.target + ' ' + n.failureSummary).join('; ')))`, &problems,
		func(p *cdpruntime.EvaluateParams) *cdpruntime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) > 0 {
		t.Errorf("axe finds\n%s", strings.Join(problems, "\n"))
	}
}

// TestReportPageWithoutScripts reads report.html as one who runs no scripts.
func TestReportPageWithoutScripts(t *testing.T) {
	results := ranSmall(t)
	found := chromium(t)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(found), chromedp.NoSandbox, chromedp.WindowSize(1440, 1400))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	var picture []byte
	err := chromedp.Run(ctx, emulation.SetScriptExecutionDisabled(true), chromedp.Navigate("file://"+filepath.Join(results, "small", "latest", "report.html")),
		chromedp.CaptureScreenshot(&picture))
	if err != nil {
		t.Fatal(err)
	}
	if keep := os.Getenv("TRILEMMA_LOOK"); keep != "" {
		if err := os.WriteFile(filepath.Join(keep, "without-scripts.png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := evaluate[string](t, ctx, `document.body.innerText`)
	rows := evaluate[int](t, ctx, `document.querySelectorAll('noscript tbody tr').length`)
	if !regexp.MustCompile(`(?m)^knn\s+\d+\s+0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]`).MatchString(text) || rows < 10 {
		t.Errorf("%d rows and no figures of knn in\n%.2000s", rows, text)
	}
}
