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
cloister build "$repository/images/python" -o python.cloister --oci python.oci --quiet >/dev/null
say $? 'the curated image with its tools'
mkdir -p context/app
write_scone_script context/protect.sh
cp "$identity" context/sms.json
cat >context/app/app.py <<'PY'
import json, os
with open("/iexec_out/result.txt", "w") as out:
    out.write("from a Dockerfile of SCONE's")
with open("/iexec_out/computed.json", "w") as out:
    json.dump({"deterministic-output-path": "/iexec_out/result.txt"}, out)
PY
cat >context/Dockerfile <<'END'
FROM oci:python.oci
COPY app /app
COPY sms.json /.cloister/sms.json
COPY protect.sh /protect.sh
ENV SCONE_HEAP=512M
RUN sh /protect.sh
ENTRYPOINT ["python", "/app/app.py"]
END
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >policy.json
in_store() { # COMMAND…: of buildah, with a storage of its own
    buildah --root "$top/store" --runroot "$top/run" --storage-driver vfs "$1" --signature-policy policy.json "${@:2}"
}
fingerprint=$(in_store bud --isolation chroot --tag scone context 2>bud.log | grep -E '^[0-9a-f]{64}(\|[0-9a-f]{64}){2}$')
say $? 'protect.sh in a Dockerfile prints the fingerprint'
in_store push --quiet scone "oci:$PWD/scone-oci:latest" >/dev/null
say $? 'the image as a layout'
cloister pull "oci:$PWD/scone-oci" -o pulled.cloister >pulled 2>&1 && [ "$(cloister mrenclave pulled.cloister)" = "${fingerprint##*|}" ]
say $? 'what a worker makes of it has the MRENCLAVE that the launcher printed'
SCONE_APP=$(cloister app deploy --name scone --image "oci:$PWD/scone-oci" --fingerprint "$fingerprint" 2>deploy.log) &&
    grep -q 'the enclave runs: python /app/app.py$' deploy.log && cloister order sign app --app "$SCONE_APP" >/dev/null
say $? 'the ledger takes the fingerprint, with the command of ENTRYPOINT'
be requester
TASK=$(cloister task run --app "$SCONE_APP" --workerpool "$POOL" --watch --timeout 40)
say $? 'the app runs on the worker'
cloister task result "$TASK" --decrypt --sms-identity "$identity" -o scone-result && grep -q "Dockerfile of SCONE" scone-result/result.txt
say $? 'and its result comes back'
[ $bad = 0 ] || tail -n 20 ../developer/{bud.log,pulled,deploy.log} "$top/worker/worker.log"
