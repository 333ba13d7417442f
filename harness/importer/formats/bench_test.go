package formats

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/records"
)

// gatewayLog is a log of requests and responses as OpenAI's API has them, of about so many bytes.
func gatewayLog(size int) []byte {
	var b bytes.Buffer
	words := strings.Fields("the quick brown fox jumps over a lazy dog while seven wizards box with liquor jugs and quietly pack my vexed zebra")
	text := func(seed, n int) string {
		var t strings.Builder
		for i := range n {
			seed = (seed*1103515245 + 12345) & (1<<31 - 1)
			if i > 0 {
				t.WriteByte(' ')
			}
			t.WriteString(words[(seed>>8)%len(words)])
			fmt.Fprintf(&t, "%d", seed>>20)
		}
		return t.String()
	}
	for i := 0; b.Len() < size; i++ {
		model := []string{"gpt-4o-mini", "llama-3-70b", "claude-3-haiku"}[i%3]
		fmt.Fprintf(&b, `{"id": "r-%d", "created_at": "2026-01-02T03:04:05Z", "latency_ms": %d, "request": {"model": %q, "temperature": 0.2, "messages": [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": %q}]}, `+
			`"response": {"id": "c-%d", "object": "chat.completion", "created": 1767323045, "model": %q, "choices": [{"index": 0, "message": {"role": "assistant", "content": %q}, "finish_reason": "stop", "logprobs": null}], `+
			`"usage": {"prompt_tokens": 80, "completion_tokens": %d, "total_tokens": 300, "prompt_tokens_details": {"cached_tokens": 0}}}}`+"\n",
			i, 100+i%900, model, text(i/3, 60), i, model, text(i, 180)+"\n\"quoted\"", 100+i%200)
	}
	return b.Bytes()
}

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
