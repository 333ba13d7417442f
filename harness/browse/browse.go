// Package browse shows a folder of results in a browser: a table of all runs, each run's report, two runs compared, and
// how far a running one is. It only reads. The way of a request:
//
//  1. [Server] lets through what comes from this machine by one of its own names, so that no page of the web can read
//     results through a name that it controls.
//  2. The table asks runs.json again and again; a finished run is read once.
//  3. A run's page is its report where it has finished, and a view of its progress until then.
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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/compare"
	"github.com/trilemma-bench/trilemma/harness/report"
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
}

// New makes a server of a folder of results. host is the name or address that it listens on.
func New(results, host string) (*Server, error) {
	if info, err := os.Stat(results); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder of results: run an experiment first, such as `trilemma run experiments/quickstart.yaml`", results)
	}
	s := &Server{results: results, table: &table{results: results, rows: map[string]kept{}}, mux: http.NewServeMux(), hosts: []string{host}, Resamples: 2000}
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":                      s.index,
		"GET /runs.json":                s.runs,
		"GET /run/{experiment}/{id}/":   s.run,
		"GET /report":                   s.combined,
		"GET /compare":                  s.compare,
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
				http.Error(w, err.Error(), code)
			}
		})
	}
	return s, nil
}

// errUnknown is wrapped where a request names what is not there.
var errUnknown = errors.New("not found")

// errUnlike is wrapped where two runs have nothing to compare.
var errUnlike = errors.New("these runs cannot be compared")

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

// named opens the runs that a query names as experiment/id.
func (s *Server) named(names []string) ([]*store.Run, error) {
	var runs []*store.Run
	for _, name := range names {
		experiment, id, _ := strings.Cut(name, "/")
		run, err := s.open(experiment, id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) error {
	return render(w, "index", map[string]any{"Results": s.results})
}

// render fills a page of ours.
func render(w http.ResponseWriter, name string, data map[string]any) error {
	t, err := template.ParseFS(assets, "page/"+name+".html.tmpl")
	if err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	if data["Style"], err = page.PageStyle(); err != nil {
		return err
	}
	script, err := assets.ReadFile("page/" + name + ".js")
	if err != nil {
		return fmt.Errorf("reading a script: %w", err)
	}
	data["Script"] = template.JS(script) //nolint:gosec // our own asset
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return fmt.Errorf("writing a page: %w", err)
	}
	return html(w, out.Bytes())
}

func html(w http.ResponseWriter, page []byte) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := w.Write(page)
	return err
}

func asJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

func (s *Server) runs(w http.ResponseWriter, _ *http.Request) error {
	rows, err := s.table.read(time.Now())
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
	p, err := progress(run, time.Now())
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
	p, err := progress(run, time.Now())
	if err != nil {
		return err
	}
	if !p.Complete || p.Running {
		return render(w, "progress", map[string]any{"Experiment": run.Experiment, "ID": run.ID})
	}
	text, err := os.ReadFile(run.Path(page.PageFile))
	if errors.Is(err, fs.ErrNotExist) {
		// A run of an older version, or one whose report was taken away.
		text, err = page.Page(run)
	}
	if err != nil {
		return fmt.Errorf("reading the report of run %s: %w", run.ID, err)
	}
	return html(w, text)
}

// combined is one report of several runs.
func (s *Server) combined(w http.ResponseWriter, r *http.Request) error {
	runs, err := s.named(r.URL.Query()["run"])
	if err != nil {
		return err
	}
	page, err := page.Page(runs...)
	if err != nil {
		return err
	}
	return html(w, page)
}

// compare shows what changed from one run to another.
func (s *Server) compare(w http.ResponseWriter, r *http.Request) error {
	runs, err := s.named(r.URL.Query()["run"])
	if err != nil {
		return err
	}
	if len(runs) != 2 {
		return fmt.Errorf("a comparison is of two runs, not of %d: %w", len(runs), errUnknown)
	}
	c, err := compare.Runs(runs[0], runs[1], compare.Options{Seed: 1, Resamples: s.Resamples})
	if err != nil {
		return fmt.Errorf("%w: %w", errUnlike, err)
	}
	var out bytes.Buffer
	if err := report.ComparisonHTML(&out, c); err != nil {
		return err
	}
	return html(w, out.Bytes())
}
