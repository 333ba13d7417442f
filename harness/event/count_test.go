package event

import (
	"bytes"
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	var b bytes.Buffer
	c := NewCount(&b, "encoding with x")
	c.Set(0, 0)
	c.Close()
	if b.Len() > 0 {
		t.Errorf("nothing to do, and it says %q", b.String())
	}
	c.Set(0, 8)
	c.Set(3, 8)
	c.told = time.Now().Add(-time.Minute)
	c.start = time.Now().Add(-10 * time.Second)
	c.Set(4, 8)
	c.start = time.Now().Add(-20 * time.Second)
	c.Set(8, 8)
	c.Close()
	c.Close()
	const want = "encoding with x: 8 to do\nencoding with x: 4/8, 0.4/s, about 10 s left\nencoding with x: 8/8 in 20 s\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
