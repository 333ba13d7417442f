package encode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// lengths encodes a text as its length, and counts what it is asked for.
type lengths struct {
	mu    sync.Mutex
	asked []string
	fail  error
	name  string
}

func (l *lengths) Name() string        { return "lengths" }
func (l *lengths) Dim() int            { return 2 }
func (l *lengths) Fingerprint() string { return "lengths" + l.name }
func (l *lengths) Encode(_ context.Context, texts []string) ([]float32, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, texts...)
	var v []float32
	for _, text := range texts {
		v = append(v, float32(len(text)), 1)
	}
	return v, l.fail
}

// ask encodes through the cache and checks the vectors.
func ask(t *testing.T, c *Cache, l *lengths, texts ...string) CacheUse {
	t.Helper()
	v, use, err := c.Encode(background, l, texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if v[2*i] != float32(len(text)) || v[2*i+1] != 1 {
			t.Fatalf("vector of %q is %v", text, v[2*i:2*i+2])
		}
	}
	return use
}

func TestCacheComputesOnlyNewTexts(t *testing.T) {
	c, l := &Cache{Dir: filepath.Join(t.TempDir(), "made", "here")}, &lengths{}
	use := ask(t, c, l, "a", "bb", "a", "ccc")
	if use != (CacheUse{Computed: 3}) || !slices.Equal(l.asked, []string{"a", "bb", "ccc"}) {
		t.Errorf("first: %+v, asked %q", use, l.asked)
	}
	use = ask(t, c, l, "dddd", "ccc", "a", "")
	if use != (CacheUse{Hits: 2, Computed: 2}) || len(l.asked) != 5 {
		t.Errorf("second: %+v, asked %q", use, l.asked)
	}
	if use = ask(t, c, &lengths{name: "other"}, "a"); use.Computed != 1 {
		t.Errorf("another encoder: %+v", use)
	}
	if use = ask(t, c, l); use != (CacheUse{}) {
		t.Errorf("no texts: %+v", use)
	}
}

// Whatever happens to the file, vectors are right; what is whole is used again.
func TestCacheSurvivesDamage(t *testing.T) {
	texts := []string{"a", "bb", "ccc"}
	damages := map[string]struct {
		harm func([]byte) []byte
		hits int
	}{
		"cut in a record":   {func(b []byte) []byte { return b[:len(b)-5] }, 2},
		"cut in the header": {func(b []byte) []byte { return b[:20] }, 0},
		"empty":             {func(b []byte) []byte { return nil }, 0},
		"a flipped bit":     {func(b []byte) []byte { b[headerSize+recordSize(2)+40] ^= 4; return b }, 2},
		"another header":    {func(b []byte) []byte { b[3] = 'x'; return b }, 0},
		"junk after":        {func(b []byte) []byte { return append(b, bytes.Repeat([]byte{7}, 300)...) }, 3},
	}
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			c, l := &Cache{Dir: t.TempDir()}, &lengths{}
			ask(t, c, l, texts...)
			path := filepath.Join(c.Dir, fileName(l)+".vectors")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, d.harm(b), 0o644); err != nil {
				t.Fatal(err)
			}
			if use := ask(t, c, l, texts...); use.Hits != d.hits || use.Warning != nil {
				t.Errorf("after the damage: %+v, want %d hits", use, d.hits)
			}
			if use := ask(t, c, l, append(texts, "new")...); use.Hits != 3 {
				t.Errorf("after the repair: %+v, want 3 hits", use)
			}
			if use := ask(t, c, l, append(texts, "new")...); use.Hits != 4 {
				t.Errorf("after the repair and a new text: %+v, want 4 hits", use)
			}
		})
	}
}

func TestCacheThatCannotBeUsedWarns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if use := ask(t, &Cache{Dir: filepath.Join(file, "below")}, &lengths{}, "a"); use.Warning == nil {
		t.Error("a folder that cannot be made: no warning")
	}
}

func TestCachePassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	c, l := &Cache{Dir: t.TempDir()}, &lengths{fail: broken}
	if _, _, err := c.Encode(background, l, []string{"a"}); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	l.fail = nil
	if use := ask(t, c, l, "a"); use.Hits != 0 {
		t.Errorf("a failed vector was kept: %+v", use)
	}
}

// Many writers at once, as several processes have: file locks exclude other open files of this process as well.
func TestCacheIsSharedByWriters(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 5 {
				_, use, err := (&Cache{Dir: dir}).Encode(background, &lengths{}, []string{"shared", fmt.Sprint("own ", w, i)})
				if err != nil || use.Warning != nil {
					t.Errorf("writer %d: %v, %v", w, err, use.Warning)
				}
			}
		})
	}
	wg.Wait()
	var all []string
	for w := range 8 {
		for i := range 5 {
			all = append(all, fmt.Sprint("own ", w, i))
		}
	}
	if use := ask(t, &Cache{Dir: dir}, &lengths{}, all...); use.Hits != 40 {
		t.Errorf("%+v, want 40 hits", use)
	}
}

func TestCachedHashEqualsItself(t *testing.T) {
	texts := strings.Fields("some short texts about primes and torts")
	h := fit(t, texts, DefaultHash())
	c := &Cache{Dir: t.TempDir()}
	for range 2 {
		v, _, err := c.Encode(background, h, texts)
		if err != nil || !slices.Equal(v, encode(t, h, texts)) {
			t.Fatalf("cached vectors differ, or %v", err)
		}
	}
}
