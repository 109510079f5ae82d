package wording

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestShownIsSaid: what is made of a text for a screen has words where the text has.
func TestShownIsSaid(t *testing.T) {
	typedOnes := 0
	for _, list := range prose {
		for _, e := range list {
			text := strings.NewReplacer("ab1", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a1b", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a0b", "01ARZ3NDEKTSV4RRFFQ69G5FAV").Replace(filledIn(e.en))
			shown := OnScreen(text)
			if shown == text || shown == "" {
				continue
			}
			typedOnes++
			if !Known(Portuguese, shown) {
				t.Errorf("%q\nis shown as %q", text, shown)
				continue
			}
			said := Say(Portuguese, shown)
			if only, others := Commands(said); len(others) > 0 || len(only) > 0 && !strings.Contains(said, "na linha de comando") || strings.Contains(said, " --") || strings.HasSuffix(strings.TrimRight(said, "."), " com") {
				t.Errorf("%q\nis shown as %q\nand said  %q", text, shown, said)
			}
		}
	}
	if typedOnes < 100 {
		t.Errorf("only %d texts have another one for screens", typedOnes)
	}
}

// Every command that the command line has is called something else on a screen, or is only typed.
func TestCommandsAreShown(t *testing.T) {
	goldens, err := filepath.Glob("../cli/testdata/help/*.golden")
	if err != nil || len(goldens) < 30 {
		t.Fatalf("there are %d commands, %v", len(goldens), err)
	}
	for _, golden := range goldens {
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(golden), ".golden"), "_", " ")
		if groups, _ := filepath.Glob("../cli/testdata/help/" + name + "_*.golden"); name == "cofre" || len(groups) > 0 { // has others
			continue
		}
		if only, others := Commands("Do it with: cofre " + name + " shop"); len(only)+len(others) != 1 || inPortuguese.things[name] == "" && len(only) == 0 {
			t.Errorf("cofre %s is %v, %v", name, only, others)
		}
	}
}
