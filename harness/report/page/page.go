// Package page writes a run's interactive report: its data as JSON in one HTML file with the scripts that draw it.
package page

import (
	"bytes"
	"compress/flate"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/report/glossary"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// File is the report that [Render] writes into the folder of a run.
const File = "report.html"

//go:embed *.js page.css page.html.tmpl
var pageAssets embed.FS

// pageScripts are joined in this order: what draws comes before what uses it.
var pageScripts = []string{"data.js", "words.js", "svg.js", "fronts.js", "space.js", "tables.js", "curves.js", "prompts.js", "main.js"}

// Render gives the interactive report of finished runs as one HTML file that loads nothing from anywhere. All that comes
// from data travels as compressed JSON and is written by the script as text, never as markup; a summary for readers
// without scripts, escaped, stands in the page itself.
func Render(runs ...*store.Run) ([]byte, error) {
	if len(runs) == 0 {
		return nil, errors.New("a report needs at least one run")
	}
	var data struct {
		Runs  []*pageRun      `json:"runs"`
		Terms []glossary.Term `json:"terms"`
	}
	data.Terms = glossary.Terms
	for _, run := range runs {
		r, err := newPageRun(run)
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", run.Dir, err)
		}
		data.Runs = append(data.Runs, r)
	}
	packed, err := pack(data)
	if err != nil {
		return nil, err
	}
	var script strings.Builder
	for _, name := range pageScripts {
		text, err := pageAssets.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading the report's script: %w", err)
		}
		script.Write(text)
	}
	style, err := Style()
	if err != nil {
		return nil, err
	}
	page, err := template.New("page.html.tmpl").Funcs(template.FuncMap{"interval": shownInterval}).ParseFS(pageAssets, "page.html.tmpl")
	if err != nil {
		return nil, fmt.Errorf("reading the report's template: %w", err)
	}
	var out bytes.Buffer
	err = page.Execute(&out, struct {
		Title  string
		Runs   []*pageRun
		Terms  []glossary.Term
		Style  template.CSS
		Script template.JS
		Data   template.HTML
	}{data.Runs[0].Name, data.Runs, data.Terms, style, template.JS("(() => {\n'use strict';\n" + script.String() + "})();"), template.HTML(packed)}) //nolint:gosec // our own assets, and base64
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	return out.Bytes(), nil
}

// Write writes [File] into the folder of a run and returns its path.
func Write(run *store.Run) (string, error) {
	page, err := Render(run)
	if err != nil {
		return "", err
	}
	return run.Path(File), run.WriteFile(File, page)
}

// Style is the style sheet of report pages, for other pages that are to look like them.
func Style() (template.CSS, error) {
	style, err := pageAssets.ReadFile("page.css")
	if err != nil {
		return "", fmt.Errorf("reading the report's style: %w", err)
	}
	return template.CSS(style), nil //nolint:gosec // our own asset
}

// Charts is the part of the script that draws axes and points, for other pages.
func Charts() (template.JS, error) {
	var script strings.Builder
	for _, name := range []string{"data.js", "svg.js"} {
		text, err := pageAssets.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("reading the report's script: %w", err)
		}
		script.Write(text)
	}
	return template.JS(script.String()), nil //nolint:gosec // our own asset
}

// pack is JSON, deflated, in base64.
func pack(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("packing the report's data: %w", err)
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
