package warmup

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const window = 120 * time.Second

// golden vectors: x = age/window, by the formulas of the products.
var xs = []float64{-2, -0.5, 0, .1, .25, .5, .75, .99, 1, 1.01}

func at(x float64) time.Duration { return time.Duration(math.Round(x * float64(window))) }

func TestGolden(t *testing.T) {
	missing := map[string]bool{}
	for _, m := range Models() {
		missing[m.Name] = true
	}
	for _, c := range []struct {
		model string
		curve float64
		base  int
		want  []int
	}{
		{"linear", 0, 100, []int{1, 1, 1, 10, 25, 50, 75, 99, 100, 100}},
		{"linear", 0, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"linear", 3, 100, []int{1, 1, 1, 10, 25, 50, 75, 99, 100, 100}}, // has no curve
		{"linear", 0, 10, []int{1, 1, 1, 1, 2, 5, 7, 9, 10, 10}},         // truncates
		{"power", 0, 100, []int{1, 1, 1, 1, 6, 25, 56, 98, 100, 100}},    // its own curve is 2
		{"power", 2, 100, []int{1, 1, 1, 1, 6, 25, 56, 98, 100, 100}},
		{"power", 1, 100, []int{1, 1, 1, 10, 25, 50, 75, 99, 100, 100}},
		{"power", 3, 100, []int{1, 1, 1, 1, 2, 13, 42, 97, 100, 100}}, // rounds 12.5 up
		{"power", 4, 100, []int{1, 1, 1, 1, 1, 6, 32, 96, 100, 100}},
		{"power", 5, 100, []int{1, 1, 1, 1, 1, 3, 24, 95, 100, 100}},
		{"power", 2, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"power", 2, 10, []int{1, 1, 1, 1, 1, 3, 6, 10, 10, 10}}, // rounds
		{"envoy", 0, 100, []int{10, 10, 10, 10, 25, 50, 75, 99, 100, 100}},
		{"envoy", 2, 100, []int{10, 10, 10, 32, 50, 71, 87, 99, 100, 100}},   // a square root: faster
		{"envoy", 0.5, 100, []int{10, 10, 10, 10, 10, 25, 56, 98, 100, 100}}, // a square: slower
		{"envoy", 0, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"dubbo", 0, 100, []int{1, 1, 100, 10, 25, 50, 75, 99, 100, 100}}, // all in its first millisecond
		{"dubbo", 0, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"dubbo", 0, 10, []int{1, 1, 10, 1, 2, 5, 7, 9, 10, 10}},
		{"dubbo-go", 0, 100, []int{1, 1, 1, 10, 25, 50, 75, 99, 100, 100}},
		{"dubbo-go", 0, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"dubbo-go-seconds", 0, 100, []int{100, 100, 100, 10, 25, 50, 75, 98, 100, 100}}, // 118 s of 120
		{"dubbo-go-seconds", 0, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"sermant", 0, 100, []int{1, 1, 1, 1, 6, 25, 56, 98, 100, 100}},
		{"sermant", 1, 100, []int{1, 1, 1, 10, 25, 50, 75, 99, 100, 100}},
		{"sermant", 2.9, 100, []int{1, 1, 1, 1, 6, 25, 56, 98, 100, 100}}, // a whole number there
		{"sermant", 2, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"sermant-skew", 0, 100, []int{100, 100, 100, 1, 6, 25, 56, 98, 100, 100}},
		{"sermant-skew", 0, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"polaris", 0, 100, []int{0, 0, 0, 10, 25, 50, 75, 99, 100, 100}},
		// .1² is 0.010000000000000002 in floating point, and that is rounded up.
		{"polaris", 2, 100, []int{0, 0, 0, 2, 7, 25, 57, 97, 100, 100}},
		{"polaris", 1, 1, []int{0, 0, 0, 1, 1, 1, 1, 1, 1, 1}},
		{"polaris-mirror", 0, 100, []int{100, 50, 0, 10, 25, 50, 75, 99, 100, 100}},
		{"polaris-mirror", 0, 1, []int{1, 1, 0, 1, 1, 1, 1, 1, 1, 1}},
		{"polaris-guard", 0, 100, []int{0, 0, 0, 10, 25, 50, 75, 99, 100, 100}},
		{"polaris-guard", 0, 1, []int{0, 0, 0, 1, 1, 1, 1, 1, 1, 1}},
		{"polaris-remainder", 0, 100, []int{0, 0, 0, 10, 25, 50, 75, 99, 100, 100}},
		{"polaris-remainder", 0, 1, []int{0, 0, 0, 1, 1, 1, 1, 1, 1, 1}},
	} {
		m, err := Find(c.model)
		require.NoError(t, err)
		delete(missing, c.model)
		var got []int
		for _, x := range xs {
			got = append(got, m.Weight(c.curve, at(x), window, c.base))
		}
		require.Equal(t, c.want, got, "%s %v of %d", c.model, c.curve, c.base)
	}
	require.Empty(t, missing, "every model has golden vectors")
}

