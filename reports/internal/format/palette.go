package format

// Colour is one meaning's colour, as #rrggbb, on light and on dark ground.
// All are taken from, or near, the palette of Okabe and Ito, and none means
// something by its hue alone: lost ones are crosses, masked ones hollow.
type Colour struct{ Name, Light, Dark string }

// Phases lists the phases of a life in order, with their colours.
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

// Phase is the colour of the phase, grey where it is not one of ours.
func Phase(name string) Colour {
	for _, c := range Phases() {
		if c.Name == name {
			return c
		}
	}
	return Colour{name, "#9aa1aa", "#6b737d"}
}

// Arms are the colours of ok requests, by the arm's place in the plan.
func Arms() []Colour {
	return []Colour{
		{"first arm", "#2f6db3", "#6aa5e3"},
		{"second arm", "#0f857a", "#45bfae"},
		{"third arm", "#7a5ea8", "#ab8fd8"},
		{"fourth arm", "#7d6b2c", "#c2ad63"},
	}
}

// Losses are the colours of lost requests, by the class's place among those
// that occur. Beyond them the shape tells classes apart.
func Losses() []Colour {
	return []Colour{
		{"first class", "#cf4a10", "#ff7b42"},
		{"second class", "#b0226e", "#f07ab2"},
		{"third class", "#7c2d12", "#d99a7a"},
		{"fourth class", "#a16207", "#e8b84a"},
	}
}

// Inks are the single colours.
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

// Ink is the single colour of that name.
func Ink(name string) Colour {
	for _, c := range Inks() {
		if c.Name == name {
			return c
		}
	}
	return Colour{name, "#000000", "#ffffff"}
}

// Windows are the colours of the windows that explain losses, in the order in
// which reports show them.
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
