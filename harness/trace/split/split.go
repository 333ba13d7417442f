// Package split divides the prompts of a trace: [Ordered] forgets the order of its files, near-duplicates are found (see
// dedup), and [Assign] gives each group of them to train, validation, selection or test by one of four [Methods].
package split

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Method says how prompts are assigned to train, validation, selection and test.
type Method string

// The methods of [Assign].
const (
	// Hash: by a hash of the seed and the prompt's text. Where a prompt goes depends on nothing but its own
	// near-duplicates, so fractions hold on average only.
	Hash Method = "hash"
	// Stratified: in the order of that hash, but fractions are kept over all prompts and within every category that has
	// enough of them: see [deal].
	Stratified Method = "stratified"
	// Time: by arrived_at; the oldest prompts are train, the newest test, and what is chosen is chosen on those just
	// before test.
	Time Method = "time"
	// Column: the trace's own split column. Where it names no selection prompts, half of validation is set apart.
	Column Method = "column"
)

// Methods lists the methods.
var Methods = []Method{Hash, Stratified, Time, Column}

// Spec says how to split a trace.
type Spec struct {
	Method Method // "" is hash
	// Fractions of the prompts, by all methods but column. What they leave of 1 is assigned to no part.
	Train, Validation, Selection, Test float64
	Seed                               uint64
	// NearDuplicates is the Jaccard similarity, over runs of three words, from which prompts are near-duplicates and stay
	// on one side. 0 means [DefaultNearDuplicate]; a negative value turns the search off, and only prompts with
	// the same words stay together.
	NearDuplicates float64
}

// Part is a part of a split.
type Part uint8

// Parts of a split.
const (
	None Part = iota
	Train
	Validation
	// Selection is what settings and policies are chosen by: no policy is given anything of it before it routes.
	Selection
	Test
)

func (p Part) String() string {
	return [...]string{"none", "train", "validation", "selection", "test"}[p]
}

// Assignment is a split: a part for every prompt.
type Assignment struct {
	Part []Part // [prompts]
	// ExactGroups and NearGroups count groups of more than one prompt: with the same words, and with nearly the same
	// (exact copies among them). NearCopies counts the prompts beyond the first of each of the latter.
	ExactGroups, NearGroups, NearCopies int
	// Dropped lists prompts that were left out of train or validation because a near-duplicate of theirs stands on a
	// later side and the method (time, column) fixes both places.
	Dropped []int
	// Warnings are to be shown with the results.
	Warnings []string
}

// Of lists the prompts of a part, in the order of the trace.
func (a *Assignment) Of(part Part) (prompts []int) {
	for i, p := range a.Part {
		if p == part {
			prompts = append(prompts, i)
		}
	}
	return prompts
}

// Assign assigns every prompt to train, validation, selection, test or none. Near-duplicate prompts stay on one side: with the hash
// and stratified methods a group of them is assigned as one; with time and column, whose places are given, the members
// on an earlier side are dropped. The assignment of a prompt, by its id, does not depend on the order of the prompts.
func Assign(t *trace.Trace, spec Spec) (*Assignment, error) {
	a, err := assign(t, spec)
	if err != nil {
		return nil, fmt.Errorf("splitting the trace: %w", err)
	}
	return a, nil
}

