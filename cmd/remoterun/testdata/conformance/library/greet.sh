#!/bin/sh
# name=value in a file
. "$1"
case $name in
broken) echo "no JSON here"; echo "why" >&2; exit 3 ;;
fails) printf '{"failed": true, "msg": "it said no", "code": 7}' ;;
status) printf '{"rc": 4, "changed": false}' ;;
facts) printf '{"ansible_facts": {"greeted": "{{ x }}", "ansible_greeter": [1, 2]}, "warnings": ["a warning"]}' ;;
*) echo "chatter"; printf '{"changed": true, "msg": "hello %s", "list": [1, {"a": null}]}\n' "$name" ;;
esac
