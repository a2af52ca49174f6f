#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The SMS in its enclave (emulated here): owners verify it before a key leaves; its database survives a restart
# and is empty under another policy; nothing secret reaches the host's disk or log.
set -u
cloister=$(realpath "${BUILD:-build}/cloister")
here=$(pwd)
tmp=$(mktemp -d)
export CLOISTER_HOME=$tmp/home CLOISTER_WALLET=owner
pids=()
finish() {
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT
failed=0

say() { # STATUS NAME
    if [ "$1" = 0 ]; then echo "ok $2"; else
        echo "not ok $2"
        failed=1
        tail -n 5 "$tmp/out" "$tmp/sms.log" 2>/dev/null
    fi
}

need() { # a step without which nothing else makes sense
    "$@" >"$tmp/out" 2>&1 || { echo "not ok $*"; cat "$tmp/out"; exit 1; }
}

port_of() { # waits for "port N" or ":N" in a log
    local file=$1 pattern=$2 port
    for _ in $(seq 100); do
        port=$(sed -nE "s/$pattern/\\1/p" "$file" 2>/dev/null | head -n 1)
        [ -n "$port" ] && { echo "$port"; return; }
        sleep 0.1
    done
    return 1
}

start_sms() { # POLICY
    : >"$tmp/sms.log"
    "$cloister" sms serve --policy "$1" --image "$tmp/sms.cloister" --listen 127.0.0.1:0 --platform emulated \
        >"$tmp/sms.log" 2>&1 &
    sms_pid=$!
    pids+=("$sms_pid")
    sms=https://127.0.0.1:$(port_of "$tmp/sms.log" '^sms: serving on port ([0-9]+)$') ||
        { echo "not ok the SMS starts"; cat "$tmp/sms.log"; exit 1; }
}

stop_sms() {
    kill "$sms_pid"
    wait "$sms_pid" 2>/dev/null
}

push() { # DATASET IDENTITY OPTIONS…
    local dataset=$1 identity=$2
    shift 2
    "$cloister" dataset push-key "$dataset" --key "$tmp/key" --sms "$sms" --sms-identity "$identity" "$@" \
        >"$tmp/out" 2>&1
}

need "$cloister" wallet create --name owner
need "$cloister" ledger init
"$cloister" ledger serve --listen 127.0.0.1:0 >"$tmp/ledger.log" 2>&1 &
pids+=($!)
ledger=http://127.0.0.1:$(port_of "$tmp/ledger.log" '.*127\.0\.0\.1:([0-9]+).*') || exit 1
head -c 32 /dev/urandom | base64 >"$tmp/key"
echo 7 >"$tmp/data"
need "$cloister" dataset deploy --uri http://localhost/d --file "$tmp/data" --name one --json
one=$(grep -oE '0x[0-9a-fA-F]{40}' "$tmp/out" | head -n 1)
need "$cloister" dataset deploy --uri http://localhost/d --file "$tmp/data" --name two --json
two=$(grep -oE '0x[0-9a-fA-F]{40}' "$tmp/out" | head -n 1)
need "$cloister" build "$here/images/sms" -o "$tmp/sms.cloister"
post=$(printf '77%.0s' $(seq 32))
"$cloister" sms policy --post-compute "$post" --ledger "$ledger" --emulated --no-intel >"$tmp/policy" || exit 1
"$cloister" sms policy --post-compute "$post,$post" --ledger "$ledger" --emulated --no-intel >"$tmp/policy2" || exit 1
"$cloister" sms identity --policy "$tmp/policy" --image "$tmp/sms.cloister" >"$tmp/sms.json" || exit 1
"$cloister" sms identity --policy "$tmp/policy2" --image "$tmp/sms.cloister" >"$tmp/sms2.json" || exit 1
# Another first digit, whichever it is.
sed -E 's/("mrenclave": *")0/\1f/; t; s/("mrenclave": *")./\10/' "$tmp/sms.json" >"$tmp/other.json"

start_sms "$tmp/policy"
push "$one" "$tmp/other.json"
[ $? -ne 0 ] && grep -q "another enclave identity" "$tmp/out"
say $? "an SMS of another MRENCLAVE receives no key"
push "$one" "$tmp/sms2.json"
[ $? -ne 0 ] && grep -q "another policy" "$tmp/out"
say $? "an SMS under another policy receives no key"
# The TLS certificate carries evidence: for `ratls show`, and for a client that is not ours.
judge() { # OPTIONS…
    "$cloister" ratls show "$@" --collateral "$CLOISTER_HOME/platform/collateral.bundle" >"$tmp/out" 2>&1
}
root=emulated=$("$cloister" worker platform)
mrenclave=$("$cloister" mrenclave "$tmp/sms.cloister")
judge "${sms#https://}" --root "$root" --mrenclave "$mrenclave" && grep -q '^accepted' "$tmp/out" &&
    grep -q '^certificate pass' "$tmp/out"
say $? "the SMS's certificate carries its evidence"
judge "$sms" --root "$root" --mrenclave "${mrenclave/?/}0"
[ $? = 1 ] && grep -q POLICY_IDENTITY "$tmp/out"
say $? "another enclave's certificate is refused"
judge "$sms"
[ $? = 2 ] && grep -q PCK_CHAIN_UNTRUSTED "$tmp/out"
say $? "evidence under a root that nobody named proves nothing"
openssl s_client -connect "${sms#https://}" </dev/null 2>/dev/null | openssl x509 >"$tmp/sms.pem" &&
    openssl x509 -in "$tmp/sms.pem" -noout -text | grep -q '2\.23\.133\.5\.4\.9' && judge "$tmp/sms.pem" --root "$root"
say $? "openssl s_client receives the same certificate"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/plain.key" -subj /CN=x -out "$tmp/plain.pem" 2>/dev/null
echo ---- >"$tmp/broken.pem"
judge "$tmp/broken.pem" --root "$root"
[ $? = 2 ] && { judge "$tmp/plain.pem" --root "$root"; [ $? = 2 ]; }
say $? "a certificate without evidence is none"
printf 'version: 1\nroots: [intel]\ntcb: {accept: [UpToDate], min_evaluation: 99}\n' >"$tmp/judging.yaml"
"$cloister" sms policy --post-compute "$post" --ledger "$ledger" --emulated --policy "$tmp/judging.yaml" >"$tmp/policy3" &&
    "$cloister" sms identity --policy "$tmp/policy3" --image "$tmp/sms.cloister" >"$tmp/sms3.json" &&
    sed -E "s/(\"configid\": *\")[0-9a-f]*/\1$(grep -oE '"configid": *"[0-9a-f]*' "$tmp/sms.json" | grep -oE '[0-9a-f]{64}')/" \
        "$tmp/sms3.json" >"$tmp/later.json" && ! push "$one" "$tmp/later.json" && grep -q "later TCB evaluation" "$tmp/out"
say $? "a policy in YAML is what the SMS's quote is judged by"
echo 'more: 1' >>"$tmp/judging.yaml"
! "$cloister" sms policy --post-compute "$post" --ledger "$ledger" --emulated --policy "$tmp/judging.yaml" >"$tmp/out" 2>&1
say $? "a policy with an unknown key is refused"
push "$one" "$tmp/sms.json" --allow-emulated && grep -qi emulated "$tmp/out"
say $? "the SMS that sms.json names receives the key"
push "$one" "$tmp/sms.json" --allow-emulated
[ $? -ne 0 ] && grep -q "already set" "$tmp/out"
say $? "a key is written once"
need "$cloister" wallet create --name stranger
CLOISTER_WALLET=stranger push "$two" "$tmp/sms.json"
[ $? -ne 0 ] && grep -q "not by the owner" "$tmp/out"
say $? "somebody else's key for a dataset is refused"
stop_sms

start_sms "$tmp/policy"
push "$one" "$tmp/sms.json"
[ $? -ne 0 ] && grep -q "already set" "$tmp/out"
say $? "the database survives a restart"
stop_sms

mkdir "$tmp/old" "$tmp/new" && cp -a "$CLOISTER_HOME"/sms/. "$tmp/old/"
start_sms "$tmp/policy"
push "$two" "$tmp/sms.json"
say $? "another key is stored and anchored"
stop_sms
cp -a "$CLOISTER_HOME"/sms/. "$tmp/new/"
rm -rf "${CLOISTER_HOME:?}"/sms/* && cp -a "$tmp"/old/. "$CLOISTER_HOME/sms/"
timeout 60 "$cloister" sms serve --policy "$tmp/policy" --image "$tmp/sms.cloister" --listen 127.0.0.1:0 \
    --platform emulated >"$tmp/sms.log" 2>&1
status=$?
[ $status -ne 0 ] && [ $status -ne 124 ] && ! grep -q "serving" "$tmp/sms.log" &&
    grep -q "refused: this database is older than its anchor on the ledger" "$tmp/sms.log" &&
    grep -qE "\(generation [0-9]+, anchored [0-9]+\)" "$tmp/sms.log"
say $? "an old copy of the database is refused"
rm -rf "${CLOISTER_HOME:?}"/sms/* && cp -a "$tmp"/new/. "$CLOISTER_HOME/sms/"
start_sms "$tmp/policy"
push "$two" "$tmp/sms.json"
[ $? -ne 0 ] && grep -q "already set" "$tmp/out"
say $? "the newest copy starts"
stop_sms

mkdir "$tmp/aside" && mv "$CLOISTER_HOME"/sms/* "$tmp/aside/"
start_sms "$tmp/policy2"
push "$one" "$tmp/sms2.json"
say $? "another policy meets an empty database"
stop_sms
rm -rf "${CLOISTER_HOME:?}"/sms/* && mv "$tmp"/aside/* "$CLOISTER_HOME/sms/"
: >"$tmp/sms.log"
timeout 60 "$cloister" sms serve --policy "$tmp/policy2" --image "$tmp/sms.cloister" --listen 127.0.0.1:0 \
    --platform emulated >"$tmp/sms.log" 2>&1
[ $? -ne 0 ] && ! grep -q "serving" "$tmp/sms.log"
say $? "another policy cannot open the first one's database"

! grep -rqF -- "$(cat "$tmp/key")" "$CLOISTER_HOME" "$tmp/sms.log"
say $? "the key is nowhere on the host's disk"
exit $failed
