package record

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sampleTrail is what a gray request through gateway, A and B looks like when
// B's instance refuses the second delivery.
func sampleTrail() Trail {
	at := Micros(1_790_000_000_123_456)
	return Trail{
		{Service: "spring-cloud-zuul", Instance: Instance{"spring-cloud-zuul-5f6d8", 1}, Took: 3456 * time.Microsecond,
			Call: &Call{Service: "spring-cloud-a", Callee: Instance{"spring-cloud-a-gray-x2k9f", 1}, Addr: "127.13.0.4:20001",
				Tag: "gray", Wanted: "gray", At: at, Status: 502, Attempts: 1}},
		{Service: "spring-cloud-a", Instance: Instance{"spring-cloud-a-gray-x2k9f", 1}, Tag: "gray", Took: 2345 * time.Microsecond,
			Call: &Call{Service: "spring-cloud-b", Callee: Instance{"spring-cloud-b-gray-p8s7d", 2}, Addr: "127.13.0.6:20002",
				Tag: "gray", Wanted: "gray", At: at.Add(900 * time.Microsecond), Class: Refused, Attempts: 2,
				Masked: []Attempt{{At: at.Add(800 * time.Microsecond), Addr: "127.13.0.6:20002", Class: EOF}}}},
	}
}

func TestTrailRoundTrip(t *testing.T) {
	odd := Trail{{Service: "a,b;c%~= \n\xff", Instance: Instance{"~x/y", -3}, Tag: "=", Class: "ü",
		Call: &Call{Tag: "t", Wanted: "=", Status: 0, At: -1, Attempts: 0}}}
	for name, want := range map[string]Trail{"typical": sampleTrail(), "odd": odd, "one zero hop": {{}}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			s := want.String()
			for _, c := range []byte(s) {
				require.True(t, c > ' ' && c < 0x7f, "byte %#x in a header", c)
			}
			got, err := ParseTrail(s)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestTrailIsShort(t *testing.T) {
	s := sampleTrail()[1:].String()
	require.LessOrEqual(t, len(s), 150, s) // one hop, with a masked attempt
	plain := sampleTrail()[:1].String()
	require.LessOrEqual(t, len(plain), 110, plain)
}

func TestPrependHop(t *testing.T) {
	trail := sampleTrail()
	header := ""
	for i := len(trail) - 1; i >= 0; i-- {
		header = PrependHop(trail[i], header)
	}
	require.Equal(t, trail.String(), header)
}

func TestPrependHopKeepsWhatIsBroken(t *testing.T) {
	_, err := ParseTrail(PrependHop(sampleTrail()[0], "<html>"))
	require.ErrorContains(t, err, "hop 1")
}

func TestParseTrailErrors(t *testing.T) {
	for in, want := range map[string]string{
		"x":               "want version 1",
		"1":               "no hop",
		"1;":              "1 fields",
		"1;a,b,c":         "3 fields",
		"1;a,b,,0,":       "pod/incarnation",
		"1;a,b/?,,0,":     "incarnation",
		"1;a,,,!,":        "duration",
		"1;a%4,,,0,":      "cut short",
		"1;a%zz,,,0,":     "bad escape",
		"1;a\x00,,,0,":    "unexpected",
		"1;a,,,0,," + "b": "6 fields",
	} {
		_, err := ParseTrail(in)
		require.ErrorContains(t, err, want, in)
	}
	_, err := ParseTrail("2;anything")
	require.ErrorIs(t, err, ErrNewer)
	_, err = ParseTrail(strings.Repeat("9", 100_000))
	require.Less(t, len(err.Error()), 500)
}

func FuzzTrail(f *testing.F) {
	f.Add(sampleTrail().String())
	f.Add("1;a,,,0,")
	f.Add("1;a,~/1,,0,,b,~%2F/z,x,,=,0,,,")
	f.Fuzz(func(t *testing.T, s string) {
		first, err := ParseTrail(s)
		if err != nil {
			return
		}
		second, err := ParseTrail(first.String())
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
}
