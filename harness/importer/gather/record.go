package gather

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Fields of a record, by the bit that says whether it has them.
const (
	fieldBenchmark = iota
	fieldCategory
	fieldSource
	fieldPrompt
	fieldReference
	fieldSplit
	fieldArrived
	fieldOutcome
	fieldModel
	fieldSample
	fieldResponse
	fieldAnswer
	fieldOtherwise
	fieldOwner
)

func has(field int) uint32 { return 1 << field }

// numPromptTexts is how many of the fields are texts of the prompt; they come first.
const numPromptTexts = fieldArrived

const hasOwner = uint32(1 << fieldOwner)

var promptFields = map[string]int{
	"prompt_id": -1, "arrived_at": fieldArrived,
	"benchmark": fieldBenchmark, "category": fieldCategory, "source": fieldSource, "prompt": fieldPrompt, "reference": fieldReference, "split": fieldSplit,
}

const numFigures = trace.NumFigures

var figureOf = func() map[string]int {
	m := map[string]int{}
	for q := range trace.Figures {
		m[trace.Figures[q].Name] = q
	}
	return m
}()

// record is a piece as it lies in a run.
type record struct {
	at      Seq
	id      string // of the prompt
	has     uint32
	texts   [numPromptTexts]string
	arrived int64 // microseconds since 1970

	model, sample, response, answer string
	figures, others                 uint16 // which are known
	figure, other                   [numFigures]float32
	given                           string // the fact under which other holds
	owner                           string // prompt id, of a record that tells whose a key is
}

// encode appends the record without id and place, which the sorter keeps.
func (r *record) encode(b []byte) []byte {
	put := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	numbers := func(known uint16, x *[numFigures]float32) {
		b = binary.LittleEndian.AppendUint16(b, known)
		for q := range numFigures {
			if known&(1<<q) != 0 {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x[q]))
			}
		}
	}
	b = binary.LittleEndian.AppendUint32(b, r.has)
	for f := range numPromptTexts {
		if r.has&has(f) != 0 {
			put(r.texts[f])
		}
	}
	if r.has&has(fieldArrived) != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(r.arrived))
	}
	if r.has&has(fieldModel) != 0 {
		put(r.model)
	}
	if r.has&has(fieldSample) != 0 {
		put(r.sample)
	}
	if r.has&has(fieldResponse) != 0 {
		put(r.response)
	}
	if r.has&has(fieldAnswer) != 0 {
		put(r.answer)
	}
	if r.has&has(fieldOutcome) != 0 {
		numbers(r.figures, &r.figure)
	}
	if r.has&has(fieldOtherwise) != 0 {
		put(r.given)
		numbers(r.others, &r.other)
	}
	if r.has&hasOwner != 0 {
		put(r.owner)
	}
	return b
}

var errRun = errors.New("a run in the scratch folder was damaged while it was used")

// decode reads what encode wrote. Texts are copies.
func (r *record) decode(b []byte) (err error) {
	defer func() {
		if recover() != nil {
			err = errRun
		}
	}()
	get := func() string {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			panic(errRun)
		}
		s := string(b[size : size+int(n)])
		b = b[size+int(n):]
		return s
	}
	numbers := func(x *[numFigures]float32) uint16 {
		known := binary.LittleEndian.Uint16(b)
		b = b[2:]
		for q := range numFigures {
			if known&(1<<q) != 0 {
				x[q] = math.Float32frombits(binary.LittleEndian.Uint32(b))
				b = b[4:]
			}
		}
		return known
	}
	r.has = binary.LittleEndian.Uint32(b)
	b = b[4:]
	for f := range numPromptTexts {
		if r.has&has(f) != 0 {
			r.texts[f] = get()
		}
	}
	if r.has&has(fieldArrived) != 0 {
		r.arrived = int64(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if r.has&has(fieldModel) != 0 {
		r.model = get()
	}
	if r.has&has(fieldSample) != 0 {
		r.sample = get()
	}
	if r.has&has(fieldResponse) != 0 {
		r.response = get()
	}
	if r.has&has(fieldAnswer) != 0 {
		r.answer = get()
	}
	if r.has&has(fieldOutcome) != 0 {
		r.figures = numbers(&r.figure)
	}
	if r.has&has(fieldOtherwise) != 0 {
		r.given = get()
		r.others = numbers(&r.other)
	}
	if r.has&hasOwner != 0 {
		r.owner = get()
	}
	return nil
}

// hash is an id made of texts.
func hash(a, b string) string {
	sum := sha256.New()
	sum.Write([]byte(a))
	sum.Write([]byte{0})
	sum.Write([]byte(b))
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// render is a value as text: "" for null, JSON for lists and objects.
func render(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v // UTF-8: readers see to it
	case json.Number:
		return v.String()
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	text, err := gojq.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// Chat is what was said as one text. A text is itself; the single message of a user, and the only message of an assistant, is its
// text; several messages stand under their roles, "role: text", with an empty line between them. Of a message's parts the texts
// count, tool calls follow as JSON, a line each; images and sound are left out. Anything else is JSON.
func Chat(v any) string {
	messages, ok := v.([]any)
	if !ok {
		if m, ok := v.(map[string]any); ok && m["role"] != nil {
			return message(m)
		}
		return render(v)
	}
	var said []string
	for _, m := range messages {
		switch m := m.(type) {
		case map[string]any:
			if m["role"] == nil && m["content"] == nil {
				return render(v)
			}
			content := message(m)
			if role := render(m["role"]); len(messages) > 1 || role != "user" && role != "assistant" {
				content = role + ": " + content
			}
			said = append(said, content)
		case string:
			said = append(said, render(m))
		default:
			return render(v)
		}
	}
	return strings.Join(said, "\n\n")
}

func message(m map[string]any) string {
	var lines []string
	if text := content(m["content"]); text != "" {
		lines = append(lines, text)
	}
	calls, _ := m["tool_calls"].([]any)
	for _, c := range calls {
		lines = append(lines, render(c))
	}
	return strings.Join(lines, "\n")
}

func content(v any) string {
	parts, ok := v.([]any)
	if !ok {
		return render(v)
	}
	var said []string
	for _, p := range parts {
		switch p := p.(type) {
		case map[string]any:
			switch {
			case p["text"] != nil:
				said = append(said, render(p["text"]))
			case p["type"] == "tool_use" || p["type"] == "tool_call" || p["type"] == "function_call":
				said = append(said, render(p))
			case p["type"] == "tool_result":
				said = append(said, content(p["content"]))
			}
		default:
			said = append(said, render(p))
		}
	}
	return strings.Join(said, "\n")
}
