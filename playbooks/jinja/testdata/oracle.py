#!/usr/bin/python3
"""Asks Ansible for the answers in corpus/*.jsonl and writes them there.

Each line is a case: {"t": template, "vars": {...} (optional), ...}. What is
written beside it: "text" (rendered as a template file), "native" (by the rule
that one single expression keeps its value), or "text_err"/"native_err": the
class of the failure (syntax, undefined, error) with Ansible's message in
"text_msg" / "native_msg". Values that JSON lacks: {"__tuple__": [...]},
{"__obj__": type, "s": str}; in variables {"__unsafe__": text}.

With file names as arguments only those are done. With "-" it reads cases from
stdin and writes the answers to stdout. A case with "fixed": true is ours and
is left alone.
"""
import glob
import json
import os
import re
import sys
import datetime

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["ANSIBLE_LOCALHOST_WARNING"] = "False"
os.environ["ANSIBLE_DEPRECATION_WARNINGS"] = "False"
os.environ["ORACLE_ENV"] = "envval"
os.environ["TZ"] = "UTC"
os.environ["HOME"] = "/home/oracle"
os.environ["LC_ALL"] = "C.UTF-8"

import warnings
warnings.simplefilter("ignore")

import ansible.template as at
from ansible.template import Templar, AnsibleNativeEnvironment, AnsibleUndefined
from ansible.parsing.dataloader import DataLoader
from ansible.utils.unsafe_proxy import AnsibleUnsafeText
from ansible.errors import AnsibleUndefinedVariable
from ansible.utils.display import Display
from ansible.template.native_helpers import Json2Python
from ansible.module_utils.common.text.converters import to_text
from jinja2.exceptions import UndefinedError, TemplateSyntaxError
from jinja2.runtime import Undefined
from jinja2.nativetypes import NativeCodeGenerator
from jinja2 import nodes
import ast
import types

for noisy in ("warning", "deprecated", "display", "error"):
    setattr(Display, noisy, lambda *a, **k: None)

import ansible.plugins.loader as loader
try:
    loader.init_plugin_loader()
except AttributeError:
    from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
    loader._configure_collection_loader()

LAZY = (types.GeneratorType, type({}.keys()), type({}.values()), type({}.items()), range, map, filter, zip, reversed)


def rolled(v):
    if isinstance(v, LAZY) or (hasattr(v, "__next__") and hasattr(v, "__iter__")):
        return [rolled(x) for x in v]
    return v


def our_concat(nodes):
    nodes = list(nodes)
    if len(nodes) == 1:
        out = rolled(nodes[0])
        if isinstance(out, Undefined):
            out._fail_with_undefined_error()
        return out
    text = "".join(to_text(v) if v is not None else "" for v in nodes)
    if text.startswith(("{", "[")) or text in ("True", "False"):
        try:
            return ast.literal_eval(ast.fix_missing_locations(Json2Python().visit(ast.parse(text, mode="eval"))))
        except (ValueError, SyntaxError, MemoryError):
            pass
    return text


class OurGenerator(NativeCodeGenerator):
    def _output_child_to_const(self, node, frame, finalize):
        # Jinja folds constants into text: that would hide their type.
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible()
        return super()._output_child_to_const(node, frame, finalize)


class OurEnvironment(AnsibleNativeEnvironment):
    code_generator_class = OurGenerator
    concat = staticmethod(our_concat)


def decode(v):
    if isinstance(v, dict):
        if set(v) == {"__unsafe__"}:
            return AnsibleUnsafeText(v["__unsafe__"])
        if set(v) == {"__tuple__"}:
            return tuple(decode(x) for x in v["__tuple__"])
        return {k: decode(x) for k, x in v.items()}
    if isinstance(v, list):
        return [decode(x) for x in v]
    return v


