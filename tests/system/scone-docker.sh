#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does a Dockerfile on top of a curated image, with a script of SCONE's in it, give an app that runs as a task? The
# demonstration sets up the parties; lib/scone_docker.bash takes over after its step 5.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
command -v buildah >/dev/null || { echo "skip scone-docker: no buildah"; exit 0; }
unshare -m true 2>/dev/null || { echo "skip scone-docker: this user cannot mount"; exit 0; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
DEMO_THEN=tests/system/lib/scone_docker.bash timeout 300 tools/demo >"$log" 2>&1
grep -E '^(ok|not ok) ' "$log" || { echo "not ok set-up"; tail -30 "$log"; exit 1; }
! grep -q '^not ok' "$log" || { tail -40 "$log"; exit 1; }
