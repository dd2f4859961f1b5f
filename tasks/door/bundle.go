package door

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/play"
)

// maxUtils is how many bytes of module_utils are brought along at most.
const maxUtils = 4 << 20

// shared is the text of a package that leaves room for the rest of it: what the
// project brings stands before what Ansible on the host has, and both count.
const shared = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"

// bundled is a module of Ansible's kind together with the project's module_utils: an
// archive that Python runs as it is, in base64. Where the project has none it is the
// module alone. code is yes for an archive.
func bundled(f play.Input, utils []string, in play.Inputs) (out play.Input, code string, err error) {
	files := map[string][]byte{}
	var order []string
	size := 0
	for _, dir := range utils {
		tree, err := in.Tree("module_utils", dir)
		if err != nil {
			return f, "", err
		}
		for _, one := range tree {
			name := path.Join("ansible/module_utils", one.Name)
			if _, twice := files[name]; twice || one.Kind != 'f' || !strings.HasSuffix(one.Name, ".py") {
				continue
			}
			text, err := one.Data.Bytes()
			if err != nil {
				return f, "", err
			}
			if size += len(text); size > maxUtils {
				return f, "", fmt.Errorf("%s: more than %d MiB of module_utils are not brought to a host", dir, maxUtils>>20)
			}
			files[name], order = text, append(order, name)
			f.Secret = f.Secret || one.Secret
		}
	}
	if len(files) == 0 {
		return f, "", nil
	}
	text, err := f.Data.Bytes()
	if err != nil {
		return f, "", err
	}
	files["__main__.py"] = text
	order = append(order, "__main__.py")
	for _, name := range order {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if init := dir + "/__init__.py"; files[init] == nil {
				files[init], order = []byte(shared), append(order, init)
			}
		}
	}
	data, err := zipped(files, order)
	if err != nil {
		return f, "", err
	}
	sum := sha256.Sum256(data)
	f.SHA256, f.Data = hex.EncodeToString(sum[:]), play.Memory(base64.StdEncoding.EncodeToString(data)+"\n")
	return f, "yes", nil
}

// zipped is an archive of files in an order.
func zipped(files map[string][]byte, order []string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range order {
		w, err := z.Create(name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
