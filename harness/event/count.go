package event

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Count shows how far one long step is that belongs to no cell, such as encoding prompts: a bar with the time left on a
// terminal, a line now and then elsewhere. Nothing is shown of what is done at once.
type Count struct {
	out   io.Writer
	label string
	bars  bool

	mu     sync.Mutex
	start  time.Time
	told   time.Time
	screen *mpb.Progress
	bar    *mpb.Bar
	done   int
	total  int
}

// countEvery is how often a line is written where there is no terminal.
const countEvery = 10 * time.Second

// NewCount returns a counter that writes to w. The label says what is counted: "encoding with minilm".
func NewCount(w io.Writer, label string) *Count {
	f, ok := w.(*os.File)
	return &Count{out: w, label: label, bars: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"}
}

// Set tells that done of total are done.
func (c *Count) Set(done, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if total == 0 {
		return
	}
	now := time.Now()
	if c.start.IsZero() {
		c.start, c.told = now, now
		c.open(total)
	}
	c.done, c.total = done, total
	if c.bar != nil {
		c.bar.SetCurrent(int64(done))
		return
	}
	if !c.bars && now.Sub(c.told) >= countEvery && done < total {
		c.told = now
		fmt.Fprintf(c.out, "%s: %s\n", c.label, c.text())
	}
}

// open puts the bar on the terminal.
func (c *Count) open(total int) {
	if !c.bars {
		fmt.Fprintf(c.out, "%s: %d to do\n", c.label, total)
		return
	}
	c.screen = mpb.New(mpb.WithOutput(c.out), mpb.WithRefreshRate(refresh), mpb.WithAutoRefresh(), mpb.WithWidth(60))
	start := c.start
	// One step more than there are: the bar is taken down by hand.
	c.bar = c.screen.New(int64(total)+1, mpb.BarStyle(), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(c.label+" ")),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return describeCount(int(s.Current), total, time.Since(start)) })))
}

func (c *Count) text() string { return describeCount(c.done, c.total, time.Since(c.start)) }

// describeCount is such as "120/400, 12.0/s, about 23 s left".
func describeCount(done, total int, elapsed time.Duration) string {
	text := fmt.Sprintf("%d/%d", done, total)
	if done == 0 || elapsed <= 0 {
		return text
	}
	rate := float64(done) / elapsed.Seconds()
	left := time.Duration(float64(total-done) / rate * float64(time.Second))
	return fmt.Sprintf("%s, %.1f/s, about %s left", text, rate, Short(left))
}

// Close takes the bar down and says in a line how long it took, if there was anything to do.
func (c *Count) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		c.bar.Abort(true)
		c.screen.Wait()
		c.bar = nil
	}
	if !c.start.IsZero() {
		took := time.Since(c.start)
		fmt.Fprintf(c.out, "%s: %d/%d in %s\n", c.label, c.done, c.total, Short(took))
		c.start = time.Time{}
	}
}
