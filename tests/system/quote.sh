#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does `cloister quote` judge real quotes as its exit codes and its JSON promise?
set -u
cloister=${BUILD:-build}/cloister
vectors=tests/vectors/dcap
v3=$vectors/sgx3-00a067110000-am-dcap-attestat-178c-at20250531-ev17v3
v2=$vectors/sgx3-00606a000000-am-dcap-attestat-6ef4-at20250228-ev17v2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failures=0

# expect CODE TEXT ARGS…: the exit code, and a text in what is printed.
expect() {
    local code=$1 text=$2
    shift 2
    "$cloister" quote "$@" >"$tmp/out" 2>&1
    local got=$?
    if [ $got -ne "$code" ] || ! grep -qF -- "$text" "$tmp/out"; then
        echo "FAIL: cloister quote $*: exit code $got, not $code, or no \"$text\" in:"
        head -5 "$tmp/out"
        failures=$((failures + 1))
    fi
}

at3=$(cat "$v3/at")
at2=$(cat "$v2/at")
enclave2=a4f45c39dac622cb1dd32ddb35a52ec92db41d0fa88a1c911c49e59c534f61cd
judge3=(verify "$v3/quote.bin" --collateral "$v3" --at "$at3")
judge2=(verify "$v2/quote.bin" --collateral "$v2" --at "$at2")

expect 0 "usage: cloister quote" --help
expect 0 "usage: cloister quote" verify --help
expect 0 "not verified" show "$v3/quote.bin"
expect 0 '"verified": false' show "$v3/quote.bin" --json
expect 1 "POLICY_DEBUG" "${judge3[@]}"
expect 1 "POLICY_TCB_STATUS" "${judge3[@]}" --allow-debug
expect 0 "accepted" "${judge3[@]}" --allow-debug --tcb ConfigurationAndSWHardeningNeeded
expect 0 "accepted" "${judge2[@]}" --tcb SWHardeningNeeded --mrenclave $enclave2
expect 1 "POLICY_IDENTITY" "${judge2[@]}" --tcb SWHardeningNeeded --mrenclave ${enclave2/a4/a5}
expect 1 '"verdict": "refused"' "${judge2[@]}" --json
expect 0 '"tcb_status": "SWHardeningNeeded"' "${judge2[@]}" --json --tcb SWHardeningNeeded
expect 0 '"emulated": false' "${judge2[@]}" --json --tcb SWHardeningNeeded
expect 2 "EXPIRED" verify "$v3/quote.bin" --collateral "$v3" --at $((at3 + 40000000))
expect 2 '"tcb_status": null' verify "$v3/quote.bin" --collateral "$v3" --at 0 --json
expect 2 "--collateral" verify "$v3/quote.bin"
expect 2 "cloister quote:" verify "$tmp/absent" --collateral "$v3"
expect 2 "cloister quote:" show README.md
expect 2 "cloister quote:" verify "$v3/quote.bin" --at yesterday
expect 2 "cloister quote:" verify "$v3/quote.bin" --root "intel=$(printf '0%.0s' {1..64})"
expect 2 "cloister quote:" verify "$v3/quote.bin" --tcb Revoked
expect 2 "cloister quote:" prove

# One part missing, and one bit changed.
cp -r "$v3" "$tmp/copy"
rm "$tmp/copy/pck_crl.der"
expect 2 "COLLATERAL_MISSING" verify "$v3/quote.bin" --collateral "$tmp/copy" --at "$at3"
cp "$v3/quote.bin" "$tmp/quote.bin"
printf '\xff' | dd of="$tmp/quote.bin" bs=1 seek=120 conv=notrunc 2>/dev/null
expect 2 "QUOTE_SIGNATURE" verify "$tmp/quote.bin" --collateral "$v3" --at "$at3"

[ $failures -eq 0 ] && echo "quote: all as promised"
exit $((failures > 0))
