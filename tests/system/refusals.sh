#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does the demonstration end as it must, with every attempt to cheat refused for the right reason and nothing on disk?
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
for tool in /usr/bin/python3; do
    command -v $tool >/dev/null || { echo "skip demo: no $tool"; exit 0; }
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
timeout 400 tools/demo >"$log" 2>&1
status=$?
section() { sed -n "/^($1)/,/^([a-z])\|^[0-9]\. /p" "$log"; }
for letter in a b c d e f g h; do
    name="refusal ($letter)$(sed -n "s/^($letter)//p" "$log" | head -1)"
    if section $letter | grep -q 'refused:' && ! section $letter | grep -qE 'NOT REFUSED|FAILED, BUT'; then
        echo "ok $name"
    else
        echo "not ok $name"
        section $letter | tail -12
    fi
done
if grep -q 'none found' "$log"; then echo "ok no plaintext on disk"; else echo "not ok no plaintext on disk"; fi
if grep -q 'the same, byte for byte' "$log"; then echo "ok the result is the native one"; else echo "not ok the result is the native one"; fi
if [ $status = 0 ]; then
    echo "ok the whole demonstration"
else
    echo "not ok the whole demonstration: exit code $status"
    tail -30 "$log"
fi
exit $status
