package quantity

import "testing"

func TestGrouped(t *testing.T) {
	for number, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "-999": "-999", "-1234567": "-1,234,567", "123456.5": "123,456.5", "0.0001": "0.0001", "": ""} {
		if got := Grouped(number); got != want {
			t.Errorf("%q is %q, want %q", number, got, want)
		}
	}
}
