package event

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// refresh is how often bars are drawn.
const refresh = 150 * time.Millisecond

// bars draws one bar for the run and one for each running cell. What must stay on the screen (failures, notices) is
// written above them.
type bars struct {
	mu     sync.Mutex
	out    io.Writer
	color  bool
	screen *mpb.Progress
	whole  *mpb.Bar
	cells  map[string]*cellBar
	now    Progress
	start  time.Time
	end    atomic.Pointer[time.Time] // when the run will end, as of the latest event; read while drawing
	err    error
	closed bool
}

type cellBar struct {
	bar *mpb.Bar
	mu  sync.Mutex // what the drawing goroutine reads
	e   Event
}

func (c *cellBar) set(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.e = e
}

func (c *cellBar) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Describe(c.e)
}

// Bars draws progress bars on a terminal. Colour is for failures only.
func Bars(w io.Writer, color bool) Sink {
	return &bars{out: w, color: color, cells: map[string]*cellBar{}}
}

// Terminal is [Bars] where w is a terminal that can draw them, else [Lines]. NO_COLOR (https://no-color.org) and
// TERM=dumb are heeded.
func Terminal(w io.Writer) Sink {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return Lines(w)
	}
	return Bars(w, os.Getenv("NO_COLOR") == "")
}

func (b *bars) Send(e Event) {
	e.stamp()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.now.Add(e)
	if eta, ok := b.now.ETA(e.Time); ok {
		end := e.Time.Add(eta)
		b.end.Store(&end)
	}
	switch e.Kind {
	case RunStarted:
		b.open(e)
	case CellStarted:
		b.addCell(e)
	case CellProgress:
		if c := b.cells[e.Cell]; c != nil {
			c.set(e)
			if e.Total > 0 {
				c.bar.SetTotal(int64(e.Total)+1, false)
				c.bar.SetCurrent(int64(min(e.Step, e.Total)))
			}
		}
	case CellDone, CellCached, CellFailed:
		b.drop(e.Cell)
		if e.Kind == CellFailed {
			b.say(b.red("FAILED") + " " + e.Label + ": " + oneLine(e.Reason))
		}
		if b.whole != nil {
			b.whole.SetCurrent(int64(b.now.Finished()))
		}
	case Notice:
		b.say("note: " + e.Text)
	case RunFinished:
		b.shut()
		b.say(fmt.Sprintf("%d done, %d cached, %d failed in %s", b.now.Done, b.now.Cached, b.now.Failed, Short(e.Time.Sub(b.start))))
	}
}

func (b *bars) open(e Event) {
	b.shut()
	b.start = e.Time
	b.screen = mpb.New(mpb.WithOutput(b.out), mpb.WithRefreshRate(refresh), mpb.WithAutoRefresh(), mpb.WithWidth(60))
	started, total := e.Time, e.Total
	b.end.Store(nil)
	eta := func() string {
		text := Short(time.Since(started))
		if end := b.end.Load(); end != nil {
			if left := time.Until(*end); left > 0 {
				text += ", about " + Short(left) + " left"
			}
		}
		return text
	}
	// One step more than there are cells: the bar is completed by hand, when the run is finished.
	b.whole = b.screen.New(int64(total)+1, mpb.BarStyle(), mpb.BarPriority(1<<30),
		mpb.PrependDecorators(decor.Name("cells ")),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return fmt.Sprintf("%d/%d  %s", s.Current, total, eta()) })))
}

func (b *bars) addCell(e Event) {
	if b.screen == nil || b.cells[e.Cell] != nil {
		return
	}
	c := &cellBar{e: e}
	c.bar = b.screen.New(1, mpb.BarStyle(), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("  "+e.Label+" ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return c.text() })))
	c.bar.SetTotal(2, false)
	b.cells[e.Cell] = c
}

func (b *bars) drop(cell string) {
	if c := b.cells[cell]; c != nil {
		c.bar.Abort(true)
		delete(b.cells, cell)
	}
}

// say writes a line that stays, above the bars.
func (b *bars) say(text string) {
	var err error
	if b.screen != nil {
		_, err = b.screen.Write([]byte(text + "\n"))
	} else {
		_, err = fmt.Fprintln(b.out, text)
	}
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("writing progress: %w", err)
	}
}

func (b *bars) red(text string) string {
	if !b.color {
		return text
	}
	return "\x1b[31m" + text + "\x1b[0m"
}

// shut takes the bars down and waits for the drawing goroutine.
func (b *bars) shut() {
	if b.screen == nil {
		return
	}
	for cell := range b.cells {
		b.drop(cell)
	}
	b.whole.Abort(true)
	b.screen.Wait()
	b.screen, b.whole = nil, nil
}

func (b *bars) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shut()
	b.closed = true
	return b.err
}
