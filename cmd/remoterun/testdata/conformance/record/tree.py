# Prints what a run left in the folder that {{ tmp }} names, one line per file:
# TREE<tab>PATH<tab>KIND MODE OWNER<tab><tab>CONTENT. See ../README.
from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import pwd
import grp
import re
import stat
import sys

KINDS = {stat.S_IFREG: 'file', stat.S_IFDIR: 'folder', stat.S_IFLNK: 'link', stat.S_IFIFO: 'pipe', stat.S_IFSOCK: 'socket'}


def plain(name):
    """A name without what differs from run to run: times and process ids of backups, drawn names."""
    name = re.sub(r'\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~', '.PID.TIME~', name)
    return re.sub(r'ansible\.[A-Za-z0-9_]{8}', 'ansible.DRAWN', name)


def name_of(look, number):
    try:
        return look(number)[0]
    except KeyError:
        return str(number)


def content(path, kind, names):
    if kind == 'link':
        text = os.readlink(path).encode()
    elif kind == 'file':
        with open(path, 'rb') as f:
            text = f.read()
    else:
        return ''
    for there, said in names:
        text = text.replace(there.encode(), said.encode())
    try:
        if len(text) <= 300:
            return json.dumps(text.decode('utf-8'), ensure_ascii=False)
    except UnicodeDecodeError:
        pass
    return 'sha256 ' + hashlib.sha256(text).hexdigest()


def main(top, here, unheld):
    lines = []
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            kind = KINDS.get(stat.S_IFMT(st.st_mode), 'device')
            words = [kind]
            if kind != 'link':
                words.append('%04o' % stat.S_IMODE(st.st_mode))
            mine = os.geteuid(), os.getegid()
            if (st.st_uid, st.st_gid) != mine:
                words.append('%s:%s' % (name_of(pwd.getpwuid, st.st_uid), name_of(grp.getgrgid, st.st_gid)))
            if kind == 'file' and st.st_nlink > 1:
                words.append('links=%d' % st.st_nlink)
            shown = plain(os.path.relpath(path, top))
            held = not any(fnmatch.fnmatchcase(shown, u) for u in unheld)
            lines.append('\t'.join(('TREE', shown, ' '.join(words), '', content(path, kind, ((top, 'TMP'), (here, 'DIR'))) if held else 'unheld')))
    for line in sorted(lines):
        print(line)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
