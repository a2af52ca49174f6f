#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does what `make install` puts in place work from there? Installs to an empty DESTDIR and runs the installed program.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0
check() { # name, command…
    name=$1
    shift
    if "$@" >"$place/log" 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name: $(tail -n 1 "$place/log")"
        failed=1
    fi
}
CLOISTER_HOME=$place/home
export CLOISTER_HOME
cloister=$place/root/usr/bin/cloister

check install make -s BUILD="$build" install DESTDIR="$place/root" PREFIX=/usr
check version "$cloister" --version
check help "$cloister" --help
check parts test -s "$place/root/usr/lib/cloister/kernel.elf"
mkdir -p "$place/app/root"
cp /usr/bin/busybox "$place/app/root/busybox"
printf 'name: app\nroot: root\nentrypoint: /busybox\narguments: [echo, installed]\nheap: 64M\nthreads: 2\n' >"$place/app/cloister.yaml"
check build "$cloister" build "$place/app" -o "$place/app.cloister"
"$cloister" fingerprint "$place/app.cloister" >"$place/fingerprint" 2>&1
check fingerprint grep -qxE '[0-9a-f]{64}\|[0-9a-f]{64}\|[0-9a-f]{64}' "$place/fingerprint"
"$build/cloister" fingerprint "$place/app.cloister" >"$place/again" 2>&1
check same-fingerprint cmp "$place/fingerprint" "$place/again"
"$cloister" run "$place/app.cloister" --platform emulated --quiet >"$place/out" 2>&1
check run test "$(cat "$place/out")" = installed
check nothing-else test "$(find "$place/root" -type f ! -path '*/usr/bin/cloister' ! -path '*/usr/lib/cloister/*' | wc -l)" = 0
exit $failed
