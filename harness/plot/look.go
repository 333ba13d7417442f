package plot

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot/vg/draw"
)

// Look is how a policy or a model is told from others: the same in every figure, table and page of a run.
type Look struct {
	Color  color.RGBA
	marker int // of markers
}

// CSS is the colour as style sheets write it.
func (l Look) CSS() string { return fmt.Sprintf("#%02x%02x%02x", l.Color.R, l.Color.G, l.Color.B) }

// Marker names the shape: circle, square, triangle, pyramid, plus, cross, ring or box.
func (l Look) Marker() string { return markerNames[l.marker%len(markerNames)] }

var markerNames = []string{"circle", "square", "triangle", "pyramid", "plus", "cross", "ring", "box"}

// Looks are those of everything in a run.
type Looks struct{ policy, model map[string]Look }

// NewLooks gives policies the colours of Okabe and Ito in the order of the experiment, controls greys, and models a place
// between light, the cheapest, and dark, the dearest. Each name is a family: variants of one policy share its colour.
func NewLooks(policies, controls, modelsByPrice []string) *Looks {
	l := &Looks{map[string]Look{}, map[string]Look{}}
	for i, name := range policies {
		// The second time round the colours another step of the markers keeps policies apart.
		l.policy[name] = Look{palette[i%len(palette)], (i + i/len(palette)) % len(markers)}
	}
	for i, name := range controls {
		l.policy[name] = Look{controlGreys[i%len(controlGreys)], (i + 1) % len(markers)}
	}
	for i, id := range modelsByPrice {
		at := 0.0
		if n := len(modelsByPrice); n > 1 {
			at = float64(i) / float64(n-1)
		}
		l.model[id] = Look{ramp(at), 0}
	}
	return l
}

// Policy is the look of a policy's family; grey for one that the run does not know.
func (l *Looks) Policy(family string) Look { return found(l.policy, family) }

// Model is that of a model.
func (l *Looks) Model(id string) Look { return found(l.model, id) }

func found(of map[string]Look, name string) Look {
	if look, ok := of[name]; ok {
		return look
	}
	return Look{Color: grey}
}

var controlGreys = []color.RGBA{{0x55, 0x55, 0x55, 0xFF}, {0x77, 0x77, 0x77, 0xFF}, {0x66, 0x55, 0x44, 0xFF}, {0x44, 0x55, 0x66, 0xFF}}

// rampStops are viridis (Smith and van der Walt, CC0) from light to dark: it grows evenly in lightness, also for colour-blind
// eyes and in print. The lightest end is left out, which is hard to see on white.
var rampStops = []color.RGBA{
	{0xC8, 0xE0, 0x20, 0xFF}, {0x7A, 0xD1, 0x51, 0xFF}, {0x35, 0xB7, 0x79, 0xFF}, {0x1F, 0x9E, 0x89, 0xFF},
	{0x2A, 0x78, 0x8E, 0xFF}, {0x3E, 0x4A, 0x89, 0xFF}, {0x44, 0x01, 0x54, 0xFF},
}

// ramp is a colour between light at 0 and dark at 1.
func ramp(at float64) color.RGBA {
	x := min(max(at, 0), 1) * float64(len(rampStops)-1)
	i := min(int(x), len(rampStops)-2)
	a, b, w := rampStops[i], rampStops[i+1], x-float64(i)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-w) + float64(b)*w)) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xFF}
}

// shape is the glyph of a marker.
func shape(marker int) draw.GlyphDrawer { return markers[marker%len(markers)] }
