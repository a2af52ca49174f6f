#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does a Dockerfile become an OCI image that runs in an enclave, goes through a registry by its digest, shares the layers
# of its base, and is refused when somebody touched it? The registry is Debian's, on loopback, with TLS.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}")
cloister=$BUILD/cloister
name=oci
for tool in buildah skopeo umoci docker-registry; do
    command -v $tool >/dev/null || { echo "skip $name: no $tool"; exit 0; }
done
top=$(mktemp -d)
export CLOISTER_HOME=$top/home HOME=$top/user TMPDIR=$top/tmp
mkdir -p "$HOME" "$TMPDIR" "$top/certs"
registry=
trap '[ -z "$registry" ] || kill "$registry" 2>/dev/null; chmod -R u+rwX "$top" 2>/dev/null; rm -rf "$top"' EXIT
status=0
fail() { echo "not ok $name: $*"; status=1; exit 1; }
ok() { echo "ok $*"; }
# refused WHAT COMMAND…: must fail, with WHAT in what it says.
refused() {
    local what=$1
    shift
    if "$@" >"$top/out" 2>&1; then fail "was not refused: $*"; fi
    grep -q -- "$what" "$top/out" || fail "refused, but not with '$what': $(cat "$top/out")"
}

# --- the registry ---
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout "$top/ca.key" -out "$top/certs/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$top/tls.key" -out "$top/tls.csr" 2>/dev/null
openssl x509 -req -in "$top/tls.csr" -CA "$top/certs/ca.crt" -CAkey "$top/ca.key" -CAcreateserial -days 2 \
    -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") -out "$top/tls.crt" 2>/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
host=127.0.0.1:$port
cat >"$top/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $top/registry}}
http: {addr: $host, tls: {certificate: $top/tls.crt, key: $top/tls.key}}
END
docker-registry serve "$top/registry.yml" >"$top/registry.log" 2>&1 &
registry=$!
for _ in $(seq 50); do
    curl -s --cacert "$top/certs/ca.crt" "https://$host/v2/" >/dev/null && break
    sleep 0.1
done
curl -s --cacert "$top/certs/ca.crt" "https://$host/v2/" >/dev/null || fail "registry: $(tail -3 "$top/registry.log")"

# --- a base image, and a Dockerfile on it ---
mkdir -p "$top/root/bin" "$top/root/etc" "$top/root/usr/lib"
cp /bin/busybox "$top/root/bin/busybox"
ln -s busybox "$top/root/bin/sh"
ln -s busybox "$top/root/bin/cat"
echo 'root:x:0:0:root:/:/bin/sh' >"$top/root/etc/passwd"
echo 'web:x:33:44:web:/app:/bin/sh' >>"$top/root/etc/passwd"
head -c 3000000 /dev/urandom >"$top/root/usr/lib/large"
printf 'FROM scratch\nCOPY root/ /\nENV PATH=/bin\n' >"$top/Dockerfile"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$top/policy.json"
store=(buildah --root "$top/store" --runroot "$top/run" --storage-driver vfs)
{
    "${store[@]}" bud --quiet --signature-policy "$top/policy.json" --isolation chroot --tag base "$top" &&
        "${store[@]}" push --quiet --signature-policy "$top/policy.json" --cert-dir "$top/certs" base "docker://$host/base:1"
} >"$top/out" 2>&1 || fail "base image: $(cat "$top/out")"
layers() { skopeo inspect --cert-dir "$top/certs" "docker://$1" | python3 -c 'import json, sys; print("\n".join(json.load(sys.stdin)["Layers"]))'; }
base_layer=$(layers "$host/base:1") || fail "base image cannot be read"

mkdir "$top/app"
echo 'hello from the enclave' >"$top/app/hello"
cat >"$top/app/Dockerfile" <<END
FROM $host/base:1
COPY hello /app/hello
RUN echo made by RUN >/app/made && rm /usr/lib/none 2>/dev/null; true
ENV GREETING=hi
WORKDIR /app
USER web
VOLUME /var/data
EXPOSE 8080
ENTRYPOINT ["sh", "-c"]
CMD ["read -r a <hello; read -r b <made; echo \$a; echo \$b; echo \$GREETING; pwd; exec busybox id -u"]
END
expected=$(printf 'hello from the enclave\nmade by RUN\nhi\n/app\n33')
build() { "$cloister" build "$top/app" --cert-dir "$top/certs" --quiet 2>"$top/err"; }
fingerprint=$(build) || fail "build: $(cat "$top/err")"
[ "$(build)" = "$fingerprint" ] || fail "a second build has another fingerprint"
got=$("$cloister" run "$top/app/app.cloister" --platform emulated --quiet 2>&1) || fail "run: $got"
[ "$got" = "$expected" ] || fail "run printed: $got"
ok "a Dockerfile becomes a protected image"

# --- the OCI image runs by its own entry point ---
umoci unpack --rootless --image "$top/app/app.oci:latest" "$top/bundle" >"$top/out" 2>&1 || fail "unpack: $(cat "$top/out")"
config=$(python3 -c 'import json, sys; p = json.load(open(sys.argv[1]))["process"]; print(" ".join(p["args"])); print("\n".join(p["env"]))' \
    "$top/bundle/config.json")
