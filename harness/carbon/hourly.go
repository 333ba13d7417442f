package carbon

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Hourly is the intensity of some zones hour by hour. Several values within an hour are averaged. Its files are
//
//   - our own: datetime, zone, gco2e_per_kwh;
//   - Electricity Maps' yearly and monthly exports: "Datetime (UTC)", "Zone id" (or "Zone name"), and the life-cycle
//     column of carbon intensity, or the direct one where there is no other;
//   - WattTime's: "point_time" (or "timestamp"), "value" (or "MOER"), in pounds of CO2 a MWh, and where there are several
//     zones "region" or "ba". Unless signal_type says co2_aoer these are marginal rates: what one more kWh causes, not
//     what the average one did.
//
// A unit in the heading of the intensities (kgCO2/MWh, lb/MWh) or in a column "units" is converted; what is no mass for an
// amount of energy, and a signal_type that is no carbon intensity, is refused.
type Hourly struct {
	zones    map[string]map[int64]hour
	names    map[string]string // as written
	file     string            // the zone of a file that names none, which is its name
	Layout   string            // "trilemma", "electricity maps" or "watttime"
	Marginal bool
}

type hour struct{ sum, n float64 }

// ErrHourNotCovered is wrapped where a file has the zone but not the hour.
var ErrHourNotCovered = errors.New("the hour is not covered")

// ErrAmbiguousZone is wrapped where several zones of a file may be meant.
var ErrAmbiguousZone = errors.New("the zone is ambiguous")

// LoadHourly reads a file of hourly intensities. A file without a column of zones is about the zone that its name begins
// with: CAISO_NORTH_2024.csv about CAISO_NORTH.
func LoadHourly(path string) (*Hourly, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading hourly intensities: %w", err)
	}
	defer f.Close()
	h, err := ReadHourly(f, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	if err != nil {
		return nil, fmt.Errorf("hourly intensities %s: %w", path, err)
	}
	return h, nil
}

// ReadHourly reads hourly intensities; file is the zone of a file that names none.
func ReadHourly(r io.Reader, file string) (*Hourly, error) {
	t, err := textfile.NewTable(r, ',')
	if err != nil {
		return nil, err
	}
	l, err := findLayout(t, file)
	if err != nil {
		return nil, err
	}
	h := &Hourly{zones: map[string]map[int64]hour{}, names: map[string]string{}, Layout: l.name}
	if l.zone < 0 {
		h.file = strings.ToLower(file)
	}
	signal := ""
	for {
		row, line, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(row[l.value]) == "" {
			continue // the exports leave hours empty that they do not know
		}
		if err := h.add(l, &signal, t.Head, row, line, file); err != nil {
			return nil, err
		}
	}
	h.Marginal = l.marginal
	if len(h.zones) == 0 {
		return nil, errors.New("holds no intensities")
	}
	return h, h.plausible()
}

// add counts one row.
func (h *Hourly) add(l *layout, signal *string, head, row []string, line int, file string) error {
	at, err := instant(row[l.at])
	if err != nil {
		return fmt.Errorf("line %d, column %s: %w", line, head[l.at], err)
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(row[l.value]), 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
		return fmt.Errorf("line %d, column %s: %q is not an intensity of 0 or more", line, head[l.value], row[l.value])
	}
	if err := l.checkSignal(signal, head, row, line); err != nil {
		return err
	}
	factor, err := l.scale(head, row, line)
	if err != nil {
		return err
	}
	name := file
	if l.zone >= 0 {
		name = strings.TrimSpace(row[l.zone])
	}
	key := strings.ToLower(name)
	if h.zones[key] == nil {
		h.zones[key], h.names[key] = map[int64]hour{}, name
	}
	v := h.zones[key][hourOf(at)]
	h.zones[key][hourOf(at)] = hour{v.sum + x*factor, v.n + 1}
	return nil
}

// mostGPerKWh is above every grid: lignite, the worst fuel, emits about 1,200 gCO2e/kWh.
const mostGPerKWh = 3000

