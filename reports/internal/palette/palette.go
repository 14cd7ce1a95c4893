// Package palette decides the colours and marks that the page and the pictures
// share: of the time line's phases and events, of arms, of classes of loss, of
// verdicts.
package palette

// Colour is the colour of one meaning, as #rrggbb, on a light and on a dark
// background. All are from, or near, the palette of Okabe and Ito. No meaning
// depends on the hue alone: lost requests are crosses, masked ones hollow.
type Colour struct{ Name, Light, Dark string }

// Phases lists the phases of an instance in order, with their colours on the time
// line.
func Phases() []Colour {
	return []Colour{
		{"starting", "#d3d7dc", "#3a4149"},
		{"listening", "#b4bdc8", "#525c68"},
		{"registered", "#8fb4d9", "#47719c"},
		{"warming", "#74c0c6", "#2f7f86"},
		{"serving", "#4a9a8d", "#3a8478"},
		{"closing", "#f0b93a", "#d9a31f"},
		{"draining", "#e0801c", "#e08a34"},
		{"closed", "#6f7782", "#7b8490"},
	}
}

// Phase returns the colour of a phase, grey for an unknown one.
func Phase(name string) Colour {
	for _, c := range Phases() {
		if c.Name == name {
			return c
		}
	}
	return Colour{name, "#9aa1aa", "#6b737d"}
}

// Arms lists the colours of ok requests, by the arm's position in the plan.
func Arms() []Colour {
	return []Colour{
		{"first arm", "#2f6db3", "#6aa5e3"},
		{"second arm", "#0f857a", "#45bfae"},
		{"third arm", "#7a5ea8", "#ab8fd8"},
		{"fourth arm", "#7d6b2c", "#c2ad63"},
	}
}

// Losses lists the colours of lost requests, by the position of their class among
// those that occur. With more classes than colours, the shape tells them apart.
func Losses() []Colour {
	return []Colour{
		{"first class", "#cf4a10", "#ff7b42"},
		{"second class", "#b0226e", "#f07ab2"},
		{"third class", "#7c2d12", "#d99a7a"},
		{"fourth class", "#a16207", "#e8b84a"},
	}
}

// Inks lists the colours that stand for one thing each.
func Inks() []Colour {
	return []Colour{
		{"lost", "#cf4a10", "#ff7b42"},
		{"masked", "#8a3fa0", "#cf8fe0"},
		{"unsent", "#8a8f98", "#7b838d"},
		{"window", "#f0b93a", "#d9a31f"},
		{"pass", "#0b6e58", "#4cc5a5"},
		{"fail", "#b93a0a", "#ff7b42"},
		{"invalid", "#7a5a00", "#e5b93d"},
	}
}

// Ink returns the colour of that name.
func Ink(name string) Colour {
	for _, c := range Inks() {
		if c.Name == name {
			return c
		}
	}
	return Colour{name, "#000000", "#ffffff"}
}

// Windows lists the colours of the windows that explain losses, in the order of
// ledger.Windows.
func Windows() []Colour {
	return []Colour{
		{"stale-route", "#b77a12", "#e0a83f"},
		{"drain-cut", "#2f6db3", "#6aa5e3"},
		{"closed-early", "#0f857a", "#45bfae"},
		{"cold-start", "#7a5ea8", "#ab8fd8"},
		{"registry-lag", "#8a6d3b", "#c0a26b"},
		{"crash", "#8c2f39", "#e07a85"},
		{"overload", "#5c6b2e", "#a6b96a"},
		{"stalled", "#7a5c3e", "#c7a582"},
		{"unexplained", "#3c434b", "#aab2bb"},
	}
}
