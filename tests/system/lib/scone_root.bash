# SPDX-License-Identifier: Apache-2.0
# Sourced: make_scone_root ROOT BUILD makes a merged-usr root with busybox, python, their libraries and Cloister's
# runtime layer; inside ROOT [NAME=VALUE…] COMMAND… runs a command in it as in a container.
copy_libraries() { # ROOT PROGRAM
    local library
    ldd "$2" | awk '/=> \//{print $3} $1 ~ /^\/lib64/{print $1}' | while read -r library; do
        mkdir -p "$1$(dirname "$library")"
        cp -Ln "$library" "$1$library"
    done
}
make_scone_root() { # ROOT BUILD
    local root=$1 build=$2 name
    mkdir -p "$root"/{usr/{bin,lib/python3.11,lib64},etc/ssl,app,srv,tmp,proc,dev,root} "$root"/.cloister/{bin,lib/cloister}
    for name in bin lib lib64; do ln -s usr/$name "$root/$name"; done
    cp /usr/bin/busybox /usr/bin/python3.11 "$root/usr/bin/"
    for name in sh awk cat cp env; do ln -s busybox "$root/usr/bin/$name"; done
    ln -s python3.11 "$root/usr/bin/python3"
    ln -s python3 "$root/usr/bin/python"
    cp -r /usr/lib/python3.11/{encodings,collections,importlib,json,re} /usr/lib/python3.11/*.py "$root/usr/lib/python3.11/"
    rm -rf "$root"/usr/lib/python3.11/__pycache__ "$root"/usr/lib/python3.11/*/__pycache__
    copy_libraries "$root" /usr/bin/python3.11
    copy_libraries "$root" "$build/lib/cloister/tool"
    cp "$build/lib/cloister/runtime" "$root/.cloister/bin/cloister"
    for name in scone python; do ln -s cloister "$root/.cloister/bin/$name"; done
    cp "$build"/lib/cloister/{kernel.elf,init,tool} "$root/.cloister/lib/cloister/"
}
inside() { # ROOT …
    # shellcheck disable=SC2016
    unshare -m sh -c 'mount -t proc proc "$0/proc" 2>/dev/null || mount --bind /proc "$0/proc"
        mount --bind /dev "$0/dev"
        exec "$(command -v chroot)" "$0" /bin/busybox env -i PATH=/.cloister/bin:/usr/bin:/bin HOME=/root PYTHONDONTWRITEBYTECODE=1 "$@"' \
        "$@"
}
# The script as SCONE's users write it; prints the fingerprint.
write_scone_script() { # FILE
    cat >"$1" <<'SCRIPT'
#!/bin/sh
set -e
cd /

scone fspf create fspf.pb
scone fspf addr fspf.pb / --not-protected --kernel /

scone fspf addr fspf.pb /usr --authenticated --kernel /usr
scone fspf addf fspf.pb /usr /usr
scone fspf addr fspf.pb /bin --authenticated --kernel /bin
scone fspf addf fspf.pb /bin /bin
scone fspf addr fspf.pb /lib --authenticated --kernel /lib
scone fspf addf fspf.pb /lib /lib
scone fspf addr fspf.pb /etc/ssl --authenticated --kernel /etc/ssl
scone fspf addf fspf.pb /etc/ssl /etc/ssl
scone fspf addr fspf.pb /app --authenticated --kernel /app
scone fspf addf fspf.pb /app /app

scone fspf encrypt ./fspf.pb > /app/keytag

MRENCLAVE="$(SCONE_HASH=1 python)"
FSPF_TAG=$(cat /app/keytag | awk '{print $9}')
FSPF_KEY=$(cat /app/keytag | awk '{print $11}')
FINGERPRINT="$FSPF_KEY|$FSPF_TAG|$MRENCLAVE"
echo $FINGERPRINT
SCRIPT
}
