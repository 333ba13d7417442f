//go:build unix

package formats

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/records"
)

// cpuSeconds is what the process has used of all processors.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkImport imports a gateway's log end to end and says how many megabytes a second of one processor that is, how that stands to
// decoding alone, and what memory it held at most.
func BenchmarkImport(b *testing.B) {
	text := gatewayLog(128 << 20)
	dir := b.TempDir()
	path := filepath.Join(dir, "log.jsonl")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		b.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	mb := float64(len(text)) / (1 << 20)
	decode := func() float64 {
		var d records.Decoder
		from := cpuSeconds(b)
		for _, line := range lines[:len(lines)-1] {
			if _, err := d.Decode(line); err != nil {
				b.Fatal(err)
			}
		}
		return mb / (cpuSeconds(b) - from)
	}
	format, err := Named("openai")
	if err != nil {
		b.Fatal(err)
	}
	var decoded, imported float64
	n := 0
	for b.Loop() {
		decoded += decode()
		from := cpuSeconds(b)
		if _, err := format.Import(context.Background(), []string{path}, filepath.Join(dir, fmt.Sprint(n)), importer.Options{}); err != nil {
			b.Fatal(err)
		}
		imported += mb / (cpuSeconds(b) - from)
		n++
	}
	b.ReportMetric(imported/float64(n), "MB/cpu-s")
	b.ReportMetric(imported/decoded, "of-decoding")
}
