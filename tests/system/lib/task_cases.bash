# SPDX-License-Identifier: Apache-2.0
# Sourced by tools/demo (DEMO_THEN) after a task was completed: $TASK, $POOL, $APP, $DATASET, $SMS, $identity, $top.
bad=0
case_ok() { # name, exit code that was got, wanted
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: exit code $2, not $3"; bad=1; fi
}
result="cloister task result $TASK --sms-identity $identity"

# -- an independent reader: Python opens and checks the bundle ------------------------------------------------------
be requester
cloister task result "$TASK" --sms-identity "$identity" -o . >/dev/null 2>&1
case_ok 'the bundle without decryption' $? 0
/usr/bin/python3 - "${TASK#0x}.zip" "$(find home/result-keys -name "*.pem" ! -name "*.pub.pem")" result <<'PY'
import hashlib, io, json, pathlib, subprocess, sys, tempfile, zipfile

bundle, key, expected = sys.argv[1:]
outer = zipfile.ZipFile(bundle)
assert outer.testzip() is None
assert outer.namelist() == ["aes-key.rsa", "iexec_out.zip.aes", "proof.json"], outer.namelist()
with tempfile.NamedTemporaryFile() as wrapped:
    wrapped.write(outer.read("aes-key.rsa"))
    wrapped.flush()
    aes = subprocess.run(["openssl", "pkeyutl", "-decrypt", "-inkey", key, "-in", wrapped.name], check=True, capture_output=True).stdout
assert len(aes) == 32
sealed = outer.read("iexec_out.zip.aes")
plain = subprocess.run(["openssl", "enc", "-d", "-aes-256-cbc", "-K", aes.hex(), "-iv", sealed[:16].hex()],
                       input=sealed[16:], check=True, capture_output=True).stdout
inner = zipfile.ZipFile(io.BytesIO(plain))
assert inner.testzip() is None
for name in inner.namelist():
    assert inner.read(name) == (pathlib.Path(expected) / name).read_bytes(), name
path = json.loads(inner.read("computed.json"))["deterministic-output-path"]
digest = hashlib.sha256(inner.read(path.removeprefix("/iexec_out/"))).hexdigest()
assert json.loads(outer.read("proof.json"))["digest"] == "0x" + digest


# The archive is a function of its files: Python's writer, told the same constants, gives the same bytes.
zipfile.ZipInfo._encodeFilenameFlags = lambda self: (self.filename.encode(), self.flag_bits | 0x800)  # UTF-8


def same(source, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for name in source.namelist():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o100644 << 16
            z.writestr(info, source.read(name))
    return out.getvalue() == data


assert same(inner, plain) and same(outer, pathlib.Path(bundle).read_bytes())
PY
case_ok 'python and openssl open the bundle, and agree on every byte' $? 0

# -- what was touched is refused before anything is decrypted ---------------------------------------------------------
served=$top/worker/work/results/${TASK#0x}.zip
cp "$served" sound.zip
size=$(stat -c %s "$served")
refused=0
for at in 60 700 $((size / 2)) $((size - 200)); do
    cp sound.zip "$served"
    printf '\xa5' | dd of="$served" bs=1 seek=$at conv=notrunc status=none
    rm -rf out
    $result --decrypt -o out >/dev/null 2>touched.log
    [ $? = 1 ] && grep -q 'refused:' touched.log && [ ! -e out ] && refused=$((refused + 1))
done
case_ok 'a touched bundle is refused, and nothing is written' $refused 4
cp sound.zip "$served"
$result --decrypt >shown 2>/dev/null
case_ok 'the sound bundle again' $? 0
sed '/configid/y/0123456789/1234567890/' "$identity" >other.json
cloister task result "$TASK" --sms-identity other.json --decrypt >out.txt 2>touched.log
case_ok 'another SMS identity' $? 1
case_ok '… decrypts nothing' "$(wc -c <out.txt)" 0
sed 's/"configid": "[0-9a-f]*"/"configid": "any"/' "$identity" >any.json
cloister task result "$TASK" --sms-identity any.json --decrypt >out.txt 2>touched.log
case_ok 'an identity without the policy' $? 1
cloister task result 0x$(printf '00%.0s' {1..32}) --sms-identity "$identity" >/dev/null 2>&1
case_ok 'an unknown task' $? 1
$result --decrypt --key "$top/owner/home/wallets/default.json" >/dev/null 2>&1
case_ok 'a key that is none' $? 1
cloister task result-key create >/dev/null 2>&1
case_ok 'a result key is never overwritten' $? 1
cloister task result-key push --sms "$SMS" --sms-identity "$identity" >/dev/null 2>&1
case_ok 'a result key is not replaced by accident' $? 1
cloister task result-key push --sms "$SMS" --sms-identity "$identity" --update >/dev/null 2>&1
case_ok 'a result key is replaced on purpose' $? 0

# -- a worker that dies -------------------------------------------------------------------------------------------------
kill "$worker_pid"
wait "$worker_pid" 2>/dev/null
serve_once="cloister worker serve --workerpool $POOL --sms $SMS --sms-identity $identity --dir work"
for delay in 0.3 1.0 2.5; do
    be requester
    TASK=$(cloister task run --app "$APP" --dataset "$DATASET" --workerpool "$POOL")
    be worker
    $serve_once --once >killed.log 2>&1 &
    killed=$!
    sleep $delay
    kill -9 $killed 2>/dev/null
    wait $killed 2>/dev/null
    $serve_once --task "$TASK" >after.log 2>&1
    again=$?
    be requester
    state=$(cloister task show "$TASK" --json | field status)
    case_ok "worker killed after $delay s: a restart completes the task" "$state" COMPLETED
    [ "$state" = COMPLETED ] || cat ../worker/killed.log ../worker/after.log
    cloister task result "$TASK" --sms-identity "$identity" --decrypt 2>/dev/null | cmp -s - <(cat shown)
    case_ok '… with the same result' $? 0
    : "$again"
done
be owner
cloister worker serve --workerpool "$POOL" --sms "$SMS" --sms-identity "$identity" --dir x --post-compute "$top/sms/postcompute.cloister" --once >/dev/null 2>&1
case_ok 'a wallet that does not own the pool' $? 1
exit $bad
