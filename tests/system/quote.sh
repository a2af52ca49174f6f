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
expect 2 "--collateral DIR, or --url" verify "$v3/quote.bin" --cache "$tmp/cache.db"
expect 2 "COLLATERAL_MISSING" verify "$v3/quote.bin" --cache "$tmp/cache.db" --json
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

# TDX, and policies by name and by file.
td=$vectors/tdx5-90c06f000000-am-dcap-attestat-58e7-at20250624-ev17v3
relaunch=$vectors/tdx5-90c06f000000-openenclave-504c-at20250310-ev18v3
unsupported=$vectors/tdx4-90c06f000000-am-dcap-attestat-adad-at20250310-ev18v3
judge() { local v=$1; shift; echo verify "$v/quote.bin" --collateral "$v" --at "$(cat "$v/at")" "$@"; }
expect 0 '"tee": "TDX"' $(judge "$td" --json)
expect 0 '"tcb_status": "UpToDate"' $(judge "$td" --json)
expect 0 'warn  attributes' $(judge "$td")
expect 0 '"mrtd": "157768a71a6a31f5' $(judge "$td" --json)
expect 0 'not verified' show "$td/quote.bin"
expect 0 '"mrservicetd"' show "$td/quote.bin" --json
expect 1 '"tcb_status": "TDRelaunchAdvised"' $(judge "$relaunch" --json)
expect 1 '"tcb_status": "TcbNotSupported"' $(judge "$unsupported" --json --policy standard)
expect 1 'TCB_UNSUPPORTED' $(judge "$unsupported" --json)
expect 1 'fail  TCB status' $(judge "$v2")
expect 0 '"verdict": "accepted"' $(judge "$v2" --policy standard --json)
expect 0 'warn  TCB status' $(judge "$v2" --policy standard)
expect 2 'there is no such policy' $(judge "$v2" --policy lenient)
printf 'version: 1\nroots: [intel]\ntee: [TDX]\ntds:\n  - mrtd: %s\n' \
    157768a71a6a31f5561978c4cde665809d22976ef5dead2952839b7b3ea23b6c2931c9148fe1d117c99faefac18bb73b \
    >"$tmp/policy.yaml"
expect 0 accepted $(judge "$td" --policy "$tmp/policy.yaml")
printf 'tcb: {accept: [UpToDate], min_evaluation: 17, min_date: 2024-03-13T00:00:00Z}\n' >>"$tmp/policy.yaml"
expect 0 accepted $(judge "$td" --policy "$tmp/policy.yaml")
expect 1 POLICY_TEE $(judge "$v2" --policy "$tmp/policy.yaml")
printf 'debugging: true\n' >>"$tmp/policy.yaml"
expect 2 'line 7, at debugging' $(judge "$td" --policy "$tmp/policy.yaml")

# Quotes of a platform that exists for this once, with each flaw on demand.
# made CODE TEXT OPTIONS…
made() {
    local code=$1 text=$2 root
    shift 2
    rm -rf "$tmp/made"
    root=$("$cloister" quote make --emulated -o "$tmp/made" "$@") || failures=$((failures + 1))
    expect "$code" "$text" verify "$tmp/made/quote.bin" --collateral "$tmp/made" --at "$(cat "$tmp/made/at")" --root "made=$root"
}
zeros=$(printf '0%.0s' {1..128})
made 0 "accepted"
made 0 "EMULATED" --mrenclave "$enclave2" --report-data "${zeros/0/a}" --at 1750000000
made 1 "POLICY_TCB_STATUS" --tcb-status OutOfDate
made 1 "POLICY_TCB_STATUS" --tcb-status Revoked
made 1 "POLICY_TCB_STATUS" --tcb-status SWHardeningNeeded
made 1 "POLICY_TCB_STATUS" --qe-status OutOfDate
made 1 "POLICY_DEBUG" --debug
made 2 "TCB_STATUS_UNKNOWN" --tcb-status Pending
made 2 "PCK_REVOKED" --pck-revoked
made 2 "PCK_CA_REVOKED" --ca-revoked
made 2 "TCB_SIGNER_REVOKED" --signer-revoked
made 2 "EXPIRED" --collateral-expired
expect 2 "PCK_CHAIN_UNTRUSTED" verify "$tmp/made/quote.bin" --collateral "$tmp/made" --at "$(cat "$tmp/made/at")"
expect 2 "--emulated" make -o "$tmp/made"
expect 2 "letters and digits" make --emulated -o "$tmp/made" --tcb-status '"'
for part in quote.bin at pck_chain.pem pck_crl.der root_ca.pem root_ca_crl.der tcb_info.json tcb_chain.pem qe_identity.json qe_chain.pem; do
    [ -s "$tmp/made/$part" ] || { echo "FAIL: quote make writes no $part"; failures=$((failures + 1)); }
done

# certs: a chain, one in a quote, a list.
certs() { "$cloister" certs show "$@" >"$tmp/out" 2>&1; }
certs "$v3/pck_chain.pem" && grep -q 'Intel SGX Root CA' "$tmp/out" || failures=$((failures + 1))
certs "$td/quote.bin" --json && grep -q '"fmspc": "00806f050000"\|"fmspc"' "$tmp/out" || failures=$((failures + 1))
certs "$v3/pck_crl.der" && grep -q 'next_update' "$tmp/out" || failures=$((failures + 1))
certs README.md && failures=$((failures + 1))

[ $failures -eq 0 ] && echo "quote: all as promised"
exit $((failures > 0))
