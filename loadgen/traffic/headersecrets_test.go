package traffic

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeadersByReference(t *testing.T) {
	env := map[string]string{"TOKEN": "s3cret", "EMPTY": ""}
	lookup := func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	streams := []Stream{{Name: "a", Header: map[string]string{"Authorization": "Bearer ${TOKEN}", "X": "$TOKEN ${} ${EMPTY}|"}}, {Name: "b"}}
	got, err := ResolveSecrets(streams, lookup)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Authorization": "Bearer s3cret", "X": "$TOKEN ${} |"}, got[0].Header)
	require.Equal(t, "Bearer ${TOKEN}", streams[0].Header["Authorization"], "what is recorded has the name")

	streams[1].Header = map[string]string{"Cookie": "${NONE}"}
	_, err = ResolveSecrets(streams, lookup)
	require.EqualError(t, err, `header Cookie of stream "b" needs the environment variable NONE, which is not set`)
}

func TestBareSecrets(t *testing.T) {
	s := Stream{Header: map[string]string{"authorization": "Bearer x", "Cookie": "a=${B}", "X-Version": "2", "X-API-Key": "k"}}
	require.Equal(t, []string{"X-API-Key", "authorization"}, s.InlineSecrets())
}
