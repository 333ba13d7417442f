// Package browse shows a folder of results in a browser: a table of all runs, each run's report, two runs compared, and
// how far a running one is. It only reads. The way of a request:
//
//  1. [Server] lets through what comes from this machine by one of its own names, so that no page of the web can read
//     results through a name that it controls.
//  2. The table asks runs.json again and again; a finished run is read once.
//  3. A run's page is its report where it has finished, and a view of its progress until then, from its event log.
//  4. Runs that are compared come side by side in compare.json; what changed between two, paired by prompts, takes longer
//     and comes after.
//
// What is sorted, filtered, chosen and drawn is in the address of each page, and only there.
package browse

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trilemma-bench/trilemma/harness/report/page"
	"github.com/trilemma-bench/trilemma/harness/store"
)

//go:embed page
var assets embed.FS

// Server serves a folder of results.
type Server struct {
	results string
	table   *table
	mux     *http.ServeMux
	// hosts are the names that a request may call this machine by, besides those of the loopback.
	hosts []string
	// Resamples of the bootstrap where runs are compared.
	Resamples int
	comparing sync.Mutex // guards changed, and lets one comparison at a time work
	changed   map[string][]byte
}

// New makes a server of a folder of results. host is the name or address that it listens on.
func New(results, host string) (*Server, error) {
	if info, err := os.Stat(results); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder of results: run an experiment first, such as `trilemma run experiments/quickstart.yaml`", results)
	}
	s := &Server{results: results, table: &table{results: results, rows: map[string]kept{}}, mux: http.NewServeMux(), hosts: []string{host}, Resamples: 2000, changed: map[string][]byte{}}
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":                      s.index,
		"GET /runs.json":                s.runs,
		"GET /run/{experiment}/{id}/":   s.run,
		"GET /report":                   s.combined,
		"GET /compare":                  s.compare,
		"GET /compare.json":             s.comparison,
		"GET /changes.json":             s.changes,
		"GET /favicon.ico":              favicon,
		"GET /status/{experiment}/{id}": s.status,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(w, r); err != nil {
				code := http.StatusInternalServerError
				if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errUnknown) {
					code = http.StatusNotFound
				}
				if errors.Is(err, errUnlike) {
					code = http.StatusUnprocessableEntity
				}
				refuse(w, r, err, code)
			}
		})
	}
	return s, nil
}

// errUnknown is wrapped where a request names what is not there.
var errUnknown = errors.New("not found")

// refuse says what is wrong: on a page with a way back to whoever reads pages, as text to scripts.
func refuse(w http.ResponseWriter, r *http.Request, err error, code int) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		var page bytes.Buffer
		if fill(&page, "problem", map[string]any{"Problem": err.Error(), "Back": back(r.URL)}) == nil {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(code)
			_, _ = w.Write(page.Bytes()) // who asked is gone
			return
		}
	}
	http.Error(w, err.Error(), code)
}

