package warmup

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// golden vectors: x = age/window, by the formulas of the originals.
var xs = []float64{-0.5, 0, .1, .25, .5, .75, .99, 1, 1.01}

func TestGolden(t *testing.T) {
	const window = 120 * time.Second
	for _, c := range []struct {
		model string
		curve float64
		base  int
		want  []int
	}{
		{"linear", 0, 100, []int{1, 100, 10, 25, 50, 75, 99, 100, 100}},
		{"linear", 0, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"linear", 3, 100, []int{1, 100, 10, 25, 50, 75, 99, 100, 100}}, // has no curve
		{"linear", 0, 10, []int{1, 10, 1, 2, 5, 7, 9, 10, 10}},          // truncates
		{"power", 0, 100, []int{1, 1, 1, 6, 25, 56, 98, 100, 100}},      // its own curve is 2
		{"power", 2, 100, []int{1, 1, 1, 6, 25, 56, 98, 100, 100}},
		{"power", 1, 100, []int{1, 1, 10, 25, 50, 75, 99, 100, 100}},
		{"power", 5, 100, []int{1, 1, 1, 1, 3, 24, 95, 100, 100}},
		{"power", 2, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"power", 2, 10, []int{1, 1, 1, 1, 3, 6, 10, 10, 10}}, // rounds
	} {
		m, err := Find(c.model)
		require.NoError(t, err)
		var got []int
		for _, x := range xs {
			got = append(got, m.Weight(c.curve, time.Duration(x*float64(window)), window, c.base))
		}
		require.Equal(t, c.want, got, "%s %v of %d", c.model, c.curve, c.base)
	}
}

// Dubbo leaves an uptime of 0 ms out of its arithmetic.
func TestLinearFirstMillisecond(t *testing.T) {
	require.Equal(t, 100, linear.Weight(0, 999*time.Microsecond, time.Minute, 100))
	require.Equal(t, 1, linear.Weight(0, time.Millisecond, time.Minute, 100))
}

func TestEveryModel(t *testing.T) {
	for _, m := range Models() {
		t.Run(m.Name, func(t *testing.T) {
			require.Equal(t, 100, m.Weight(0, 0, 0, 100), "no window")
			require.Equal(t, 0, m.Weight(0, time.Second, time.Minute, 0), "nothing to weigh")
			require.Equal(t, 1, m.Weight(0, -time.Hour, time.Minute, 100), "a start in the future is no reason to flood")
			last := 0
			for age := time.Millisecond; age <= 2*time.Minute; age += 100 * time.Millisecond {
				w := m.Weight(0, age, time.Minute, 100)
				require.GreaterOrEqual(t, w, max(last, 1))
				require.LessOrEqual(t, w, 100)
				last = w
			}
			require.Equal(t, 100, last)
		})
	}
}

func TestFind(t *testing.T) {
	m, err := Find("")
	require.NoError(t, err)
	require.Equal(t, "linear", m.Name)
	_, err = Find("cubic")
	require.EqualError(t, err, `finding warm-up model "cubic": want one of linear, power`)
}

// A model is a file and a row.
func TestEveryFileHasARow(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".go")
		if !strings.HasSuffix(name, "_test") && name != "warmup" && name != "testdata" {
			names = append(names, name)
		}
	}
	var rows []string
	for _, m := range Models() {
		rows = append(rows, m.Name)
	}
	slices.Sort(rows)
	require.Equal(t, names, rows)
}
