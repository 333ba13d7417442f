package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sort"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// run collects the means of every column, [column][resample].
func run(t testing.TB, b Bootstrap, c *Columns) [][]float64 {
	t.Helper()
	out := make([][]float64, c.Len())
	for i := range out {
		out[i] = make([]float64, b.Resamples)
	}
	if err := b.Run(c, func(k *Block) {
		for i := range out {
			copy(out[i][k.First:k.First+k.N], k.Means(i))
		}
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func made(n int, f func(i int) float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(f(i))
	}
	return v
}

func add(t testing.TB, c *Columns, v []float32, like int) int {
	t.Helper()
	id, err := c.Add(v, like)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestMeansAreThoseOfTheDraws compares every mean with one summed plainly from the same draws.
func TestMeansAreThoseOfTheDraws(t *testing.T) {
	const n = 137
	r := rng(1)
	c := NewColumns(n)
	var plain [][]float32
	like := None
	for range 9 {
		v := made(n, func(int) float64 { return r.Float64() })
		if like != None && r.IntN(2) == 0 { // a neighbour that differs in few prompts
			copy(v, plain[like])
			v[r.IntN(n)] = 0.5
		}
		like = add(t, c, v, like)
		plain = append(plain, v)
	}
	stratum := make([]int32, n)
	for i := range stratum {
		stratum[i] = int32(r.IntN(5))
	}
	b := Bootstrap{Stratum: stratum, Resamples: 100, Seed: 3}
	got := run(t, b, c)
	order, bounds := strata(stratum, n)
	weight := make([]float32, n*BlockSize)
	for k := range 2 {
		draw(weight, order, bounds, stream(b.Seed, k))
		for resample := k * BlockSize; resample < min(100, (k+1)*BlockSize); resample++ {
			drawn := map[int32]float64{}
			for i := range n {
				drawn[stratum[i]] += float64(weight[i*BlockSize+resample-k*BlockSize])
			}
			for s, count := range drawn {
				size := 0
				for _, x := range stratum {
					if x == s {
						size++
					}
				}
				if count != float64(size) {
					t.Fatalf("resample %d draws %v of stratum %d, which has %d", resample, count, s, size)
				}
			}
			for id, v := range plain {
				var sum float64
				for i, x := range v {
					sum += float64(x) * float64(weight[i*BlockSize+resample-k*BlockSize])
				}
				if want := sum / n; math.Abs(got[id][resample]-want) > 1e-6*want {
					t.Fatalf("column %d resample %d: mean %v, want %v", id, resample, got[id][resample], want)
				}
			}
		}
	}
}

func TestGoroutinesDoNotReachTheResult(t *testing.T) {
	r := rng(2)
	c := NewColumns(50)
	for range 5 {
		add(t, c, made(50, func(int) float64 { return r.Float64() }), None)
	}
	b := Bootstrap{Resamples: 300, Seed: 9}
	want := run(t, b, c)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := run(t, b, c); !reflect.DeepEqual(got, want) {
		t.Error("one goroutine gives other means")
	}
}

func TestVectorsAgreeWithThePlainLoopToTheBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rng(rapid.Uint64().Draw(t, "seed"))
		n := rapid.IntRange(1, 80).Draw(t, "n")
		weight := make([]float32, n*BlockSize)
		for i := range weight {
			weight[i] = float32(r.IntN(5))
		}
		index, value := make([]int32, n), make([]float32, n)
		for i := range index {
			index[i], value[i] = int32(i), float32(r.NormFloat64()/3)
		}
		var got, want [BlockSize]float32
		weigh(&got, weight, index, value)
		weighPlain(&want, weight, index, value)
		if got != want {
			t.Fatalf("sums %v, want %v", got, want)
		}
	})
}

