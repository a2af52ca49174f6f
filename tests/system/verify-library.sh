#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Can a program outside the tree use libcloister-verify, shared and static, with pkg-config alone?
set -eu
build=${BUILD:-build}
vectors=tests/vectors/dcap
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

make -s BUILD="$build" PREFIX="$tmp/usr" install-verify >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
export PKG_CONFIG_PATH="$tmp/usr/lib/pkgconfig"

# The header stands alone, in C and in C++.
echo '#include <cloister/verify.h>' | gcc -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only \
    $(pkg-config --cflags cloister-verify) -x c -
echo '#include <cloister/verify.h>' | g++ -Wall -Wextra -Werror -pedantic -fsyntax-only \
    $(pkg-config --cflags cloister-verify) -x c++ -

gcc -std=c99 -Wall -Wextra -Werror $(pkg-config --cflags cloister-verify) -o "$tmp/shared" \
    tests/system/lib/verify_user.c $(pkg-config --libs cloister-verify)
gcc -std=c99 -Wall -Wextra -Werror $(pkg-config --cflags cloister-verify) -o "$tmp/static" \
    tests/system/lib/verify_user.c "$tmp/usr/lib/libcloister-verify.a" \
    $(pkg-config --libs-only-l --static cloister-verify | sed 's/-lcloister-verify//')

# expect OUTCOME STATUS POLICY VECTOR
expect() {
    local vector=$vectors/$4 kind got
    for kind in shared static; do
        got=$(LD_LIBRARY_PATH=$tmp/usr/lib "$tmp/$kind" "$3" "$vector" "$(cat "$vector/at")")
        [ "$got" = "$1 $2" ] || { echo "FAIL: $kind, $4 under $3: $got, not $1 $2"; exit 1; }
    done
}
expect 0 UpToDate strict tdx5-90c06f000000-am-dcap-attestat-58e7-at20250624-ev17v3
expect 1 SWHardeningNeeded strict sgx3-00606a000000-am-dcap-attestat-6ef4-at20250228-ev17v2
expect 0 SWHardeningNeeded standard sgx3-00606a000000-am-dcap-attestat-6ef4-at20250228-ev17v2
expect 1 TDRelaunchAdvised standard tdx5-90c06f000000-openenclave-504c-at20250310-ev18v3

# Nothing but the public names is exported.
if nm -D --defined-only "$tmp/usr/lib/libcloister-verify.so.0" | grep -v ' cloister_'; then
    echo "FAIL: the shared library exports other names"
    exit 1
fi
echo "verify-library: all as promised"
