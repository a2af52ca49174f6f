#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reads, stat, open and readdir of authenticated and encrypted images, beside Linux's own file systems in the same run, and
# the rate at which blocks can be hashed and opened at all. "Cold" is what the enclave has not verified yet, in Linux's page
# cache; "cached" is what it has.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
out=$build/bench/files
flags="-std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Isrc"
mkdir -p "$out/app/root/data/names" "$out/tmpfs"
export CLOISTER_HOME=$build/tests/home
mkdir -p "$CLOISTER_HOME"
mounted=
verity=
finish() {
    [ -z "$mounted" ] || umount "$mounted"
    if [ -n "$verity" ]; then umount "$out/verity" && veritysetup close "$verity"; fi
}
trap finish EXIT

# shellcheck disable=SC2086
gcc $flags -static -s -Wl,--build-id=none -o "$out/app/files" bench/files.c
mb=
if echo 'int main(void){return 0;}' | gcc -x c - -include intel-ipsec-mb.h -lIPSec_MB -o "$out/probe" 2>/dev/null; then
    mb="-DHAVE_IPSEC_MB -lIPSec_MB"
fi
# shellcheck disable=SC2086
gcc $flags -o "$out/limit" bench/files_limit.c "$build/libcloister.a" $mb
data=$out/app/root/data
if ! [ -f "$data/large" ]; then
    openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c $((96 << 20)) >"$data/large"
    head -c $((2 << 20)) "$data/large" >"$data/small"
    for i in $(seq 0 999); do : >"$data/names/name-$i"; done
fi
rm -rf "$out/app/root/secret"
cp -rl "$data" "$out/app/root/secret"
cat >"$out/app/cloister.yaml" <<END
name: files
root: root
files:
  - {from: files, to: /bin/files, mode: 0755}
entrypoint: /bin/files
host-arguments: true
service: true
python-bytecode: false
heap: 512M
file-cache: 32M
regions:
  - {path: /secret, kind: encrypted, content-key: content.key}
END
"$build/cloister" build "$out/app" -o "$out/image" >"$out/build.log" 2>&1 || { cat "$out/build.log"; exit 1; }
key=$(cat "$out/app/content.key")
words="cold-4k cold-128k cold-random-4k cold-random-128k cached-4k cached-128k cached-random-4k stat open list"
enclave() {
    # shellcheck disable=SC2086
    "$build/cloister" run "$out/image" --platform emulated --quiet -- "$@" $words
}
cat "$out/image" >/dev/null
native=$(findmnt -n -o FSTYPE -T "$data")
"$out/limit" >"$out/limit.txt"
enclave /data >"$out/authenticated.txt"
enclave /secret "key:/secret:$key" >"$out/encrypted.txt"
# shellcheck disable=SC2086
"$out/app/files" "$data" $words >"$out/$native.txt"
columns="$native"
if mount -t tmpfs none "$out/tmpfs" 2>/dev/null; then
    mounted=$out/tmpfs
    cp -r "$data" "$out/tmpfs/"
    # shellcheck disable=SC2086
    "$out/app/files" "$out/tmpfs/data" $words >"$out/tmpfs.txt"
    columns="$columns tmpfs"
else
    echo "skip tmpfs: it cannot be mounted here"
fi
# The image itself is a dm-verity device for Linux.
offset=$("$build/cloister" inspect "$out/image" 2>/dev/null | sed -n 's/^hash_offset: *//p')
tag=$("$build/cloister" inspect "$out/image" 2>/dev/null | sed -n 's/^fspf_tag: *//p')
mkdir -p "$out/verity"
if [ -n "$tag" ] && veritysetup open "$out/image" cloister-bench "$out/image" "$tag" "--hash-offset=$offset" \
    >/dev/null 2>"$out/verity.log" && mount -t erofs -o ro /dev/mapper/cloister-bench "$out/verity" 2>>"$out/verity.log"; then
    verity=cloister-bench
    # shellcheck disable=SC2086
    "$out/app/files" "$out/verity/data" $words >"$out/dm-verity.txt"
    columns="$columns dm-verity"
else
    echo "skip dm-verity: this kernel does not set it up ($(head -n 1 "$out/verity.log" 2>/dev/null))"
fi
if ! fsverity enable "$out/probe" >/dev/null 2>"$out/fsverity.log"; then
    echo "skip fs-verity: $(sed 's/.*: //' "$out/fsverity.log" | tail -n 1)"
else
    cp "$data/large" "$out/fsverity-large" && fsverity enable "$out/fsverity-large" && mkdir -p "$out/fsv" &&
        mv "$out/fsverity-large" "$out/fsv/large" && sync "$out/fsv/large" && { echo 1 >/proc/sys/vm/drop_caches || true; } &&
        "$out/app/files" "$out/fsv" cold-4k cold-128k >"$out/fs-verity.txt" && columns="$columns fs-verity"
    rm -rf "$out/fsv"
fi
awk -f bench/files.awk -v out="$out" -v columns="authenticated encrypted $columns" "$out/limit.txt"
