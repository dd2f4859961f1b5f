package net

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"path"
	"sort"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// encodeBody writes a body as its format says, and which type it then has.
func encodeBody(v value.Value, format string, in play.Inputs) (body []byte, contentType string, err error) {
	_, isText := v.AsString()
	switch {
	case v.IsNull():
		return nil, "", nil
	case format == "form-multipart":
		return multipart(v, in)
	case format == "json":
		text := value.Str(v)
		if !isText {
			if text, err = value.JSON(v, value.JSONStyle{}); err != nil {
				return nil, "", err
			}
		}
		return []byte(text), "application/json", nil
	case format == "form-urlencoded":
		text := value.Str(v)
		if !isText {
			if text, err = formEncoded(v); err != nil {
				return nil, "", err
			}
		}
		return []byte(text), "application/x-www-form-urlencoded", nil
	}
	return []byte(value.Str(v)), "", nil
}

// formEncoded writes a mapping, or a list of pairs, as a form does.
func formEncoded(v value.Value) (string, error) {
	var parts []string
	add := func(k, v value.Value) {
		list := []value.Value{v}
		if _, ok := v.AsSeq(); ok {
			list = v.Items()
		}
		for _, it := range list {
			if !it.IsNull() {
				parts = append(parts, url.QueryEscape(value.Str(k))+"="+url.QueryEscape(value.Str(it)))
			}
		}
	}
	if m, ok := v.AsMap(); ok {
		for k, x := range m.All() {
			add(k, x)
		}
		return strings.Join(parts, "&"), nil
	}
	for _, it := range v.Items() {
		pair := it.Items()
		if len(pair) != 2 {
			return "", errors.New("failed to parse body as form_urlencoded: a list holds pairs of a name and a value")
		}
		add(pair[0], pair[1])
	}
	return strings.Join(parts, "&"), nil
}

// part is one field of a form with files.
type part struct{ name, file, kind, text string }

// multipart writes a form with files; those of the laptop are read.
func multipart(v value.Value, in play.Inputs) ([]byte, string, error) {
	m, ok := v.AsMap()
	if !ok {
		return nil, "", errors.New("body must be mapping")
	}
	names := m.Names()
	sort.Strings(names)
	var parts []part
	sum := sha256.New()
	for _, n := range names {
		field, _ := m.Lookup(n)
		p, err := onePart(n, field, in)
		if err != nil {
			return nil, "", err
		}
		parts = append(parts, p)
		fmt.Fprintf(sum, "%q", p)
	}
	line := fmt.Sprintf("remoterun-%x", sum.Sum(nil)[:12])
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q", line, p.name)
		if p.file != "" {
			fmt.Fprintf(&b, "; filename=%q", p.file)
		}
		fmt.Fprintf(&b, "\r\nContent-Type: %s\r\n\r\n%s\r\n", p.kind, p.text)
	}
	b.WriteString("--" + line + "--\r\n")
	return []byte(b.String()), "multipart/form-data; boundary=" + line, nil
}

func onePart(name string, v value.Value, in play.Inputs) (part, error) {
	p := part{name: name, kind: "text/plain", text: value.Str(v)}
	m, ok := v.AsMap()
	if !ok {
		return p, nil
	}
	get := func(k string) string {
		x, ok := m.Lookup(k)
		if !ok || x.IsNull() {
			return ""
		}
		return value.Str(x)
	}
	file := get("filename")
	p.text, p.kind, p.file = get("content"), get("mime_type"), path.Base(file)
	if file == "" && p.text == "" {
		return p, errors.New("at least one of filename or content must be provided")
	}
	if file == "" {
		p.file = ""
	}
	if p.kind == "" {
		p.kind, _, _ = strings.Cut(mime.TypeByExtension(path.Ext(file)), ";")
	}
	if p.kind == "" {
		p.kind = "application/octet-stream"
	}
	if p.text == "" {
		f, err := in.File("files", file)
		if err != nil {
			return p, err
		}
		b, err := f.Data.Bytes()
		p.text = string(b)
		return p, err
	}
	return p, nil
}
