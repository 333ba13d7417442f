package ttf

import (
	"bytes"
	"testing"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

func outline(t *testing.T, font []byte, c rune) sfnt.Segments {
	t.Helper()
	f, err := sfnt.Parse(font)
	if err != nil {
		t.Fatal(err)
	}
	var b sfnt.Buffer
	g, err := f.GlyphIndex(&b, c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.LoadGlyph(&b, g, fixed.I(1000), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is kept is drawn as before, composed letters and all; what is not has no outline, and the font is a tenth as large.
func TestSubset(t *testing.T) {
	font := liberationsansregular.TTF
	small, err := Subset(font, []rune("quality é ≥"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range "quality é≥" {
		want, got := outline(t, font, c), outline(t, small, c)
		if len(want) != len(got) {
			t.Fatalf("%q has %d segments, want %d", c, len(got), len(want))
		}
		for i := range want {
			if want[i] != got[i] {
				t.Fatalf("%q is drawn otherwise: %v, want %v", c, got[i], want[i])
			}
		}
	}
	if got := outline(t, small, 'Z'); len(got) != 0 {
		t.Errorf("Z was not asked for and has %d segments", len(got))
	}
	if len(small) > len(font)/4 {
		t.Errorf("%d bytes of %d", len(small), len(font))
	}
	parsed, err := sfnt.Parse(small)
	if err != nil {
		t.Fatal(err)
	}
	name, err := parsed.Name(nil, sfnt.NameIDPostScript)
	if err != nil || len(name) < 8 || name[6] != '+' || name[7:] != "LiberationSans" {
		t.Errorf("PostScript name %q, %v", name, err)
	}
	again, err := Subset(font, []rune("quality é ≥"))
	if err != nil || !bytes.Equal(small, again) {
		t.Errorf("the same subset differs (%v)", err)
	}
}

func TestBrokenFonts(t *testing.T) {
	font := liberationsansregular.TTF
	for name, broken := range map[string][]byte{"empty": nil, "a header": font[:12], "half": font[:len(font)/2], "text": []byte("this is no font at all, but long enough")} {
		if _, err := Subset(broken, []rune("a")); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