func assign(t *trace.Trace, spec Spec) (*Assignment, error) {
	if spec.Method == "" {
		spec.Method = Hash
	}
	if err := spec.check(); err != nil {
		return nil, err
	}
	threshold := spec.NearDuplicates
	switch {
	case threshold == 0:
		threshold = DefaultNearDuplicate
	case threshold < 0:
		threshold = 2
	}
	p := &t.Prompts
	n := p.Len()
	key := make([]string, n)
	named := make([]bool, n) // the key is the prompt's id
	for i := range key {
		if p.Text != nil {
			key[i] = normalise(p.Text[i])
		}
		if key[i] == "" {
			key[i], named[i] = "id\x00"+p.ID[i], true
		}
	}
	g := duplicates(key, threshold, func(i int) bool { return !named[i] })
	a := &Assignment{Part: make([]Part, n), ExactGroups: g.exact, NearGroups: g.near, NearCopies: g.copied}
	if named := count(named); named > 0 && named < n {
		a.Warnings = append(a.Warnings, fmt.Sprintf("%d prompts have no text: no duplicates of them can be found", named))
	}
	var err error
	switch spec.Method {
	case Hash:
		splitHash(spec, g, a)
	case Stratified:
		err = splitStratified(t, spec, g, a)
	case Time:
		if err = splitTime(t, spec, g, a); err == nil {
			a.separate(g)
		}
	case Column:
		if err = splitColumn(t, a); err == nil {
			a.separate(g)
			setApart(t, spec.Seed, g, a)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(a.Of(Selection)) == 0 {
		a.Warnings = append(a.Warnings, "no prompts are set apart for selection: no setting, policy or baseline can be chosen by prompts that "+
			"nobody has seen; give the split a validation or selection share")
	}
	return a, a.complete(spec, g)
}

func (s *Spec) check() error {
	if !slices.Contains(Methods, s.Method) {
		return fmt.Errorf("unknown method %q; choose from %q", s.Method, Methods)
	}
	if s.NearDuplicates > 1 || s.NearDuplicates != s.NearDuplicates || s.NearDuplicates > 0 && s.NearDuplicates < 0.3 {
		return fmt.Errorf("near-duplicates from a similarity of %v: give one from 0.3 to 1, or turn the search off", s.NearDuplicates)
	}
	if s.Method == Column {
		return nil
	}
	sum := 0.0
	for _, f := range []struct {
		name string
		x    float64
	}{{"train", s.Train}, {"validation", s.Validation}, {"selection", s.Selection}, {"test", s.Test}} {
		if !(f.x >= 0 && f.x <= 1) {
			return fmt.Errorf("the %s fraction %v is outside [0,1]; write 0.6 for 60 %%", f.name, f.x)
		}
		sum += f.x
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("the fractions sum to %v, more than 1", sum)
	}
	if sum == 0 {
		return errors.New("all fractions are zero; give train, validation and test, such as 0.6, 0.2, 0.2")
	}
	return nil
}

// complete refuses a split that asked for a part and got nothing, and says what it is that stood in the way.
func (a *Assignment) complete(spec Spec, g *grouping) error {
	n := len(a.Part)
	for _, x := range spec.shares() {
		if spec.Method == Column || x.part == None || len(a.Of(x.part)) > 0 {
			continue
		}
		none := fmt.Sprintf("of %d prompts none went to %s (%v of them): ", n, x.part, x.of)
		groups, largest := n-a.NearCopies, g.largest()
		switch {
		case x.of*float64(n) < 1:
			return fmt.Errorf("%sthat is less than one prompt; use at least %.0f prompts, or a larger fraction", none, math.Ceil(1/x.of-1e-9))
		case len(a.Dropped) > 0:
			return fmt.Errorf("%s%d prompts of earlier parts were dropped, because near-duplicates of theirs stand in a later part; use a larger trace, "+
				"or turn the search for near-duplicates off", none, len(a.Dropped))
		case spec.Method == Hash && x.of*float64(groups) >= 1:
			return fmt.Errorf("%sby hash the fractions hold on average only; use method stratified, a larger trace or another seed", none)
		case largest > 1:
			return fmt.Errorf("%sthey are %d groups of near-duplicates, the largest of %d, and a group stays on one side; use a larger trace, or turn "+
				"the search for near-duplicates off", none, groups, largest)
		}
		return fmt.Errorf("%suse a larger trace or another fraction", none)
	}
	return nil
}

func count(b []bool) (n int) {
	for _, x := range b {
		if x {
			n++
		}
	}
	return n
}

// hashOf is uniform in [0, 2^64) for a seed and a text.
func hashOf(seed uint64, text string) uint64 {
	h := sha256.New()
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], seed)
	h.Write([]byte("trilemma split"))
	h.Write(word[:])
	h.Write([]byte(text))
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// portion is the fraction of the prompts that a part is to have.
type portion struct {
	part Part
	of   float64
}

// shares lists the parts that are to have any prompts, in the order in which a range of prompts is cut into them. What the
// fractions leave of 1 goes to none.
func (s *Spec) shares() []portion {
	list := []portion{{Train, s.Train}, {Validation, s.Validation}, {Selection, s.Selection}, {Test, s.Test}}
	left := 1.0
	for _, x := range list {
		left -= x.of
	}
	if left > 1e-9 { // 0.6 + 0.2 + 0.2 may be a little less than 1
		list = append(list, portion{None, left})
	}
	return slices.DeleteFunc(list, func(x portion) bool { return x.of == 0 })
}

// part is where a share u in [0,1) of the prompts lies.
func (s *Spec) part(u float64) Part {
	list := s.shares()
	sum := 0.0
	for _, x := range list {
		if sum += x.of; u < sum {
			return x.part
		}
	}
	return list[len(list)-1].part
}

func splitHash(spec Spec, g *grouping, a *Assignment) {
	for i, first := range g.group {
		if int(first) == i {
			a.Part[i] = spec.part(float64(hashOf(spec.Seed, g.key[i])>>11) / (1 << 53))
		}
	}
	for i, first := range g.group {
		a.Part[i] = a.Part[first]
	}
}

// splitTime cuts the prompts by their order of arrival. Prompts of one instant are ordered by hash.
func splitTime(t *trace.Trace, spec Spec, g *grouping, a *Assignment) error {
	at := t.Prompts.ArrivedAt
	if at == nil {
		return errors.New("the time method needs the column arrived_at in prompts.parquet; use method hash or stratified")
	}
	n := t.Prompts.Len()
	order := make([]int, n)
	hash := make([]uint64, n)
	for i := range order {
		if at[i].IsZero() {
			return &trace.Violation{File: trace.PromptsFile, Row: int64(i), Column: "arrived_at", Problem: "is null, but the split is by time",
				Fix: "give every prompt its time of arrival, or use another method"}
		}
		order[i] = i
		hash[i] = hashOf(spec.Seed, g.key[i]+"\x00"+t.Prompts.ID[i])
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(at[i].Compare(at[j]), cmp.Compare(hash[i], hash[j]), cmp.Compare(t.Prompts.ID[i], t.Prompts.ID[j]))
	})
	for rank, i := range order {
		a.Part[i] = spec.part((float64(rank) + 0.5) / float64(n))
	}
	return nil
}

