package input

import "strings"

// Nearest is the candidate that was probably meant by word: the one with the
// fewest edits (Levenshtein, case ignored), if they are at most a third of
// the word, or one that it begins or ends a part of. "" if there is none; the first of equals.
func Nearest(word string, candidates []string) string {
	const short = 3 // a shorter word is contained in too much
	w := strings.ToLower(word)
	best, distance := "", max(2, (len(w)+2)/3)+1
	for _, c := range candidates {
		if d := edits(w, strings.ToLower(c)); d < distance && d < len(w) {
			best, distance = c, d
		}
	}
	if best != "" || len(w) < short {
		return best
	}
	for _, c := range candidates {
		lower := strings.ToLower(c)
		if strings.HasPrefix(lower, w) || strings.Contains(lower, "-"+w) || strings.Contains(lower, "."+w) || len(w) > short && strings.HasSuffix(lower, w) {
			return c
		}
	}
	return ""
}

// DidYouMean is the hint for an unknown word: the nearest one, else the list.
func DidYouMean(word string, candidates []string) string {
	if near := Nearest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	const many = 24
	if len(candidates) == 0 || len(candidates) > many {
		return ""
	}
	return "known: " + strings.Join(candidates, ", ")
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	const tooLong = 200 // nonsense; not worth the square
	if len(a) > tooLong || len(b) > tooLong {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
