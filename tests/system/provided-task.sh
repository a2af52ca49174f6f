#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A task whose app's MRENCLAVE names no file system: the ledger says key, tag and command, the SMS holds CONFIGID against
# them and gives the content key of the image's encrypted region. Another file system, another app, and a key without leave
# for emulated enclaves are refused.
set -u
build=$(realpath "${BUILD:-build}")
PATH=$build:$PATH
here=$(pwd)
tmp=$(mktemp -d)
export CLOISTER_HOME=$tmp/home
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
        tail -n 8 "$tmp/out" "$tmp"/work/tasks/*/app.log 2>/dev/null
    fi
}
need() { # a step without which nothing else makes sense
    "$@" >"$tmp/out" 2>&1 || { echo "not ok $*"; cat "$tmp/out"; exit 1; }
}
as() { # WALLET COMMAND…
    local wallet=$1
    shift
    CLOISTER_WALLET=$wallet need "$@"
}
port_of() { # LOG PATTERN
    local port
    for _ in $(seq 100); do
        port=$(sed -nE "s/$2/\\1/p" "$1" 2>/dev/null | head -n 1)
        [ -n "$port" ] && { echo "$port"; return; }
        sleep 0.1
    done
    return 1
}

# -- the app: reads its encrypted region, and says how it was started --------------------------------------------------
cat >"$tmp/program.c" <<'C'
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char text[64] = "";
    FILE *in = fopen("/model/weights", "r");
    if (!in || !fgets(text, sizeof text, in)) {
        puts("the model cannot be read");
        return 1;
    }
    FILE *out = fopen("/iexec_out/result.txt", "w"), *json = fopen("/iexec_out/computed.json", "w");
    fprintf(out, "model %s", text);
    for (int i = 0; i < argc; i++)
        fprintf(out, "argument %s\n", argv[i]);
    fputs("{\"deterministic-output-path\": \"/iexec_out/result.txt\"}", json);
    return fclose(out) || fclose(json);
}
C
mkdir -p "$tmp/app/root/usr/local/bin" "$tmp/app/root/model"
gcc -static -s -O2 -o "$tmp/app/root/usr/local/bin/program" "$tmp/program.c" || { echo "not ok set-up"; exit 1; }
echo 'int main(void) { return 9; }' >"$tmp/wrong.c"
gcc -static -s -o "$tmp/app/root/wrong" "$tmp/wrong.c" || { echo "not ok set-up"; exit 1; }
echo "forty-two weights" >"$tmp/app/root/model/weights"
cat >"$tmp/app/cloister.yaml" <<'Y'
name: app
root: root
entrypoint: /wrong
heap: 64M
threads: 4
fspf: provided
regions:
  - {path: /cloister_in, kind: not-protected, source: cloister_in}
  - {path: /iexec_in, kind: ephemeral}
  - {path: /iexec_out, kind: encrypted, key: sms}
  - {path: /model, kind: encrypted, content-key: model.key}
Y

# -- ledger, SMS, worker ------------------------------------------------------------------------------------------------
for who in ledger owner worker requester; do need cloister wallet create --name $who; done
CLOISTER_WALLET=ledger need cloister ledger init
CLOISTER_WALLET=ledger cloister ledger serve --listen 127.0.0.1:0 >"$tmp/ledger.log" 2>&1 &
pids+=($!)
CLOISTER_LEDGER=http://127.0.0.1:$(port_of "$tmp/ledger.log" '.*127\.0\.0\.1:([0-9]+).*') || exit 1
export CLOISTER_LEDGER
root=$(cloister worker platform)
ln -s "$build" "$tmp/build" && cp -r "$here/images" "$tmp/images" # their manifests name ../../build
need cloister build "$tmp/images/sms" -o "$tmp/sms.cloister"
cat >"$tmp/accepted.json" <<JSON
{"version": 1, "sms": {"mrenclave": "$(cloister mrenclave "$tmp/sms.cloister")", "configid": "any"}, "policy": "standard",
 "roots": [{"name": "emulated", "spki_sha256": "$root"}]}
JSON
mkdir "$tmp/work"
need cloister build "$tmp/images/postcompute" --init "$build/lib/cloister/stage" --sms "$tmp/accepted.json" \
    -o "$tmp/work/postcompute.cloister"
cloister sms policy --post-compute "$(cloister mrenclave "$tmp/work/postcompute.cloister")" --ledger "$CLOISTER_LEDGER" \
    --no-intel --emulated >"$tmp/policy" || exit 1
identity=$tmp/sms.json
cloister sms identity --policy "$tmp/policy" --image "$tmp/sms.cloister" >"$identity" || exit 1
cloister sms serve --policy "$tmp/policy" --image "$tmp/sms.cloister" --listen 127.0.0.1:0 --platform emulated \
    >"$tmp/sms.log" 2>&1 &
pids+=($!)
sms=https://127.0.0.1:$(port_of "$tmp/sms.log" '^sms: serving on port ([0-9]+)$') ||
    { echo "not ok the SMS starts"; cat "$tmp/sms.log"; exit 1; }
as worker cloister workerpool create --description pool
pool=$(grep -oE '0x[0-9a-fA-F]{40}' "$tmp/out" | head -n 1)
as worker cloister order sign workerpool --workerpool "$pool"
as requester cloister task result-key create
as requester cloister task result-key push --sms "$sms" --sms-identity "$identity"

# -- the app's image, and another one of the same MRENCLAVE ------------------------------------------------------------
need cloister build "$tmp/app" --sms "$identity" -o "$tmp/app.cloister"
cp -a "$tmp/app" "$tmp/evil"
echo "stolen weights" >"$tmp/evil/root/model/weights"
echo "sneaky" >"$tmp/evil/root/sneaky"
need cloister build "$tmp/evil" --sms "$identity" -o "$tmp/evil.cloister"
fingerprint=$(cloister fingerprint "$tmp/app.cloister")
evil=$(cloister fingerprint "$tmp/evil.cloister")
[ "${fingerprint##*|}" = "${evil##*|}" ] && [ "$fingerprint" != "$evil" ]
say $? "two apps of one MRENCLAVE"
! grep -q "forty-two weights" "$tmp/app.cloister"
say $? "the encrypted region's content is not in the image's plaintext"

deploy() { # NAME WALLET FINGERPRINT ENTRYPOINT: the app's address in `app`
    CLOISTER_WALLET=$2 need cloister app deploy --name "$1" --uri "file://$tmp/image.cloister" --fingerprint "$3" ${4:+--entrypoint "$4"}
    app=$(grep -oE '0x[0-9a-fA-F]{40}' "$tmp/out" | head -n 1)
    as "$2" cloister order sign app --app "$app"
}
request() { # APP: the task in `task`
    as requester cloister task run --app "$1" --workerpool "$pool" --args "more words"
    task=$(grep -oE '0x[0-9a-fA-F]{64}' "$tmp/out" | head -n 1)
}
work() { # IMAGE TASK
    cp "$tmp/$1.cloister" "$tmp/image.new" && mv "$tmp/image.new" "$tmp/image.cloister"
    CLOISTER_WALLET=worker timeout 100 cloister worker serve --workerpool "$pool" --sms "$sms" --sms-identity "$identity" \
        --dir "$tmp/work" --platform emulated --task "$2" >"$tmp/out" 2>&1
}
push() { # APP WALLET OPTIONS…
    local who=$2
    CLOISTER_WALLET=$who cloister app push-key "$1" --region /model --key "$tmp/app/model.key" --sms "$sms" \
        --sms-identity "$identity" "${@:3}" >"$tmp/out" 2>&1
}

cp "$tmp/app.cloister" "$tmp/image.cloister"
CLOISTER_WALLET=owner cloister app deploy --name bad --uri "file://$tmp/image.cloister" --fingerprint "$fingerprint" \
    --entrypoint "two  spaces" >"$tmp/out" 2>&1
[ $? = 1 ] && grep -q "one space apart" "$tmp/out"
say $? "a malformed entrypoint is refused"
deploy app owner "$fingerprint" "program --model"
mine=$app
cloister app show "$mine" >"$tmp/out" 2>&1 && grep -qF "$fingerprint|program --model" "$tmp/out"
say $? "the ledger has the fourth field"
push "$mine" requester --allow-emulated
[ $? -ne 0 ] && grep -q "not by the owner" "$tmp/out"
say $? "somebody else's content key for an app is refused"
request "$mine"
first=$task
work app "$first"
[ $? -ne 0 ] && grep -q "the model cannot be read" "$tmp/out" "$tmp"/work/tasks/*/app.log
say $? "without a content key the region stays shut"
push "$mine" owner --allow-emulated
say $? "the owner gives the content key"
push "$mine" owner --allow-emulated
[ $? -ne 0 ] && grep -q "already set" "$tmp/out"
say $? "a content key is written once"
work evil "$first"
[ $? -ne 0 ] && grep -qi "integrity" "$tmp/out"
say $? "the host cannot mount another file system under the app's MRENCLAVE"
work app "$first"
say $? "the task is done with the ledger's file system"
CLOISTER_WALLET=requester cloister task result "$first" --sms-identity "$identity" --decrypt -o "$tmp/result" >"$tmp/out" 2>&1
say $? "the result is accepted"
printf 'model forty-two weights\nargument program\nargument --model\nargument more\nargument words\n' |
    cmp - "$tmp/result/result.txt" >>"$tmp/out" 2>&1
say $? "the ledger's command ran, with the requester's arguments, and read the encrypted region"

deploy thief requester "$fingerprint" "program --model"
request "$app"
work app "$task"
[ $? -ne 0 ] && grep -q "the model cannot be read" "$tmp/out" "$tmp/work/tasks/${task#0x}/app.log"
say $? "the same image as another app gets no content key"
deploy hardware owner "$fingerprint" "program --model"
push "$app" owner
request "$app"
work app "$task"
[ $? -ne 0 ] && grep -qE "secret-hardware-only|not allowed for emulated" "$tmp/out"
say $? "a content key without leave is not given to an emulated enclave"
deploy lost owner "$fingerprint" "no-such-program"
request "$app"
work app "$task"
[ $? -ne 0 ] && grep -q "no such program" "$tmp/out"
say $? "a command that the image does not have is refused"
exit $failed