// splitNames are the words for parts that traces use.
var splitNames = map[string]Part{
	"train": Train, "training": Train,
	"validation": Validation, "valid": Validation, "val": Validation, "dev": Validation,
	"selection": Selection,
	"test":      Test, "eval": Test, "evaluation": Test,
	"": None, "none": None,
}

func splitColumn(t *trace.Trace, a *Assignment) error {
	if t.Prompts.Split == nil {
		return errors.New("the column method needs the column split in prompts.parquet; use method hash or stratified")
	}
	for i, name := range t.Prompts.Split {
		part, ok := splitNames[strings.ToLower(strings.TrimSpace(name))]
		if !ok {
			return &trace.Violation{File: trace.PromptsFile, Row: int64(i), Column: "split", Value: trace.Clip(name), Problem: "is no part of a split",
				Fix: "write train, validation (or val, dev), selection or test; leave it null for prompts that belong to none"}
		}
		a.Part[i] = part
	}
	if !slices.Contains(a.Part, Train) && !slices.Contains(a.Part, Test) {
		return errors.New("the column split of prompts.parquet names neither train nor test prompts")
	}
	return nil
}

// separate drops prompts that have a near-duplicate in a later part, so that test stays whole and nothing of it has been
// seen.
func (a *Assignment) separate(g *grouping) {
	last := map[int32]Part{}
	for i, first := range g.group {
		last[first] = max(last[first], a.Part[i])
	}
	for i, first := range g.group {
		if a.Part[i] != None && a.Part[i] < last[first] {
			a.Part[i] = None
			a.Dropped = append(a.Dropped, i)
		}
	}
	if n := len(a.Dropped); n > 0 {
		a.Warnings = append(a.Warnings, fmt.Sprintf("%d prompts of earlier parts were dropped: near-duplicates of theirs stand in a later part", n))
	}
}
