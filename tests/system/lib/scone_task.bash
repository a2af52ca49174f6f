# SPDX-License-Identifier: Apache-2.0
# Sourced by tools/demo (DEMO_THEN) after a task was completed: $POOL, $SMS, $identity, $top, $repository, $BUILD.
bad=0
say() { # STATUS NAME
    if [ "$1" = 0 ]; then echo "ok $2"; else
        echo "not ok $2"
        bad=1
    fi
}
# shellcheck source=/dev/null
. "$repository/tests/system/lib/scone_root.bash"
be developer
root=$top/developer/scone
make_scone_root "$root" "$BUILD"
write_scone_script "$root/protect.sh"
cp "$identity" "$root/.cloister/sms.json"
cat >"$root/app/app.py" <<'PY'
import json, os
with open("/iexec_out/result.txt", "w") as out:
    out.write("from a script of SCONE's")
with open("/iexec_out/computed.json", "w") as out:
    json.dump({"deterministic-output-path": "/iexec_out/result.txt"}, out)
PY
fingerprint=$(inside "$root" sh /protect.sh)
say $? 'protect.sh in a container that names the SMS'
/usr/bin/python3 - "$root" scone-oci <<'PY'
import hashlib, json, pathlib, subprocess, sys

root, layout = sys.argv[1], pathlib.Path(sys.argv[2])
blobs = layout / "blobs/sha256"
blobs.mkdir(parents=True)


def put(data, media):
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": "application/vnd.oci.image." + media, "digest": "sha256:" + digest, "size": len(data)}


layer = put(subprocess.run(["tar", "-C", root, "-c", "--sort=name", "."], check=True, capture_output=True).stdout, "layer.v1.tar")
config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": put(json.dumps(config).encode(), "config.v1+json"), "layers": [layer]}
entry = put(json.dumps(manifest).encode(), "manifest.v1+json")
entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
(layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
(layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
PY
say $? 'an OCI image of it'
SCONE_APP=$(cloister app deploy --name scone --uri "oci:$top/developer/scone-oci" --fingerprint "$fingerprint|python3 /app/app.py") &&
    cloister order sign app --app "$SCONE_APP" >/dev/null
say $? 'the ledger takes the fingerprint'
be requester
TASK=$(cloister task run --app "$SCONE_APP" --workerpool "$POOL" --watch --timeout 40)
say $? 'the app runs on the worker'
cloister task result "$TASK" --decrypt --sms-identity "$identity" -o scone-result && grep -q "script of SCONE" scone-result/result.txt
say $? 'and its result comes back'
[ $bad = 0 ] || tail -20 "$top/worker/worker.log"
