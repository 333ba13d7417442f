package wire

import (
	"encoding/binary"
	"math"
	"slices"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// encodeTable writes the columns that are there.
func encodeTable(rows int, columns []policy.Column) *pb.Table {
	t := &pb.Table{Rows: int64(rows)}
	for _, c := range columns {
		if c.Len() < 0 {
			continue
		}
		m := &pb.Column{Name: c.Name, Width: int32(c.Width)}
		switch v := c.Values.(type) {
		case policy.Ref[string]:
			m.Values = &pb.Column_Text{Text: packStrings(*v.To)}
		case policy.Ref[float32]:
			m.Values = &pb.Column_F32{F32: packFloats(*v.To)}
		case policy.Ref[int32]:
			m.Values = &pb.Column_I32{I32: packInts(*v.To)}
		case policy.Ref[bool]:
			m.Values = &pb.Column_Bit{Bit: packBits(*v.To)}
		}
		t.Columns = append(t.Columns, m)
	}
	return t
}

// table fills columns with those of t that have their names; the others stay absent. Those of m that are not known here, of
// a newer host perhaps, are passed over.
func (r *decoder) table(what string, t *pb.Table, columns []policy.Column) {
	n := int(t.GetRows())
	if t == nil || n < 0 {
		r.fail("the %s are missing", what)
		return
	}
	byName := map[string]*pb.Column{}
	for _, m := range t.GetColumns() {
		byName[m.GetName()] = m
	}
	for _, c := range columns {
		m := byName[c.Name]
		if m == nil {
			continue
		}
		all := product(n, int(m.GetWidth()))
		name := what + " " + c.Name
		switch v := c.Values.(type) {
		case policy.Ref[string]:
			*v.To = r.strings(name, m.GetText(), all)
		case policy.Ref[float32]:
			*v.To = r.floats(name, m.GetF32(), all)
		case policy.Ref[int32]:
			*v.To = r.ints(name, m.GetI32(), all)
		case policy.Ref[bool]:
			*v.To = r.bits(name, m.GetBit(), all)
		}
		if c.Width != 0 && c.Width != int(m.GetWidth()) {
			r.fail("column %s has %d values a row, want %d", name, m.GetWidth(), c.Width)
		}
	}
}

// width is that of a column, 0 where it is not there.
func width(t *pb.Table, name string) int {
	for _, m := range t.GetColumns() {
		if m.GetName() == name {
			return int(m.GetWidth())
		}
	}
	return 0
}

func encodePrompts(p *policy.Prompts) *pb.Table { return encodeTable(p.Len(), p.Columns()) }

// prompts reads the prompts of a table, with as many ids as it has rows.
func (r *decoder) prompts(t *pb.Table) policy.Prompts {
	p := policy.Prompts{Dim: width(t, "vector")}
	if p.Dim < 0 {
		r.fail("vectors of %d dimensions", p.Dim)
	}
	r.table("prompts", t, p.Columns())
	if p.ID == nil && t.GetRows() > 0 {
		r.fail("the prompts have no ids")
	}
	return p
}

// encodePreferences writes λ, one column a quantity that may be weighed, named as the figures are.
func encodePreferences(list []policy.Preference) *pb.Table {
	t := &pb.Table{Rows: int64(len(list))}
	for _, q := range policy.Weighed {
		block := make([]byte, 0, 8*len(list))
		for i := range list {
			block = binary.LittleEndian.AppendUint64(block, math.Float64bits(list[i][q]))
		}
		t.Columns = append(t.Columns, &pb.Column{Name: q.Column(), Width: 1, Values: &pb.Column_F64{F64: block}})
	}
	return t
}

// preferences reads what [encodePreferences] wrote. A quantity that is not known here must weigh nothing.
func (r *decoder) preferences(t *pb.Table) []policy.Preference {
	n := int(t.GetRows())
	if n > 0 && len(t.GetColumns()) == 0 {
		r.fail("%d rows of preferences without a column", n)
	}
	var list []policy.Preference
	for _, m := range t.GetColumns() {
		if !r.block("preference "+m.GetName(), m.GetF64(), n, 8) || n == 0 {
			continue
		}
		if list == nil {
			list = make([]policy.Preference, n)
		}
		q := slices.IndexFunc(policy.Weighed, func(q policy.Quantity) bool { return q.Column() == m.GetName() })
		for i := range n {
			x := math.Float64frombits(binary.LittleEndian.Uint64(m.GetF64()[8*i:]))
			if q >= 0 {
				list[i][policy.Weighed[q]] = x
			} else if x != 0 {
				r.fail("preference %d weighs %s, which is not known here: build the policy against the host's version", i, m.GetName())
			}
		}
	}
	return list
}
