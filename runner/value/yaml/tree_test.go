package yaml

import (
	"fmt"
	"strings"
	"testing"
)

// TestTree: places are those of the text, anchors and tags included.
func TestTree(t *testing.T) {
	const text = "a: &x {b: c}\nd: !t [e, 'f']\r\ng:\n  - *x\n  - &y k: |\n      text\nü: \"q\"\n"
	n, err := Tree([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(*Node)
	walk = func(n *Node) {
		out = append(out, fmt.Sprintf("%d:%d:%d%s%s", n.Kind, n.Line, n.Column, n.Anchor, n.Tag))
		if n.Kind != Alias {
			for _, c := range n.Items {
				walk(c)
			}
		}
	}
	walk(n)
	const want = "1:1:1 0:1:1 1:1:4x 0:1:8 0:1:11 0:2:1 2:2:4!t 0:2:8 0:2:11 0:3:1 2:4:3 3:4:5 1:5:5 0:5:5y 0:5:11 0:7:1 0:7:4"
	if got := strings.Join(out, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, v := n.Entry("g"); v.Items[0].Of == nil || v.Items[0].Of.Anchor != "x" {
		t.Errorf("alias %+v", v.Items[0])
	}
	for _, bad := range []string{"a: b\n---\nc: d\n", "a: [\n"} {
		if _, err := Tree([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
