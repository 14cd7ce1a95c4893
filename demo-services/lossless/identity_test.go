package lossless

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

func TestIdentity(t *testing.T) {
	id := Identity{Instance: record.Instance{Pod: "spring-cloud-b-7c9f-1", Incarnation: 2}, Start: 1763700000123}
	require.Equal(t, "spring-cloud-b-7c9f-1/2/1763700000123", id.String())
	back, err := ParseIdentity(id.String())
	require.NoError(t, err)
	require.Equal(t, id, back)
	for _, bad := range []string{"", "/", "a", "a/1", "a/x/1", "a/1/x", "/1/1", "a/1/-1", "a/-1/1", "//", "a/1/1/1x"} {
		_, err := ParseIdentity(bad)
		require.ErrorContains(t, err, fmt.Sprintf("%q", bad))
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add("spring-cloud-b-7c9f-1/2/1763700000123")
	f.Add("//")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseIdentity(s)
		if err != nil {
			return
		}
		back, err := ParseIdentity(id.String())
		require.NoError(t, err)
		require.Equal(t, id, back)
	})
}

func TestCallers(t *testing.T) {
	var c Callers
	c.Seen(0, "old:1")
	c.Seen(30*time.Second, "b:1")
	c.Seen(40*time.Second, "a:1")
	c.Seen(35*time.Second, "a:1") // seen by a slower goroutine
	c.Seen(40*time.Second, "")
	require.Equal(t, []string{"a:1", "b:1", "old:1"}, c.Recent(60*time.Second))
	require.Equal(t, []string{"a:1", "b:1"}, c.Recent(60*time.Second+1), "unseen for longer than a minute")
	require.Equal(t, []string{"a:1"}, c.Recent(100*time.Second))
	require.Empty(t, c.Recent(101*time.Second))
}

func TestCallersAreBounded(t *testing.T) {
	c := Callers{Max: 3, Memory: time.Hour}
	for i := range 10 {
		c.Seen(time.Duration(i)*time.Second, fmt.Sprintf("c%d:1", i))
	}
	require.Equal(t, []string{"c7:1", "c8:1", "c9:1"}, c.Recent(10*time.Second))
}
