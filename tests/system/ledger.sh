#!/bin/bash
# Wallets, the ledger, orders and datasets on the command line, in a home of their own; refusals; kill -9 while writing.
set -euo pipefail
CLOISTER=${CLOISTER:-${BUILD:-build}/cloister}
CLOISTER=$(realpath "$CLOISTER")
work=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
export CLOISTER_HOME=$work/home
unset CLOISTER_LEDGER CLOISTER_LEDGER_ID CLOISTER_WALLET
cd "$work"

fail() { echo "FAIL: $*" >&2; exit 1; }
json() { /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
# refused CODE TEXT COMMAND...: ends with CODE and says TEXT
refused() {
    local want=$1 text=$2 code=0
    shift 2
    "$@" >out 2>err || code=$?
    test $code = "$want" || fail "exit code $code, not $want: $*"
    grep -q -- "$text" err || fail "does not say '$text': $* ($(cat err))"
}

echo "wallets"
owner=$("$CLOISTER" wallet create)
pool_owner=$("$CLOISTER" wallet create --name pool)
test "$owner" != "$pool_owner"
test "$(stat -c %a home/wallets/default.json)" = 600
test "$("$CLOISTER" wallet show --json | json address)" = "$owner"
if "$CLOISTER" wallet show --json | grep -qi private; then fail "wallet show prints the key"; fi
"$CLOISTER" wallet show --json --show-private-key | grep -q '"privateKey": "0x[0-9a-f]\{64\}"'
refused 1 'already' "$CLOISTER" wallet create
refused 1 'name' "$CLOISTER" wallet create --name ../x
refused 1 'wallet create' "$CLOISTER" wallet show --name nobody
chmod 644 home/wallets/pool.json
refused 1 'chmod 600' "$CLOISTER" wallet show --name pool
chmod 600 home/wallets/pool.json

echo "ledger"
refused 1 'ledger init' "$CLOISTER" ledger show
"$CLOISTER" ledger init >/dev/null
refused 1 'exists' "$CLOISTER" ledger init
id=$("$CLOISTER" ledger show --json | json id)
CLOISTER_LEDGER_ID=$id "$CLOISTER" ledger verify >/dev/null
CLOISTER_LEDGER_ID=0x$(printf '%064d' 1) refused 1 'another ledger' "$CLOISTER" ledger verify

echo "datasets"
head -c 3000001 /dev/urandom >data.csv
sum=$("$CLOISTER" dataset encrypt data.csv -o data.enc --key data.key 2>/dev/null)
test "$sum" = "0x$(sha256sum data.enc | cut -d' ' -f1)"
test "$(stat -c %s-%a data.key)" = 44-600
refused 1 'exists' "$CLOISTER" dataset encrypt data.csv -o data.enc --key other.key
test ! -e other.key
refused 1 'exists' "$CLOISTER" dataset encrypt data.csv -o other.enc --key data.key
test ! -e other.enc
openssl enc -d -aes-256-cbc -K "$(base64 -d data.key | od -An -v -tx1 | tr -d ' \n')" \
    -iv "$(head -c 16 data.enc | od -An -v -tx1 | tr -d ' \n')" -in <(tail -c +17 data.enc) | cmp - data.csv
: >empty
"$CLOISTER" dataset encrypt empty >/dev/null 2>&1
test "$(stat -c %s empty.enc)" = 32
"$CLOISTER" dataset publish data.enc --background --json >published 2>/dev/null
server=$(json pid <published)
uri=$(json uri <published)
curl -sf "$uri" | cmp - data.enc
test "$(curl -s -o /dev/null -w '%{http_code}' "${uri%data.enc}home/wallets/default.json")" = 404
test "$(curl -s -o /dev/null -w '%{http_code}' --path-as-is "${uri%data.enc}../data.key")" = 404
kill "$server"
server=
dataset=$("$CLOISTER" dataset deploy --uri "$uri" --file data.enc --name data)
test "$("$CLOISTER" dataset show "$dataset" --json | json checksum)" = "$sum"
refused 1 'another name' "$CLOISTER" dataset deploy --uri "$uri" --checksum "$sum" --name data
refused 1 'checksum' "$CLOISTER" dataset deploy --uri "$uri" --checksum "$(printf '%064d' 0)"
refused 2 'needs' "$CLOISTER" dataset deploy --uri "$uri"

echo "apps, workerpools, orders"
fingerprint=$(printf '%064d|%064d|%064d' 1 2 3)
app=$("$CLOISTER" app deploy --name stats --uri http://127.0.0.1/stats --fingerprint "$fingerprint")
test "$("$CLOISTER" app show "$app" --json | json fingerprint)" = "$fingerprint"
refused 1 'fingerprint' "$CLOISTER" app deploy --name x --uri http://h/ --fingerprint "${fingerprint}0"
pool=$("$CLOISTER" workerpool create --description test --wallet pool)
"$CLOISTER" order sign app --app "$app" >/dev/null
"$CLOISTER" order sign dataset --dataset "$dataset" --apprestrict "$app" --out order.json >/dev/null
"$CLOISTER" order sign workerpool --workerpool "$pool" --wallet pool >/dev/null
refused 1 'not signed by the owner' "$CLOISTER" order sign dataset --dataset "$dataset" --wallet pool
refused 1 'appprice' "$CLOISTER" order sign app --app "$app" --appprice -1
refused 2 'address' "$CLOISTER" order sign app
refused 1 'only the order' "$CLOISTER" order close dataset order.json --wallet pool
"$CLOISTER" order close dataset order.json
refused 1 'issuer' "$CLOISTER" ledger deposit --account "$owner" --amount 5 --wallet pool
"$CLOISTER" ledger deposit --account "$owner" --amount 5
test "$("$CLOISTER" ledger show --address "$owner" --json | json stake)" = 5
refused 1 'no such object' "$CLOISTER" task show "0x$(printf '%064d' 1)" 2>/dev/null

echo "serving"
"$CLOISTER" ledger serve --listen 127.0.0.1:0 --background --json >served 2>/dev/null
server=$(json pid <served)
url=$(json url <served)
count=$("$CLOISTER" ledger show --json | json count)
test "$(CLOISTER_LEDGER=$url "$CLOISTER" ledger show --json | json count)" = "$count"
for i in 1 2 3 4; do
    CLOISTER_LEDGER=$url "$CLOISTER" workerpool create --description "remote $i" >/dev/null &
done
"$CLOISTER" workerpool create --description local >/dev/null
wait
test "$(CLOISTER_LEDGER=$url "$CLOISTER" ledger show --json | json count)" = $((count + 5))
CLOISTER_LEDGER=$url refused 1 'another name' "$CLOISTER" workerpool create --description local
test "$(curl -s -o /dev/null -w '%{http_code}' --data-binary junk "$url/records")" = 422
kill "$server"
server=

echo "rollback and alteration"
cp home/ledger.db older.db
/usr/bin/python3 - older.db <<'PY'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("DELETE FROM record WHERE seq > 5")
PY
port=${url##*:}
CLOISTER_LEDGER=$PWD/older.db "$CLOISTER" ledger verify >/dev/null
CLOISTER_LEDGER=$PWD/older.db "$CLOISTER" ledger serve --listen "127.0.0.1:$port" --background --json >served 2>/dev/null
server=$(json pid <served)
CLOISTER_LEDGER=$url refused 1 'gone back' "$CLOISTER" ledger show
kill "$server"
server=
/usr/bin/python3 - older.db <<'PY'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    b = bytearray(db.execute("SELECT bytes FROM record WHERE seq = 3").fetchone()[0])
    b[90] ^= 1
    db.execute("UPDATE record SET bytes = ? WHERE seq = 3", (bytes(b),))
PY
CLOISTER_LEDGER=$PWD/older.db refused 1 '.' "$CLOISTER" ledger verify

echo "killed while writing"
before=$("$CLOISTER" ledger show --json | json count)
for i in $(seq 8); do
    "$CLOISTER" workerpool create --description "killed $i" >made 2>/dev/null &
    victim=$!
    sleep "0.0$((i % 4))"
    kill -9 $victim 2>/dev/null || true
    wait $victim 2>/dev/null || true
done
"$CLOISTER" ledger verify >/dev/null || fail "the ledger does not survive kill -9"
"$CLOISTER" workerpool create --description after >/dev/null
test "$("$CLOISTER" ledger show --json | json count)" -gt "$before"
echo "ledger: ok"
