package palette

import "zeroloss/loadgen/record"

// Mark is how an event of an instance looks on the time line.
type Mark struct {
	Kind  record.Kind
	Label string // in legends
	Shape string // up, down, square, diamond, dot or cross
	// PageOnly marks are too many for a picture, which cannot be zoomed.
	PageOnly bool
}

// Marks lists the events that are drawn on the time line, in the order of legends.
func Marks() []Mark {
	return []Mark{
		{record.KindRegistered, "registered", "up", true},
		{record.KindOffline, "offline", "down", false},
		{record.KindDeregistered, "deregistered", "diamond", false},
		{record.KindTermSent, "TERM sent", "dot", true},
		{record.KindTermReceived, "TERM received", "dot", false},
		{record.KindListenerClosed, "listener closed", "square", false},
		{record.KindRequestsCut, "requests cut", "cross", true},
		{record.KindHookAbandoned, "hook abandoned", "cross", false},
		{record.KindHookFailed, "hook failed", "cross", true},
		{record.KindProbeFailed, "probe failed", "cross", true},
		{record.KindKillSent, "killed", "cross", false},
	}
}
