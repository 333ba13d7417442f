package split

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// bunch is a group of near-duplicates, which is dealt out as one.
type bunch struct {
	stratum string // the category that comes first among its members'
	hash    uint64
	key     string
	first   int32 // the prompt that names the group
	size    int
}

// bunches are the groups of the prompts of a part, in the order of their keys' hashes within their strata; without
// categories all are one stratum.
func bunches(t *trace.Trace, seed uint64, g *grouping, in func(i int) bool) []bunch {
	at := map[int32]int{}
	var list []bunch
	for i, first := range g.group {
		if !in(i) {
			continue
		}
		category := ""
		if t.Prompts.Category != nil {
			category = t.Prompts.Category[i]
		}
		k, known := at[first]
		if !known {
			k = len(list)
			at[first] = k
			list = append(list, bunch{stratum: category, hash: hashOf(seed, g.key[first]), key: g.key[first], first: first})
		}
		list[k].stratum = min(list[k].stratum, category)
		list[k].size++
	}
	slices.SortFunc(list, func(x, y bunch) int {
		return cmp.Or(cmp.Compare(x.stratum, y.stratum), cmp.Compare(x.hash, y.hash), cmp.Compare(x.key, y.key))
	})
	return list
}

// stratum is the bunches of one category.
type stratum struct {
	name    string
	size    int // prompts
	hash    uint64
	bunches []bunch
}

// small tells whether a stratum is too small for a prompt of its own in every part.
func (s *stratum) small(shares []portion) bool {
	least := 1.0
	for _, x := range shares {
		least = min(least, x.of)
	}
	return float64(s.size)*least < 1-1e-9
}

// deal gives bunches to parts, so that the shares hold over all prompts and, as far as its size allows, in every stratum.
//
// Strata take turns, large ones first. Each has its own quota of every part: its size times the share, plus what the strata
// before it left owing, rounded so that the quotas sum to its size (largest remainder, a prompt at a time). What rounding
// takes from a part in one stratum is so given back in the next, and the shares of all prompts are off by no more than
// about one bunch, however many strata there are: strata of one prompt share them out. Within a stratum the bunches are
// laid side by side in the order of their hashes and cut at the quotas; the middle of a bunch decides.
func deal(list []bunch, shares []portion, seed uint64) (part map[int32]Part, small []stratum) {
	var strata []stratum
	for _, b := range list {
		if len(strata) == 0 || strata[len(strata)-1].name != b.stratum {
			strata = append(strata, stratum{name: b.stratum, hash: hashOf(seed, "stratum\x00"+b.stratum)})
		}
		s := &strata[len(strata)-1]
		s.size += b.size
		s.bunches = append(s.bunches, b)
	}
	slices.SortFunc(strata, func(x, y stratum) int {
		large := func(s *stratum) int {
			if s.small(shares) {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(large(&x), large(&y)), cmp.Compare(x.hash, y.hash), cmp.Compare(x.name, y.name))
	})
	part = make(map[int32]Part, len(list))
	owing := make([]float64, len(shares)) // prompts that each part should have and has not
	for i := range strata {
		s := &strata[i]
		if s.small(shares) {
			small = append(small, *s)
		}
		for k, x := range shares {
			owing[k] += x.of * float64(s.size)
		}
		quota := quotas(owing, s.size)
		before := 0
		for _, b := range s.bunches {
			k := cut(quota, float64(before)+float64(b.size)/2)
			part[b.first] = shares[k].part
			owing[k] -= float64(b.size)
			before += b.size
		}
	}
	return part, small
}

// quotas shares out n prompts one at a time, each to the part that is owed most; of equals to the first.
func quotas(owing []float64, n int) []int {
	quota := make([]int, len(owing))
	for range n {
		best, most := 0, math.Inf(-1)
		for k, x := range owing {
			if left := x - float64(quota[k]); left > most+1e-9 {
				best, most = k, left
			}
		}
		quota[best]++
	}
	return quota
}

// cut is the part in whose quota a place lies.
func cut(quota []int, at float64) int {
	last, sum := 0, 0
	for k, q := range quota {
		if q == 0 {
			continue
		}
		if last, sum = k, sum+q; at < float64(sum) {
			return k
		}
	}
	return last
}

// splitStratified deals out the prompts of all categories, and says which were too small to have every part.
func splitStratified(t *trace.Trace, spec Spec, g *grouping, a *Assignment) error {
	if t.Prompts.Category == nil {
		return errors.New("the stratified method needs the column category in prompts.parquet; use method hash")
	}
	shares := spec.shares()
	part, small := deal(bunches(t, spec.Seed, g, func(int) bool { return true }), shares, spec.Seed)
	for i, first := range g.group {
		a.Part[i] = part[first]
	}
	if len(small) > 0 {
		prompts, least := 0, 1.0
		for _, s := range small {
			prompts += s.size
		}
		for _, x := range shares {
			least = min(least, x.of)
		}
		a.Warnings = append(a.Warnings, fmt.Sprintf("%d categories have fewer than %.0f prompts each, too few for every part of the split: "+
			"their %d prompts are pooled, and the shares hold over them together, not in each category; method hash splits without categories",
			len(small), math.Ceil(1/least-1e-9), prompts))
	}
	return nil
}

// setApart deals half of the validation prompts to selection, unless the trace's own split column names prompts for it.
func setApart(t *trace.Trace, seed uint64, g *grouping, a *Assignment) {
	if slices.Contains(a.Part, Selection) {
		return
	}
	in := func(i int) bool { return a.Part[i] == Validation }
	part, _ := deal(bunches(t, seed, g, in), []portion{{Validation, 0.5}, {Selection, 0.5}}, seed)
	for i, first := range g.group {
		if in(i) {
			a.Part[i] = part[first]
		}
	}
}

// largest is the size of the largest group.
func (g *grouping) largest() (most int) {
	size := map[int32]int{}
	for _, first := range g.group {
		size[first]++
		most = max(most, size[first])
	}
	return most
}