def encode(v):
    v = rolled(v)
    if v is None or isinstance(v, (bool, int)):
        return v
    if isinstance(v, float):
        if v != v or v in (float("inf"), float("-inf")):
            return {"__obj__": "float", "s": repr(v)}
        return v
    if isinstance(v, str):
        if v.startswith("__omit_place_holder__"):
            return "__omit__"
        return str(v)
    if isinstance(v, tuple):
        return {"__tuple__": [encode(x) for x in v]}
    if isinstance(v, (set, frozenset)):
        return {"__set__": sorted((encode(x) for x in v), key=repr)}
    if isinstance(v, list):
        return [encode(x) for x in v]
    if hasattr(v, "items") and hasattr(v, "keys"):
        if all(isinstance(k, str) for k in v):
            return {k: encode(x) for k, x in v.items()}
        return {"__dict__": [[encode(k), encode(x)] for k, x in v.items()]}
    if isinstance(v, bytes):
        return {"__obj__": "bytes", "s": repr(v)}
    return {"__obj__": type(v).__name__, "s": str(v)}


def err_class(e):
    seen = set()
    while e is not None and id(e) not in seen:
        seen.add(id(e))
        if isinstance(e, (UndefinedError, AnsibleUndefinedVariable)):
            return "undefined"
        if isinstance(e, TemplateSyntaxError):
            return "syntax"
        e = getattr(e, "orig_exc", None) or e.__cause__
    return "error"


def message(e):
    """The message without what differs from run to run."""
    text = str(e).replace(HERE, "testdata")
    return "%s: %s" % (type(e).__name__, re.sub(r"ansible\.plugins\.filter\.\d+_?", "ansible.plugins.filter.", text)[:300])


def syntactic(msg):
    return "template error while templating string" in msg


class Oracle:
    def __init__(self):
        with open(os.path.join(HERE, "vars.json")) as f:
            self.vars = decode(json.load(f))

    def variables(self, case):
        import copy
        v = copy.deepcopy(self.vars)
        v.update(decode(case.get("vars", {})))
        v.setdefault("playbook_dir", HERE)
        v.setdefault("role_path", HERE)
        v["ansible_search_path"] = [HERE]
        v.setdefault("omit", "__omit_place_holder__0")
        v["inventory_hostname"] = "web1"
        return v

    def templar(self, case, native):
        dl = DataLoader()
        dl.set_basedir(HERE)
        t = Templar(dl, variables=self.variables(case))
        if native:
            t = t.copy_with_new_env(environment_class=OurEnvironment, available_variables=self.variables(case))
            t.jinja2_native = True
            # Ansible's turns None into text; here it stays what it is.
            t.environment.finalize = lambda thing: thing
        return t

    def one(self, case, native):
        t = self.templar(case, native)
        # As a template file: backslashes are Jinja's own.
        return t.do_template(case["t"], escape_backslashes=False, convert_data=False)

    def answer(self, case):
        for k in ("text", "native", "text_err", "native_err", "text_msg", "native_msg"):
            case.pop(k, None)
        for kind in ("text", "native"):
            try:
                case[kind] = encode(self.one(case, kind == "native"))
                if kind == "text" and not isinstance(case[kind], str):
                    case[kind] = str(case[kind])
                json.dumps(case[kind])
            except RecursionError:
                case.pop(kind, None)
                case[kind + "_err"], case[kind + "_msg"] = "error", "recursion"
            except BaseException as e:
                case.pop(kind, None)
                msg = message(e)
                cls = err_class(e)
                if cls == "error" and syntactic(msg):
                    cls = "syntax"
                case[kind + "_err"], case[kind + "_msg"] = cls, msg
        return case


def run(path, oracle):
    out = []
    with open(path) as f:
        for line in f:
            if not line.strip() or line.startswith("//"):
                out.append(line.rstrip("\n"))
                continue
            case = json.loads(line)
            if not case.get("fixed"):
                case = oracle.answer(case)
            out.append(json.dumps(case, ensure_ascii=False))
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n")
    print(os.path.basename(path), len(out))


def main():
    # The tests run in a fixed directory with fixed files beside this script.
    os.chdir(HERE)
    import time
    time.tzset()
    oracle = Oracle()
    if sys.argv[1:] == ["-"]:
        for line in sys.stdin:
            line = line.rstrip("\n")
            case = json.loads(line) if line.startswith("{\"") else {"t": line}
            print(json.dumps(oracle.answer(case), ensure_ascii=False), flush=True)
        return
    for path in sys.argv[1:] or sorted(glob.glob("corpus/*.jsonl")):
        run(path, oracle)


if __name__ == "__main__":
    main()
