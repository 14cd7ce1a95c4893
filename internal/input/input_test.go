package input

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadRefusesWhatIsNoText(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(data), 0o644))
		return path
	}
	good := write("offline.yaml", "a: 1\n")
	cases := []struct {
		name, path, want string
	}{
		{"missing, with the nearest name", filepath.Join(dir, "ofline.yaml"), "ofline.yaml: no such file (did you mean " + good + "?)"},
		{"directory, with what is in it", dir, dir + ": is a directory (name one of its"},
		{"empty", write("empty.yaml", ""), "empty.yaml:1: is empty"},
		{"blank", write("blank.yaml", " \n\t\n"), "blank.yaml:1: is empty"},
		{"binary", write("binary.yaml", "a: 1\n\x00\x01"), "binary.yaml:2: is not text"},
		{"not UTF-8", write("latin.yaml", "a: 1\nb: \xe9\n"), "latin.yaml:2: is not text"},
		{"huge", write("huge.yaml", strings.Repeat("nonsense ", MaxBytes/8)), "huge.yaml: is larger than 4 MiB"},
		{"no standard input", "-", "-: standard input is not available"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(c.path, nil)
			require.ErrorContains(t, err, c.want)
			require.True(t, IsInvalid(err))
		})
	}
	src, err := Read(good, nil)
	require.NoError(t, err)
	require.Equal(t, Source{Name: good, Data: []byte("a: 1\n")}, src)
}

func TestReadStandardInput(t *testing.T) {
	src, err := Read("-", strings.NewReader("a: 1\n"))
	require.NoError(t, err)
	require.Equal(t, "standard input", src.Name)

	_, err = Read("-", strings.NewReader(""))
	require.EqualError(t, err, "standard input:1: is empty")
}

func TestSplitRemembersLines(t *testing.T) {
	text := "# only a comment\n---\nkind: A\n--- # here\n\n# and\nkind: B\nspec:\n  list:\n    - x: 1\n    - x: 2\n---\n---\nkind: C\n"
	docs, problems := Split(Source{Name: "f.yaml", Data: []byte(text)})
	require.Empty(t, problems)
	require.Len(t, docs, 3)
	lines := []int{}
	for _, d := range docs {
		lines = append(lines, d.Root.Get("kind").Line())
	}
	require.Equal(t, []int{3, 7, 14}, lines)
	require.Equal(t, 11, docs[1].Root.Find("spec.list[1].x").Line())
	require.Equal(t, 9, docs[1].Root.Find("spec.list.nowhere").Line(), "the nearest part that is there")
}

func TestSplitGoesOnBehindABrokenDocument(t *testing.T) {
	docs, problems := Split(Source{Name: "f.yaml", Data: []byte("a: b: c\n---\nkind: A\n---\n\n\tx: 1\n")})
	require.Len(t, docs, 1)
	require.Len(t, problems, 2)
	require.Equal(t, 1, problems[0].Line)
	require.Equal(t, 6, problems[1].Line)
	require.Contains(t, problems[1].Hint, "indent with spaces")
}

// The parser and the scanner of the YAML library count lines differently.
func TestSyntaxErrorsNameTheirLine(t *testing.T) {
	for text, line := range map[string]int{
		"a: 1\nb: [1, 2\n":                      2,
		"a: 1\n\nb: {c: d\ne: f\n":              3,
		"x:\n  - a: 1\n b: 2\n":                 3,
		"a: 1\nb: 2\n  c: 3\n":                  3,
		"a: 1\nb: @x\n":                         2,
		"x: 1\n\tb: 2\n":                        2,
		"k: 1\n---\nx: 1\ny: [1, 2\n":           4,
		"# c\n---\n# d\nx: 1\ny: {a: b\nz: c\n": 5,
	} {
		_, problems := Split(Source{Name: "x.yaml", Data: []byte(text)})
		require.Len(t, problems, 1, "%q", text)
		require.Contains(t, problems[0].Text, "is not valid YAML", "%q", text)
		require.Equal(t, line, problems[0].Line, "%q: %v", text, problems[0])
	}
}

func TestSplitRefusesTooManyDocuments(t *testing.T) {
	docs, problems := Split(Source{Name: "x.yaml", Data: []byte(strings.Repeat("a: 1\n---\n", MaxDocuments-1))})
	require.Len(t, docs, MaxDocuments-1)
	require.Empty(t, problems)
	_, problems = Split(Source{Name: "x.yaml", Data: []byte(strings.Repeat("a: 1\n---\n", MaxDocuments))})
	require.Len(t, problems, 1)
	require.Equal(t, "x.yaml:20001: has more than 10000 documents (is this the right file?)", problems[0].Error())
}