func TestColumns(t *testing.T) {
	c := NewColumns(20)
	a := made(20, func(i int) float64 { return float64(i) })
	one := add(t, c, a, None)
	if again := add(t, c, append([]float32(nil), a...), None); again != one {
		t.Errorf("an equal column is number %d, want %d", again, one)
	}
	b := append([]float32(nil), a...)
	b[7] = float32(math.NaN())
	unknown := add(t, c, b, one)
	child := add(t, c, made(20, func(i int) float64 { return float64(i + 1) }), unknown)
	sparse, err := c.AddSparse([]int32{3, 5}, []float32{20, 40})
	if err != nil {
		t.Fatal(err)
	}
	ones, err := c.AddSparse([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, made(20, func(int) float64 { return 1 }))
	if err != nil {
		t.Fatal(err)
	}
	means := run(t, Bootstrap{Resamples: 2000}, c)
	if !math.IsNaN(means[unknown][0]) {
		t.Errorf("the mean of a column with an unknown figure is %v, want NaN", means[unknown][0])
	}
	if got := Mean(means[child]) - Mean(means[one]); math.Abs(got-1) > 1e-6 {
		t.Errorf("columns that differ by 1 have means that differ by %v", got)
	}
	if got := Mean(means[sparse]); math.Abs(got-3) > 0.3 {
		t.Errorf("mean of the sparse column's means = %v, want about 3", got)
	}
	if got := means[ones][17]; got != 1 {
		t.Errorf("mean of ones = %v", got)
	}
	for name, err := range map[string]error{
		"short column":          second(c.Add(a[:3], None)),
		"unknown parent":        second(c.Add(made(20, func(int) float64 { return 9 }), 99)),
		"sparse out of order":   second(c.AddSparse([]int32{5, 3}, []float32{1, 1})),
		"sparse out of range":   second(c.AddSparse([]int32{20}, []float32{1})),
		"sparse of two lengths": second(c.AddSparse([]int32{2}, nil)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func second(_ int, err error) error { return err }

func TestRefusals(t *testing.T) {
	none := func(*Block) {}
	if err := (Bootstrap{Resamples: 10}).Run(NewColumns(9), none); !errors.Is(err, ErrTooFewPrompts) {
		t.Errorf("nine prompts: %v, want ErrTooFewPrompts", err)
	}
	if err := (Bootstrap{Resamples: 10, Stratum: make([]int32, 3)}).Run(NewColumns(20), none); err == nil {
		t.Error("strata of other length: no error")
	}
	if err := (Bootstrap{}).Run(NewColumns(20), none); err == nil {
		t.Error("no resamples: no error")
	}
}

// TestCoverage draws samples whose true mean is known and counts how often the interval holds it.
func TestCoverage(t *testing.T) {
	const n, trials = 80, 300
	held := 0
	for trial := range trials {
		r := rng(uint64(trial))
		c := NewColumns(n)
		add(t, c, made(n, func(int) float64 { return float64(r.IntN(2)) }), None)
		low, high := Percentile(run(t, Bootstrap{Resamples: 400, Seed: uint64(trial)}, c)[0], 0.95)
		if low <= 0.5 && 0.5 <= high {
			held++
		}
	}
	if share := float64(held) / trials; share < 0.90 || share > 0.99 {
		t.Errorf("95 %% intervals hold the true mean in %.1f %% of trials", 100*share)
	}
}

func TestSummaries(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	if got := IQM([]float64{100, 1, 2, 3, 4, 5, 6, -50}); got != 3.5 {
		t.Errorf("IQM = %v, want 3.5", got)
	}
	if got := IQM([]float64{1, 2, 6}); got != 3 {
		t.Errorf("IQM of three = %v, want their mean, 3", got)
	}
	if got := IQM(nil); !math.IsNaN(got) {
		t.Errorf("IQM of none = %v, want NaN", got)
	}
	for _, tc := range []struct{ p, want float64 }{{0, 1}, {1, 4}, {0.5, 2.5}, {0.25, 1.75}, {-1, 1}} {
		if got := Quantile([]float64{1, 2, 3, 4}, tc.p); got != tc.want {
			t.Errorf("quantile %v = %v, want %v", tc.p, got, tc.want)
		}
	}
	if low, high := Percentile([]float64{1, nan, inf, inf}, 0.5); low != inf || high != inf {
		t.Errorf("interval with infinite resamples = %v to %v, want +Inf", low, high)
	}
	if low, _ := Percentile(nil, 0.95); !math.IsNaN(low) {
		t.Errorf("interval of nothing begins at %v, want NaN", low)
	}
	if got := PValue([]float64{1, 2, 3, nan}); got != 0.5 {
		t.Errorf("p of three positive differences = %v, want 0.5", got)
	}
	if got := PValue([]float64{0, 0}); got != 1 {
		t.Errorf("p of no difference = %v, want 1", got)
	}
	if d := Difference([]float64{1, inf}, []float64{3, inf}); d[0] != -2 || !math.IsNaN(d[1]) {
		t.Errorf("differences = %v, want -2 and NaN", d)
	}
}

func TestHolm(t *testing.T) {
	// R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
	got := Holm([]float64{0.01, math.NaN(), 0.04, 0.03, 0.005})
	want := []float64{0.03, math.NaN(), 0.06, 0.06, 0.02}
	for i := range want {
		if math.IsNaN(want[i]) != math.IsNaN(got[i]) || math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("Holm = %v, want %v", got, want)
			break
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 20).Draw(t, "p")
		adj := Holm(p)
		order := make([]int, len(p))
		for i := range order {
			order[i] = i
		}
		sort.Slice(order, func(i, j int) bool { return p[order[i]] < p[order[j]] })
		for k, i := range order {
			if adj[i] < p[i] || adj[i] > 1 || k > 0 && adj[i] < adj[order[k-1]] {
				t.Fatalf("Holm(%v) = %v", p, adj)
			}
		}
	})
}

// BenchmarkBootstrap resamples 1,700 prompts 10,000 times: 1,000 dense columns that resemble nothing.
func BenchmarkBootstrap(b *testing.B) {
	const n, columns, resamples = 1700, 1000, 10000
	r := rng(1)
	c := NewColumns(n)
	for range columns {
		add(b, c, made(n, func(int) float64 { return r.Float64() }), None)
	}
	var mu sync.Mutex
	var sum float64
	for b.Loop() {
		if err := (Bootstrap{Resamples: resamples, Seed: 1}).Run(c, func(k *Block) {
			mu.Lock()
			sum += k.Means(3)[0]
			mu.Unlock()
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*columns*resamples*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gterms/s")
}
