package formats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/gather"
	"github.com/trilemma-bench/trilemma/harness/importer/records"
)

// anything are the files that a map of a user's own is given from a folder.
var anything = []string{"*.json", "*.jsonl", "*.ndjson", "*.csv", "*.tsv", "*.parquet"}

// FromFolder is the format of a folder with card.yaml and map.jq, as [Skeleton] writes it.
func FromFolder(dir string) (importer.Importer, error) {
	text, err := os.ReadFile(filepath.Join(dir, "card.yaml"))
	if err != nil {
		return nil, fmt.Errorf("reading a format: %w; a format is a folder with card.yaml and map.jq", err)
	}
	card, err := parseCard(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, "card.yaml"), err)
	}
	if card.own = true; card.Name == "" {
		card.Name = filepath.Base(dir)
	}
	if len(card.Files) == 0 {
		card.Files = anything
	}
	source, err := os.ReadFile(filepath.Join(dir, "map.jq"))
	if err != nil {
		return nil, fmt.Errorf("reading a format: %w", err)
	}
	return mapped{card, string(source)}, nil
}

// FromMap is the format of a lone jq program. pick is a jq expression for the records of a document; "" takes each line, row, element
// of a list, or document.
func FromMap(path, pick string) (importer.Importer, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the map: %w", err)
	}
	card := &Card{Name: filepath.Base(path), Title: "a map of the user's own", Records: pick, Files: anything, own: true}
	if err := card.compile(); err != nil {
		return nil, err
	}
	return mapped{card, string(source)}, nil
}

// Skeleton writes a format to start from: a card, a map that works on its sample, and the sample.
func Skeleton(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already (or cannot be looked at); name a folder that is not", dir)
	}
	files, err := fs.Sub(embedded, skeleton)
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, files); err != nil {
		return fmt.Errorf("writing a format: %w", err)
	}
	card := filepath.Join(dir, "card.yaml")
	text, err := os.ReadFile(card)
	if err != nil {
		return err
	}
	return os.WriteFile(card, []byte(strings.ReplaceAll(string(text), "NAME", filepath.Base(dir))), 0o644)
}

// Explainer shows what becomes of records.
type Explainer interface {
	// Explain writes the first n records and what the map makes of each. Nothing else is written.
	Explain(ctx context.Context, w io.Writer, src []string, n int, opt importer.Options) error
}

var errEnough = errors.New("enough")

// Explain implements [Explainer].
func (m mapped) Explain(ctx context.Context, w io.Writer, src []string, n int, opt importer.Options) (err error) {
	scratch, err := os.MkdirTemp("", "trilemma-explain-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	r, err := m.open(ctx, src, scratch, &opt)
	if err != nil {
		return fmt.Errorf("importing %s: %w", m.card.Name, err)
	}
	defer func() { err = errors.Join(err, r.sources.Close()) }()
	elements, err := r.card.elementwise(ctx)
	if err != nil {
		return err
	}
	r.gather = gather.New(&opt, scratch)
	k := &worker{reading: r, pieces: r.gather.Worker(1), limit: &limit{Context: ctx}}
	defer watch(ctx, []*limit{k.limit})()
	shown := 0
	for i, f := range r.own {
		err := r.sources.Each(ctx, f, elements, func(docs []records.Doc) error {
			for j := range docs {
				d := &docs[j]
				err := k.mapped(ctx, i, d, func(record any, pieces []map[string]any, err error) error {
					if shown++; shown > n {
						return errEnough
					}
					fmt.Fprintf(w, "%s, %s:\n%s\n", f.Path, d.Where(), k.show(record, 2000))
					for _, piece := range pieces {
						fmt.Fprintf(w, "→ %s\n", k.show(piece, 4000))
						if piece["skip"] == nil {
							if err := k.pieces.Add(gather.Seq{Record: uint32(d.Number)}, piece); err != nil {
								fmt.Fprintf(w, "  not taken: %v\n", err)
							}
						}
					}
					if err != nil {
						fmt.Fprintf(w, "→ not mapped: %v\n", err)
					} else if len(pieces) == 0 {
						fmt.Fprintln(w, "→ nothing")
					}
					_, err = fmt.Fprintln(w)
					return err
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return err
		}
	}
	for _, note := range r.gather.Notes() {
		fmt.Fprintf(w, "%s (%d)\n", note.What, note.Count)
	}
	return r.gather.Close()
}

// show is a value as indented JSON, cut where it is long. A secret is masked where the import would.
func (w *worker) show(v any, most int) string {
	if v == nil {
		return "(nothing that could be read)"
	}
	text, err := gojq.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var tree any
	if json.Unmarshal(text, &tree) == nil {
		if wide, err := json.MarshalIndent(tree, "  ", "  "); err == nil {
			text = wide
		}
	}
	shown := w.gather.Masked(string(text))
	if len(shown) > most {
		shown = strings.ToValidUTF8(shown[:most], "") + "…"
	}
	return shown
}