func TestSplitNamesATemplate(t *testing.T) {
	_, problems := Split(Source{Name: "f.yaml", Data: []byte("name: {{ .name }}-a\n")})
	require.Len(t, problems, 1)
	require.Equal(t, "render the template first", problems[0].Hint)

	docs, problems := Split(Source{Name: "f.yaml", Data: []byte("image: {{ .Values.image }}\nlabels: {a: b}\n")})
	require.Empty(t, problems, "to YAML it is a mapping with a mapping for its key")
	require.True(t, docs[0].Root.Get("image").Template())
	require.False(t, docs[0].Root.Get("labels").Template())
}

func TestSplitSurvivesDeepAndHugeNonsense(t *testing.T) {
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", MaxBytes),
		"dashes":   strings.Repeat("- ", MaxBytes/2),
		"braces":   strings.Repeat("{a: ", MaxBytes/4),
		"quote":    `"` + strings.Repeat("x", MaxBytes-2),
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := Split(Source{Name: "f.yaml", Data: []byte(text)})
			require.NotEmpty(t, problems)
			require.Less(t, len(problems.Error()), 1000, "a message is for a person")
		})
	}
}

func TestFindKnowsKeysWithDots(t *testing.T) {
	docs, problems := Split(Source{Name: "f.yaml", Data: []byte("labels:\n  mse.lossless: 1\n  mse.lossless.enable: 2\nenv:\n- name: x\n")})
	require.Empty(t, problems)
	root := docs[0].Root
	require.Equal(t, "2", root.Find("labels.mse.lossless.enable").Text())
	require.Equal(t, "1", root.Find("labels.mse.lossless").Text())
	require.Equal(t, "x", root.Find("env[0].name").Text())
	require.Equal(t, 4, root.Find("env[9].name").Line())
}

func TestWithOverrides(t *testing.T) {
	docs, problems := Split(Source{Name: "f.yaml", Data: []byte("spec:\n  time:\n    speed: 1\n")})
	require.Empty(t, problems)
	before := docs[0].Root
	after := before.With([]string{"spec", "time", "speed"}, "10").With([]string{"spec", "set", "b", "offline"}, "kill")
	require.Equal(t, "10", after.Find("spec.time.speed").Text())
	require.Equal(t, 3, after.Find("spec.time.speed").Line())
	require.Equal(t, "kill", after.Find("spec.set.b.offline").Text())
	require.Equal(t, "1", before.Find("spec.time.speed").Text(), "the document itself is not changed")
}

func TestNearest(t *testing.T) {
	words := []string{"offline", "crossover", "rolling", "crash", "sleep-only", "mse.lossless.warmupTime"}
	for got, want := range map[string]string{
		"ofline": "offline", "Offline": "offline", "rollin": "rolling", "slep-only": "sleep-only", "sleep": "sleep-only",
		"mse.lossless.warmuptime": "mse.lossless.warmupTime", "xyz": "", "": "", "kubernetes": "",
	} {
		require.Equal(t, want, Nearest(got, words), got)
	}
	require.Equal(t, "known: a, b", DidYouMean("zzzz", []string{"a", "b"}))
}

func TestEditsIsADistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}} {
		require.Equal(t, c.want, edits(c.a, c.b))
		require.Equal(t, c.want, edits(c.b, c.a))
	}
}

func TestProblemsSortAndFlatten(t *testing.T) {
	ps := Problems{{File: "b", Line: 1, Text: "x"}, {File: "a", Line: 9, Text: "y"}, {File: "a", Line: 2, Text: "z", Hint: "h"}, {File: "a", Line: 2, Text: "z", Hint: "h"}}
	require.EqualError(t, ps.Err(), "a:2: z (h)\na:9: y\nb:1: x")
	require.NoError(t, Problems{}.Err())
	require.Equal(t, Problems{{File: "f", Text: "boom"}}, All("f", errors.New("boom")))
	require.False(t, IsInvalid(errors.New("boom")))
	require.Contains(t, Problems(make([]Problem, 51)).Error(), "… and 1 more")
}

// FuzzSplit: no text makes the parser panic, hang, or point outside the file.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"a: 1\n---\nb: 2\n", "&a [*a]", "? - :\n", "a: |\n  b\n ---\n", "\ufeffa: b", "--- # x\r\na: b\r\n", "%YAML 1.2\n---\na", "!!binary x", "<<: *x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		docs, problems := Split(Source{Name: "f", Data: []byte(s)})
		lines := strings.Count(s, "\n") + 2
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines {
				t.Errorf("line %d of %d: %s", p.Line, lines, p)
			}
		}
		for _, d := range docs {
			if n := d.Root.Line(); n < 1 || n > lines {
				t.Errorf("root in line %d of %d", n, lines)
			}
			d.Root.Find("a.b[0].c").Fields()
		}
	})
}
