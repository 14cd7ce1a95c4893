package lane

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func identity(s string) string { return s }

func TestEligible(t *testing.T) {
	for _, c := range []struct {
		name   string
		hosts  string // tags, "-": base
		wanted string
		strict bool
		want   string
		reason Reason
	}{
		{"no tag goes to untagged", "- gray - blue", "", false, "- -", Base},
		{"no tag never reaches a tagged one", "gray blue", "", false, "", NoBase},
		{"a tag goes to its own", "- gray - gray", "gray", false, "gray gray", Own},
		{"a tag without instances goes to untagged", "- blue -", "gray", false, "- -", Fallback},
		{"and not to another tag", "blue", "gray", false, "", NoBase},
		{"strict: own", "- gray", "gray", true, "gray", Own},
		{"strict: else nowhere", "- -", "gray", true, "", NoTagged},
		{"strict means nothing without a tag", "- gray", "", true, "-", Base},
		{"nobody", "", "gray", false, "", NoBase},
		{"nobody at all", "", "", false, "", NoBase},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, reason := Eligible(tags(c.hosts), identity, c.wanted, c.strict)
			require.Equal(t, tags(c.want), got)
			require.Equal(t, c.reason, reason)
		})
	}
}

func tags(s string) (out []string) {
	for _, f := range strings.Fields(s) {
		out = append(out, strings.TrimPrefix(f, "-"))
	}
	return out
}

func TestOutgoing(t *testing.T) {
	require.Equal(t, "gray", Outgoing("gray", "blue", false))
	require.Equal(t, "blue", Outgoing("gray", "blue", true))
	require.Equal(t, "gray", Outgoing("gray", "", true), "base dyes nothing")
	require.Equal(t, "", Outgoing("", "blue", false))
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, header, baggage string
		tag                   string
		conflict              string
	}{
		{"nothing", "", "", "", ""},
		{"header", "gray", "", "gray", ""},
		{"baggage", "", "mse-tag=gray", "gray", ""},
		{"baggage among others", "", "a=b;p=1 , mse-tag = gray;q=2, c=d", "gray", ""},
		{"percent-encoded", "", "mse-tag=gr%61y", "gray", ""},
		{"both agree", "gray", "a=b,mse-tag=gray", "gray", ""},
		{"header wins", "gray", "mse-tag=blue", "gray", "x-mse-tag says gray, baggage says blue"},
		{"header wins over nonsense", "gray", "mse-tag=%zz", "gray", "mse-tag in baggage is not a valid tag"},
		{"nonsense alone", "", "mse-tag=%0a", "", "mse-tag in baggage is not a valid tag"},
		{"a comma cannot be smuggled", "", "mse-tag=a%2cb", "", "mse-tag in baggage is not a valid tag"},
		{"a header that is no tag", "a,b", "", "", "x-mse-tag is not a valid tag"},
		{"baggage helps out", "a b", "mse-tag=blue", "blue", "x-mse-tag is not a valid tag"},
		{"empty member", "", "mse-tag=", "", ""},
		{"member without a value", "", "mse-tag", "", ""},
		{"another key", "", "xmse-tag=gray,MSE-TAG=blue", "", ""},
		{"too long", strings.Repeat("a", 64), "", "", "x-mse-tag is not a valid tag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, RequestTag{Tag: c.tag, Conflict: c.conflict}, ReadTag(headers(c.header, c.baggage)))
		})
	}
}

func headers(header, baggage string) http.Header {
	h := http.Header{}
	if header != "" {
		h.Set("x-mse-tag", header)
	}
	if baggage != "" {
		h.Set("baggage", baggage)
	}
	return h
}

func TestReadTakesAllLines(t *testing.T) {
	h := http.Header{"Baggage": {"a=b", "mse-tag=gray"}}
	require.Equal(t, RequestTag{Tag: "gray"}, ReadTag(h))
}

func TestForward(t *testing.T) {
	for _, c := range []struct{ name, in, tag, wantHeader, wantBaggage string }{
		{"both carriers", "", "gray", "gray", "mse-tag=gray"},
		{"others travel on as they were", "k=v%20w;p=1, x=y", "gray", "gray", "mse-tag=gray,k=v%20w;p=1,x=y"},
		{"a conflict ends here", "mse-tag=blue,x=y", "gray", "gray", "mse-tag=gray,x=y"},
		{"no tag", "x=y", "", "", "x=y"},
		{"no tag any more", "mse-tag=blue", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := headers("stale", "stale=1")
			WriteTag(out, headers("", c.in), c.tag)
			require.Equal(t, c.wantHeader, out.Get("x-mse-tag"))
			require.Equal(t, c.wantBaggage, out.Get("baggage"))
			require.Equal(t, RequestTag{Tag: c.tag}, ReadTag(out), "the next hop reads the same")
		})
	}
}

func TestReadIsFreeOnTheUsualPath(t *testing.T) {
	h := headers("gray", "")
	require.Zero(t, testing.AllocsPerRun(100, func() { ReadTag(h) }))
}

func FuzzBaggage(f *testing.F) {
	for _, s := range []string{"", "mse-tag=gray", "a=b;p=1 , mse-tag = gr%61y;q=2,,;=", "mse-tag=%", "mse-tag=a,mse-tag=b", "k=v%20w"} {
		f.Add("gray", s)
		f.Add("", s)
	}
	f.Fuzz(func(t *testing.T, header, baggage string) {
		in := http.Header{Header: {header}, Baggage: {baggage}}
		c := ReadTag(in)
		if c.Tag != "" && !valid(c.Tag) {
			t.Fatalf("%q is not a valid tag", c.Tag)
		}
		out := http.Header{}
		WriteTag(out, in, c.Tag)
		require.Equal(t, RequestTag{Tag: c.Tag}, ReadTag(out))
		// The others are all there, once, in their order.
		require.Equal(t, withoutMember([]string{baggage}), withoutMember(out[Baggage]))
		again := http.Header{}
		WriteTag(again, out, c.Tag)
		require.Equal(t, out, again)
	})
}
