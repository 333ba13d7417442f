package plot

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
)

// Look is what tells one policy or one model from the others: the same in every figure, table and page of a run.
type Look struct {
	Color  color.RGBA // of lines and markers on white
	OnDark color.RGBA // likewise on a dark page
	Marker Marker
	Dashes []vg.Length // of its line; nil is unbroken
}

// CSS is its colour on white as HTML writes it.
func (l Look) CSS() string { return hex(l.Color) }

// CSSOnDark is its colour on a dark page.
func (l Look) CSSOnDark() string { return hex(l.OnDark) }

// Ink is its colour, as dark as text on white must be: a contrast of 4.5 as WCAG defines it.
func (l Look) Ink() color.RGBA {
	c := l.Color
	for contrastOnWhite(c) < 4.5 {
		c = mixed(c, color.RGBA{A: 0xFF}, 0.95)
	}
	return c
}

// CSSInk is [Look.Ink] as HTML writes it.
func (l Look) CSSInk() string { return hex(l.Ink()) }

// Policy is a policy as its look needs to know it.
type Policy struct {
	Label  string // unique in the run
	Family string // its own name: policies of a family share a colour
	// Control tells that it is there to compare with, random say: controls have muted colours, which leaves the others to the
	// policies that are compared.
	Control bool
}

// Looks are the looks of everything in a run. They depend on the run alone, not on what is drawn of it.
type Looks struct {
	policies map[string]Look
	models   map[string]Look
	order    []string // of models
	unpriced bool     // the order is that of names
	settings map[string]int
	families map[string]string
}

// variants is the number of policies of one family that are told apart, by marker and dashes. The many settings of a grid
// look the same throughout.
const variants = 4

// LooksOf gives policies, in the order of the experiment, and models, from the cheapest to the dearest, their looks. A
// family of policies has a colour of Okabe and Ito's and a shape. Models have another shape and shades from grey to violet,
// which no policy has: the darker the dearer.
func LooksOf(policies []Policy, models []string) *Looks {
	l := &Looks{policies: map[string]Look{}, models: map[string]Look{}, order: models, settings: map[string]int{}, families: map[string]string{}}
	for _, p := range policies {
		l.settings[p.Family]++
		l.families[p.Label] = p.Family
	}
	nth, seen := map[string]int{}, map[string]int{}
	compared, controls := 0, 0
	for _, p := range policies {
		k, known := nth[p.Family]
		if !known {
			if p.Control {
				k, controls = controls, controls+1
			} else {
				k, compared = compared, compared+1
			}
			nth[p.Family] = k
		}
		shades := palette
		shape := k // there is one more of them than colours: the second time round the colours have other shapes
		if p.Control {
			shades, shape = muted, len(markers)-1-k%len(markers)
		}
		v := seen[p.Family]
		seen[p.Family]++
		if l.settings[p.Family] > variants {
			v = 0
		}
		look := Look{Color: shades[k%len(shades)].light, OnDark: shades[k%len(shades)].dark, Marker: markers[shape%len(markers)], Dashes: dashes[v]}
		look.Marker.Hollow = (v%2 == 1) != p.Control // a control of a shape that a policy has is still told from it
		l.policies[p.Label] = look
	}
	for i, m := range models {
		at := 0.6
		if len(models) > 1 {
			at = float64(i) / float64(len(models)-1)
		}
		l.models[m] = Look{Color: along(modelShades, at), OnDark: along(modelShadesOnDark, at), Marker: diamond}
	}
	return l
}

// Policy is the look of a policy by its label; one that the run does not know is grey.
func (l *Looks) Policy(label string) Look {
	if look, ok := l.policies[label]; ok {
		return look
	}
	return Look{Color: grey, OnDark: grey, Marker: markers[0]}
}

// Model is the look of a model; one that the run does not know is grey.
func (l *Looks) Model(name string) Look {
	if look, ok := l.models[name]; ok {
		return look
	}
	return Look{Color: grey, OnDark: grey, Marker: diamond}
}

// Unpriced says that no model's price is known: models stand in the order of their names.
func (l *Looks) Unpriced() *Looks {
	l.unpriced = true
	return l
}

