package compose

import (
	"encoding/json"
	"strings"
)

// Dollars prints JSON, which is YAML too, with every $ doubled: compose would
// read it as a variable.
func Dollars(raw json.RawMessage) (string, error) {
	var compact strings.Builder
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(raw); err != nil {
		return "", err
	}
	return strings.ReplaceAll(strings.TrimSpace(compact.String()), "$", "$$"), nil
}

// YAMLText prints a text as a double-quoted YAML scalar for compose.
func YAMLText(s string) string { return strings.ReplaceAll(YAMLRaw(s), "$", "$$") }

// YAMLRaw is YAMLText for a text whose variables are compose's to put in.
func YAMLRaw(s string) string {
	text, _ := json.Marshal(s)
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
}