// plausible refuses zones whose mean no grid can have, for then the unit is another than the heading says.
func (h *Hourly) plausible() error {
	for _, key := range sortedNames(h.names) {
		var sum, n float64
		for _, v := range h.zones[key] {
			sum, n = sum+v.sum, n+v.n
		}
		if mean := sum / n; mean > mostGPerKWh {
			return fmt.Errorf("zone %s has %.4g gCO2e/kWh on average, and no grid has above %d: is the file in another unit?", h.names[key], mean, mostGPerKWh)
		}
	}
	return nil
}

func hourOf(t time.Time) int64 {
	s := t.Unix()
	if s < 0 && s%3600 != 0 {
		return s/3600 - 1
	}
	return s / 3600
}

func instant(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: want one such as 2024-06-01T13:00:00Z", s)
}

// Zone is the name under which the file holds the grid of a place (a country, a cloud region, a zone): one of [Zones], or the
// only zone that begins with the place or with the zone of its cloud region (US-CAL, US-CAL-CISO). The error wraps
// [ErrUnknownZone] where the file lacks it and [ErrAmbiguousZone] where several begin so.
func (h *Hourly) Zone(place string) (string, error) {
	places := Zones(place)
	for _, z := range places {
		if name, ok := h.names[strings.ToLower(strings.TrimSpace(z))]; ok {
			return name, nil
		}
	}
	own := []string{place}
	if r, ok := FindRegion(place); ok {
		own = append(own, r.Zone)
	}
	for _, z := range places {
		var found []string
		for _, key := range sortedNames(h.names) {
			rest, begins := strings.CutPrefix(key, strings.ToLower(strings.TrimSpace(z)))
			if !begins || z == "" || !ends(rest) {
				continue
			}
			// The code of a country is no zone of it: a file about California says nothing of a model in Virginia. A file's
			// name may go on with a date.
			if slices.Contains(own, z) || key == h.file && dated(rest) {
				found = append(found, h.names[key])
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return "", fmt.Errorf("%w: %q begins the names of %s; name one of them as the region", ErrAmbiguousZone, z, strings.Join(found, ", "))
		}
	}
	return "", fmt.Errorf("%w in the hourly file: %q, looked for as %s; it has %s", ErrUnknownZone, place, strings.Join(places, ", "), h.some())
}

// ends tells whether a name may end before the rest: US-CAL before -CISO, not before IFORNIA.
func ends(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

func dated(rest string) bool {
	rest = strings.TrimLeft(rest, "_-. ")
	return rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

func sortedNames(names map[string]string) []string { return slices.Sorted(maps.Keys(names)) }

// GPerKWh is the intensity of a place at a time, in gCO2e/kWh. The error is that of [Hourly.Zone], or wraps
// [ErrHourNotCovered] where the file lacks the hour.
func (h *Hourly) GPerKWh(place string, t time.Time) (float64, error) {
	name, err := h.Zone(place)
	if err != nil {
		return 0, err
	}
	of := h.zones[strings.ToLower(name)]
	v, ok := of[hourOf(t)]
	if !ok {
		first, last := int64(math.MaxInt64), int64(math.MinInt64)
		for k := range of {
			first, last = min(first, k), max(last, k)
		}
		format := func(k int64) string { return time.Unix(3600*k, 0).UTC().Format("2006-01-02 15:04") }
		return 0, fmt.Errorf("%w: %s UTC in zone %s; the file has %d hours from %s to %s", ErrHourNotCovered,
			t.UTC().Format("2006-01-02 15:04"), name, len(of), format(first), format(last))
	}
	return v.sum / v.n, nil
}

func (h *Hourly) some() string {
	var names []string
	for _, n := range h.names {
		names = append(names, n)
	}
	sort.Strings(names)
	if len(names) > 8 {
		names = append(names[:8], "…")
	}
	return strings.Join(names, ", ")
}
