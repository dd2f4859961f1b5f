#!/bin/sh
echo '{"changed": true, "from": "role"}'
