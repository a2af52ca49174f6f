#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does a task survive a worker that dies, and does `task result` refuse whatever was touched? The demonstration sets up
# the parties; lib/task_cases.bash takes over after its step 5.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
DEMO_THEN=tests/system/lib/task_cases.bash timeout 300 tools/demo >"$log" 2>&1
status=$?
grep -E '^(ok|not ok|skip) ' "$log"
grep -qE '^(ok|not ok) ' "$log" || { echo "not ok set-up"; tail -30 "$log"; }
! grep -q '^not ok' "$log" || tail -40 "$log"
exit $status
