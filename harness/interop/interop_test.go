package interop

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/store/storetest"
)

func finished(t *testing.T) *store.Run {
	t.Helper()
	return storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "e", ID: "00000001", Choose: func(preference string, _ int) int {
		return map[string]int{"q": 1, "c1": 0}[preference]
	}})
}

// scalarsIn reads an event file as TensorBoard does: length, its checksum, message, its checksum.
func scalarsIn(t *testing.T, path string) map[string][][2]float64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	unmasked := func(b []byte) uint32 {
		x := binary.LittleEndian.Uint32(b) - 0xa282ead8
		return x<<15 | x>>17
	}
	out := map[string][][2]float64{}
	for first := true; len(data) > 0; first = false {
		if unmasked(data[8:12]) != crc32.Checksum(data[:8], castagnoli) {
			t.Fatal("the checksum of a length is wrong")
		}
		n := binary.LittleEndian.Uint64(data)
		message := data[12 : 12+n]
		if unmasked(data[12+n:16+n]) != crc32.Checksum(message, castagnoli) {
			t.Fatal("the checksum of a message is wrong")
		}
		data = data[16+n:]
		event := fields(t, message)
		if first {
			if string(event[3]) != "brain.Event:2" {
				t.Fatalf("the file begins with %q, want its version", event[3])
			}
			continue
		}
		value := fields(t, fields(t, event[5])[1])
		if v, ok := value[2]; ok {
			step, _ := binary.Uvarint(event[2])
			tag := string(value[1])
			out[tag] = append(out[tag], [2]float64{float64(step), float64(math.Float32frombits(binary.LittleEndian.Uint32(v)))})
		}
	}
	return out
}

// fields are a message's by number: bytes without their length, else as they stand.
func fields(t *testing.T, b []byte) map[protowire.Number][]byte {
	t.Helper()
	out := map[protowire.Number][]byte{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(number, kind, b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		out[number] = b[:n]
		if kind == protowire.BytesType {
			out[number], _ = protowire.ConsumeBytes(b)
		}
		b = b[n:]
	}
	return out
}

func TestTensorBoard(t *testing.T) {
	run, dir := finished(t), t.TempDir()
	paths, err := TensorBoard(run, dir)
	if err != nil || len(paths) != 3 {
		t.Fatalf("%v, %v; want a file for each policy", paths, err)
	}
	router := paths[2]
	if rel, _ := filepath.Rel(dir, filepath.Dir(router)); filepath.ToSlash(rel) != "e-00000001/all/router/seed-1" {
		t.Errorf("the router's file lies in %s", rel)
	}
	got := scalarsIn(t, router)
	for tag, want := range map[string][][2]float64{
		"metrics/aiq_pool": {{0, 0.7}}, "metrics/aiq": {{0, 0.71}}, "front/quality": {{0, 0.8}, {1, 0.5}}, "front/cost_usd": {{0, 0.004}, {1, 0.001}},
		"fit/train_loss": {{1, 0.5}, {2, 0.25}},
	} {
		if len(got[tag]) != len(want) {
			t.Errorf("%s is %v, want %v", tag, got[tag], want)
			continue
		}
		for i := range want {
			if got[tag][i][0] != want[i][0] || math.Abs(got[tag][i][1]-want[i][1]) > 1e-6 {
				t.Errorf("%s is %v, want %v", tag, got[tag], want)
			}
		}
	}
	first, err := os.ReadFile(router)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TensorBoard(run, dir); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(router); err != nil || string(again) != string(first) {
		t.Errorf("exported again the file differs: %v", err)
	}
	if !strings.Contains(string(first), `| params.name | a\|b |`) {
		t.Error("the parameters are not told, or break their table")
	}
}

func TestMLflow(t *testing.T) {
	run, dir := finished(t), t.TempDir()
	at, err := MLflow(run, dir)
	if err != nil {
		t.Fatal(err)
	}
	text := func(names ...string) string {
		found, err := filepath.Glob(filepath.Join(append([]string{at}, names...)...))
		if err != nil || len(found) == 0 {
			t.Fatalf("no file %v: %v", names, err)
		}
		var all strings.Builder
		for _, f := range found {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
		return all.String()
	}
	if got := text("meta.yaml"); !strings.Contains(got, "name: e") || !strings.Contains(got, "lifecycle_stage: active") {
		t.Errorf("the experiment is %s", got)
	}
	id := identity("e/00000001/all/router/seed-1")
	if got := text(id, "metrics", "metrics", "aiq_pool"); !strings.HasSuffix(got, " 0.7 0\n") {
		t.Errorf("aiq_pool is %q, want time, value and step", got)
	}
	if got := text(id, "metrics", "fit", "train_loss"); strings.Count(got, "\n") != 2 || !strings.HasSuffix(got, " 0.25 2\n") {
		t.Errorf("the curve is %q", got)
	}
	if text(id, "params", "params.k") != "3" || text(id, "params", "policy") != "router" || text(id, "tags", "mlflow.parentRunId") != identity("e/00000001") {
		t.Error("parameters or parent of the router's run are wrong")
	}
	if got := text(identity("e/00000001"), "artifacts", "metrics.csv"); !strings.Contains(got, "all,router,aiq_pool,0.7,") {
		t.Errorf("the artifact is %s", got)
	}
}

func TestNothingToExport(t *testing.T) {
	run := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "e", ID: "00000001", Unfinished: true, Choose: func(string, int) int { return 0 }})
	if _, err := TensorBoard(run, t.TempDir()); err == nil || !strings.Contains(err.Error(), "has not finished") {
		t.Errorf("an unfinished run: %v", err)
	}
}

// Names become folders: none may lead out, or hide.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"all/knn(k=10)": "all/knn-k-10-", "../../etc": "_/_/etc", "a//b": "a/_/b", ".hidden": "_hidden", "ü b": "-b",
	} {
		if got := safe(name); got != want {
			t.Errorf("safe(%q) = %q, want %q", name, got, want)
		}
	}
	if flatName("a/b") != "a_b" {
		t.Errorf("flatName(a/b) = %q", flatName("a/b"))
	}
}
