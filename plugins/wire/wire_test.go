package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// exact compares by bits, so that NaN payloads and negative zeros count, and tells nil from empty.
var exact = cmp.Options{
	cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }),
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
}

// The generators draw what the contract allows: any bits, any bytes, columns present or not.

func drawFloats(t *rapid.T, n int, optional bool) []float32 {
	if optional && rapid.Bool().Draw(t, "absent") {
		return nil
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(rapid.Uint32().Draw(t, "bits"))
	}
	return x
}

func drawFigures(t *rapid.T, n int, optional bool) (m policy.Matrix) {
	for q := range m {
		m[q] = drawFloats(t, n, optional)
	}
	return m
}

func drawInts(t *rapid.T, n, limit int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(rapid.IntRange(0, limit-1).Draw(t, "int"))
	}
	return x
}

func drawStrings(t *rapid.T, n int, optional bool) []string {
	if optional && rapid.Bool().Draw(t, "absent") {
		return nil
	}
	x := make([]string, n)
	for i := range x {
		x[i] = string(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "text")) // not always UTF-8
	}
	return x
}

func drawBools(t *rapid.T, n int) []bool {
	x := make([]bool, n)
	for i := range x {
		x[i] = rapid.Bool().Draw(t, "bit")
	}
	return x
}

func drawPrompts(t *rapid.T, n int) policy.Prompts {
	p := policy.Prompts{ID: drawStrings(t, n, false), Text: drawStrings(t, n, true), Category: drawStrings(t, n, true)}
	if rapid.Bool().Draw(t, "vectors") {
		p.Dim = rapid.IntRange(0, 5).Draw(t, "dim")
		p.Vector = drawFloats(t, n*p.Dim, false)
	}
	return p
}

func drawPreferences(t *rapid.T, n int) []policy.Preference {
	var list []policy.Preference
	for range n {
		list = append(list, policy.Preference{policy.Cost: rapid.Float64().Draw(t, "λ"), policy.Carbon: 1, policy.Latency: math.Inf(1)})
	}
	return list
}

func drawSplit(t *rapid.T, n, k int) *policy.Split {
	all := n * k
	return &policy.Split{
		Prompts:   drawPrompts(t, n),
		Reference: drawStrings(t, n, true),
		Outcomes: policy.Outcomes{
			Models: k, Present: drawBools(t, all), Figures: drawFigures(t, all, true),
			InputTokens: drawFloats(t, all, true), OutputTokens: drawFloats(t, all, true), Propensity: drawFloats(t, all, true),
			Answer: drawStrings(t, all, true), Response: drawStrings(t, all, true),
		},
	}
}

// over sends a message through bytes.
func over[T proto.Message](t *rapid.T, m, into T) T {
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
	return into
}

