#!/usr/bin/python3
"""Records what Ansible's own postgresql_pg_hba makes of files and rules: run by
hand where Debian's ansible is installed, from this folder. The tests need no
Ansible."""
import contextlib
import io
import json
import os
import random
import sys
import tempfile

from ansible.module_utils import basic
from ansible_collections.community.postgresql.plugins.modules import postgresql_pg_hba as module

rnd = random.Random(11)
DIR = tempfile.mkdtemp()
FILE = os.path.join(DIR, "pg_hba.conf")

SRC = ["127.0.0.1/32", "::1/128", "10.0.0.0/8", "10.1.2.3/8", "10.0.0.0/255.0.0.0", "192.168.1.7", "192.168.1.0/24",
       "samehost", "samenet", "all", ".example.org", "db.example.org", "0.0.0.0/0", "::/0", "fe80::1", "2001:db8::/64",
       "10.0.0.0/0.0.255.255", "1.2.3.4/33"]
DBS = ["all", "replication", "sameuser", "samerole", "app", "shop", "a,b,c", '"all"']
USERS = ["all", "postgres", "app", "+ops", "joe", "@admins"]
METHODS = ["trust", "md5", "scram-sha-256", "peer", "reject", "cert", "ident", "ldap"]
TYPES = ["host", "host", "hostssl", "hostnossl", "local", "hostgssenc"]
MASKS = ["255.255.255.0", "255.0.0.0", "ffff:ffff::", "0.0.0.0", "255.0.255.0", "0.0.0.255", "24"]


def line():
    kind = rnd.choice(TYPES)
    cols = [kind, rnd.choice(DBS), rnd.choice(USERS)]
    if kind != "local":
        src = rnd.choice(SRC)
        cols.append(src)
        if "/" not in src and rnd.random() < 0.3:
            cols.append(rnd.choice(MASKS))
    cols.append(rnd.choice(METHODS))
    if rnd.random() < 0.2:
        cols.append(rnd.choice(["map=m", 'ldapserver=x ldapprefix="cn="', "clientcert=verify-full"]))
    if rnd.random() < 0.02:
        cols = cols[:3]
    if rnd.random() < 0.01:
        cols[0] = "inclde"
    text = rnd.choice(["\t", "   ", " "]).join(cols)
    return text + rnd.choice(["", "", "", " # why", "  #", "\t#x # y"])


def content():
    out = []
    for _ in range(rnd.randrange(0, 9)):
        out.append(rnd.choice(["# TYPE  DATABASE", "", "#", "  # x  "]) if rnd.random() < 0.3 else line())
    text = "".join(l + "\n" for l in out)
    return text[:-1] if text and rnd.random() < 0.1 else text


def rule(keys=1.0):
    args = {"contype": rnd.choice(TYPES)}
    for name, pool in (("address", SRC), ("databases", DBS), ("users", USERS + ["joe,ann"]), ("method", METHODS)):
        if rnd.random() < 0.7:
            args[name] = rnd.choice(pool)
    if rnd.random() < 0.1:
        args["netmask"] = rnd.choice(MASKS)
    if rnd.random() < 0.1:
        args["options"] = "map=m"
    if rnd.random() < 0.2:
        args["comment"] = rnd.choice(["why", " because"])
    if rnd.random() < 0.3:
        args["state"] = "absent"
    return args


def arguments():
    args = {}
    how = rnd.random()
    if how < 0.55:
        args.update(rule())
    elif how < 0.9:
        args["rules"] = [rule() for _ in range(rnd.randrange(0, 4))]
        if rnd.random() < 0.4:
            args["rules_behavior"] = "combine"
            args.update({k: v for k, v in rule().items() if rnd.random() < 0.5})
        elif rnd.random() < 0.1:
            args["users"] = "joe"
        if args["rules"] and rnd.random() < 0.1:
            args["rules"][0]["src"] = "all"
    if rnd.random() < 0.2:
        args["overwrite"] = True
    if rnd.random() < 0.4:
        args["keep_comments_at_rules"] = True
    return args


def call(args):
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": dict(args, dest=FILE, create=True)}).encode()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            module.main()
        except SystemExit:
            pass
        except Exception as e:  # Ansible's own mistake: no answer
            return {"crash": str(e)}
    return json.loads(out.getvalue())


cases = []
while len(cases) < 400:
    before, args = content(), arguments()
    with open(FILE, "w") as f:
        f.write(before)
    r = call(args)
    if "crash" in r:
        continue
    with open(FILE) as f:
        after = f.read()
    c = {"args": args, "before": before, "failed": r.get("failed", False)}
    if c["failed"]:
        c["msg"] = r["msg"]
    else:
        c.update(changed=r["changed"], msgs=r["msgs"], pg_hba=r["pg_hba"])
        if r["changed"]:
            c.update(after=after, diff=[r["diff"]["before"]["pg_hba"], r["diff"]["after"]["pg_hba"]])
    cases.append(c)
json.dump(cases, sys.stdout, indent=0, sort_keys=True)
print()
