# A callback plugin of ansible-core that writes what a run reported, one line per
# outcome: HOST<tab>TASK<tab>STATUS<tab>ITEM<tab>MESSAGE. See ../README.
from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

SPOKEN = ('debug', 'assert', 'fail')


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'stdout'
    CALLBACK_NAME = 'recorder'

    def __init__(self):
        super().__init__()
        self.out = open(os.environ['RECORD_TO'], 'w')

    def line(self, *words):
        self.out.write('\t'.join(words) + '\n')
        self.out.flush()

    def message(self, result, module, status):
        if 'censored' in result:
            return 'no_log'
        if module not in SPOKEN or status == 'skipped' or 'results' in result:
            return ''
        if status.startswith('failed') and module != 'fail' and 'assertion' not in result:
            return ''  # the words of a mistake are each program's own
        if 'msg' in result:
            shown = result['msg']
            if not isinstance(shown, (list, dict)):
                shown = str(shown)  # whether a template keeps numbers is not held here
        else:
            shown = {k: v for k, v in result.items() if k not in (
                'changed', 'failed', 'item', 'ansible_loop_var', 'failed_when_result') and not k.startswith('_ansible')}
        return json.dumps(shown, sort_keys=True, ensure_ascii=False, separators=(',', ':'))

    def tell(self, r, status, item=None):
        task = r._task
        module = task.action.split('.')[-1]
        if module in ('include', 'include_tasks', 'include_role', 'meta') and status in ('ok', 'changed'):
            return
        label = ''
        if item is not None:
            label = self._get_item_label(r._result)
            label = str(label).replace('\n', ' ')
        name = task.name or module
        if module == 'include_role':
            name = task.get_name()
        elif task._role:
            name = '%s : %s' % (task._role.get_name(), name)
        self.line(r._host.name, name, status, label, self.message(r._result, module, status))

    def v2_runner_on_ok(self, r):
        self.tell(r, 'changed' if r._result.get('changed') else 'ok')

    def v2_runner_on_failed(self, r, ignore_errors=False):
        self.tell(r, 'failed ignored' if ignore_errors else 'failed')

    def v2_runner_on_skipped(self, r):
        self.tell(r, 'skipped')

    def v2_runner_on_unreachable(self, r):
        self.tell(r, 'unreachable')

    def v2_runner_item_on_ok(self, r):
        self.tell(r, 'changed' if r._result.get('changed') else 'ok', True)

    def v2_runner_item_on_failed(self, r):
        self.tell(r, 'failed', True)

    def v2_runner_item_on_skipped(self, r):
        self.tell(r, 'skipped', True)

    def v2_playbook_on_include(self, f):
        for h in f._hosts:
            self.line(h.name, 'included', os.path.basename(f._filename), '', '')

    def v2_playbook_on_no_hosts_matched(self):
        self.line('-', 'no hosts matched', '', '', '')

    def v2_playbook_on_stats(self, stats):
        for h in sorted(stats.processed):
            s = stats.summarize(h)
            self.line(h, 'RECAP', ' '.join('%s=%d' % (k, s[n]) for k, n in (
                ('ok', 'ok'), ('changed', 'changed'), ('unreachable', 'unreachable'), ('failed', 'failures'),
                ('skipped', 'skipped'), ('rescued', 'rescued'), ('ignored', 'ignored'))), '', '')
