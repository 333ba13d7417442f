// Package mmlupro imports the public result files of MMLU-Pro (TIGER-AI-Lab/MMLU-Pro, folder eval_results): one zipped
// JSON array of records for each model, named model_outputs_MODEL_5shots.zip.
//
// The way of the data:
//
//  1. A file's name gives its model; its records are parsed one at a time, in the variants that occur (see [parse]).
//  2. Every record tells its question anew. Prompts are gathered under their question_id with all tellings.
//  3. Where tellings differ, as they do between versions of the data set, the one of most files becomes the prompt;
//     each outcome keeps the score by its own file's key, because that is the question that its model was asked.
//  4. Prompts are sorted by question_id, tokens counted, and the trace is built.
package mmlupro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/importer"
)

// Importer reads MMLU-Pro result files.
type Importer struct{}

// Name is "mmlu-pro".
func (Importer) Name() string { return "mmlu-pro" }

// Summary says what it reads.
func (Importer) Summary() string {
	return "MMLU-Pro eval_results: model_outputs_MODEL_5shots.zip (or .json), one file a model"
}

// fileName is what result files are called.
var fileName = regexp.MustCompile(`(?i)^model_outputs_(.+?)(?:_\d+shots?)?\.(?:zip|json)$`)

func resultFile(name string) bool { return fileName.MatchString(name) }

// modelName is the model's name in a file's name; the name without its ending where it is not as usual.
func modelName(path string) string {
	base := filepath.Base(path)
	if m := fileName.FindStringSubmatch(base); m != nil {
		return m[1]
	}
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// Import reads result files, and folders of them, and writes the trace.
func (i Importer) Import(ctx context.Context, src []string, out string, opt importer.Options) (*importer.Report, error) {
	if len(opt.Models) == 0 {
		return nil, errors.New("importing mmlu-pro: name the models.yaml of the pool with --models: the files tell nothing of their models")
	}
	got, err := i.Read(ctx, src, opt)
	if err != nil {
		return nil, err
	}
	return &got.Report, got.Write(out)
}

// Read reads result files, and folders of them.
func (i Importer) Read(ctx context.Context, src []string, opt importer.Options) (*importer.Imported, error) {
	got, err := i.read(ctx, src, opt)
	if err != nil {
		return nil, fmt.Errorf("importing mmlu-pro: %w", err)
	}
	return got, nil
}

func (i Importer) read(ctx context.Context, src []string, opt importer.Options) (*importer.Imported, error) {
	files, err := importer.Find(src, resultFile)
	if err != nil {
		return nil, err
	}
	g := newGathering(opt)
	g.report.Format = i.Name()
	g.report.TokenCounter = opt.Counter().Name()
	of, err := g.match(files)
	if err != nil {
		return nil, err
	}
	for f, file := range files {
		if of[f] < 0 {
			continue
		}
		if err := g.file(ctx, file, of[f]); err != nil {
			return nil, err
		}
	}
	return g.build(ctx)
}

// match finds each file's model, −1 for one that is left out. All files without a model are told at once.
func (g *gathering) match(files []string) ([]int, error) {
	of := make([]int, len(files))
	var wrong []error
	for f, file := range files {
		m, err := importer.Match(modelName(file), g.opt.Models)
		switch {
		case err == nil:
		case g.opt.SkipUnknown && errors.Is(err, importer.ErrUnknownModel):
			g.report.UnknownFiles = append(g.report.UnknownFiles, file)
		default:
			wrong = append(wrong, fmt.Errorf("%s: %w", file, err))
		}
		of[f] = m
	}
	return of, errors.Join(wrong...)
}

// file reads one result file.
func (g *gathering) file(ctx context.Context, file string, model int) error {
	report := importer.FileReport{Path: file, Model: g.opt.Models[model].ID}
	err := importer.EachDocument(file, func(name string, r io.Reader) error {
		return importer.EachElement(ctx, name, r, func(_ int, element json.RawMessage) error {
			at := report.Records
			report.Records++
			rec, reason := parse(element)
			if reason == "" {
				reason = g.add(rec, model, place{file: len(g.report.Files), record: at})
			}
			if reason != "" {
				report.Skip(at, reason)
				return nil
			}
			report.Imported++
			return nil
		})
	})
	if err != nil {
		return err
	}
	if report.Imported == 0 {
		why := "it is empty"
		if len(report.Skipped) > 0 {
			why = report.Skipped[0].Reason
		}
		return fmt.Errorf("%s: none of its %d records could be read (%s); is it a result file of MMLU-Pro?", file, report.Records, why)
	}
	g.report.Files = append(g.report.Files, report)
	return nil
}
