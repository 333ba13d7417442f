package browse

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/store/storetest"
)

func always(model int) func(string, int) int { return func(string, int) int { return model } }

// served is a server over three runs: one finished, one of an older version, one that stopped.
func served(t *testing.T) (get func(path, host string) *httptest.ResponseRecorder, results string) {
	t.Helper()
	results = filepath.Join(t.TempDir(), "results")
	storetest.Write(t, results, storetest.Run{Experiment: "new", ID: "00000001", Choose: always(1)})
	storetest.Write(t, results, storetest.Run{Experiment: "old", ID: "00000002", Choose: always(0), Older: true})
	storetest.Write(t, results, storetest.Run{Experiment: "half", ID: "00000003", Choose: always(0), Unfinished: true})
	s, err := New(results, "lab")
	if err != nil {
		t.Fatal(err)
	}
	s.Resamples = 100
	return func(path, host string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}, results
}

func TestRowsOfTheTable(t *testing.T) {
	get, _ := served(t)
	var rows []Row
	if err := json.Unmarshal(get("/runs.json", "localhost").Body.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	of := map[string]Row{}
	for _, r := range rows {
		of[r.Experiment] = r
	}
	if len(of) != 3 {
		t.Fatalf("rows %+v, want three runs", rows)
	}
	r := of["new"]
	if r.State != "complete" || r.Done != 3 || r.Prompts != storetest.Prompts || r.Description != "a small one" || r.Problem != "" {
		t.Errorf("the finished one is %+v", r)
	}
	if len(r.Best) != 1 || r.Best[0].Metric != "aiq_pool" || r.Best[0].Policy != "router" || !r.Best[0].Clear || r.Best[0].Second != "other" {
		t.Errorf("its best %+v, want router by aiq_pool, clear of the other", r.Best)
	}
	if r := of["old"]; r.Problem != "" || len(r.Best) != 1 || r.Best[0].Metric != "aiq" || !r.Best[0].Hindsight || r.Best[0].Clear {
		t.Errorf("the older one is %+v, want its AIQ, called hindsight", r)
	}
	if r := of["half"]; r.State != "stopped" || r.Done != 2 || r.Total != 3 || len(r.Best) != 0 {
		t.Errorf("the stopped one is %+v", r)
	}
}

func TestPages(t *testing.T) {
	get, results := served(t)
	if err := os.WriteFile(filepath.Join(results, "..", "secret"), []byte("kept from everybody"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		code int
		has  string
	}{
		{"/", 200, "runs"},
		{"/run/new/00000001/", 200, "router is best"},
		{"/run/old/00000002/", 200, "older version"},
		{"/run/new/00000001/metrics.csv", 200, "aiq_pool"},
		{"/run/half/00000003/", 200, "/status/half/00000003"},
		{"/status/half/00000003", 200, `"done":2`},
		{"/report?run=new/00000001&run=old/00000002", 200, "<!doctype html>"},
		{"/run/new/00000001/?view=progress", 200, "/status/new/00000001"},
		{"/run/new/00000001/?q=x&sort=-best&view=", 200, `<a href="/?q=x&amp;sort=-best">All runs</a>`},
		{"/compare?run=new/00000001&run=old/00000002", 200, "Runs compared"},
		{"/compare?run=new/00000001&run=old/00000002&q=x&pool=all", 200, `href="/?q=x&amp;run=new%2F00000001&amp;run=old%2F00000002">All runs`},
		{"/compare", 404, "at least one run"},
		{"/compare?run=new/00000009", 404, "not found"},
		{"/compare?run=new/00000001" + strings.Repeat("&run=new/00000001", 8), 422, "more than the 8"},
		{"/changes.json?run=new/00000001&run=old/00000002&pool=all", 200, `"metric":"aiq"`},
		{"/changes.json?run=new/00000001", 404, "not of 1"},
		{"/changes.json?run=new/00000001&run=half/00000003", 422, "resume"},
		{"/favicon.ico", 200, "<svg"},
		{"/run/new/../../secret/", 307, ""},
		{"/run/..%2F..%2Fsecret/x/", 404, ""},
		{"/nothing", 404, ""},
	} {
		w := get(c.path, "127.0.0.1:7420")
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.has) || strings.Contains(w.Body.String(), "kept from everybody") {
			t.Errorf("%s gives %d, want %d and %q:\n%.300s", c.path, w.Code, c.code, c.has, w.Body)
		}
		if c.code == 200 && !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s may load from anywhere: %q", c.path, w.Header())
		}
	}
}

