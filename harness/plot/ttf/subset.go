// Package ttf makes TrueType fonts small: it keeps the outlines of the characters that a figure has, so that a PDF does not
// carry thousands that it has not.
package ttf

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/image/font/sfnt"
)

// kept are the tables that an embedded font needs; kerning, names of glyphs and layout rules are left out.
var kept = []string{"OS/2", "cmap", "cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "post", "prep"}

// Subset is the font with the outlines of these characters alone, and of those that they are composed of. Glyphs keep their
// numbers and widths. Its PostScript name begins with six letters and a plus, as PDF marks subsets.
func Subset(font []byte, characters []rune) ([]byte, error) {
	tables, err := read(font)
	if err != nil {
		return nil, err
	}
	wanted, err := glyphs(font, characters)
	if err != nil {
		return nil, err
	}
	if err := tables.keep(wanted); err != nil {
		return nil, err
	}
	name, err := tables.postScriptName()
	if err != nil {
		return nil, err
	}
	tables["name"] = nameTable(tag(characters) + "+" + name)
	if post := tables["post"]; len(post) >= 32 {
		post = slices.Clone(post[:32])
		binary.BigEndian.PutUint32(post, 0x00030000) // of the version that names no glyphs
		tables["post"] = post
	}
	return tables.write(), nil
}

type tables map[string][]byte

var errShort = errors.New("the font ends early")

// read finds the tables of a font.
func read(font []byte) (tables, error) {
	if len(font) < 12 {
		return nil, errShort
	}
	n := int(binary.BigEndian.Uint16(font[4:]))
	if len(font) < 12+16*n {
		return nil, errShort
	}
	out := tables{}
	for i := range n {
		entry := font[12+16*i:]
		at, size := uint64(binary.BigEndian.Uint32(entry[8:])), uint64(binary.BigEndian.Uint32(entry[12:]))
		if at+size > uint64(len(font)) {
			return nil, errShort
		}
		if tag := string(entry[:4]); slices.Contains(kept, tag) {
			out[tag] = font[at : at+size]
		}
	}
	for _, tag := range []string{"glyf", "head", "loca", "maxp", "name"} {
		if out[tag] == nil {
			return nil, fmt.Errorf("the font has no table %q: not of TrueType outlines", tag)
		}
	}
	return out, nil
}

// glyphs are the numbers of the characters' glyphs, and of the one for what is missing.
func glyphs(font []byte, characters []rune) (map[int]bool, error) {
	parsed, err := sfnt.Parse(font)
	if err != nil {
		return nil, fmt.Errorf("reading a font: %w", err)
	}
	out := map[int]bool{0: true}
	var buffer sfnt.Buffer
	for _, c := range characters {
		g, err := parsed.GlyphIndex(&buffer, c)
		if err != nil {
			return nil, fmt.Errorf("looking for %q in a font: %w", c, err)
		}
		out[int(g)] = true
	}
	return out, nil
}

// keep empties the outlines of all glyphs but those wanted and their parts.
func (t tables) keep(wanted map[int]bool) error {
	head, loca, glyf := t["head"], t["loca"], t["glyf"]
	if len(head) < 54 || len(t["maxp"]) < 6 {
		return errShort
	}
	n := int(binary.BigEndian.Uint16(t["maxp"][4:]))
	long := binary.BigEndian.Uint16(head[50:]) == 1
	offset := func(i int) int {
		if long {
			return int(binary.BigEndian.Uint32(loca[4*i:]))
		}
		return 2 * int(binary.BigEndian.Uint16(loca[2*i:]))
	}
	if size := map[bool]int{true: 4, false: 2}[long]; len(loca) < size*(n+1) {
		return errShort
	}
	outline := func(i int) ([]byte, error) {
		from, to := offset(i), offset(i+1)
		if from > to || to > len(glyf) {
			return nil, fmt.Errorf("glyph %d lies outside of the font's outlines", i)
		}
		return glyf[from:to], nil
	}
	for queue := sorted(wanted); len(queue) > 0; queue = queue[1:] {
		data, err := outline(queue[0])
		if err != nil {
			return err
		}
		for _, part := range parts(data) {
			if part < n && !wanted[part] {
				wanted[part] = true
				queue = append(queue, part)
			}
		}
	}
	var outlines []byte
	places := make([]byte, 4*(n+1))
	for i := range n {
		binary.BigEndian.PutUint32(places[4*i:], uint32(len(outlines))) //nolint:gosec // no longer than the font
		if wanted[i] {
			data, err := outline(i)
			if err != nil {
				return err
			}
			outlines = append(outlines, data...)
			for len(outlines)%4 != 0 {
				outlines = append(outlines, 0)
			}
		}
	}
	binary.BigEndian.PutUint32(places[4*n:], uint32(len(outlines))) //nolint:gosec // no longer than the font
	head = slices.Clone(head)
	binary.BigEndian.PutUint16(head[50:], 1) // places are four bytes long
	t["head"], t["loca"], t["glyf"] = head, places, outlines
	return nil
}

func sorted(set map[int]bool) []int {
	var out []int
	for i := range set {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}

// Flags of a part of a composite glyph.
const (
	argumentsAreWords = 1 << 0
	scaled            = 1 << 3
	moreParts         = 1 << 5
	scaledByAxis      = 1 << 6
	scaledByMatrix    = 1 << 7
)

// parts are the glyphs that a composite one is made of; none of a simple one.
func parts(outline []byte) []int {
	if len(outline) < 10 || int16(binary.BigEndian.Uint16(outline)) >= 0 { //nolint:gosec // the format's signed count
		return nil
	}
	var out []int
	for at := 10; at+4 <= len(outline); {
		flags := binary.BigEndian.Uint16(outline[at:])
		out = append(out, int(binary.BigEndian.Uint16(outline[at+2:])))
		at += 6
		if flags&argumentsAreWords != 0 {
			at += 2
		}
		switch {
		case flags&scaled != 0:
			at += 2
		case flags&scaledByAxis != 0:
			at += 4
		case flags&scaledByMatrix != 0:
			at += 8
		}
		if flags&moreParts == 0 {
			break
		}
	}
	return out
}

// nameID of the PostScript name.
const postScript = 6

func (t tables) postScriptName() (string, error) {
	name := t["name"]
	if len(name) < 6 {
		return "", errShort
	}
	n, strings := int(binary.BigEndian.Uint16(name[2:])), int(binary.BigEndian.Uint16(name[4:]))
	for i := range n {
		if len(name) < 6+12*(i+1) {
			return "", errShort
		}
		entry := name[6+12*i:]
		if binary.BigEndian.Uint16(entry[6:]) != postScript {
			continue
		}
		at, size := strings+int(binary.BigEndian.Uint16(entry[10:])), int(binary.BigEndian.Uint16(entry[8:]))
		if at+size > len(name) {
			return "", errShort
		}
		var out []byte
		for _, c := range name[at : at+size] { // of two bytes a letter, the first of which is zero, or of one
			if c != 0 {
				out = append(out, c)
			}
		}
		return string(out), nil
	}
	return "", errors.New("the font has no PostScript name")
}

// nameTable holds a PostScript name alone.
func nameTable(name string) []byte {
	out := binary.BigEndian.AppendUint16(nil, 0)
	for _, x := range []uint16{1, 18, 1, 0, 0, postScript, uint16(len(name)), 0} { //nolint:gosec // a short name
		out = binary.BigEndian.AppendUint16(out, x)
	}
	return append(out, name...)
}

// tag is six capital letters that tell subsets apart.
func tag(characters []rune) string {
	sum := sha256.Sum256([]byte(string(characters)))
	out := make([]byte, 6)
	for i := range out {
		out[i] = 'A' + sum[i]%26
	}
	return string(out)
}

// write lays the tables out as a font.
func (t tables) write() []byte {
	var tags []string
	for tag := range t {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	power, entry := 1, uint16(0) // the largest power of two that is no more than the number of tables
	for 2*power <= len(tags) {
		power, entry = 2*power, entry+1
	}
	out := binary.BigEndian.AppendUint32(nil, 0x00010000)
	for _, x := range []int{len(tags), 16 * power, int(entry), 16 * (len(tags) - power)} {
		out = binary.BigEndian.AppendUint16(out, uint16(x)) //nolint:gosec // thirteen tables at most
	}
	at := 12 + 16*len(tags)
	var data []byte
	for _, tag := range tags {
		table := t[tag]
		out = append(out, tag...)
		for _, x := range []uint32{checksum(table), uint32(at + len(data)), uint32(len(table))} { //nolint:gosec // no longer than the font
			out = binary.BigEndian.AppendUint32(out, x)
		}
		data = append(data, table...)
		for len(data)%4 != 0 {
			data = append(data, 0)
		}
	}
	return append(out, data...)
}

func checksum(table []byte) (sum uint32) {
	for i := 0; i < len(table); i += 4 {
		var word [4]byte
		copy(word[:], table[i:])
		sum += binary.BigEndian.Uint32(word[:])
	}
	return sum
}
