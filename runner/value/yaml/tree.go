package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// Node is a part of a text as it is written, with its place: for who edits the
// text and not the data. Aliases and merge keys are not followed.
type Node struct {
	Kind Kind
	// Line and Column, from 1 and in characters, are where it begins, with its
	// anchor and tag.
	Line, Column int
	Anchor       string
	Tag          string // as it is written, "" = none
	Flow         bool   // [a, b] and {a: b}
	Text         string // of a scalar
	Of           *Node  // what an alias stands for
	// Items are a sequence's, or a mapping's keys and values in turn.
	Items []*Node
}

// Kind is what a Node is.
type Kind uint8

// The kinds.
const (
	Scalar Kind = iota
	Mapping
	Sequence
	Alias
)

// Tree reads a text that holds one document; nil = an empty one.
func Tree(text []byte) (*Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("it holds more than one document")
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return tree(doc.Content[0], map[*yaml.Node]*Node{}), nil
}

func tree(n *yaml.Node, seen map[*yaml.Node]*Node) *Node {
	if out := seen[n]; out != nil {
		return out
	}
	out := &Node{Line: n.Line, Column: n.Column, Anchor: n.Anchor, Flow: n.Style&yaml.FlowStyle != 0, Text: n.Value}
	seen[n] = out
	if n.Style&yaml.TaggedStyle != 0 {
		out.Tag = n.Tag
	}
	switch n.Kind {
	case yaml.MappingNode:
		out.Kind = Mapping
	case yaml.SequenceNode:
		out.Kind = Sequence
	case yaml.AliasNode:
		out.Kind, out.Of = Alias, tree(n.Alias, seen)
	}
	for _, c := range n.Content {
		out.Items = append(out.Items, tree(c, seen))
	}
	return out
}

// Entry is the key and the value of a mapping's entry; nil = there is none.
func (n *Node) Entry(name string) (key, val *Node) {
	for i := 0; n != nil && n.Kind == Mapping && i+1 < len(n.Items); i += 2 {
		if k := n.Items[i]; k.Kind == Scalar && k.Text == name {
			return k, n.Items[i+1]
		}
	}
	return nil, nil
}
