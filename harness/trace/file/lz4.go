package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// bounded looks at the pages of a column that claims to be LZ4 before the library unpacks them. For a page that does not unpack it
// would double its buffer without end; other codecs have an end of their own.
func (t *table) bounded(group, leaf int) error {
	m := &t.pq.Metadata().RowGroups[group].Columns[leaf].MetaData
	if m.Codec != format.Lz4Raw {
		return nil
	}
	start := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		start = min(start, m.DictionaryPageOffset)
	}
	in := bufio.NewReader(io.NewSectionReader(t.file, start, m.TotalCompressedSize))
	for page := 0; ; page++ {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		var h format.PageHeader
		if err := thrift.NewDecoder((&thrift.CompactProtocol{}).NewReader(in)).Decode(&h); err != nil {
			return fmt.Errorf("the header of page %d: %w", page, err)
		}
		if h.CompressedPageSize < 0 || int64(h.CompressedPageSize) > m.TotalCompressedSize || h.UncompressedPageSize < 0 || int64(h.UncompressedPageSize) > 256*int64(h.CompressedPageSize)+64 {
			return fmt.Errorf("page %d claims %d bytes from %d", page, h.UncompressedPageSize, h.CompressedPageSize)
		}
		packed := make([]byte, h.CompressedPageSize)
		if _, err := io.ReadFull(in, packed); err != nil {
			return fmt.Errorf("page %d: %w", page, err)
		}
		size := int(h.UncompressedPageSize)
		if v2 := &h.DataPageHeaderV2; h.Type == format.DataPageV2 && v2.Valid {
			if c := v2.V.IsCompressed; c.Valid && !c.V {
				continue
			}
			levels := int(v2.V.DefinitionLevelsByteLength) + int(v2.V.RepetitionLevelsByteLength) // they are not packed
			if levels < 0 || levels > len(packed) || levels > size {
				return fmt.Errorf("page %d claims %d bytes of levels", page, levels)
			}
			packed, size = packed[levels:], size-levels
		}
		if _, err := lz4.UncompressBlock(packed, make([]byte, size)); err != nil && len(packed) > 0 {
			return fmt.Errorf("page %d does not unpack as LZ4: %w", page, err)
		}
	}
}

// allBounded looks at all columns, as [table.bounded] does at one.
func (t *table) allBounded() error {
	for g := range t.groups {
		for leaf, path := range t.pq.Schema().Columns() {
			if err := t.bounded(g, leaf); err != nil {
				return broken(t.name, t.first[g], strings.Join(path, "."), err)
			}
		}
	}
	return nil
}
