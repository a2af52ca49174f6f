# SPDX-License-Identifier: Apache-2.0
"""Runs the same program natively and in an enclave, from the same protected image, and compares.

The native run sees the image's own file system, mounted by Linux (EROFS), in a private mount namespace with the
host's /proc and /dev and a fresh /tmp. It needs root, or user namespaces."""
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
CLOISTER = os.path.join(BUILD, "cloister")
MODES = {"patched": [], "trap": ["--trap"], "no-patch": ["--no-patch"]}
# What stands in the way of a native run is a reason to skip, not to fail.
ENTER = r'''
image=$1 place=$2; shift 2
mount -t tmpfs none "$place" || exit 99
mkdir "$place/lower" "$place/upper" "$place/work" "$place/root"
mount -t erofs -o ro "$image" "$place/lower" 2>/dev/null || mount -t erofs -o ro,loop "$image" "$place/lower" ||
    fsck.erofs --extract="$place/lower" --overwrite "$image" >/dev/null || exit 99
mkdir -p "$place/upper/proc" "$place/upper/dev" "$place/upper/tmp"
root=$place/lower
for d in proc dev tmp; do [ -d "$root/$d" ] || root=$place/root; done
[ "$root" = "$place/lower" ] || mount -t overlay -o "lowerdir=$place/lower,upperdir=$place/upper,workdir=$place/work" \
    none "$root" || exit 99
mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs none "$root/tmp" || exit 99
cd "$root" && ulimit -s 8192 && umask 022 && exec "$@"
'''


class Done:
    def __init__(self, process):
        self.stdout, self.stderr, self.code = process.stdout, process.stderr, process.returncode
        if self.code < 0:  # as a shell, and `cloister run`, say it
            self.code = 128 - self.code


class Image:
    """A built image: `native` and `enclave` run a command in it."""

    def __init__(self, path, home):
        self.path, self.home, self.place = path, home, tempfile.mkdtemp(prefix="cloister-native-")

    def close(self):
        shutil.rmtree(self.place, ignore_errors=True)

    def native_command(self, command, environment=()):
        unshare = ["unshare", "-m", "--propagation", "private"] + ([] if os.geteuid() == 0 else ["-r"])
        return [*unshare, "sh", "-c", ENTER, "sh", self.path, self.place,
                "/usr/bin/env", "-i", *environment, "/usr/sbin/chroot", ".", *command]

    def native(self, command, environment=(), **options):
        return Done(subprocess.run(self.native_command(command, environment), capture_output=True,
                                   timeout=options.pop("timeout", 120), **options))

    def enclave_command(self, arguments, *flags):
        tail = ["--", *arguments] if arguments else []
        return [CLOISTER, "run", self.path, "--platform", "emulated", "--quiet", *flags, *tail]

    def enclave(self, arguments=(), *flags, **options):
        environment = dict(os.environ, CLOISTER_HOME=self.home)
        return Done(subprocess.run(self.enclave_command(arguments, *flags), capture_output=True, env=environment,
                                   timeout=options.pop("timeout", 120), **options))


def build(directory, output, home):
    """Builds an image; the packages' cache is the user's own, if there is one."""
    done = subprocess.run([CLOISTER, "build", directory, "-o", output], capture_output=True, text=True,
                          env=dict(os.environ, CLOISTER_HOME=home))
    if done.returncode != 0:
        sys.exit(f"not ok build {directory}: {done.stderr.strip()}")
    return Image(output, home)


def difference(ours, native):
    """Where two byte strings part; '' when they do not."""
    if ours == native:
        return ""
    a, b = native.splitlines(), ours.splitlines()
    for number, line in enumerate(a):
        if number >= len(b):
            return f"line {number + 1}: native {line[:90]!r}, ours ended"
        if line != b[number]:
            return f"line {number + 1}: native {line[:90]!r}, ours {b[number][:90]!r}"
    return f"ours has more: {b[len(a)][:90]!r}" if len(b) > len(a) else "line ends differ"


class Report:
    def __init__(self, word=""):
        self.failed, self.word = 0, word

    def case(self, name, why=""):
        self.failed += bool(why)
        print(f"not ok {name}: {why}" if why else f"ok {name}", flush=True)

    def skip(self, name, why):
        print(f"skip {name}: {why}", flush=True)

    def compare(self, name, ours, native):
        why = difference(ours.stdout, native.stdout)
        if ours.code != native.code:
            why = f"exit code: native {native.code}, ours {ours.code}; {why}"
        if why and ours.stderr:
            why += " | " + ours.stderr.decode(errors="replace").strip()[-300:].replace("\n", " / ")
        self.case(name, why)

    def finish(self):
        sys.exit(self.failed > 0)


def home():
    """One for all system tests: the signer and the packages are made and fetched once."""
    path = os.environ.get("CLOISTER_TEST_HOME") or os.path.join(BUILD, "tests", "home")
    os.makedirs(path, exist_ok=True)
    return path
