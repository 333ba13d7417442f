package report

import (
	"fmt"
	"io"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// Terminal writes a table of the main metrics of each pool, with intervals.
func Terminal(w io.Writer, run *store.Run) error {
	tables, err := metricTables(run)
	if err != nil {
		return err
	}
	for i := range tables {
		if _, err := fmt.Fprintf(w, "\nPool %s\n%s\n", tables[i].pool, tables[i].writer().Render()); err != nil {
			return err
		}
	}
	return nil
}
