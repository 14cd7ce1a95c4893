package html

import (
	"fmt"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/internal/format"
	"zeroloss/reports/ledger"
)

// burstGap is the longest time between two losses of one burst.
const burstGap = time.Second

// burst is a run of losses of one arm with one explanation.
type burst struct {
	Title string  `json:"title"`
	From  float64 `json:"from"` // due of the first
	To    float64 `json:"to"`   // due of the last
	Count int     `json:"count"`
}

// bursts groups losses, which are sorted by due: those of one arm, release and
// window that follow each other closely. of gives each loss's burst; bursts
// are in the order of their first loss.
func bursts(losses []ledger.Loss) (list []burst, of []int) {
	type key struct {
		arm     string
		release record.Instance
		window  ledger.Window
	}
	type open struct {
		index int
		last  time.Duration
	}
	list = []burst{}
	last := map[key]open{}
	for _, x := range losses {
		k := key{x.Arm, x.Release, x.Window}
		o, ok := last[k]
		if !ok || x.Due-o.last > burstGap {
			o.index = len(list)
			list = append(list, burst{Title: burstTitle(x), From: ms(x.Due)})
		}
		o.last = x.Due
		last[k] = o
		list[o.index].To = ms(x.Due)
		list[o.index].Count++
		of = append(of, o.index)
	}
	return list, of
}

func burstTitle(x ledger.Loss) string {
	if x.Release == (record.Instance{}) {
		return fmt.Sprintf("%s · %s · no release explains it", x.Arm, x.Window)
	}
	return fmt.Sprintf("%s · %s · release of %s", x.Arm, x.Window, format.ShortPod(x.Release))
}
