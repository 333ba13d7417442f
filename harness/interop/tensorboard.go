package interop

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// TensorBoard writes a run as event files below dir: EXPERIMENT/POOL/POLICY[/seed-N]/events.out.tfevents.…, which
// `tensorboard --logdir DIR` shows as one run each, with its parameters as text. It returns the files.
//
// An event file is a sequence of TFRecords (length, its checksum, an Event message, its checksum), of which the first
// names the version; see tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
func TensorBoard(run *store.Run, dir string) ([]string, error) {
	w, err := read(run)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, s := range w.series {
		at := filepath.Join(dir, filepath.FromSlash(safe(run.Experiment+"-"+run.ID+"/"+s.name())))
		if err := os.MkdirAll(at, 0o755); err != nil {
			return paths, fmt.Errorf("making the folder of event files: %w", err)
		}
		path := filepath.Join(at, fmt.Sprintf("events.out.tfevents.%010d.trilemma", s.finished.Unix()))
		if err := os.WriteFile(path, s.events(), 0o644); err != nil { //nolint:gosec // results are to be read by anybody
			return paths, fmt.Errorf("writing an event file: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// events is the event file of a series.
func (s *series) events() []byte {
	out := record(nil, append(event(s.finished, 0), field(3, []byte("brain.Event:2"))...))
	var text strings.Builder
	text.WriteString("| parameter | value |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(s.params)) {
		fmt.Fprintf(&text, "| %s | %s |\n", name, strings.ReplaceAll(s.params[name], "|", `\|`))
	}
	out = record(out, append(event(s.finished, 0), field(5, field(1, textValue("parameters", text.String())))...))
	for _, x := range s.scalars() {
		value := field(1, []byte(x.name))
		value = protowire.AppendFixed32(protowire.AppendTag(value, 2, protowire.Fixed32Type), math.Float32bits(float32(x.value)))
		out = record(out, append(event(s.finished, x.step), field(5, field(1, value))...))
	}
	return out
}

// event begins an Event message: wall time and step.
func event(at time.Time, step int) []byte {
	b := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(float64(at.UnixMilli())/1000))
	return protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(step))
}

func field(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

// textValue is a Summary.Value of the text plugin: a tensor of one string.
func textValue(tag, text string) []byte {
	const stringType = 7 // DT_STRING
	shape := field(2, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1))
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), stringType)
	tensor = append(tensor, field(2, shape)...)
	tensor = append(tensor, field(8, []byte(text))...)
	return slices.Concat(field(1, []byte(tag)), field(8, tensor), field(9, field(1, field(1, []byte("text")))))
}

// record appends a TFRecord.
func record(out, data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out = append(out, length...)
	out = binary.LittleEndian.AppendUint32(out, maskedCRC(length))
	out = append(out, data...)
	return binary.LittleEndian.AppendUint32(out, maskedCRC(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is the checksum of a TFRecord: rotated, so that a checksum of data that holds checksums stays good.
func maskedCRC(data []byte) uint32 {
	sum := crc32.Checksum(data, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}