func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 6).Draw(t, "prompts")
		q := rapid.IntRange(0, 3).Draw(t, "preferences")
		rows := 0
		if n*q > 0 {
			rows = rapid.IntRange(0, 8).Draw(t, "rows")
		}
		prompts := drawPrompts(t, n)
		want := &policy.Batch{Prompts: &prompts, Preferences: drawPreferences(t, q), Prompt: drawInts(t, rows, n),
			Preference: drawInts(t, rows, q), Round: rapid.IntRange(0, 9).Draw(t, "round")}
		if rapid.Bool().Draw(t, "asked") {
			offset := make([]int32, rows+1)
			for r := range rows {
				offset[r+1] = offset[r] + int32(rapid.IntRange(0, 3).Draw(t, "entries"))
			}
			e := int(offset[rows])
			want.Asked = &policy.Asked{Offset: offset, Model: drawInts(t, e, 9), Round: drawInts(t, e, 9), Missing: drawBools(t, e),
				Answer: drawStrings(t, e, false), Response: drawStrings(t, e, true),
				InputTokens: drawFloats(t, e, false), OutputTokens: drawFloats(t, e, false), Figures: drawFigures(t, e, false)}
		}
		got, err := DecodeBatch(over(t, EncodeBatch(want), new(pb.Batch)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestDecisionsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := policy.NewDecisions(0)
		for range rapid.IntRange(0, 9).Draw(t, "rows") {
			e := rapid.IntRange(0, 3).Draw(t, "entries") // well-formed or not is not the wire's business
			want.Append(policy.Use(rapid.Uint8().Draw(t, "use")), drawInts(t, e, 9), drawFloats(t, e, false))
		}
		got, err := DecodeDecisions(over(t, EncodeDecisions(want), new(pb.Decisions)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestFeedbackRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 5).Draw(t, "rows")
		p := drawPrompts(t, n)
		want := &policy.Feedback{Prompts: &p, Preference: drawPreferences(t, n), Model: drawInts(t, n, 7),
			Propensity: drawFloats(t, n, false), Figures: drawFigures(t, n, true)}
		got, err := DecodeFeedback(over(t, EncodeFeedback(want), new(pb.Feedback)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" {
			t.Fatal(diff)
		}
	})
}

// queue is a stream of chunks in memory.
type queue struct{ chunks []*pb.Chunk }

func (q *queue) send(c *pb.Chunk) error {
	q.chunks = append(q.chunks, proto.Clone(c).(*pb.Chunk))
	return nil
}

func (q *queue) receive() (*pb.Chunk, error) {
	if len(q.chunks) == 0 {
		return nil, io.EOF
	}
	c := q.chunks[0]
	q.chunks = q.chunks[1:]
	return c, nil
}

func TestTaskRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(0, 4).Draw(t, "models")
		want := &policy.Task{Preferences: drawPreferences(t, rapid.IntRange(0, 3).Draw(t, "preferences"))}
		if rapid.Bool().Draw(t, "train") {
			want.Train = drawSplit(t, rapid.IntRange(0, 5).Draw(t, "rows"), k)
		}
		if rapid.Bool().Draw(t, "validation") {
			want.Validation = drawSplit(t, rapid.IntRange(0, 5).Draw(t, "rows"), k)
		}
		var q queue
		if err := SendTask(q.send, want); err != nil {
			t.Fatal(err)
		}
		got, err := ReceiveTask(q.receive)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" {
			t.Fatal(diff)
		}
		if _, err := q.receive(); !errors.Is(err, io.EOF) {
			t.Fatal("more was sent than received")
		}
	})
}

// TestALargeTaskTravelsInSmallChunks: whatever the sizes of rows, no chunk passes its size, and all arrives.
func TestALargeTaskTravelsInSmallChunks(t *testing.T) {
	n, k := 5000, 3
	s := &policy.Split{Prompts: policy.Prompts{Dim: 100, Vector: make([]float32, n*100)},
		Outcomes: policy.Outcomes{Models: k, Present: make([]bool, n*k), Figures: policy.NewMatrix(n*k, policy.Quality)}}
	for i := range n {
		s.Prompts.ID = append(s.Prompts.ID, strings.Repeat("i", i%7))
		s.Prompts.Text = append(s.Prompts.Text, strings.Repeat("t", i%100))
		s.Prompts.Vector[i*100] = float32(i)
		s.Outcomes.Present[i*k+i%k] = true
	}
	s.Prompts.Text[17] = strings.Repeat("long ", 2<<20) // one prompt of 10 MiB
	want := &policy.Task{Train: s, Validation: s}
	var q queue
	if err := SendTask(q.send, want); err != nil {
		t.Fatal(err)
	}
	for i, c := range q.chunks {
		if size := proto.Size(c); size > ChunkBytes+16 {
			t.Errorf("chunk %d has %d bytes, want at most %d", i, size, ChunkBytes+16)
		}
	}
	cut := q
	got, err := ReceiveTask(q.receive)
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(want, got, exact) {
		t.Error("another task arrived")
	}
	for _, keep := range []int{0, 1, 2, len(cut.chunks) - 1} {
		short := queue{cut.chunks[:keep]}
		if _, err := ReceiveTask(short.receive); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d of %d chunks: got %v, want an unexpected end", keep, len(cut.chunks), err)
		}
	}
}

