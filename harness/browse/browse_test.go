package browse

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		{"/compare?run=new/00000001&run=old/00000002", 200, "Two runs compared"},
		{"/compare?run=new/00000001", 404, "not of 1"},
		{"/compare?run=new/00000001&run=half/00000003", 422, "resume"},
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
