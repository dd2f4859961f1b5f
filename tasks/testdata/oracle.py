#!/usr/bin/python3
"""Records what Ansible's own lineinfile and modes answer: run by hand where
Debian's ansible is installed, from this folder. The tests need no Ansible."""
import contextlib
import io
import json
import os
import random
import stat
import tempfile

from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule
from ansible.modules import lineinfile

rnd = random.Random(7)


def call(args):
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            lineinfile.main()
        except SystemExit:
            pass
        except Exception as e:  # Ansible's own mistake: no answer
            return {"crash": str(e)}
    return json.loads(out.getvalue())


def lines():
    pool = ["a", "b", "a b", "ab", "#a", "x=1", "x=2", "", "y = 3", "  a"]
    text = "".join(rnd.choice(pool) + "\n" for _ in range(rnd.randrange(0, 6)))
    return text[:-1] if text and rnd.random() < 0.15 else text


def arguments():
    args = {"line": rnd.choice(["a", "b", "new", "x=9", r"\1!", ""])}
    how = rnd.random()
    if how < 0.5:
        args["regexp"] = rnd.choice(["^a", "b$", r"^(x)=(\d)", "nothing", "^#?a", r"(?P<k>\w+)\s*=", "(?i)A B"])
    elif how < 0.65:
        args["search_string"] = rnd.choice(["a", "=", "zz"])
    if rnd.random() < 0.2:
        args["state"] = "absent"
    else:
        where = rnd.random()
        if where < 0.3:
            args["insertafter"] = rnd.choice(["EOF", "BOF", "^a", "x", "none"])
        elif where < 0.6:
            args["insertbefore"] = rnd.choice(["BOF", "^a", "x", "none"])
        if "regexp" in args and rnd.random() < 0.3:
            args["backrefs"] = True
    if rnd.random() < 0.3:
        args["firstmatch"] = True
    return args


def record_lines(n):
    cases = []
    with tempfile.TemporaryDirectory() as d:
        p = os.path.join(d, "f")
        while len(cases) < n:
            before, args = lines(), arguments()
            with open(p, "w") as f:
                f.write(before)
            r = call(dict(args, path=p))
            if "crash" in r:
                continue
            case = {"args": args, "before": before, "after": open(p).read(), "failed": r.get("failed", False)}
            if not case["failed"]:
                case.update(msg=r["msg"], changed=r["changed"])
            cases.append(case)
    return cases


def record_modes(n):
    cases = []
    for _ in range(n):
        parts = []
        for _ in range(rnd.randrange(1, 4)):
            who = "".join(sorted(set(rnd.choice("ugoa") for _ in range(rnd.randrange(0, 3)))))
            perms = rnd.choice(["u", "g", "o"]) if rnd.random() < 0.2 else "".join(rnd.choice("rwxX") for _ in range(rnd.randrange(0, 3)))
            parts.append(who + rnd.choice("+-=") + perms)
        mode, kind = ",".join(parts), rnd.choice([stat.S_IFREG, stat.S_IFDIR])
        cur = kind | rnd.choice([0o644, 0o755, 0o600, 0o4755, 0o2750, 0o1777, 0o000, 0o664])
        st = os.stat_result((cur, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        os.umask(0o022)
        try:
            cases.append({"mode": mode, "from": cur, "to": AnsibleModule._symbolic_mode_to_octal(st, mode)})
        except ValueError:
            continue
    return cases


json.dump({"lineinfile": record_lines(400), "modes": record_modes(300)}, open("oracle.json", "w"), indent=0, sort_keys=True)