func TestBytesTravel(t *testing.T) {
	for _, n := range []int{0, 1, ChunkBytes - 1, ChunkBytes, ChunkBytes + 1, 3*ChunkBytes + 5} {
		want := bytes.Repeat([]byte{7}, n)
		var q queue
		if err := SendBytes(q.send, want); err != nil {
			t.Fatal(err)
		}
		got, err := ReceiveBytes(q.receive)
		if err != nil || !bytes.Equal(want, got) || len(q.chunks) > 0 {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
	}
	if _, err := ReceiveBytes(new(queue).receive); !errors.Is(err, io.EOF) {
		t.Errorf("an empty stream: got %v, want EOF", err)
	}
}

func TestSetupAndDescriptionRoundTrip(t *testing.T) {
	setup := policy.Setup{Models: []policy.Model{policy.NewModel("a"), {ID: "b", Provider: "p", OpenWeights: true,
		ParamsTotalB: policy.Range{Low: 1, High: 2}, ParamsActiveB: policy.Exactly(3), PriceInputUSDPerMTok: 4,
		PriceOutputUSDPerMTok: 5, Hardware: "h", Region: "FRA", TokensPerSec: 6, TimeToFirstTokenSec: 7}},
		Params: []byte(`{"k":1}`), Seed: math.MaxUint64, Backend: "go"}
	got, err := DecodeSetup(EncodeSetup(&setup))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(setup, got, exact); diff != "" {
		t.Error(diff)
	}
	if _, err := DecodeSetup(new(pb.Setup)); err == nil {
		t.Error("a setup without models is accepted")
	}
	about := policy.Description{Name: "n", Version: "v", Summary: "s", Source: "o", ParamsSchema: []byte("{}"), Preference: "input",
		Needs: []policy.Need{"text", "vector"}, Stochastic: true, Learns: true, Saves: true, Online: true, Combines: true,
		Sequential: true, EachModel: true}
	if diff := cmp.Diff(about, DecodeDescription(EncodeDescription(&about))); diff != "" {
		t.Error(diff)
	}
	p := policy.Progress{Stage: "s", Step: 1, Total: 2, Metrics: []policy.Metric{{Name: "loss", Value: 0.5}}, Snapshot: []byte{1, 0}}
	if diff := cmp.Diff(p, DecodeProgress(EncodeProgress(&p))); diff != "" {
		t.Error(diff)
	}
}

func TestColumnsThatDoNotFit(t *testing.T) {
	text := func(name string, lengths []int32, data string) *pb.Column {
		return &pb.Column{Name: name, Width: 1, Values: &pb.Column_Text{Text: &pb.Strings{Length: packInts(lengths), Data: []byte(data)}}}
	}
	vector := func(width int32, bytes int) *pb.Column {
		return &pb.Column{Name: "vector", Width: width, Values: &pb.Column_F32{F32: make([]byte, bytes)}}
	}
	prompts := func(n int64, more ...*pb.Column) *pb.Table { return &pb.Table{Rows: n, Columns: more} }
	two := prompts(2, text("id", []int32{1, 1}, "ab"))
	for name, c := range map[string]struct {
		m    *pb.Batch
		want string
	}{
		"no prompts":      {&pb.Batch{}, "the prompts are missing"},
		"no ids":          {&pb.Batch{Prompts: prompts(2)}, "the prompts have no ids"},
		"negative rows":   {&pb.Batch{Prompts: prompts(-1)}, "the prompts are missing"},
		"huge rows":       {&pb.Batch{Prompts: prompts(math.MaxInt64, text("id", []int32{1}, "a"))}, "column prompts id"},
		"negative dim":    {&pb.Batch{Prompts: prompts(2, two.Columns[0], vector(-1, 0))}, "-1 dimensions"},
		"short vectors":   {&pb.Batch{Prompts: prompts(2, two.Columns[0], vector(3, 20))}, "column prompts vector has 20 bytes"},
		"huge dim":        {&pb.Batch{Prompts: prompts(2, two.Columns[0], vector(math.MaxInt32, 20))}, "column prompts vector"},
		"long lengths":    {&pb.Batch{Prompts: prompts(1, text("id", []int32{5}, "abc"))}, "row 0 has length 5"},
		"negative length": {&pb.Batch{Prompts: prompts(1, text("id", []int32{-1}, ""))}, "row 0 has length -1"},
		"left over":       {&pb.Batch{Prompts: prompts(1, text("id", []int32{1}, "abc"))}, "add up to 1"},
		"fewer texts":     {&pb.Batch{Prompts: prompts(2, two.Columns[0], text("text", []int32{1}, "x"))}, "column prompts text"},
		"another type":    {&pb.Batch{Prompts: prompts(2, two.Columns[0], &pb.Column{Name: "text", Width: 1, Values: &pb.Column_F32{F32: make([]byte, 8)}})}, "column prompts text"},
		"two a row":       {&pb.Batch{Prompts: prompts(1, &pb.Column{Name: "id", Width: 2, Values: &pb.Column_Text{Text: packStrings([]string{"a", "b"})}})}, "2 values a row, want 1"},
		"unknown prompt":  {&pb.Batch{Prompts: two, Prompt: packInts([]int32{2}), Preference: packInts([]int32{0})}, "row 0 is 2, want 0 to 1"},
		"torn block":      {&pb.Batch{Prompts: two, Prompt: []byte{1, 2, 3}}, "has 3 bytes"},
		"no preference":   {&pb.Batch{Prompts: two, Prompt: packInts([]int32{0}), Preference: packInts([]int32{0})}, "row's preference"},
		"λ without a row": {&pb.Batch{Prompts: two, Preferences: prompts(3)}, "3 rows of preferences without a column"},
		"asked":           {&pb.Batch{Prompts: two, Asked: prompts(0), AskedOffset: packInts([]int32{1})}, "runs from 1 to 1, want 0 to 0"},
		"asked nothing":   {&pb.Batch{Prompts: two, Prompt: packInts([]int32{0}), Preference: packInts([]int32{0}), Preferences: encodePreferences(make([]policy.Preference, 1)), Asked: prompts(1), AskedOffset: packInts([]int32{0, 1})}, "lack their model"},
	} {
		if _, err := DecodeBatch(c.m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// A column or a quantity of a newer host is passed over, unless a preference weighs it.
func TestWhatIsNotKnown(t *testing.T) {
	for weight, want := range map[float64]string{0: "", 2: "preference 0 weighs noise_db"} {
		m := EncodeBatch(&policy.Batch{Prompts: samplePrompts(), Preferences: []policy.Preference{{policy.Cost: 3}}, Prompt: []int32{0}, Preference: []int32{0}})
		m.Prompts.Columns = append(m.Prompts.Columns, &pb.Column{Name: "mood", Width: 1, Values: &pb.Column_F32{F32: make([]byte, 8)}})
		noise := binary.LittleEndian.AppendUint64(nil, math.Float64bits(weight))
		m.Preferences.Columns = append(m.Preferences.Columns, &pb.Column{Name: "noise_db", Width: 1, Values: &pb.Column_F64{F64: noise}})
		b, err := DecodeBatch(m)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			continue
		}
		if err != nil || b.Preferences[0] != (policy.Preference{policy.Cost: 3}) || b.Prompts.Text[1] != "yy" {
			t.Errorf("%v, %v", b, err)
		}
	}
}