// favicon is for pages that name none: reports of older versions.
func favicon(w http.ResponseWriter, _ *http.Request) error {
	icon, err := assets.ReadFile("page/icon.svg")
	if err != nil {
		return fmt.Errorf("reading the icon: %w", err)
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(icon)
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !slices.Contains(s.hosts, host) {
		http.Error(w, fmt.Sprintf("this server does not answer to the name %q", host), http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}

// open finds a run by the names in a path or a query.
func (s *Server) open(experiment, id string) (*store.Run, error) {
	for _, name := range []string{experiment, id} {
		if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`) {
			return nil, fmt.Errorf("run %q: %w", experiment+"/"+id, errUnknown)
		}
	}
	run, err := store.Read(filepath.Join(s.results, experiment, id))
	if err != nil {
		return nil, fmt.Errorf("run %q: %w", experiment+"/"+id, errUnknown)
	}
	return run, nil
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) error {
	return render(w, "index", map[string]any{"Results": s.results, "Most": mostRuns})
}

// render answers with a page of ours.
func render(w http.ResponseWriter, name string, data map[string]any) error {
	var out bytes.Buffer
	if err := fill(&out, name, data); err != nil {
		return err
	}
	return html(w, out.Bytes())
}

// fill writes a page: its template between the head and foot of all, with the script of its name where it has one.
func fill(out *bytes.Buffer, name string, data map[string]any) error {
	t, err := template.ParseFS(assets, "page/"+name+".html.tmpl", "page/frame.html.tmpl")
	if err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	icon, err := assets.ReadFile("page/icon.svg")
	if err != nil {
		return fmt.Errorf("reading the icon: %w", err)
	}
	data["Icon"] = template.URL("data:image/svg+xml," + url.PathEscape(strings.TrimSpace(string(icon)))) //nolint:gosec // our own asset
	if data["Style"], err = page.Style(); err != nil {
		return err
	}
	charts, err := page.Charts()
	if err != nil {
		return err
	}
	script, err := assets.ReadFile("page/" + name + ".js")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading a script: %w", err)
	}
	if len(script) > 0 {
		data["Script"] = "(() => {\n'use strict';\n" + charts + template.JS(script) + "})();" //nolint:gosec // our own assets
	}
	if err := t.Execute(out, data); err != nil {
		return fmt.Errorf("writing a page: %w", err)
	}
	return nil
}

// html answers with a page. Who asked may have gone, which is no fault of the page.
func html(w http.ResponseWriter, page []byte) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page)
	return nil
}

// asJSON answers a script likewise.
func asJSON(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n'))
	return nil
}

func (s *Server) runs(w http.ResponseWriter, _ *http.Request) error {
	rows, err := s.table.all(time.Now())
	if err != nil {
		return err
	}
	return asJSON(w, rows)
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	run, err := s.open(r.PathValue("experiment"), r.PathValue("id"))
	if err != nil {
		return err
	}
	p, err := progress(run, time.Now(), r.URL.Query().Get("cells") == "all")
	if err != nil {
		return err
	}
	return asJSON(w, p)
}

// run shows a run, or one of its files.
func (s *Server) run(w http.ResponseWriter, r *http.Request) error {
	run, err := s.open(r.PathValue("experiment"), r.PathValue("id"))
	if err != nil {
		return err
	}
	prefix := "/run/" + r.PathValue("experiment") + "/" + r.PathValue("id") + "/"
	if name := strings.TrimPrefix(r.URL.Path, prefix); name != "" {
		// A root does not let links out of the run's folder.
		root, err := os.OpenRoot(run.Dir)
		if err != nil {
			return fmt.Errorf("opening a run: %w", err)
		}
		defer root.Close()
		http.ServeFileFS(w, r, root.FS(), name)
		return nil
	}
	row := s.table.read(time.Now(), []*store.Run{run})[0]
	at := nav{Experiment: run.Experiment, ID: run.ID, Back: back(r.URL)}
	if !row.finished || r.URL.Query().Get("view") == "progress" {
		return render(w, "progress", map[string]any{"Nav": at, "Complete": row.finished})
	}
	text, err := os.ReadFile(run.Path(page.File))
	if errors.Is(err, fs.ErrNotExist) {
		// A run of an older version, or one whose report was taken away.
		text, err = page.Render(run)
	}
	if err != nil {
		return fmt.Errorf("reading the report of run %s: %w", run.ID, err)
	}
	return withNav(w, text, at)
}

// nav is where a reader may go from a report.
type nav struct{ Experiment, ID, Back string }

// navBar stands above a report, which knows nothing of this server.
var navBar = template.Must(template.New("nav").Parse(`<nav class="noprint" aria-label="Runs" style="max-width:76rem;margin:0 auto;padding:.6rem 1.25rem 0;font-size:.87rem"><a href="{{.Back}}">All runs</a>{{if .ID}} · <a href="/run/{{.Experiment}}/{{.ID}}/?view=progress">Training and progress</a>{{end}}</nav>
`))

// withNav answers with a report that has a way back.
func withNav(w http.ResponseWriter, text []byte, at nav) error {
	var bar bytes.Buffer
	if err := navBar.Execute(&bar, at); err != nil {
		return fmt.Errorf("writing a page: %w", err)
	}
	const body = "<body>\n"
	if i := bytes.Index(text, []byte(body)); i >= 0 {
		text = slices.Concat(text[:i+len(body)], bar.Bytes(), text[i+len(body):])
	}
	return html(w, text)
}

// combined is one report of several runs.
func (s *Server) combined(w http.ResponseWriter, r *http.Request) error {
	runs, err := s.named(r.URL.Query()["run"])
	if err != nil {
		return err
	}
	text, err := page.Render(runs...)
	if err != nil {
		return err
	}
	return withNav(w, text, nav{Back: back(r.URL)})
}
