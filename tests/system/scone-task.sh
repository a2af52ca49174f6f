#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does an app that a script of SCONE's protected run as a task? The demonstration sets up the parties;
# lib/scone_task.bash takes over after its step 5.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
[ -x /usr/bin/python3.11 ] && [ -x /usr/bin/busybox ] || { echo "skip scone-task: no python3.11 and busybox"; exit 0; }
unshare -m true 2>/dev/null || { echo "skip scone-task: this user cannot mount"; exit 0; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
DEMO_THEN=tests/system/lib/scone_task.bash timeout 300 tools/demo >"$log" 2>&1
grep -E '^(ok|not ok) ' "$log" || { echo "not ok set-up"; tail -30 "$log"; exit 1; }
! grep -q '^not ok' "$log" || { tail -40 "$log"; exit 1; }
