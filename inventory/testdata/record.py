#!/usr/bin/env python3
"""Records what Ansible answers for the cases here. It needs ansible-core; the tests don't.

Each folder below cases/ holds an inventory, "args" (one argument a line) and
"patterns" (one a line). Written are want.list.json, want.export.json,
want.list.yaml, want.graph, want.hosts and, from literals.in, literals.want.
"""
import ast, json, os, subprocess, sys

here = os.path.dirname(os.path.abspath(__file__))
env = dict(os.environ, ANSIBLE_CONFIG="/nonexistent/ansible.cfg", ANSIBLE_LOCALHOST_WARNING="False", HOME="/nonexistent")


def run(*argv):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True)
    if p.returncode:
        sys.exit("%s: %s" % (argv, p.stderr))
    return p.stdout


def patterns(args, wanted):
    from ansible.parsing.dataloader import DataLoader
    from ansible.inventory.manager import InventoryManager

    sources = [args[i + 1] for i, a in enumerate(args) if a == "-i"]
    out = []
    for p in wanted:
        inv = InventoryManager(loader=DataLoader(), sources=sources)
        try:
            got = ",".join(h.name for h in inv.get_hosts(p))
        except Exception as e:
            got = "!error"
        out.append("%s\t%s\n" % (p, got))
    return "".join(out)


def case(path):
    os.chdir(path)
    args = open("args").read().split("\n")[:-1]
    tool = ["ansible-inventory"] + args
    for name, more in (("want.list.json", ["--list"]), ("want.export.json", ["--list", "--export"]),
                       ("want.list.yaml", ["--list", "--yaml"]), ("want.graph", ["--graph", "--vars"])):
        open(name, "w").write(run(*tool, *more))
    wanted = open("patterns").read().split("\n")[:-1]
    open("want.hosts", "w").write(patterns(args, wanted))


def literals():
    with open(os.path.join(here, "literals.want"), "w") as out:
        for line in open(os.path.join(here, "literals.in")):
            text = line.rstrip("\n")
            try:
                got = ast.literal_eval(text)
                if isinstance(got, (complex, type(Ellipsis))):
                    raise ValueError
                if isinstance(got, bytes):
                    got = got.decode()
                if isinstance(got, set):
                    got = list(got)
                want = repr(got)
            except Exception:
                want = "!"
            out.write(json.dumps([text, want]) + "\n")


os.environ.update(env)
literals()
for name in sys.argv[1:] or sorted(os.listdir(os.path.join(here, "cases"))):
    if name != "literals":
        case(os.path.join(here, "cases", name))
