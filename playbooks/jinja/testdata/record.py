#!/usr/bin/python3
"""Records what Ansible makes of the cases: `make oracle`.

Reads every cases/*.jsonl beside this file and writes it anew with Ansible's
answers. A line is {"t": template}, and if wanted "vars" (over vars.json),
"file": true (read as a template file is) and "unsafe": [names]. Recorded are
"text", "native" (by the rule in docs/expressions.md) and "error"/"native_error"
(the class). Needs Debian's ansible-core, python3-netaddr, python3-jmespath and
python3-passlib; a new case is a line with "t" alone.
"""
import ast
import glob
import json
import os
import sys

os.environ["TZ"] = "UTC"
os.environ["HOME"] = "/root"
os.environ["JINJA_CASE"] = "from the environment"
from ansible import template as T
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.template.native_helpers import Json2Python
from ansible.utils.unsafe_proxy import AnsibleUnsafe, wrap_var
from jinja2 import nodes
from jinja2.runtime import Undefined

try:
    from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
    _AnsibleCollectionFinder(["/usr/lib/python3/dist-packages"], True)._install()
except Exception:
    pass

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = DataLoader()
LOADER.set_basedir(HERE)
os.chdir(HERE)


def encode(v):
    """JSON with what it lacks: tuples, other objects."""
    if v is None or isinstance(v, bool) or isinstance(v, int):
        return v
    if isinstance(v, float):
        return v if v == v and abs(v) != float("inf") else {"__obj__": "float", "s": str(v)}
    if isinstance(v, str):
        return "__omit__" if v == "__omit_place_holder__" else str(v)
    if isinstance(v, tuple):
        return {"__tuple__": [encode(x) for x in v]}
    if isinstance(v, Undefined):
        return str(v)
    if T._is_rolled(v) or isinstance(v, (list, set, frozenset)):
        return [encode(x) for x in v]
    if isinstance(v, dict):
        return {k if isinstance(k, str) else json.dumps(k) if not isinstance(k, tuple) else repr(k): encode(x) for k, x in v.items()}
    return {"__obj__": type(v).__name__, "s": str(v)}


def templar(case, shared):
    data = json.loads(json.dumps(shared))
    data.update(json.loads(json.dumps(case.get("vars", {}))))
    for name in case.get("unsafe", []):
        data[name] = wrap_var(data[name])
    return Templar(LOADER, variables=data)


def text(case, shared):
    t = templar(case, shared)
    return t.do_template(case["t"], escape_backslashes=not case.get("file"), convert_data=False)


def native(case, shared):
    t = templar(case, shared)
    env, src = t.environment, case["t"]
    newlines = T._count_newlines_from_end(src)
    if not case.get("file"):
        src = T._escape_backslashes(src, env)
    tree = None if src.startswith("#jinja2:") else env.parse(src)
    if tree is not None and len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output) and len(tree.body[0].nodes) == 1 \
            and not isinstance(tree.body[0].nodes[0], nodes.TemplateData):
        kept = []

        def keep(x=None):
            x = list(x) if T._is_rolled(x) else x
            T._fail_on_undefined(x)
            kept.append(x)
            return ""
        env.globals["__keep"] = keep
        out = tree.body[0]
        out.nodes = [nodes.Call(nodes.Name("__keep", "load", lineno=1), [out.nodes[0]], [], None, None, lineno=1)]
        tt = env.template_class.from_code(env, env.compile(tree), env.make_globals(None), None)
        t.cur_context = tt.new_context(T.AnsibleJ2Vars(t, tt.globals), shared=True)
        "".join(str(x) for x in tt.root_render_func(t.cur_context))
        v = kept[0]
        if isinstance(v, str) and newlines:
            v += "\n" * (newlines - T._count_newlines_from_end(v))
        return encode(v)
    if not t.is_possibly_template(case["t"]) and not case.get("file"):
        return case["t"]
    return encode(t.do_template(case["t"], escape_backslashes=not case.get("file"), convert_data=True))


def record(case, shared):
    out = {k: case[k] for k in ("t", "vars", "file", "unsafe") if k in case}
    try:
        v = text(case, shared)
        out["text"] = "__omit__" if v == "__omit_place_holder__" else str(v)
        if isinstance(v, AnsibleUnsafe):
            out["marked"] = True
    except Exception as e:
        out["error"] = type(e).__name__ + ": " + str(e).split("\n")[0][:200]
    try:
        out["native"] = native(case, shared)
    except Exception as e:
        out["native_error"] = type(e).__name__
    return out


def main():
    with open(os.path.join(HERE, "cases", "vars.json")) as f:
        shared = json.load(f)
    names = sys.argv[1:] or sorted(glob.glob(os.path.join(HERE, "cases", "*.jsonl")))
    for name in names:
        with open(name) as f:
            cases = [json.loads(line) for line in f if line.strip()]
        with open(name, "w") as f:
            for case in cases:
                f.write(json.dumps(record(case, shared), ensure_ascii=False) + "\n")
        print(name, len(cases))


main()
