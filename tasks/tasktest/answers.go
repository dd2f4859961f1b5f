package tasktest

import "testing"

// AddAnswers seeds a fuzzer of readers of answers with what hosts say.
func AddAnswers(f *testing.F) {
	for _, s := range []string{
		"", "\n", "-\n41ed 0 0\nroot\nroot\n", "d\na1ff 0 0\nr\nr\n81a4 0 0\nr\nr\n/x\n6\nabc  -\nx", "Id=a\nLoadState=loaded\n\nenabled\nstatus 0\ninitd",
		"curl:amd64 ii 1\n---\nauto curl\n", "@os\nID=debian\n@net\neth0 1 1 0x1 up\n@env\nA=1\n", "36 35 98:0 / /mnt rw - ext4 /dev/b rw\n",
		"81a4 0 1 6 1 2 1 1 2 3 8 4096\nroot\nroot\nmay rw\nsum x\nattr 7 ---i\nlink\n/x\ny", " Container a Creating\n", "/a|b|running||i|id|0\n", "here\nyes\nno\n",
		"1 81a4 0 0 root:root\n", "5\x00a\x00b", "\n#rr a|b\n",
	} {
		f.Add(s)
	}
}