// Priced tells whether the order of models is that of their prices.
func (l *Looks) Priced() bool { return !l.unpriced }

// Stacked says in what order models are stacked, for captions.
func (l *Looks) Stacked() string {
	if l.unpriced {
		return "by name, from light to dark"
	}
	return "from the cheapest, light, to the dearest, dark"
}

// Models are the models of the run, from the cheapest to the dearest.
func (l *Looks) Models() []string { return l.order }

// ByPrice sorts names of models from the cheapest to the dearest; those that the run does not know come last, by name.
func (l *Looks) ByPrice(models []string) {
	rank := func(m string) int {
		if i := slices.Index(l.order, m); i >= 0 {
			return i
		}
		return len(l.order)
	}
	slices.SortFunc(models, func(a, b string) int {
		if x, y := rank(a), rank(b); x != y {
			return x - y
		}
		if a < b {
			return -1
		}
		return 1
	})
}

// Grid tells whether a policy is one of so many settings of its family that they look the same, and names the family.
func (l *Looks) Grid(label string) (family string, settings int, ok bool) {
	family = l.families[label]
	return family, l.settings[family], l.settings[family] > variants
}

// shade is a colour on white and its like on a dark page.
type shade struct{ light, dark color.RGBA }

func rgb(x uint32) color.RGBA {
	return color.RGBA{R: uint8(x >> 16), G: uint8(x >> 8), B: uint8(x), A: 0xFF} //nolint:gosec // bytes of a colour
}

// palette is Okabe and Ito's ("Color Universal Design", 2008), with brown for the yellow that is hard to see on white.
var palette = []shade{
	{rgb(0x0072B2), rgb(0x5A9BFF)}, // blue
	{rgb(0xD55E00), rgb(0xFF9552)}, // vermilion
	{rgb(0x009E73), rgb(0x3FC79B)}, // bluish green
	{rgb(0xCC79A7), rgb(0xE794C2)}, // reddish purple
	{rgb(0xE69F00), rgb(0xF2BC3F)}, // orange
	{rgb(0x56B4E9), rgb(0x9ADCFF)}, // sky blue
	{rgb(0x000000), rgb(0xF4F4F4)}, // black
	{rgb(0x8C6D31), rgb(0xC9A86A)}, // brown
}

// muted are the colours of controls.
var muted = []shade{
	{rgb(0x5F6B6B), rgb(0xA9B5B5)},
	{rgb(0x8A9A86), rgb(0x8DA088)},
	{rgb(0xA58A7B), rgb(0xBFA191)},
}

// Shades of models from the cheapest to the dearest.
var (
	modelShades       = []color.RGBA{rgb(0xC4C2CC), rgb(0x9E9AC8), rgb(0x756BB1), rgb(0x4F2A8C), rgb(0x2A0A4A)}
	modelShadesOnDark = []color.RGBA{rgb(0x6E6C78), rgb(0x8279B5), rgb(0x9C8CD9), rgb(0xBDAAF5), rgb(0xE6DCFF)}
)

var dashes = [variants][]vg.Length{nil, {pt(5), pt(2)}, {pt(2), pt(2)}, {pt(7), pt(2), pt(2), pt(2)}}

// along is the colour at a share of the way through a list.
func along(stops []color.RGBA, share float64) color.RGBA {
	at := share * float64(len(stops)-1)
	i := min(int(at), len(stops)-2)
	return mixed(stops[i+1], stops[i], at-float64(i))
}

// mixed is so much of one colour and the rest of another.
func mixed(a, b color.RGBA, share float64) color.RGBA {
	mix := func(x, y uint8) uint8 { return uint8(float64(x)*share + float64(y)*(1-share) + 0.5) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xFF}
}

// pale mixes a colour with white.
func pale(c color.RGBA, share float64) color.RGBA { return mixed(c, rgb(0xFFFFFF), share) }

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// contrastOnWhite is the ratio of luminances that WCAG 2 defines.
func contrastOnWhite(c color.RGBA) float64 {
	linear := func(x uint8) float64 {
		v := float64(x) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 1.05 / (0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B) + 0.05)
}