func TestFirstMillisecondAndSecond(t *testing.T) {
	for _, c := range []struct {
		model string
		age   time.Duration
		want  int
	}{
		{"dubbo", 999 * time.Microsecond, 100}, // its formula is for more than 0 ms
		{"dubbo", time.Millisecond, 1},
		{"linear", 0, 1},
		{"dubbo-go-seconds", 999 * time.Millisecond, 100}, // … for more than 0 s
		{"dubbo-go-seconds", time.Second, 1},
		{"dubbo-go", 0, 1},
		{"sermant-skew", 999 * time.Microsecond, 100},
		{"sermant-skew", time.Millisecond, 1},
		{"polaris", 999 * time.Millisecond, 0},
		{"polaris", time.Second, 1},
		{"polaris-mirror", -1500 * time.Millisecond, 1},
		{"envoy", window / 10, 10},
		{"envoy", window/10 + 600*time.Millisecond, 11},
	} {
		m, err := Find(c.model)
		require.NoError(t, err)
		require.Equal(t, c.want, m.Weight(0, c.age, window, 100), "%s at %v", c.model, c.age)
	}
}

func TestGroups(t *testing.T) {
	young := func(x float64) Member { return Member{Age: at(x), Window: window, Base: 100} }
	light := func(x float64) Member { return Member{Age: at(x), Window: window, Base: 1} }
	old, other := young(5), Member{Age: at(.25), Base: 100} // other does not warm up
	for _, c := range []struct {
		model   string
		members []Member
		want    []int
	}{
		{"polaris-guard", []Member{young(.25)}, []int{100}}, // n = 1
		{"polaris-guard", []Member{young(.25), old}, []int{100, 100}},
		{"polaris-guard", []Member{young(.25), old, old}, []int{25, 100, 100}},
		{"polaris-guard", []Member{old, other, young(.25)}, []int{100, 100, 25}},
		{"polaris-guard", []Member{young(.1), young(.25), old, old, old}, []int{10, 25, 100, 100, 100}}, // 40 %
		{"polaris-guard", []Member{young(.1), young(.25), old, old}, []int{100, 100, 100, 100}},
		{"polaris-guard", []Member{old, other}, []int{100, 100}},
		{"polaris-guard", nil, []int{}},
		{"polaris-guard", []Member{light(0), light(5)}, []int{1, 1}}, // W = 1
		{"polaris-guard", []Member{light(0), light(5), light(5)}, []int{0, 1, 1}},
		{"polaris-guard", []Member{light(.1), light(5), light(5)}, []int{1, 1, 1}},
		{"polaris-remainder", []Member{young(.25)}, []int{100}},
		{"polaris-remainder", []Member{young(.25), old, old}, []int{100, 100, 100}},     // first of all: not protected
		{"polaris-remainder", []Member{old, young(.1), old}, []int{190, 10, 100}},       // 63 % of the requests, 3 %, 33 %
		{"polaris-remainder", []Member{{Base: 50}, old, young(.1)}, []int{50, 190, 10}}, // 250 mod 3
		{"polaris-remainder", nil, []int{}},
		{"polaris-remainder", []Member{light(0), light(5), light(5)}, []int{1, 1, 1}},
		{"polaris-remainder", []Member{light(5), light(0), light(5)}, []int{2, 0, 1}},
	} {
		m, err := Find(c.model)
		require.NoError(t, err)
		g, ok := m.Group()
		require.True(t, ok)
		got := make([]int, len(c.members))
		g.Weights(c.members, got)
		require.Equal(t, c.want, got, "%s of %v", c.model, c.members)
	}
	_, ok := polaris.Group()
	require.False(t, ok)
}

