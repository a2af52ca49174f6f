#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An image whose MRENCLAVE does not name its file system (`fspf: provided`): one MRENCLAVE for all file systems, and
# CONFIGID names the one that is mounted, or nothing is.
set -u
cloister=$(realpath "${BUILD:-build}/cloister")
src=$(pwd)/src
tmp=$(mktemp -d)
export CLOISTER_HOME=$tmp/home
trap 'rm -rf "$tmp"' EXIT
failed=0

say() { # STATUS NAME
    if [ "$1" = 0 ]; then echo "ok $2"; else
        echo "not ok $2"
        failed=1
        tail -n 5 "$tmp/out" 2>/dev/null
    fi
}

cat >"$tmp/program.c" <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi/device.h"

static void print(const char *name, const unsigned char *bytes, int size)
{
    printf("%s ", name);
    for (int i = 0; i < size; i++)
        printf("%02x", bytes[i]);
    puts("");
}

int main(void)
{
    struct device_fspf fspf;
    struct device_key key = {.label = "test"};
    struct device_report report = {.targetinfo_address = 0};
    char text[64] = "";
    int file = open("/data", O_RDONLY), device = open(CLOISTER_DEVICE, O_RDWR);
    if (read(file, text, sizeof text - 1) < 0 || ioctl(device, DEVICE_FSPF, &fspf) ||
        ioctl(device, DEVICE_KEY, &key) || ioctl(device, DEVICE_REPORT, &report))
        return 1;
    printf("data %s", text);
    print("key", fspf.key, 32);
    print("tag", fspf.tag, 32);
    print("task", fspf.task, 32);
    print("sealed", key.key, 32);
    print("configid", report.report + 192, 64);
    return 0;
}
C
mkdir -p "$tmp/one/root/sealed" "$tmp/two"
gcc -static -s -O2 -I"$src" -o "$tmp/one/root/program" "$tmp/program.c" || { echo "not ok set-up"; exit 1; }
cat >"$tmp/one/cloister.yaml" <<'Y'
name: app
root: root
entrypoint: /program
heap: 32M
threads: 2
fspf: provided
Y
cp -a "$tmp/one/." "$tmp/two/"
mkdir "$tmp/measured" && cp -a "$tmp/one/." "$tmp/measured/"
sed -i 's/provided/measured/' "$tmp/measured/cloister.yaml"
echo content-one >"$tmp/one/root/data"
echo content-two >"$tmp/two/root/data"
echo content-one >"$tmp/measured/root/data"
for app in one two measured; do
    "$cloister" build "$tmp/$app" -o "$tmp/$app.cloister" >"$tmp/out" 2>&1 || { echo "not ok build"; cat "$tmp/out"; exit 1; }
    "$cloister" fingerprint "$tmp/$app.cloister" >"$tmp/$app.fp"
done
IFS='|' read -r key1 tag1 mrenclave1 <"$tmp/one.fp"
IFS='|' read -r key2 tag2 mrenclave2 <"$tmp/two.fp"
IFS='|' read -r _ tag3 mrenclave3 <"$tmp/measured.fp"

[ "$mrenclave1" = "$mrenclave2" ] && [ "$tag1" != "$tag2" ]
say $? "two file systems, one MRENCLAVE, two fingerprints"
[ "$mrenclave1" != "$mrenclave3" ] && [ "$tag1" = "$tag3" ]
say $? "a measured file system is another enclave with the same tag"
"$cloister" fspf verify "$tmp/one.cloister" >"$tmp/out" 2>&1
say $? "the image verifies"

run() { # IMAGE OPTIONS…
    local image=$1
    shift
    timeout 60 "$cloister" run "$tmp/$image.cloister" --platform emulated --quiet "$@" >"$tmp/out" 2>&1
}

configid() { # KEY TAG TASK
    { printf 'cloister configid v1' && printf "$(sed 's/../\\x&/g' <<<"$1$2$3")"; } | sha256sum | cut -c 1-64
}

zero=$(printf '00%.0s' $(seq 32))
task=$(printf 'a7%.0s' $(seq 32))
run one && grep -qx "data content-one" "$tmp/out" && grep -qx "tag $tag1" "$tmp/out" && grep -qx "key $key1" "$tmp/out" &&
    grep -qx "configid $(configid "$key1" "$tag1" "$zero")$zero" "$tmp/out"
say $? "the image's own file system runs, and CONFIGID names it"
sealed1=$(grep ^sealed "$tmp/out")
run one --fspf-key "$key1" --fspf-tag "$tag1" --task "$task" && grep -qx "task $task" "$tmp/out" &&
    grep -qx "configid $(configid "$key1" "$tag1" "$task")$zero" "$tmp/out"
say $? "CONFIGID names the task too"
sealed2=$(grep ^sealed "$tmp/out")
run two && grep -qx "data content-two" "$tmp/out"
sealed3=$(grep ^sealed "$tmp/out")
[ -n "$sealed1" ] && [ -n "$sealed3" ] && [ "$sealed1" != "$sealed2" ] && [ "$sealed1" != "$sealed3" ]
say $? "sealed keys differ by task and by file system"
run measured --fspf-key "$key2" --fspf-tag "$tag2" --task "$task" && grep -qx "data content-one" "$tmp/out" &&
    grep -qx "configid $zero$zero" "$tmp/out"
say $? "a measured image does not look at what the host provides"

run one --fspf-tag "$tag2"
[ $? = 101 ] && ! grep -q ^data "$tmp/out" && grep -q "FSPF_TAG" "$tmp/out"
say $? "a tag of another file system is refused"
run one --fspf-key "$tag2"
[ $? = 101 ] && ! grep -q ^data "$tmp/out"
say $? "a wrong key is refused"
run one --configid "$(configid "$key2" "$tag2" "$zero")$zero"
[ $? = 101 ] && ! grep -q ^data "$tmp/out" && grep -q "CONFIGID does not name" "$tmp/out"
say $? "a CONFIGID of another file system is refused"
run one --configid "$zero$zero"
[ $? = 101 ] && grep -q "CONFIGID does not name" "$tmp/out"
say $? "a CONFIGID of zero is refused"
run one --task "$task" --configid "$(configid "$key1" "$tag1" "$zero")$zero"
[ $? = 101 ] && grep -q "CONFIGID does not name" "$tmp/out"
say $? "a CONFIGID without the task is refused"
run one --configid "$(configid "$key1" "$tag1" "$zero")$task"
[ $? = 101 ] && grep -q "CONFIGID does not name" "$tmp/out"
say $? "a CONFIGID with something behind the hash is refused"

# One more byte anywhere in the file system is another file system: the host cannot swap files.
cp "$tmp/one.cloister" "$tmp/changed.cloister"
at=$(grep -obUaF "content-one" "$tmp/changed.cloister" | head -n 1 | cut -d : -f 1)
printf content-two | dd of="$tmp/changed.cloister" bs=1 seek="$at" conv=notrunc 2>/dev/null
run changed
[ $? = 101 ] && ! grep -q "^data content-two" "$tmp/out"
say $? "a changed file is refused"
exit $failed
