package retention

import (
	"fmt"
	"strings"

	"cofre/pkg/quantity"
)

// bySize applies MaxTotalBytes: to what no keeper holds, and where that is not enough to what keepers alone hold.
func (d *decider) bySize() {
	if d.policy.MaxTotalBytes <= 0 {
		return
	}
	var total int64
	for _, x := range d.ds {
		if !x.Remove {
			total += max(x.Item.Size, 0)
		}
	}
	if d.around.Sized {
		total = d.around.Stays - d.around.OlderFree
	}
	total = d.oversize(total, func(x Decision) bool { return len(x.Reasons) == 0 })
	if d.around.Sized {
		total = d.around.Stays - d.around.Free - d.around.OlderHeld
	}
	d.oversize(total, Decision.heldAlone)
}

// oversize removes the oldest of what may go until the rest fits, and returns what is left of the total.
func (d *decider) oversize(total int64, may func(Decision) bool) int64 {
	for i, x := range d.ds {
		if total <= d.policy.MaxTotalBytes {
			break
		}
		if x.Remove || x.Item.Size <= 0 || !may(x) {
			continue // removing what takes no room would help nobody
		}
		d.ds[i] = Oversize(x, total, d.policy.MaxTotalBytes)
		total -= x.Item.Size
	}
	return total
}

// Oversize is the decision to remove an item because all together are too large.
func Oversize(d Decision, total, allowed int64) Decision {
	text := fmt.Sprintf("all backups together take %s, and %s are allowed", quantity.Bytes(total), quantity.Bytes(allowed))
	if d.heldAlone() {
		var held []string
		for _, r := range d.Reasons {
			held = append(held, r.Text)
		}
		text += ", so that it goes in spite of: " + strings.Join(held, "; ")
	}
	d.Remove, d.Reasons = true, []Reason{{Code: RemoveOverSize, Text: text}}
	return d
}
