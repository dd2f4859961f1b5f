package community

import (
	"fmt"

	"golang.org/x/text/unicode/norm"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// unicodeEntries are the forms of Unicode.
func unicodeEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "unicode_normalize", Sig: "unicode_normalize(form='NFC')", Example: `{{ 'e\u0301' | community.general.unicode_normalize | length }}`, Shows: "1", Func: filterNormalize},
	})
}

func filterNormalize(c *core.Call) (value.Value, error) {
	a, err := c.Bind("form=")
	if err != nil {
		return value.Value{}, err
	}
	s, ok := c.In.AsString()
	if !ok {
		return value.Value{}, fmt.Errorf("%s is not a valid input type", core.PyType(c.In))
	}
	form := core.TextOr(a[0], "NFC")
	f, ok := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}[form]
	if !ok {
		return value.Value{}, fmt.Errorf("%s is not a valid form", form)
	}
	return core.Text(f.String(s))
}
