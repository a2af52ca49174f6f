#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `cloister build` of a root directory of 500 MB against mkfs.erofs and veritysetup format of the same files.
set -eu
build=$(realpath "${BUILD:-build}")
PATH=$PATH:/usr/sbin:/sbin
for tool in mkfs.erofs veritysetup; do
    command -v $tool >/dev/null || { echo "skip build: no $tool"; exit 0; }
done
place=$(mktemp -d "${TMPDIR:-/tmp}/cloister-bench.XXXXXX")
trap 'rm -rf "$place"' EXIT
export CLOISTER_HOME="$place/home"

/usr/bin/python3 - "$place/root" <<'PYTHON'
import os, random, sys
numbers, root = random.Random(1), sys.argv[1]
os.makedirs(root + "/bin")
with open(root + "/bin/program", "wb") as file:
    file.write(open("/bin/true", "rb").read())
os.chmod(root + "/bin/program", 0o755)
for count, size, name in ((12, 25_000_000, "large"), (500, 300_000, "medium"), (5000, 10_000, "small")):
    for i in range(count):
        folder = f"{root}/{name}{i % 50}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{i}", "wb") as file:
            file.write(numbers.randbytes(size))
PYTHON
printf 'name: bench\nroot: root\nentrypoint: /bin/program\nheap: 64M\npython-bytecode: false\n' >"$place/cloister.yaml"

seconds() { # the least of three runs
    best=
    for _ in 1 2 3; do
        from=$(date +%s%N)
        "$@" >/dev/null 2>&1
        took=$((($(date +%s%N) - from) / 1000000))
        if [ -z "$best" ] || [ "$took" -lt "$best" ]; then best=$took; fi
    done
    echo "$best"
}
theirs() {
    rm -f "$place/erofs"
    mkfs.erofs -T0 --all-root -x-1 -Enoinline_data "$place/erofs" "$place/root"
    veritysetup format --salt=- "$place/erofs" "$place/tree"
    sync "$place/erofs"
}
ours() {
    "$build/cloister" build "$place" -o "$place/image" --quiet
}
ours >/dev/null # makes the signer's key, warms the page cache
mine=$(seconds ours)
other=$(seconds theirs)
awk -v a="$mine" -v b="$other" 'BEGIN {
    printf "build 500 MB: cloister build %d ms, mkfs.erofs and veritysetup format %d ms, ratio %.2f\n", a, b, a / b }'
