#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Verifications of quotes a CPU second: ours cold, with the collateral cached, with everything but the quote cached; npm's
# @phala/dcap-qvl on the same vectors where node is there and the package can be had; OpenSSL's P-256 verify as the limit.
#   bench/attest.sh [FOLDER…]      (default: tests/vectors/dcap)
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
out=$build/bench
mkdir -p "$out"
[ $# -gt 0 ] || set -- tests/vectors/dcap/*/
make -s BUILD="$build" "$build/libcloister.a"
gcc -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Isrc -o "$out/attest_bench" bench/attest/attest_bench.c \
    "$build/libcloister.a" -lcrypto
"$out/attest_bench" "$@" | tee "$out/attest.txt"

peer=$out/npm/node_modules/@phala/dcap-qvl
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "skip: no node, so no @phala/dcap-qvl"
    exit 0
fi
mkdir -p "$out/npm"
if ! [ -d "$peer" ] && ! timeout 120 npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$out/npm" \
    @phala/dcap-qvl@0.3.9 >"$out/npm.log" 2>&1; then
    echo "skip: @phala/dcap-qvl cannot be installed"
    exit 0
fi
read -r rate judged < <(node bench/attest/peer.js "$(realpath "$peer")" "$@")
cold=$(awk '/^cold/ {sub("/s", "", $5); print $5}' "$out/attest.txt")
printf '%-38s %8.0f/s, ours cold is %.1f times as fast; it judges %d of %d vectors\n' "npm @phala/dcap-qvl 0.3.9, cold" \
    "$rate" "$(awk -v a="$cold" -v b="$rate" 'BEGIN {print b ? a / b : 0}')" "$judged" $#
