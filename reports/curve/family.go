package curve

import "math"

// Family is a curve for each exponent, as consumers would round it. Roundings
// matter: one that truncates to hundredths takes 0.005 of each weight away,
// which among two looks like an exponent of 1.02 where 1 was declared, and
// from 50,000 requests on an interval of the exact power leaves 1 out.
//
// What is estimated must be smooth in the exponent, and steps of weight are
// not: a family knows the mean weight between two ages.
type Family struct {
	exponent float64
	sums     []float64 // of the weights up to an age, at equal steps of it
}

// ages is how many steps of age a family knows its weights at: many to each
// of the hundredths that a weight is rounded to.
const ages = 1 << 12

// Powers is x^c as it is, but not under 1/100.
func Powers() Family { return FamilyOf(Power(1), 1) }

// FamilyOf is the family of a shape that is, but for its roundings, x^c: its
// member d is the shape at x^(d/c), which is x^d rounded in the same way. A
// shape that has no exponent (c is 0) is in no such family: that is [Powers].
func FamilyOf(s Shape, c float64) Family {
	if c <= 0 {
		return Powers()
	}
	f := Family{exponent: c, sums: make([]float64, ages+1)}
	for i := range ages {
		f.sums[i+1] = f.sums[i] + s.At((float64(i)+0.5)/ages)
	}
	return f
}

// age is what an age of the member c, whose logarithm is given, is on the
// family's own, in its steps.
func (f Family) age(c, log float64) float64 {
	return math.Exp(c/f.exponent*log) * ages
}

// mean is the weight between two ages in steps of the family's own: 1 beyond
// the end.
func (f Family) mean(from, to float64) float64 {
	if to-from < 1e-9 { // an instant, as where both are beyond the end
		i := int(to)
		if i >= ages {
			return 1
		}
		return f.sums[i+1] - f.sums[i]
	}
	return (f.sum(to) - f.sum(from)) / (to - from)
}

func (f Family) sum(age float64) float64 {
	i := int(age)
	if i >= ages {
		return f.sums[ages]
	}
	return f.sums[i] + (age-float64(i))*(f.sums[i+1]-f.sums[i])
}
