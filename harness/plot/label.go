package plot

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// rect is a box on the canvas.
type rect struct{ x0, y0, x1, y1 vg.Length }

func (r rect) overlaps(o rect) bool { return r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1 }

func (r rect) inside(o rect) bool {
	return r.x0 >= o.x0 && r.x1 <= o.x1 && r.y0 >= o.y0 && r.y1 <= o.y1
}

// tag is a text that wants to stand near a point.
type tag struct {
	text          string
	style         draw.TextStyle
	x, y          vg.Length // the point
	width, height vg.Length // of the text
	// Filled in by place: the lower left corner of the text, whether it stands so far away that a line must lead to it,
	// and whether there was room at all.
	left, bottom vg.Length
	leader       bool
	placed       bool
}

func newTag(at vg.Point, text string, style draw.TextStyle) tag {
	return tag{text: text, style: style, x: at.X, y: at.Y, width: style.Width(text), height: style.Height(text)}
}

// draw writes the text, with a line to its point where it stands far away.
func (t *tag) draw(c draw.Canvas) {
	if t.leader {
		end := nearest(t.box(), t.x, t.y)
		c.StrokeLine2(draw.LineStyle{Color: pale(grey, 0.7), Width: pt(0.4)}, t.x, t.y, end.X, end.Y)
	}
	c.FillText(t.style, vg.Point{X: t.left, Y: t.bottom}, t.text)
}

func (t *tag) box() rect { return rect{t.left, t.bottom, t.left + t.width, t.bottom + t.height} }

// Candidate places: eight directions, near ones first, then ever farther ones that need a leader line.
var directions = [][2]float64{{1, 0}, {-1, 0}, {0.7, 0.7}, {-0.7, 0.7}, {0.7, -0.7}, {-0.7, -0.7}, {0, 1}, {0, -1}}

var distances = []vg.Length{4, 9, 15, 22, 30}

// leaderFrom is the distance from which a text needs a line to its point.
const leaderFrom = 8

// place finds each tag a spot where it covers no obstacle and no other tag, tags with the most crowded surroundings
// first. A tag for which there is no room stays unplaced. The result depends on nothing but the input.
func place(tags []tag, obstacles []rect, area rect) {
	order := make([]int, len(tags))
	crowd := make([]float64, len(tags))
	for i := range tags {
		order[i] = i
		for j := range tags {
			d := math.Hypot(float64(tags[i].x-tags[j].x), float64(tags[i].y-tags[j].y))
			crowd[i] += math.Exp(-d / 30)
		}
	}
	for i := 1; i < len(order); i++ { // insertion sort: few tags, and stable
		for j := i; j > 0 && crowd[order[j]] > crowd[order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	taken := append([]rect(nil), obstacles...)
	for _, i := range order {
		t := &tags[i]
		for _, d := range distances {
			if t.try(d, taken, area) {
				taken = append(taken, t.box())
				break
			}
		}
	}
}

// try looks for a free spot at one distance.
func (t *tag) try(distance vg.Length, taken []rect, area rect) bool {
	for _, dir := range directions {
		// The text's nearest edge lies at the distance from the point.
		cx := t.x + vg.Length(dir[0])*(distance+t.width/2)
		cy := t.y + vg.Length(dir[1])*(distance+t.height/2)
		t.left, t.bottom = cx-t.width/2, cy-t.height/2
		box := t.box()
		if !box.inside(area) {
			continue
		}
		free := true
		for _, r := range taken {
			if box.overlaps(r) {
				free = false
				break
			}
		}
		if free {
			t.placed, t.leader = true, distance > leaderFrom
			return true
		}
	}
	return false
}
