package trace

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// SplitMethod says how prompts are assigned to train, validation and test.
type SplitMethod string

// The methods of [Trace.Split].
const (
	// SplitHash: by a hash of the seed and the prompt's text. Where a prompt goes depends on nothing but its own
	// near-duplicates, so fractions hold on average only.
	SplitHash SplitMethod = "hash"
	// SplitStratified: in the order of that hash, but fractions are kept within every category.
	SplitStratified SplitMethod = "stratified"
	// SplitTime: by arrived_at; the oldest prompts are train, the newest test.
	SplitTime SplitMethod = "time"
	// SplitColumn: the trace's own split column.
	SplitColumn SplitMethod = "column"
)

// SplitMethods lists the methods.
var SplitMethods = []SplitMethod{SplitHash, SplitStratified, SplitTime, SplitColumn}

// SplitSpec says how to split a trace.
type SplitSpec struct {
	Method SplitMethod // "" is hash
	// Fractions of the prompts, by all methods but column. What they leave of 1 is assigned to no part.
	Train, Validation, Test float64
	Seed                    uint64
	// NearDuplicates is the Jaccard similarity, over runs of three words, from which prompts are near-duplicates and stay
	// on one side. 0 means [DefaultNearDuplicate]; a negative value turns the search off, and only prompts with
	// the same words stay together.
	NearDuplicates float64
}

// Part is a part of a split.
type Part uint8

// Parts of a split.
const (
	PartNone Part = iota
	PartTrain
	PartValidation
	// PartSelection is what settings and policies are chosen by: no policy is given anything of it before it routes.
	PartSelection
	PartTest
)

func (p Part) String() string {
	switch p {
	case PartTrain:
		return "train"
	case PartValidation:
		return "validation"
	case PartSelection:
		return "selection"
	case PartTest:
		return "test"
	}
	return "none"
}

// Assignment is a split: a part for every prompt.
type Assignment struct {
	Part []Part // [prompts]
	// Lists of prompts, in the order of the trace.
	Train, Validation, Selection, Test []int
	// ExactGroups and NearGroups count groups of more than one prompt: with the same words, and with nearly the same
	// (exact copies among them). NearCopies counts the prompts beyond the first of each of the latter.
	ExactGroups, NearGroups, NearCopies int
	// Dropped lists prompts that were left out of train or validation because a near-duplicate of theirs stands on a
	// later side and the method (time, column) fixes both places.
	Dropped []int
	// Warnings are to be shown with the results.
	Warnings []string
}

// Of lists the prompts of a part.
func (a *Assignment) Of(p Part) []int {
	switch p {
	case PartTrain:
		return a.Train
	case PartValidation:
		return a.Validation
	case PartSelection:
		return a.Selection
	case PartTest:
		return a.Test
	}
	return nil
}

// Split assigns every prompt to train, validation, test or none. Near-duplicate prompts stay on one side: with the hash
// and stratified methods a group of them is assigned as one; with time and column, whose places are given, the members
// on an earlier side are dropped. The assignment of a prompt, by its id, does not depend on the order of the prompts.
func (t *Trace) Split(spec SplitSpec) (*Assignment, error) {
	a, err := t.split(spec)
	if err != nil {
		return nil, fmt.Errorf("splitting the trace: %w", err)
	}
	return a, nil
}

func (t *Trace) split(spec SplitSpec) (*Assignment, error) {
	if spec.Method == "" {
		spec.Method = SplitHash
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
	case SplitHash:
		t.splitHash(spec, g, a)
	case SplitStratified:
		err = t.splitStratified(spec, g, a)
	case SplitTime:
		if err = t.splitTime(spec, g, a); err == nil {
			a.separate(g)
		}
	case SplitColumn:
		if err = t.splitColumn(a); err == nil {
			a.separate(g)
		}
	}
	if err != nil {
		return nil, err
	}
	a.setApart(spec.Seed, g)
	for i, part := range a.Part {
		switch part {
		case PartTrain:
			a.Train = append(a.Train, i)
		case PartValidation:
			a.Validation = append(a.Validation, i)
		case PartSelection:
			a.Selection = append(a.Selection, i)
		case PartTest:
			a.Test = append(a.Test, i)
		}
	}
	return a, a.complete(spec, n)
}

