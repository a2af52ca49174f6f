#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does the example of each curated base image, built from the image's own locked packages, run inside and answer as it
# must, and is docs/images.md what this tree builds? CLOISTER_SKIP_LARGE=1 leaves out java and r.
# An image whose example does not run yet stands in EXPECTED_FAILURES; the test turns red when it starts to pass.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
export CLOISTER_HOME=${CLOISTER_TEST_HOME:-$BUILD/tests/home}
EXPECTED_FAILURES=" "
work=$BUILD/images
mkdir -p "$work"
status=0
report() { # name, problem
    if [ -z "$2" ]; then echo "ok $1"; else
        echo "not ok $1: $2"
    fi
}

command -v apt-get >/dev/null || { echo "skip images: no apt-get to fetch packages with"; exit 0; }

# What an example must say. The servers are asked over TCP as soon as they answer.
expected() {
    case $1 in
    base) echo 5050 ;;
    sqlite) printf 'wal\nnorth|2500\nsouth|2550\n' ;;
    python) echo "286 $(printf cloister | sha256sum | cut -c 1-16)" ;;
    node) echo "hello from /node" ;;
    java) echo 333833500 ;;
    r) printf -- '-17.5791 3.9324 \n0.5 0 0 0.25 \n' ;;
    nginx) printf 'hello from /hello\nWelcome to nginx!\n' ;;
    redis) printf '+OK\r\n:42\r\n:5050\r\n' ;;
    esac
}

ask() {
    case $1 in
    nginx) curl -sS -m 5 http://127.0.0.1:18080/hello && curl -sS -m 5 http://127.0.0.1:18080/ | sed -n '4{s/<title>//;s/<.title>//;p}' ;;
    redis)
        exec 3<>/dev/tcp/127.0.0.1/16379 || return 1
        printf 'SET answer 41\r\nINCR answer\r\nEVAL "local n = 0; for i = 1, 100 do n = n + i end; return n" 0\r\n' >&3
        timeout 5 head -n 3 <&3
        exec 3>&-
        ;;
    esac
}

serve() { # asks a server, then stops it
    local server
    "$BUILD/cloister" run "$work/$1-example.cloister" --platform emulated --quiet >"$work/$1-example.server" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        kill -0 $server 2>/dev/null || break
        ask "$1" 2>/dev/null && break
        sleep 0.1
    done
    kill $server 2>/dev/null
    wait $server 2>/dev/null
}

example() {
    local name=$1 folder=$work/example/$1/example wanted got
    rm -rf "$work/example/$name"
    mkdir -p "$work/example"
    cp -a "images/$name" "$work/example/$name"
    if [ "$name" = java ]; then
        (cd "$folder" && javac --release 17 Hello.java) >"$work/javac.log" 2>&1 || { tail -n 1 "$work/javac.log"; return; }
    fi
    "$BUILD/cloister" build "$folder" -o "$work/$name-example.cloister" >/dev/null 2>"$work/$name-example.log" ||
        { tail -n 1 "$work/$name-example.log"; return; }
    case $name in
    nginx | redis) got=$(serve "$name" | od -c) ;;
    *) got=$(timeout 60 "$BUILD/cloister" run "$work/$name-example.cloister" --platform emulated --quiet 2>"$work/$name-example.errors" | od -c) ;;
    esac
    wanted=$(expected "$name" | od -c)
    [ "$got" = "$wanted" ] || echo "said $(echo "$got" | cut -c 9- | tr -d '\n' | tr -s ' ' | head -c 300); $(tail -n 1 "$work/$name-example.errors" 2>/dev/null)"
    rm -f "$work/$name-example.cloister"
}

try() {
    local name=$1 problem
    if [ "${CLOISTER_SKIP_LARGE:-0}" = 1 ] && [[ " java r " == *" $name "* ]]; then
        echo "skip example on $name: CLOISTER_SKIP_LARGE=1"
        return
    fi
    if [ "$name" = java ] && ! command -v javac >/dev/null; then
        echo "skip example on java: no javac to compile it with"
        return
    fi
    problem=$(example "$name")
    if [[ $EXPECTED_FAILURES == *" $name "* ]]; then
        if [ -n "$problem" ]; then problem=; else problem="it works now: take it out of EXPECTED_FAILURES, and correct State: in its cloister.yaml"; fi
        report "example on $name fails as expected" "$problem"
    else
        report "example on $name" "$problem"
    fi
}

# Two at a time; results are told in order.
names=(base sqlite redis nginx python node java r)
for ((i = 0; i < ${#names[@]}; i += 2)); do
    for name in "${names[@]:i:2}"; do try "$name" >"$work/$name-example.result" & done
    wait
done
for name in "${names[@]}"; do
    cat "$work/$name-example.result"
    ! grep -q '^not ok' "$work/$name-example.result" || status=1
done

if tools/images --check >"$work/check.log" 2>&1; then report "docs/images.md" ""; else
    grep -E '^[-+]\| ' "$work/check.log"
    report "docs/images.md" "$(tail -n 1 "$work/check.log")"
    status=1
fi
exit $status