// A folder of results holds what crashes, disks and hands made of it.
func TestDamagedRuns(t *testing.T) {
	get, results := served(t)
	damage := func(name, file, text string) {
		path := filepath.Join(results, "damaged", name, file)
		for _, err := range []error{os.MkdirAll(filepath.Join(results, "damaged", name, "cells"), 0o755), os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	damage("plan", "plan.json", `{"cells": [`)
	damage("manifest", "manifest.json", `{"config": {"a"`)
	damage("settings", "manifest.json", `{"config": null}`)
	damage("events", "events.jsonl", "{\"kind\":\"cell_progress\",\"cell\":\"x\"}\nnot json\n")
	damage("empty", "note", "")
	storetest.Write(t, results, storetest.Run{Experiment: "damaged", ID: "points", Choose: always(1)})
	damage("points", "points.parquet", "PAR1")
	if err := os.Mkdir(filepath.Join(results, "damaged", "nothing"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Not the folder of a run: cells is a file.
	if err := os.WriteFile(filepath.Join(results, "damaged", "nothing", "cells"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var rows []Row
	if err := json.Unmarshal(get("/runs.json", "localhost").Body.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	problems := map[string]bool{}
	for _, r := range rows {
		problems[r.Experiment+"/"+r.ID] = r.Problem != ""
	}
	for name, want := range map[string]bool{"plan": true, "manifest": true, "settings": false, "events": false, "empty": false, "points": true} {
		if got, listed := problems["damaged/"+name]; !listed || got != want {
			t.Errorf("%s: listed %v with a problem %v, want a problem %v", name, listed, got, want)
		}
		var c comparison
		w := get("/compare.json?run=new/00000001&run=damaged/"+name, "localhost")
		if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || len(c.Runs) != 2 || len(c.Runs[0].Pools) != 1 || len(c.Runs[1].Pools) != 0 {
			t.Errorf("%s beside a whole run: %d %v, %+v", name, w.Code, err, c.Runs)
		}
	}
	if problems["new/00000001"] || len(rows) != 9 {
		t.Errorf("%d runs, want 9: %+v", len(rows), problems)
	}
	if w := get("/run/damaged/points/", "localhost"); w.Code != http.StatusOK && !strings.Contains(w.Body.String(), "points.parquet") {
		t.Errorf("the page of cut points: %d %s", w.Code, w.Body)
	}
}

func TestComparison(t *testing.T) {
	get, results := served(t)
	storetest.Write(t, results, storetest.Run{Experiment: "new", ID: "00000009", Choose: always(0), Config: `{"description":"a small one","policies":[{"name":"router","params":{"k":5}}]}`})
	var c comparison
	if err := json.Unmarshal(get("/compare.json?run=new/00000001&run=new/00000009&run=half/00000003", "localhost").Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Runs) != 3 || !c.Runs[0].Finished || c.Runs[2].Finished {
		t.Fatalf("runs %+v", c.Runs)
	}
	five := `5`
	found := false
	for _, s := range c.Settings {
		if s.What == "description" {
			t.Errorf("what all share is among what differs: %+v", s)
		}
		if s.What == "policies.router.params.k" {
			found = len(s.Values) == 3 && s.Values[0] == nil && s.Values[1] != nil && *s.Values[1] == five && s.Values[2] == nil
		}
	}
	if !found {
		t.Errorf("settings %+v, want k = 5 in the second run alone", c.Settings)
	}
	quality := func(run int, policy string) float64 {
		for _, p := range c.Runs[run].Pools[0].Points {
			if p.Policy == policy && p.Quality[0] != nil && len(p.Chosen) > 0 {
				return *p.Quality[0]
			}
		}
		return -1
	}
	// The router took the dear model in the first run, which is wrong on every fifth prompt, and the cheap one in the second.
	if a, b := quality(0, "router"), quality(1, "router"); a < 0.799 || a > 0.801 || b < 0.499 || b > 0.501 {
		t.Errorf("router has %v and %v, want 0.8 and 0.5", a, b)
	}
	if m := c.Runs[0].Pools[0].Metrics; len(m) == 0 || m[0].Value[1] == nil || *m[0].Value[1] >= *m[0].Value[0] {
		t.Errorf("metrics %+v, want each with its interval", m)
	}
	// Of a run that has not finished, the cells that are done.
	if p := c.Runs[2].Pools; len(p) != 1 || len(p[0].Points) != 2 || len(p[0].Metrics) != 0 {
		t.Errorf("the stopped one has %+v", p)
	}
}

func TestTableShowsSettingsThatDiffer(t *testing.T) {
	get, results := served(t)
	storetest.Write(t, results, storetest.Run{Experiment: "new", ID: "00000009", Choose: always(0), Config: `{"description":"another","backend":"go","k":5,"same":1}`})
	storetest.Write(t, results, storetest.Run{Experiment: "new", ID: "0000000a", Choose: always(0), Config: `{"description":"another","backend":"xla","k":7,"same":1}`})
	for _, id := range []string{"old/00000002", "half/00000003", "new/00000001"} {
		if err := os.RemoveAll(filepath.Join(results, id)); err != nil {
			t.Fatal(err)
		}
	}
	var rows []Row
	if err := json.Unmarshal(get("/runs.json", "localhost").Body.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"5", "7"} {
		if s := rows[i].Settings; len(s) != 1 || s["k"] != want {
			t.Errorf("%s shows %v, want k = %s alone", rows[i].ID, s, want)
		}
	}
}

// What a cell reports while it learns is shown while it learns.
func TestLearningCurves(t *testing.T) {
	get, results := served(t)
	run, err := store.Open(results, "live", "r1")
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	var text strings.Builder
	at := time.Now().Add(-time.Minute)
	send := func(e event.Event) {
		at = at.Add(time.Second)
		e.Time = at
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(line, '\n'))
	}
	send(event.Event{Kind: event.RunStarted, Total: 6, Jobs: 1})
	report := func(cell string, kind event.Kind, step int, loss float64) {
		send(event.Event{Kind: kind, Cell: cell, Label: "all/" + cell, Stage: "train x", Step: step, Total: 9, Metrics: []event.Metric{{Name: "train_loss", Value: loss}, {Name: "steps_per_s", Value: loss}}})
	}
	for _, cell := range []string{"a", "b", "c", "d", "e"} {
		report(cell, event.CellStarted, 0, 0)
		report(cell, event.CellProgress, 1, 0.5)
		report(cell, event.CellProgress, 2, 0.25)
		if cell != "e" {
			report(cell, event.CellDone, 0, 0)
		}
	}
	// The half line that a killed run leaves.
	if err := os.WriteFile(run.Path(store.EventsFile), []byte(text.String()+`{"kind":"cell_pro`), 0o600); err != nil {
		t.Fatal(err)
	}
	var p Progress
	if err := json.Unmarshal(get("/status/live/r1", "localhost").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Cells) != 4 || p.Hidden != 1 || p.Cells[0].Label != "all/e" || !p.Cells[0].Active || p.Cells[1].Active {
		t.Fatalf("cells %+v, %d hidden, want e at work, then d, c, b", p.Cells, p.Hidden)
	}
	if c := p.Cells[0].Curves; len(c) != 1 || c[0].Metric != "train_loss" || len(c[0].Values) != 2 || c[0].Values[1] != 0.25 || c[0].Steps[1] != 2 {
		t.Errorf("curves %+v, want the loss alone", c)
	}
	if p.Left == "" {
		t.Error("nothing says how long it will take")
	}
	if err := json.Unmarshal(get("/status/live/r1?cells=all", "localhost").Body.Bytes(), &p); err != nil || len(p.Cells) != 5 {
		t.Errorf("all cells: %d, %v", len(p.Cells), err)
	}
}

// A page of the web reaches this machine under a name of its own, and is not answered.
func TestHosts(t *testing.T) {
	get, _ := served(t)
	for host, code := range map[string]int{
		"localhost:7420": 200, "127.0.0.1": 200, "[::1]:7420": 200, "lab:7420": 200, "evil.example": 403, "10.0.0.1:7420": 403, "lab.evil.example": 403,
	} {
		if w := get("/runs.json", host); w.Code != code {
			t.Errorf("as %s: %d, want %d", host, w.Code, code)
		}
	}
}

func TestNoFolder(t *testing.T) {
	if _, err := New(filepath.Join(t.TempDir(), "none"), "localhost"); err == nil || !strings.Contains(err.Error(), "run an experiment first") {
		t.Errorf("a folder that is not there: %v", err)
	}
}