func (s *SplitSpec) check() error {
	if !slices.Contains(SplitMethods, s.Method) {
		return fmt.Errorf("unknown method %q; choose from %q", s.Method, SplitMethods)
	}
	if s.NearDuplicates > 1 || s.NearDuplicates != s.NearDuplicates || s.NearDuplicates > 0 && s.NearDuplicates < 0.3 {
		return fmt.Errorf("near-duplicates from a similarity of %v: give one from 0.3 to 1, or turn the search off", s.NearDuplicates)
	}
	if s.Method == SplitColumn {
		return nil
	}
	sum := 0.0
	for _, f := range []struct {
		name string
		x    float64
	}{{"train", s.Train}, {"validation", s.Validation}, {"test", s.Test}} {
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

// complete refuses a split that asked for a part and got nothing.
func (a *Assignment) complete(spec SplitSpec, n int) error {
	for _, p := range []struct {
		part Part
		want float64
	}{{PartTrain, spec.Train}, {PartValidation, spec.Validation}, {PartTest, spec.Test}} {
		if spec.Method == SplitColumn || p.want == 0 || len(a.Of(p.part)) > 0 {
			continue
		}
		return fmt.Errorf("of %d prompts in %d groups of near-duplicates none went to %s (%v of them); use a larger trace, another "+
			"fraction or another seed", n, n-a.NearCopies, p.part, p.want)
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

// part is where a share u in [0,1) of the prompts lies.
func (s *SplitSpec) part(u float64) Part {
	switch {
	case u < s.Train:
		return PartTrain
	case u < s.Train+s.Validation:
		return PartValidation
	case u < s.Train+s.Validation+s.Test:
		return PartTest
	case s.Test > 0 && s.Train+s.Validation+s.Test >= 1-1e-9: // 0.6 + 0.2 + 0.2 may be a little less than 1
		return PartTest
	case s.Train+s.Validation >= 1-1e-9:
		if s.Validation > 0 {
			return PartValidation
		}
		return PartTrain
	}
	return PartNone
}

func (t *Trace) splitHash(spec SplitSpec, g *grouping, a *Assignment) {
	for i, first := range g.group {
		if int(first) == i {
			a.Part[i] = spec.part(float64(hashOf(spec.Seed, g.key[i])>>11) / (1 << 53))
		}
	}
	for i, first := range g.group {
		a.Part[i] = a.Part[first]
	}
}

// splitStratified fills the parts of every category in the order of the hashes. A group of near-duplicates belongs to
// the category that comes first among its members'.
func (t *Trace) splitStratified(spec SplitSpec, g *grouping, a *Assignment) error {
	if t.Prompts.Category == nil {
		return errors.New("the stratified method needs the column category in prompts.parquet; use method hash")
	}
	type group struct {
		category string
		hash     uint64
		first    int32
		size     int
	}
	of := map[int32]*group{}
	for i, first := range g.group {
		c := t.Prompts.Category[i]
		if have, ok := of[first]; !ok {
			of[first] = &group{category: c, hash: hashOf(spec.Seed, g.key[first]), first: first, size: 1}
		} else {
			have.size++
			have.category = min(have.category, c)
		}
	}
	groups := make([]*group, 0, len(of))
	total := map[string]int{}
	for _, x := range of {
		groups = append(groups, x)
		total[x.category] += x.size
	}
	slices.SortFunc(groups, func(x, y *group) int {
		return cmp.Or(cmp.Compare(x.category, y.category), cmp.Compare(x.hash, y.hash), cmp.Compare(g.key[x.first], g.key[y.first]))
	})
	part := make(map[int32]Part, len(groups))
	before := 0
	for i, x := range groups {
		if i > 0 && groups[i-1].category != x.category {
			before = 0
		}
		// The middle of the group decides, so that parts are as near to their fractions as groups allow.
		part[x.first] = spec.part((float64(before) + float64(x.size)/2) / float64(total[x.category]))
		before += x.size
	}
	for i, first := range g.group {
		a.Part[i] = part[first]
	}
	return nil
}

// splitTime cuts the prompts by their order of arrival. Prompts of one instant are ordered by hash.
func (t *Trace) splitTime(spec SplitSpec, g *grouping, a *Assignment) error {
	at := t.Prompts.ArrivedAt
	if at == nil {
		return errors.New("the time method needs the column arrived_at in prompts.parquet; use method hash or stratified")
	}
	n := t.Prompts.Len()
	order := make([]int, n)
	hash := make([]uint64, n)
	for i := range order {
		if at[i].IsZero() {
			return &Violation{File: PromptsFile, Row: int64(i), Column: colArrivedAt, Problem: "is null, but the split is by time",
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
	"train": PartTrain, "training": PartTrain,
	"validation": PartValidation, "valid": PartValidation, "val": PartValidation, "dev": PartValidation,
	"selection": PartSelection,
	"test":      PartTest, "eval": PartTest, "evaluation": PartTest,
	"": PartNone, "none": PartNone,
}

func (t *Trace) splitColumn(a *Assignment) error {
	if t.Prompts.Split == nil {
		return errors.New("the column method needs the column split in prompts.parquet; use method hash or stratified")
	}
	for i, name := range t.Prompts.Split {
		part, ok := splitNames[strings.ToLower(strings.TrimSpace(name))]
		if !ok {
			return &Violation{File: PromptsFile, Row: int64(i), Column: colSplit, Value: clip(name), Problem: "is no part of a split",
				Fix: "write train, validation (or val, dev) or test; leave it null for prompts that belong to none"}
		}
		a.Part[i] = part
	}
	if !slices.Contains(a.Part, PartTrain) && !slices.Contains(a.Part, PartTest) {
		return errors.New("the column split of prompts.parquet names neither train nor test prompts")
	}
	return nil
}

// setApart takes every second group of validation prompts for selection, in the order of their hashes, unless the trace's
// own split column names prompts for it.
func (a *Assignment) setApart(seed uint64, g *grouping) {
	if slices.Contains(a.Part, PartSelection) {
		return
	}
	var firsts []int32
	for i, first := range g.group {
		if int(first) == i && a.Part[i] == PartValidation {
			firsts = append(firsts, first)
		}
	}
	slices.SortFunc(firsts, func(x, y int32) int {
		return cmp.Or(cmp.Compare(hashOf(seed, "selection\x00"+g.key[x]), hashOf(seed, "selection\x00"+g.key[y])), cmp.Compare(g.key[x], g.key[y]))
	})
	chosen := map[int32]bool{}
	for k, first := range firsts {
		chosen[first] = k%2 == 1
	}
	for i, first := range g.group {
		if chosen[first] && a.Part[i] == PartValidation {
			a.Part[i] = PartSelection
		}
	}
}

// separate drops prompts that have a near-duplicate in a later part, so that test stays whole and nothing of it has been
// seen.
func (a *Assignment) separate(g *grouping) {
	last := map[int32]Part{}
	for i, first := range g.group {
		last[first] = max(last[first], a.Part[i])
	}
	for i, first := range g.group {
		if a.Part[i] != PartNone && a.Part[i] < last[first] {
			a.Part[i] = PartNone
			a.Dropped = append(a.Dropped, i)
		}
	}
	if n := len(a.Dropped); n > 0 {
		a.Warnings = append(a.Warnings, fmt.Sprintf("%d prompts of earlier parts were dropped: near-duplicates of theirs stand in a later part", n))
	}
}

// Shares are the fractions of the prompts that went to train, validation and test.
func (a *Assignment) Shares() (train, validation, test float64) {
	n := math.Max(1, float64(len(a.Part)))
	return float64(len(a.Train)) / n, float64(len(a.Validation)) / n, float64(len(a.Test)) / n
}
