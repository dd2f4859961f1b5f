package runner

import (
	"remoterun/runner/secret"
	"remoterun/runner/value"
)

// learn teaches the redactor every secret text in v.
func learn(r *secret.Redactor, v value.Value) {
	if value.DeepMarks(v)&(value.Masked|value.Sealed) == 0 {
		return
	}
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		r.Add([]byte(s))
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			learn(r, it)
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for key, it := range m.All() {
			learn(r, key)
			learn(r, it)
		}
	}
}