grep -qx '/.cloister/bin/cloister run --root / /.cloister/image' <<<"$config" || fail "entry point: $config"
grep -qx CLOISTER_MODE=hw <<<"$config" || fail "environment: $config"
root=$top/bundle/rootfs
contained() { "$root/.cloister/bin/cloister" run --root "$root" "$root/.cloister/image" "$@"; }
got=$(CLOISTER_MODE=sim contained --quiet 2>&1) || fail "the container's entry point: $got"
[ "$got" = "$expected" ] || fail "the container's entry point printed: $got"
[ "$("$root/.cloister/bin/cloister" --version)" ] || fail "runtime"
! file "$root/.cloister/bin/cloister" | grep -q interpreter || fail "the runtime is not static"
[ -e /dev/sgx_enclave ] || CLOISTER_MODE=hw refused 'no SGX' contained
cp "$root/app/hello" "$top/hello"
echo 'hello from the attacker' >"$root/app/hello"
if CLOISTER_MODE=sim contained --quiet >"$top/out" 2>&1 && ! grep -qi 'error' "$top/out"; then fail "a changed file was read"; fi
! grep -q attacker "$top/out" || fail "a changed file was read"
ok "the OCI image runs by its entry point, and not with a changed file"

# --- the registry ---
push() { "$cloister" push "$top/app/app.oci" "docker://$host/app:$1" --cert-dir "$top/certs" 2>"$top/err"; }
stored() { du -sb "$top/registry" | cut -f1; }
reference=$(push 1) || fail "push: $(cat "$top/err")"
[ "$(layers "$host/app:1" | sed -n 1p)" = "$base_layer" ] || fail "the base layer has another digest"
got=$("$cloister" pull "$reference" -o "$top/pulled" --cert-dir "$top/certs" --quiet 2>&1) || fail "pull: $got"
[ "$got" = "$fingerprint" ] || fail "pull has another fingerprint: $got"
cmp "$top/pulled" "$top/app/app.cloister" || fail "what was pulled is not what was built"
refused 'registry gave another image\|manifest unknown\|program failed' "$cloister" pull \
    "docker://$host/app@sha256:$(printf '0%.0s' {1..64})" -o "$top/none" --cert-dir "$top/certs"
refused 'x509\|certificate' "$cloister" pull "$reference" -o "$top/none"
{ "$cloister" wallet create && "$cloister" ledger init; } >"$top/out" 2>&1 || fail "ledger: $(cat "$top/out")"
app=$("$cloister" app deploy --name app --image "docker://$host/app:1" --cert-dir "$top/certs" 2>&1) || fail "deploy: $app"
"$cloister" app show "$app" --json >"$top/out" 2>&1
for part in "$reference" "$fingerprint" "\"${reference##*sha256:}\""; do
    grep -qF "$part" "$top/out" || fail "the ledger has no $part: $(cat "$top/out")"
done
before=$(stored)
echo 'hello again' >"$top/app/hello"
again=$(build) || fail "build: $(cat "$top/err")"
[ "$again" != "$fingerprint" ] || fail "another file, the same fingerprint"
push 2 >/dev/null || fail "push: $(cat "$top/err")"
moved=$(($(stored) - before))
[ "$moved" -lt 1000000 ] || fail "a change of one line moved $moved bytes"
[ "$(layers "$host/app:2" | sed -n 1p)" = "$base_layer" ] || fail "the base layer has another digest"
ok "push and pull by digest; a change of one line moves $((moved / 1024)) KiB"

# --- what somebody touched ---
cp -r "$top/app/app.oci" "$top/touched"
blob=$(find "$top/touched/blobs/sha256" -size +100k | head -1)
printf x | dd of="$blob" bs=1 seek=5000 conv=notrunc 2>/dev/null
refused 'digest' "$cloister" pull "oci:$top/touched" -o "$top/none"
refused 'digest' "$cloister" push "$top/touched" "docker://$host/app:3" --cert-dir "$top/certs"
cat >"$top/hostile.py" <<'END'
import gzip, hashlib, io, json, os, sys, tarfile
top, kind = sys.argv[1:]
os.makedirs(top + "/blobs/sha256")
def blob(data, media):
    digest = hashlib.sha256(data).hexdigest()
    open(f"{top}/blobs/sha256/{digest}", "wb").write(data)
    return {"mediaType": "application/vnd.oci.image." + media, "digest": "sha256:" + digest, "size": len(data)}
raw = io.BytesIO()
with tarfile.open(fileobj=raw, mode="w") as tar:
    info = tarfile.TarInfo({"dots": "a/../../../evil", "absolute": "/tmp/evil"}.get(kind, "file"))
    if kind == "hardlink":
        info.type, info.linkname = tarfile.LNKTYPE, "../../etc/passwd"
    if kind == "bomb":
        info.size = 300 << 20
    tar.addfile(info, io.BytesIO(bytes(info.size)))
layer = blob(gzip.compress(raw.getvalue()), "layer.v1.tar+gzip")
diff = "sha256:" + hashlib.sha256(b"" if kind == "diff" else raw.getvalue()).hexdigest()
config = blob(json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [diff]},
                          "config": {"Entrypoint": ["/file"]}}).encode(), "config.v1+json")
manifest = blob(json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode(), "manifest.v1+json")
open(top + "/index.json", "w").write(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
open(top + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
END
for case in "dots:'\.\.'" "absolute:absolute name" "hardlink:'\.\.'" "bomb:far more" "diff:does not unpack" "plain:not an executable"; do
    kind=${case%%:*}
    python3 "$top/hostile.py" "$top/$kind" "$kind"
    mkdir "$top/build-$kind"
    printf 'name: x\nimage: oci:%s\n' "$top/$kind" >"$top/build-$kind/cloister.yaml"
    refused "${case#*:}" "$cloister" build "$top/build-$kind" --quiet
done
[ ! -e /tmp/evil ] || fail "a layer wrote outside"
ok "touched blobs and hostile layers are refused"
exit $status
