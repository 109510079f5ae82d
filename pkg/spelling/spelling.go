// Package spelling finds what a misspelt name was meant to be.
package spelling

import "strings"

// Nearest returns the known name that name was most likely meant to be, "" when none is near: a third of its letters, and one
// more, may be added, removed or changed. Upper and lower case are the same. Of equally near ones it is the first.
func Nearest(name string, known []string) string {
	const most = 100 // no name of ours is longer
	if len(name) > most {
		return ""
	}
	name = strings.ToLower(name)
	best, least := "", 1+len(name)/3
	for _, k := range known {
		if n := distance(name, strings.ToLower(k)); n <= least {
			best, least = k, n-1
		}
	}
	return best
}

// distance is how many bytes must be added, removed or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
