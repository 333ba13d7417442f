package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// captionsFile tells of every plot of a run what it shows: the one place that report, page and article read it from.
const captionsFile = "captions.json"

// picturesShown is how many plots a report shows; the others are named below.
const picturesShown = 8

// Picture is a plot of a run and what is said of it.
type Picture struct {
	Name    string `json:"name"` // of its files, without extension
	Pool    string `json:"pool"`
	Caption string `json:"caption"`
	Shown   bool   `json:"shown"` // it is among the most telling ones
}

func writeCaptions(run *store.Run, figures []plot.Named) error {
	list := make([]Picture, len(figures))
	for i, f := range figures {
		list[i] = Picture{f.Name, f.Pool, f.Caption, i < picturesShown}
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("writing captions: %w", err)
	}
	return run.WriteFile(path.Join(plotsDir, captionsFile), append(text, '\n'))
}

// Pictures are the plots of a run, the most telling first; none where none were drawn.
func Pictures(run *store.Run) ([]Picture, error) {
	file := run.Path(plotsDir, captionsFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading captions: %w", err)
	}
	var list []Picture
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("reading %s: %w; draw the plots again with trilemma report", file, err)
	}
	return list, nil
}
