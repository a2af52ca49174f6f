#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does another signer, here or elsewhere (OpenSSL as the HSM), change MRSIGNER and nothing else? And does `cloister diff`
# say what differs?
set -u
cd "$(dirname "$0")/../.." || exit 1
cloister=$PWD/${BUILD:-build}/cloister
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export CLOISTER_HOME=$tmp/home
bad=0

check() { # name, command…: succeeds
    local name=$1
    shift
    if "$@" >"$tmp/checked" 2>&1; then echo "ok $name"; else echo "not ok $name: $*: $(tail -n 2 "$tmp/checked" | tr '\n' ' ')"; bad=1; fi
}
code() { # name, wanted exit code, command…
    local name=$1 wanted=$2
    shift 2
    "$@" >"$tmp/out" 2>&1
    local got=$?
    if [ $got = "$wanted" ]; then echo "ok $name"; else echo "not ok $name: exit code $got, not $wanted: $(tail -n 2 "$tmp/out" | tr '\n' ' ')"; bad=1; fi
}
same() { # name, a, b
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: $2, not $3"; bad=1; fi
}
mrsigner() { "$cloister" inspect "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["enclave"]["mrsigner"])'; }
of_key() { # MRSIGNER as the SDM says it: SHA-256 of the modulus, little-endian
    openssl rsa -pubin -in "$1" -noout -modulus | sed 's/Modulus=//' |
        python3 -c 'import hashlib, sys; print(hashlib.sha256(bytes.fromhex(sys.stdin.read().strip())[::-1]).hexdigest())'
}

mkdir -p "$tmp/app/root/data"
echo 'int main(void) { return 0; }' >"$tmp/main.c"
gcc -static -s -o "$tmp/app/root/main" "$tmp/main.c" || { echo "not ok set-up: gcc"; exit 1; }
echo one >"$tmp/app/root/data/a"
echo two >"$tmp/app/root/data/b"
ln -s a "$tmp/app/root/data/link"
printf 'name: app\nroot: root\nentrypoint: /main\nheap: 32M\nthreads: 2\n' >"$tmp/app/cloister.yaml"
image=$tmp/app.cloister
"$cloister" build "$tmp/app" -o "$image" --quiet >"$tmp/fingerprint" || { echo "not ok set-up: build"; exit 1; }
fingerprint=$(<"$tmp/fingerprint")
first=$(mrsigner "$image")
for key in here hsm; do
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_pubexp:3 -out "$tmp/$key.pem" 2>/dev/null
    openssl pkey -in "$tmp/$key.pem" -pubout -out "$tmp/$key.pub"
done
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "$tmp/e65537.pem" 2>/dev/null
openssl pkey -in "$tmp/e65537.pem" -pubout -out "$tmp/e65537.pub"

# --- a key at hand
cp "$image" "$tmp/before"
chmod 640 "$image"
check 'sign with a key' "$cloister" sign "$image" --key "$tmp/here.pem"
same 'MRSIGNER is the key'\''s' "$(mrsigner "$image")" "$(of_key "$tmp/here.pub")"
same 'the fingerprint stays' "$("$cloister" fingerprint "$image")" "$fingerprint"
same 'the mode stays' "$(stat -c %a "$image")" 640
check 'the image is whole' "$cloister" fspf verify "$image" --fingerprint "$fingerprint"
check 'the image runs' "$cloister" run "$image"
same 'SIGSTRUCT alone differs' "$(cmp -l "$tmp/before" "$image" | awk -v size="$(stat -c %s "$image")" \
    '$1 <= size - 8192 || $1 > size - 4096 {n++} END {print n + 0}')" 0
check 'sign back' "$cloister" sign "$image" --key "$CLOISTER_HOME/signer.pem"
same 'and it is the same file' "$(sha256sum <"$image")" "$(sha256sum <"$tmp/before")"
same 'the first signer again' "$(mrsigner "$image")" "$first"

# --- an HSM that signs bytes, and one that signs a digest
digest=$("$cloister" sign "$image" --digest --out "$tmp/tbs" --signer-public "$tmp/hsm.pub" 2>/dev/null)
same 'the digest is of the bytes' "$digest" "$(sha256sum "$tmp/tbs" | cut -d' ' -f1)"
same 'the bytes are 256' "$(stat -c %s "$tmp/tbs")" 256
openssl dgst -sha256 -sign "$tmp/hsm.pem" -out "$tmp/sig" "$tmp/tbs"
echo -n "$digest" | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >"$tmp/raw"
openssl pkeyutl -sign -inkey "$tmp/hsm.pem" -pkeyopt digest:sha256 -in "$tmp/raw" -out "$tmp/sig2"
same 'both ways of signing agree' "$(sha256sum <"$tmp/sig")" "$(sha256sum <"$tmp/sig2")"
cp "$image" "$tmp/b64"
check 'attach' "$cloister" sign "$image" --attach "$tmp/sig" --signer-public "$tmp/hsm.pub"
same 'MRSIGNER is the HSM'\''s' "$(mrsigner "$image")" "$(of_key "$tmp/hsm.pub")"
check 'the image is whole after attach' "$cloister" fspf verify "$image" --fingerprint "$fingerprint"
check 'the image runs after attach' "$cloister" run "$image"
openssl base64 -in "$tmp/sig" -out "$tmp/sig.b64"
check 'attach base64' "$cloister" sign "$tmp/b64" --attach "$tmp/sig.b64" --signer-public "$tmp/hsm.pub"
same 'base64 or not, one image' "$(sha256sum <"$tmp/b64")" "$(sha256sum <"$image")"

# --- refusals leave the file alone
sum=$(sha256sum <"$image")
code 'another key'\''s signature' 1 "$cloister" sign "$image" --attach "$tmp/sig" --signer-public "$tmp/here.pub"
python3 - "$tmp" <<'PY'
import pathlib, sys
place = pathlib.Path(sys.argv[1])
bad = bytearray((place / "sig").read_bytes())
bad[100] ^= 1
(place / "flipped").write_bytes(bad)
(place / "short").write_bytes(bad[:383])
PY
code 'a flipped bit' 1 "$cloister" sign "$image" --attach "$tmp/flipped" --signer-public "$tmp/hsm.pub"
code 'a short signature' 1 "$cloister" sign "$image" --attach "$tmp/short" --signer-public "$tmp/hsm.pub"
code 'a private key as the public one' 1 "$cloister" sign "$image" --attach "$tmp/sig" --signer-public "$tmp/hsm.pem"
code 'exponent 65537' 1 "$cloister" sign "$image" --key "$tmp/e65537.pem"
code 'exponent 65537, elsewhere' 1 "$cloister" sign "$image" --digest --signer-public "$tmp/e65537.pub"
code 'no key' 1 "$cloister" sign "$image" --key "$tmp/none"
code 'two ways at once' 2 "$cloister" sign "$image" --key "$tmp/here.pem" --digest
code 'attach without the public key' 2 "$cloister" sign "$image" --attach "$tmp/sig"
same 'a refused signature changes nothing' "$(sha256sum <"$image")" "$sum"
same 'nothing is left behind' "$(ls "$tmp" | grep -c 'app.cloister\.')" 0
cp "$image" "$tmp/other" # a parameter: other heap, so another MRENCLAVE than what was signed
python3 - "$tmp/other" <<'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(-4096 * 6 + 16, 2)
    file.write((64 << 20).to_bytes(8, "little"))
PY
code 'nobody signs a changed image' 1 "$cloister" sign "$tmp/other" --key "$tmp/here.pem"

# --- diff
code 'the same image' 0 "$cloister" diff "$image" "$image"
code 'another signer alone' 1 "$cloister" diff "$image" "$tmp/before" --json
check 'says so' python3 - "$tmp/out" <<'PY'
import json, sys
said = json.load(open(sys.argv[1]))
assert not said["same"] and said["fingerprint"] == [] and said["files"] == [] and said["parameters"] == [], said
assert [d["field"] for d in said["signer"]] == ["mrsigner"], said
PY
cp -a "$tmp/app" "$tmp/app2"
rm "$tmp/app2/root/data/b"
echo 0ne >"$tmp/app2/root/data/a"
echo new >"$tmp/app2/root/data/c"
ln -sfn c "$tmp/app2/root/data/link"
printf 'name: app\nroot: root\nentrypoint: /main\narguments: [x]\nheap: 64M\nthreads: 3\nregions: [{path: /out, kind: encrypted, key: sms}]\n' \
    >"$tmp/app2/cloister.yaml"
"$cloister" build "$tmp/app2" -o "$tmp/app2.cloister" --quiet --sbom >/dev/null
code 'different images' 1 "$cloister" diff "$image" "$tmp/app2.cloister" --json
check 'each difference is named' python3 - "$tmp/out" <<'PY'
import hashlib, json, sys
said = json.load(open(sys.argv[1]))
assert [d["field"] for d in said["fingerprint"]] == ["FSPF_KEY", "FSPF_TAG", "MRENCLAVE"], said["fingerprint"]
files = {f["path"]: f for f in said["files"]}
assert files["/data/a"]["fields"] == ["sha256"], files["/data/a"]
assert files["/data/a"]["b"]["sha256"] == hashlib.sha256(b"0ne\n").hexdigest()
assert files["/data/b"]["change"] == "removed" and files["/data/c"]["change"] == "added"
assert files["/data/link"]["fields"] == ["target"] and files["/data/link"]["b"]["target"] == "c"
assert "/main" not in files
changed = {d["field"]: (d["a"], d["b"]) for d in said["parameters"]}
assert changed["heap"] == (32 << 20, 64 << 20) and changed["threads"] == (2, 3), changed
assert "kernel_hash" not in changed and "stack" not in changed
assert [(d["field"], d["a"], d["b"]["kind"]) for d in said["regions"]] == [("/out", None, "encrypted")]
assert [d["field"] for d in said["process"]] == ["arguments"]
PY
"$cloister" diff "$image" "$tmp/app2.cloister" >"$tmp/text"
check 'the text names them too' grep -q '^  removed /data/b: file 0644 0:0, 4 bytes, sha256 ' "$tmp/text"
code 'not an image' 2 "$cloister" diff "$image" "$tmp/tbs"

# --- inspect says what protects what, and lists files
"$cloister" inspect "$tmp/app2.cloister" --files --json >"$tmp/inspect"
check 'inspect --files' python3 - "$tmp/inspect" <<'PY'
import hashlib, json, sys
said = json.load(open(sys.argv[1]))
files = {f["path"]: f for f in said["files"]}
assert files["/data/c"]["sha256"] == hashlib.sha256(b"new\n").hexdigest() and files["/data/c"]["region"] == "authenticated"
assert files["/out"]["type"] == "directory" and files["/out"]["region"] == "encrypted"
assert [p["kind"] for p in said["protection"]] == ["authenticated", "encrypted", "ephemeral"], said["protection"]
assert any("out.volume" in s for s in said["host_sees"]) and any("packets" in s for s in said["host_sees"])
PY

# --- the split form: the same enclave, the files elsewhere
"$cloister" build "$tmp/app2" -o "$tmp/split.cloister" --quiet --split >/dev/null
"$cloister" build "$tmp/app2" -o "$tmp/app2.again" --quiet >/dev/null
code 'split or full' 0 "$cloister" diff "$tmp/app2.again" "$tmp/split.cloister" --root-b "$tmp/app2/root"
code 'diff needs the files' 2 "$cloister" diff "$tmp/app2.again" "$tmp/split.cloister"
code 'inspect --files needs the files' 1 "$cloister" inspect "$tmp/split.cloister" --files
check 'sign a split image' "$cloister" sign "$tmp/split.cloister" --key "$tmp/here.pem"
same 'MRSIGNER of a split image' "$(mrsigner "$tmp/split.cloister")" "$(of_key "$tmp/here.pub")"
check 'a split image is whole' "$cloister" fspf verify "$tmp/split.cloister" --root "$tmp/app2/root"

# --- what it is made of
check 'SBOM and provenance' python3 - "$tmp" <<'PY'
import hashlib, json, pathlib, sys
place = pathlib.Path(sys.argv[1])
sbom = json.loads((place / "app2.spdx.json").read_text())
assert sbom["spdxVersion"] == "SPDX-2.3" and sbom["creationInfo"]["created"] == "2026-01-01T00:00:00Z"
names = {f["fileName"]: {c["algorithm"]: c["checksumValue"] for c in f["checksums"]} for f in sbom["files"]}
assert names["./data/c"]["SHA256"] == hashlib.sha256(b"new\n").hexdigest() and "./main" in names
codes = "".join(sorted(c["SHA1"] for c in names.values()))
application = next(p for p in sbom["packages"] if p["SPDXID"] == "SPDXRef-application")
assert application["packageVerificationCode"]["packageVerificationCodeValue"] == hashlib.sha1(codes.encode()).hexdigest()
known = {"SPDXRef-DOCUMENT"} | {e["SPDXID"] for e in sbom["packages"] + sbom["files"]}
assert all({r["spdxElementId"], r["relatedSpdxElement"]} <= known for r in sbom["relationships"])
said = json.loads((place / "app2.provenance.json").read_text())
digests = {d["name"]: d["digest"]["sha256"] for d in said["predicate"]["buildDefinition"]["resolvedDependencies"]}
assert digests["cloister.yaml"] == hashlib.sha256((place / "app2/cloister.yaml").read_bytes()).hexdigest()
assert "kernel.elf" in digests and said["predicate"]["runDetails"]["metadata"] == {}
PY
exit $bad
