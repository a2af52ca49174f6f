#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A script as SCONE's users write it, in a container's root: protect, encrypt, MRENCLAVE by a launcher, fingerprint. The
# ledger takes it, the program runs in the enclave under it, and what was changed is refused.
set -u
build=$(realpath "${BUILD:-build}")
cloister=$build/cloister
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
root=$tmp/root
skip() { echo "skip scone: $*"; exit 0; }
[ -x /usr/bin/python3.11 ] && [ -x /usr/bin/busybox ] || skip "no python3.11 and busybox to make a root of"
unshare -m true 2>/dev/null || skip "this user cannot mount"
failed=0
say() { # STATUS NAME
    if [ "$1" = 0 ]; then echo "ok $2"; else
        echo "not ok $2"
        failed=1
        tail -n 5 "$tmp/out" "$tmp/err" 2>/dev/null
    fi
}

# shellcheck source=/dev/null
. "$(dirname "$0")/lib/scone_root.bash"
make_scone_root "$root" "$build"
echo 'import json, sys; print(json.dumps(["hello", open("/srv/note").read().strip()] + sys.argv[1:]))' >"$root/app/app.py"
echo outside >"$root/srv/note"
echo authority >"$root/etc/ssl/authority.pem"

in_root() { inside "$root" "$@"; }
write_scone_script "$root/protect.sh"
in_root sh /protect.sh >"$tmp/out" 2>"$tmp/err"
say $? "protect.sh ends with success"
fingerprint=$(cat "$tmp/out")
[[ $fingerprint =~ ^[0-9a-f]{64}\|[0-9a-f]{64}\|[0-9a-f]{64}$ ]]
say $? "it prints KEY|TAG|MRENCLAVE"
[ "$failed" = 0 ] || exit 1
key=${fingerprint%%|*}
mrenclave=${fingerprint##*|}
grep -q 'added: region /lib64, authenticated' "$tmp/err"
say $? "the interpreter's region is added, and said"
grep -qE '^Encrypted file system protection file \./fspf\.pb AES-GCM tag: [0-9a-f]{64} key: [0-9a-f]{64}$' "$root/app/keytag" &&
    [ "$(wc -l <"$root/app/keytag")" = 1 ]
say $? "encrypt prints SCONE's line and no other"
cp "$root/fspf.pb" "$tmp/first.pb"
in_root sh /protect.sh >"$tmp/out" 2>"$tmp/err" && [ "$(cat "$tmp/out")" = "$fingerprint" ] && cmp -s "$root/fspf.pb" "$tmp/first.pb"
say $? "the same files give the same fingerprint and protection file"

hash_with() { in_root "$@" SCONE_HASH=1 python; }
[ "$(hash_with SCONE_LOG=7 SCONE_MODE=sim SCONE_ALLOW_DLOPEN=1 SCONE_ALPINE=1)" = "$mrenclave" ]
say $? "SCONE_LOG, _MODE, _ALLOW_DLOPEN and _ALPINE do not change MRENCLAVE"
heap=$(hash_with SCONE_HEAP=2147483648)
[ -n "$heap" ] && [ "$heap" != "$mrenclave" ] && [ "$heap" = "$(hash_with CLOISTER_HEAP=2G SCONE_HEAP=64M)" ] &&
    [ "$(hash_with SCONE_HEAP=1G)" = "$mrenclave" ] && [ "$(hash_with SCONE_STACK=4M)" != "$mrenclave" ]
say $? "SCONE_HEAP and _STACK do, and CLOISTER_HEAP goes first"
refuses() { ! hash_with "$1" >"$tmp/out" 2>"$tmp/err" && grep -q "$2" "$tmp/err"; }
refuses SCONE_FORK=1 'fork' && refuses SCONE_ALLOW_DLOPEN=2 'never opens' && refuses SCONE_CONFIG=/etc/x 'not read' &&
    refuses SCONE_SLOTS=64 'queues' && refuses SCONE_HEAP=lots 'number of bytes' && refuses SCONE_MODE=debug 'hw, sim or auto'
say $? "variables without a meaning are refused with a sentence"
echo '{"version":1}' >"$root/.cloister/sms.json"
[ "$(hash_with A=b)" != "$mrenclave" ]
say $? "an SMS named in the image changes MRENCLAVE"
rm "$root/.cloister/sms.json"

run() { in_root SCONE_FSPF=/fspf.pb SCONE_FSPF_KEY="$key" SCONE_MODE=sim SCONE_LOG=0 "$@" >"$tmp/out" 2>"$tmp/err"; }
run python /app/app.py one two && [ "$(cat "$tmp/out")" = '["hello", "outside", "one", "two"]' ]
say $? "the program runs in the enclave, and reads the host's files where nothing protects them"
run SCONE_VERSION=1 python -c 'print(1)' && grep -q "Enclave hash: $mrenclave" "$tmp/err" && grep -qx 1 "$tmp/out"
say $? "SCONE_VERSION=1 says the versions and goes on"
in_root scone fspf verify /fspf.pb >"$tmp/out" 2>"$tmp/err"
say $? "fspf verify finds the files intact"
in_root scone fspf show /fspf.pb --key "$key" --files >"$tmp/out" 2>"$tmp/err" &&
    grep -qx 'authenticated /lib64' "$tmp/out" &&
    grep -q "$(sha256sum <"$root/app/app.py" | cut -c1-64)  /app/app.py" "$tmp/out"
say $? "fspf show prints regions and digests"
! in_root scone fspf show /fspf.pb >"$tmp/out" 2>"$tmp/err" && grep -q 'key' "$tmp/err"
say $? "and asks for the key"

cp "$root/usr/lib/python3.11/json/__init__.py" "$tmp/kept"
sed -i '1s/./#/' "$root/usr/lib/python3.11/json/__init__.py"
if cmp -s "$tmp/kept" "$root/usr/lib/python3.11/json/__init__.py"; then sed -i '2s/./#/' "$root/usr/lib/python3.11/json/__init__.py"; fi
! run python /app/app.py
say $? "one changed byte in /usr is refused by the enclave"
! in_root scone fspf verify /fspf.pb >"$tmp/out" 2>"$tmp/err" && grep -q json/__init__.py "$tmp/err"
say $? "and named by fspf verify"
cp "$tmp/kept" "$root/usr/lib/python3.11/json/__init__.py"

# An encrypted region: the content key is needed, and the text is nowhere in the result.
echo 'a secret nobody shall find' >"$root/srv/secret.txt"
mkdir "$root/srv/hidden" && mv "$root/srv/secret.txt" "$root/srv/hidden/"
head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$root/content.key"
in_root sh -ec 'cd /; scone fspf create e.pb; scone fspf addr e.pb /secret --encrypted --kernel /secret; scone fspf addf e.pb /secret /srv/hidden /out'
! in_root scone fspf encrypt /e.pb >"$tmp/out" 2>"$tmp/err" && grep -q 'content key' "$tmp/err"
say $? "an encrypted region without a content key is refused"
in_root CLOISTER_CONTENT_KEY_FILE=/content.key scone fspf encrypt /e.pb >"$tmp/out" 2>"$tmp/err" &&
    ! grep -qaE 'secret nobody|secret.txt' "$root/e.pb"
say $? "with one, neither name nor text stands in the file"

# What `fspf` refuses.
refused() { # TEXT, then fspf's arguments
    local text=$1
    shift
    ! in_root scone fspf "$@" >"$tmp/out" 2>"$tmp/err" && grep -q -- "$text" "$tmp/err"
}
in_root scone fspf create /d.pb && in_root scone fspf addr /d.pb /usr --authenticated &&
    refused 'already' addr /d.pb /usr --encrypted && refused 'one kind' addr /d.pb /x --encrypted --ephemeral &&
    refused 'kind' addr /d.pb /x && refused 'no such region' addf /d.pb /x /usr && refused 'cannot open' addf /d.pb /usr /nowhere &&
    refused "root cannot" addr /d.pb / --encrypted && refused "absolute" addr /d.pb x/../y --ephemeral && refused 'neither' rem /d.pb /etc/x && refused 'encrypted already' addr /fspf.pb /x --ephemeral &&
    refused 'not a draft' addr /protect.sh /x --ephemeral
say $? "what makes no sense is refused"
in_root scone fspf addf /d.pb /usr /usr && in_root scone fspf rem /d.pb /usr/lib && in_root scone fspf addr /d.pb /tmp --ephemeral &&
    in_root scone fspf rem /d.pb /tmp && in_root scone fspf show /d.pb >"$tmp/out" && ! grep -q tmp "$tmp/out" && grep -q '^remove *//*usr/lib' "$tmp/out"
say $? "rem takes a region out, or files"
! in_root scone session create x >"$tmp/out" 2>"$tmp/err" && grep -q 'scone fspf' "$tmp/err"
say $? "other commands of scone are refused with a sentence"

export CLOISTER_HOME=$tmp/home
unset CLOISTER_LEDGER CLOISTER_LEDGER_ID CLOISTER_WALLET
"$cloister" wallet create >"$tmp/out" 2>"$tmp/err" && "$cloister" ledger init >"$tmp/out" 2>"$tmp/err" &&
    app=$("$cloister" app deploy --name scone --uri http://127.0.0.1/scone --fingerprint "$fingerprint" 2>"$tmp/err") &&
    "$cloister" app show "$app" --json 2>"$tmp/err" | grep -qF "$fingerprint"
say $? "cloister app deploy takes the fingerprint"
exit $failed
