package settings

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRefusesWordsItDoesNotKnow(t *testing.T) {
	for what, spoil := range map[string]func(d *Document){
		`unknown offline mode "lossles"`: func(d *Document) { d.Offline.Mode = "lossles" },
		`unknown cache "poll"`:           func(d *Document) { d.Consumer.Cache = "poll" },
		`unknown balancer "least"`:       func(d *Document) { d.Consumer.Balancer = "least" },
		`got ""`:                         func(d *Document) { d.Schema = "" },
	} {
		d := Document{Schema: Schema, Offline: Offline{Mode: Reject}, Consumer: Consumer{Cache: CacheTTL35, Balancer: Random}}
		got, err := Parse(d.JSON())
		require.NoError(t, err)
		require.Equal(t, d.Offline, got.Offline)
		spoil(&d)
		_, err = Parse(d.JSON())
		require.ErrorContains(t, err, what)
	}
}
