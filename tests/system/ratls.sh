#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Do two enclaves know each other by RA-TLS, and does each refuse one that is another?
set -u
build=$(realpath "${BUILD:-build}")
cloister=$build/cloister
tmp=$(mktemp -d)
export CLOISTER_HOME=$tmp/home
pids=()
finish() {
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT
failed=0
command -v mkfs.erofs >/dev/null || { echo "skip ratls: no mkfs.erofs"; exit 0; }

say() { # STATUS NAME
    if [ "$1" = 0 ]; then echo "ok $2"; else
        echo "not ok $2"
        failed=1
        tail -n 5 "$tmp/server.log" "$tmp/client.log" 2>/dev/null
    fi
}

if nm "$build/libcloister.a" 2>/dev/null | grep -qE ' U __(asan|ubsan)_'; then
    echo "skip ratls: the library is instrumented"
    exit 0
fi
${CC:-gcc} -std=c17 -D_GNU_SOURCE -O2 -static-pie -fpie -Isrc -o "$tmp/peer" tests/system/ratls_peer.c "$build/libcloister.a" \
    -lyaml -lssl -lcrypto -ljansson -lpthread -ldl -lm -Wl,--gc-sections 2>"$tmp/cc.log" || { echo "not ok the peer compiles"; cat "$tmp/cc.log"; exit 1; }
root=$("$cloister" worker platform)

image() { # NAME HEAP: the heap is measured, so another heap is another enclave
    mkdir "$tmp/$1" && cp "$tmp/peer" "$tmp/$1/peer"
    printf 'name: %s\nfiles:\n  - {from: peer, to: /peer, mode: 0755}\nentrypoint: /peer\narguments: ["%s"]\nheap: %s\nthreads: 8\nservice: true\n' \
        "$1" "$root" "$2" >"$tmp/$1/cloister.yaml"
    "$cloister" build "$tmp/$1" -o "$tmp/$1.cloister" --quiet >"$tmp/build.log" 2>&1 ||
        { echo "not ok the image is built"; cat "$tmp/build.log"; exit 1; }
}

meet() { # SERVER CLIENT: sets server_said and client_said
    : >"$tmp/server.log"
    timeout 60 "$cloister" run --platform emulated --hint PEER=listen "$tmp/$1.cloister" >"$tmp/server.log" 2>&1 &
    local pid=$! port=
    pids+=("$pid")
    for _ in $(seq 100); do
        port=$(sed -n 's/^port \([0-9]*\)$/\1/p' "$tmp/server.log")
        [ -n "$port" ] && break
        sleep 0.1
    done
    timeout 60 "$cloister" run --platform emulated --hint "PEER=$port" "$tmp/$2.cloister" >"$tmp/client.log" 2>&1
    wait "$pid"
    server_said=$(grep '^peer' "$tmp/server.log")
    client_said=$(grep '^peer' "$tmp/client.log")
}

image one 64M
image other 96M
meet one one
[ "$server_said" = "peer accepted" ] && [ "$client_said" = "peer accepted" ]
say $? "two enclaves of one image accept each other"
meet one other
[ "$server_said" = "peer refused: the RA-TLS handshake failed" ] && [[ $client_said == "peer refused: the RA-TLS handshake failed" ]]
say $? "an enclave of another image is refused, and refuses"
exit $failed
