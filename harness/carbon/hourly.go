package carbon

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Hourly is the intensity of some zones hour by hour. Several values within an hour are averaged. Its files are
//
//   - our own: datetime, zone, gco2e_per_kwh;
//   - Electricity Maps' yearly and monthly exports: "Datetime (UTC)", "Zone id" (or "Zone name"), and the life-cycle
//     column of carbon intensity, or the direct one where there is no other;
//   - WattTime's: "point_time" (or "timestamp"), "value" (or "MOER"), in pounds of CO2 a MWh, and where there are several
//     zones "region" or "ba". These are marginal rates: what one more kWh causes, not what the average one did.
type Hourly struct {
	zones    map[string]map[int64]hour
	names    map[string]string // as written
	Layout   string            // "trilemma", "electricity maps" or "watttime"
	Marginal bool
}

type hour struct{ sum, n float64 }

// ErrHourNotCovered is wrapped where a file has the zone but not the hour.
var ErrHourNotCovered = errors.New("the hour is not covered")

// gPerKWhOfLbPerMWh is 453.59237 g a pound over 1000 kWh a MWh.
const gPerKWhOfLbPerMWh = 0.45359237

// LoadHourly reads a file of hourly intensities. A WattTime file without a column of zones is about the zone that its
// name begins with: CAISO_NORTH_2024.csv about CAISO_NORTH… up to its extension.
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

// ReadHourly reads hourly intensities; zone is that of a file that names none.
func ReadHourly(r io.Reader, zone string) (*Hourly, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the heading: %w", err)
	}
	column := func(names ...string) int {
		for _, n := range names {
			for i, have := range head {
				have = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(have, "\ufeff")))
				if have == n || strings.HasSuffix(n, "*") && strings.HasPrefix(have, strings.TrimSuffix(n, "*")) {
					return i
				}
			}
		}
		return -1
	}
	h := &Hourly{zones: map[string]map[int64]hour{}, names: map[string]string{}, Layout: "trilemma"}
	factor := 1.0
	at, value, where := column("datetime"), column("gco2e_per_kwh"), column("zone")
	if value < 0 {
		h.Layout = "electricity maps"
		at, where = column("datetime (utc)", "datetime"), column("zone id", "zone name", "zone key")
		value = column("carbon intensity gco₂eq/kwh (life cycle)", "carbon intensity gco₂eq/kwh (lca)",
			"carbon_intensity_lca", "carbon intensity gco₂eq/kwh (direct)", "carbon_intensity*", "carbon intensity*")
	}
	if value < 0 {
		h.Layout, h.Marginal, factor = "watttime", true, gPerKWhOfLbPerMWh
		at, value, where = column("point_time", "timestamp", "datetime"), column("value", "moer"), column("region", "ba")
	}
	if at < 0 || value < 0 {
		return nil, fmt.Errorf("heading %q: want datetime, zone, gco2e_per_kwh, or an export of Electricity Maps or WattTime", head)
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := c.FieldPos(0)
		if len(row) <= max(at, value, where) {
			return nil, fmt.Errorf("line %d has %d columns, want %d", line, len(row), len(head))
		}
		if strings.TrimSpace(row[value]) == "" {
			continue // the exports leave hours empty that they do not know
		}
		t, err := instant(row[at])
		if err != nil {
			return nil, fmt.Errorf("line %d, column %s: %w", line, head[at], err)
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(row[value]), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			return nil, fmt.Errorf("line %d, column %s: %q is not an intensity of 0 or more", line, head[value], row[value])
		}
		name := zone
		if where >= 0 {
			name = strings.TrimSpace(row[where])
		}
		key := strings.ToLower(name)
		if h.zones[key] == nil {
			h.zones[key], h.names[key] = map[int64]hour{}, name
		}
		k := hourOf(t)
		v := h.zones[key][k]
		h.zones[key][k] = hour{v.sum + x*factor, v.n + 1}
	}
	if len(h.zones) == 0 {
		return nil, errors.New("holds no intensities")
	}
	return h, nil
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

// Has tells under which name the file holds the grid of a place (a country, a cloud region, a zone).
func (h *Hourly) Has(place string) (string, bool) {
	for _, z := range Zones(place) {
		if name, ok := h.names[strings.ToLower(strings.TrimSpace(z))]; ok {
			return name, true
		}
	}
	return "", false
}

// GPerKWh is the intensity of a place at a time, in gCO2e/kWh. The error wraps [ErrUnknownZone] where the file lacks the
// zone and [ErrHourNotCovered] where it lacks the hour.
func (h *Hourly) GPerKWh(place string, t time.Time) (float64, error) {
	name, ok := h.Has(place)
	if !ok {
		return 0, fmt.Errorf("%w in the hourly file: %q, looked for as %s; it has %s", ErrUnknownZone, place, strings.Join(Zones(place), ", "), h.some())
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