// A model without a defect rises, reaches the base, and never gives a new instance
// its full weight, whatever the clocks say.
func TestEveryModel(t *testing.T) {
	for _, m := range Models() {
		t.Run(m.Name, func(t *testing.T) {
			require.Equal(t, 100, m.Weight(0, 0, 0, 100), "no window")
			require.Equal(t, 0, m.Weight(0, time.Second, time.Minute, 0), "nothing to weigh")
			require.Equal(t, m.Parameter == "", m.Curve == 0)
			require.Equal(t, m.WholeSeconds, m.Weight(0, 30*time.Second, time.Minute, 1000) == m.Weight(0, 30900*time.Millisecond, time.Minute, 1000))
			require.Equal(t, m.Parameter == "" || m.IntegerCurve, m.Weight(2, 30*time.Second, time.Minute, 100) == m.Weight(2.9, 30*time.Second, time.Minute, 100))
			last, low := 0, 1
			if m.CacheFor > 0 { // Polaris's
				low = 0
			}
			for age := time.Millisecond; age <= 2*time.Minute; age += 100 * time.Millisecond {
				w := m.Weight(0, age, time.Minute, 100)
				if m.Name == dubboGoSeconds.Name && age < time.Second {
					require.Equal(t, 100, w)
					continue
				}
				require.GreaterOrEqual(t, w, max(last, low))
				require.LessOrEqual(t, w, 100)
				last = w
			}
			require.Equal(t, 100, last)
			if m.Defect == "" {
				require.LessOrEqual(t, m.Weight(0, -time.Hour, time.Minute, 100), 10, "a start in the future is no reason to flood")
			}
			for _, odd := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e-300} {
				for age := -time.Second; age < time.Minute; age += 10 * time.Second {
					w := m.Weight(odd, age, time.Minute, 100)
					require.True(t, 0 <= w && w <= 100, "curve %v at %v: %d", odd, age, w)
				}
			}
			require.LessOrEqual(t, m.Weight(0, 0, time.Microsecond, 100), 100, "a window shorter than the unit")
		})
	}
}

func TestFind(t *testing.T) {
	m, err := Find("")
	require.NoError(t, err)
	require.Equal(t, "linear", m.Name)
	_, err = Find("cubic")
	require.ErrorContains(t, err, `finding warm-up model "cubic": must be one of linear, power, envoy, dubbo, `)
}

// A model with a defect describes it, and its name differs from the product's.
func TestDefectsHaveNamesOfTheirOwn(t *testing.T) {
	fit := map[string]bool{}
	for _, m := range Models() {
		fit[m.Name] = m.Defect == ""
	}
	for name, ok := range fit {
		if !ok {
			require.Contains(t, fit, name[:strings.LastIndex(name, "-")], "%s has a model without its defect", name)
		}
	}
	require.Len(t, fit, len(Models()), "names are unique")
}

// Each model has a file, and a row in the table of the package comment.
func TestEveryFileHasARow(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		name, isGo := strings.CutSuffix(f.Name(), ".go")
		if isGo && !strings.HasSuffix(name, "_test") && name != "warmup" {
			names = append(names, strings.ReplaceAll(name, "_", "-"))
		}
	}
	var rows []string
	doc, err := os.ReadFile("warmup.go")
	require.NoError(t, err)
	for _, m := range Models() {
		rows = append(rows, m.Name)
		require.Contains(t, string(doc), "\n//	"+m.Name+" ", "the package's table")
	}
	slices.Sort(rows)
	slices.Sort(names)
	require.Equal(t, names, rows)
}
