package curve

import "math"

// Family is a curve for each exponent, rounded as consumers round it. Roundings
// matter: one that truncates to hundredths lowers each weight by 0.005 on
// average. Between two instances that looks like an exponent of 1.02 if 1 is
// declared, and from 50,000 requests on the interval of the exact power
// excludes 1.
//
// The likelihood must be smooth in the exponent, and steps of the weight are
// not: a family knows the mean weight between two ages.
type Family struct {
	exponent float64
	sums     []float64 // of the weights up to an age, at equal steps of it
}

// ageSteps is at how many ages a family knows its weights: many for each of the
// hundredths that a weight is rounded to.
const ageSteps = 1 << 12

// PowerFamily is x^c without roundings, but not under 1/100.
func PowerFamily() Family { return FamilyOf(PowerShape(1), 1) }

// FamilyOf is the family of a shape that is x^c apart from its roundings: its
// member d is the shape at x^(d/c), which is x^d with the same roundings. For a
// shape without an exponent (c is 0) it is [PowerFamily].
func FamilyOf(s Shape, c float64) Family {
	if c <= 0 {
		return PowerFamily()
	}
	f := Family{exponent: c, sums: make([]float64, ageSteps+1)}
	for i := range ageSteps {
		f.sums[i+1] = f.sums[i] + s.At((float64(i)+0.5)/ageSteps)
	}
	return f
}

// age converts an age of the member c, given as its logarithm, to the age of
// the family's own shape, in its steps.
func (f Family) age(c, log float64) float64 {
	return math.Exp(c/f.exponent*log) * ageSteps
}

// mean is the mean weight between two ages in steps of the family's own shape:
// 1 beyond the end.
func (f Family) mean(from, to float64) float64 {
	if to-from < 1e-9 { // an instant, as where both are beyond the end
		i := int(to)
		if i >= ageSteps {
			return 1
		}
		return f.sums[i+1] - f.sums[i]
	}
	return (f.sum(to) - f.sum(from)) / (to - from)
}

func (f Family) sum(age float64) float64 {
	i := int(age)
	if i >= ageSteps {
		return f.sums[ageSteps]
	}
	return f.sums[i] + (age-float64(i))*(f.sums[i+1]-f.sums[i])
}
