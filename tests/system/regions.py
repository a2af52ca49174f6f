#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do regions behave as docs/formats/regions.md says? Roots of every kind, regions in regions, links between them, hosts
that change what lies below, and encrypted parts of an image: with the key, with another, without. One program in real
enclaves does what it is told (regions_load.c); what each call must give stands here."""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import parity  # noqa: E402

FLAGS = "-std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wshadow -static -s -Wl,--build-id=none".split()
HEAD = """
name: regions
files:
  - {from: load, to: /bin/load, mode: 0755}
  - {from: files, to: /}
entrypoint: /bin/load
host-arguments: true
service: true
python-bytecode: false
heap: 32M
threads: 2
regions:
"""
SECRET = b"the-secret-of-this-region\n"
BIG = b"".join(b"%07d secret\n" % i for i in range(20000))


class World:
    """A directory with an application and a host's files."""

    def __init__(self, name, regions, files):
        self.top = tempfile.mkdtemp(prefix="cloister-regions-")
        self.app, self.image = os.path.join(self.top, "app"), os.path.join(self.top, "image")
        self.host = os.path.join(self.top, "host")
        os.makedirs(os.path.join(self.app, "files"))
        os.makedirs(self.host)
        shutil.copy(LOAD, os.path.join(self.app, "load"))
        self.put(os.path.join(self.app, "files"), files)
        with open(os.path.join(self.app, "cloister.yaml"), "w", encoding="ascii") as f:
            f.write(HEAD + "".join(f"  - {line}\n" for line in regions))
        self.name = name

    @staticmethod
    def put(top, files):
        for path, content in files.items():
            at = os.path.join(top, path)
            os.makedirs(os.path.dirname(at), exist_ok=True)
            if isinstance(content, str):
                os.symlink(content, at)
            else:
                with open(at, "wb") as f:
                    f.write(content)

    def build(self):
        return subprocess.run([parity.CLOISTER, "build", self.app, "-o", self.image], capture_output=True, text=True,
                              env=dict(os.environ, CLOISTER_HOME=HOME))

    def run(self, words, between=None, flags=()):
        """What was printed and the exit code; `between`: how many lines come before the program waits, and what to do
        then."""
        p = subprocess.Popen([parity.CLOISTER, "run", self.image, "--platform", "emulated", "--quiet", *flags, "--",
                              *words], cwd=self.host, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=dict(os.environ, CLOISTER_HOME=HOME))
        early = []
        if between:
            early = [p.stdout.readline() for _ in range(between[0])]
            between[1]()
        try:
            out, self.error = p.communicate("go\n", timeout=60)
        except subprocess.TimeoutExpired:
            p.kill()
            out, self.error = p.communicate()
        return ("".join(early) + out).splitlines(), p.returncode

    def done(self):
        shutil.rmtree(self.top)


def check(report, world, table, between=None):
    """table: what to do -> what it must give. `between` is done while the program waits at "pause"."""
    words = [word for line in table for word in line[0].split()]
    pause = [line for line, _ in table].index("pause") if between else 0
    got, code = world.run(words, (pause, between) if between else None)
    why = [f"{line}: gave {have.split(': ', 1)[-1]!r}, must give {want!r}"
           for (line, want), have in zip(table, got) if have.split(": ", 1)[-1] != want]
    if len(got) != len(table) or code != 0:
        why.append(f"{len(got)} of {len(table)} answers, exit code {code}: {world.error.strip()[-300:]}")
    report.case(world.name, "; ".join(why))


def nested(report):
    w = World("nested regions, in and out", [
        "{path: /host, kind: not-protected, source: hostdir}",
        "{path: /host/in/part, kind: authenticated}",
        "{path: /host/in/part/eph, kind: ephemeral}",
        "{path: /eph, kind: ephemeral}",
        "{path: /eph/part, kind: authenticated}",
        "{path: /eph/host, kind: not-protected, source: other}",
        "{path: /one, kind: not-protected, source: hostdir/file}",
        "{path: /conf, kind: ephemeral}",
        "{path: /host/conf, kind: authenticated}",
    ], {"host/in/part/a": b"verified\n", "host/in/part/eph/low": b"from the image\n", "eph/low": b"low\n",
        "eph/part/b": b"also verified\n", "conf": b"configuration\n", "host/conf": b"fixed\n", "out": "eph/host/x",
        "one": b"covered\n"})
    w.put(w.host, {"hostdir/file": b"of the host\n", "hostdir/to-file": "file", "hostdir/up": "../bin/load",
                   "hostdir/absolute": "/bin/load", "hostdir/to-part": "in/part/a", "hostdir/conf": "file",
                   "hostdir/in/part/a": b"a lie\n", "hostdir/in/other": b"host\n", "other/x": b"x of the host\n"})
    built = w.build()
    report.case("nested regions build", built.stderr.strip() if built.returncode else "")
    check(report, w, [
        ("read /host/file", "of the host"), ("read /host/to-file", "of the host"),
        ("read /host/up", "EACCES"), ("read /host/absolute", "EACCES"), ("read /host/to-part", "EACCES"),
        ("read /host/in/part/a", "verified"), ("list /host/in/part", "a eph"),
        ("read /host/in/other", "host"), ("list /host/in", "other part"),
        ("read /host/in/part/../other", "host"), ("read /host/in/part/eph/../a", "verified"),
        ("read /host/in/part/eph/low", "from the image"),
        ("write /host/in/part/eph/new x", "ok"), ("write /host/in/part/new x", "EROFS"),
        ("read /host/conf", "fixed"), ("write /host/conf x", "EROFS"),
        ("read /eph/low", "low"), ("write /eph/low changed", "ok"), ("read /eph/low", "changed"),
        ("read /eph/part/b", "also verified"), ("read /eph/host/x", "x of the host"),
        ("read /out", "x of the host"), ("read /one", "of the host"), ("write /one changed", "ok"),
        ("read /host/file", "changed"), ("read /conf", "configuration"), ("write /conf mine", "ok"),
        ("read /conf", "mine"), ("unlink /conf", "EBUSY"),
        ("link /eph/low /eph/host/l", "EXDEV"), ("link /bin/load /eph/l", "EXDEV"),
        ("rename /eph/low /host/low", "EXDEV"), ("rename /eph/host/x /host/x", "EXDEV"),
        ("rename /eph/part /eph/p", "EBUSY"), ("rename /host/in /host/i", "EBUSY"), ("rmdir /eph/host", "EBUSY"),
        ("unlink /host/conf", "EBUSY"), ("symlink /bin/load /eph/host/s", "EPERM"), ("symlink ../bin/load /eph/s", "ok"),
        ("chdir /eph/part", "ok"), ("cwd", "/eph/part"), ("chdir ../host", "ok"), ("cwd", "/eph/host"),
        ("read x", "x of the host"), ("exec /eph/host/x", "EACCES"), ("mapx /eph/host/x", "EPERM"),
        ("exec /eph/s", "started again")])
    w.done()


def host_root(report):
    w = World("not-protected root", [
        "{path: /, kind: not-protected, source: hostdir}", "{path: /bin, kind: authenticated}",
        "{path: /data/deep/part, kind: authenticated}", "{path: /work/e, kind: ephemeral}",
    ], {"data/deep/part/a": b"verified\n", "ghost": b"in the image, covered by the root\n"})
    w.put(w.host, {"hostdir/file": b"of the host\n", "hostdir/bin": "elsewhere", "hostdir/elsewhere/load": b"a lie",
                   "hostdir/data/deep/other": b"host\n", "hostdir/absolute": "/file", "hostdir/to-bin": "bin/load",
                   "hostdir/abs-bin": "/bin/load", "hostdir/to-dev": "/dev/null", "hostdir/work": b"a file\n",
                   "hostdir/out": "../../../../etc/hostname", "hostdir/proc": b"a file\n"})
    built = w.build()
    report.case("not-protected root builds", built.stderr.strip() if built.returncode else "")

    def lie():
        """What a host does while the program runs."""
        d = os.path.join(w.host, "hostdir")
        shutil.rmtree(os.path.join(d, "data"))
        os.symlink("/etc", os.path.join(d, "data"))
        os.unlink(os.path.join(d, "bin"))
        os.makedirs(os.path.join(d, "bin"))
    check(report, w, [
        ("list /", "abs-bin absolute bin data dev elsewhere file out proc tmp to-bin to-dev work"),
        ("read /file", "of the host"), ("read /absolute", "of the host"), ("read /ghost", "ENOENT"),
        ("read /to-bin", "EACCES"), ("read /abs-bin", "EACCES"), ("read /to-dev", "EACCES"), ("read /out", "ENOENT"),
        ("list /bin", "load"), ("read /data/deep/part/a", "verified"), ("read /data/deep/other", "host"),
        ("list /work", "e"), ("write /work/e/x 1", "ok"), ("read /work/e/x", "1"), ("write /tmp/x 1", "ok"),
        ("read /proc/self/comm", "load"), ("exec /elsewhere/load", "EACCES"), ("rename /data /d", "EBUSY"),
        ("rename /work/e/x /file2", "EXDEV"), ("link /bin/load /load", "EXDEV"), ("write /new by-us", "ok"),
        ("pause", "ok"),
        ("list /bin", "load"), ("read /data/deep/part/a", "verified"), ("list /data", "deep"),
        ("list /data/deep", "part"), ("stat /data", "40755"),
        ("chdir /data/deep/part", "ok"), ("cwd", "/data/deep/part"), ("exec /bin/load", "started again")], between=lie)
    written = os.path.join(w.host, "hostdir", "new")
    report.case("a file in a not-protected root is the host's",
                "" if os.path.exists(written) and open(written, "rb").read() == b"by-us" else "it is not there")
    w.done()


def other_roots(report):
    w = World("ephemeral root", ["{path: /, kind: ephemeral}", "{path: /bin, kind: authenticated}",
                                 "{path: /bin/h, kind: not-protected, source: hostdir}"], {"low": b"low\n"})
    w.put(w.host, {"hostdir/x": b"x\n"})
    built = w.build()
    report.case("ephemeral root builds", built.stderr.strip() if built.returncode else "")
    check(report, w, [("read /low", "low"), ("write /low new", "ok"), ("read /low", "new"), ("mkdir /d", "ok"),
                      ("write /bin/x 1", "EROFS"), ("read /bin/h/x", "x"), ("rename /low /d/low", "ok"),
                      ("rename /bin /b", "EBUSY"), ("read /bin/h/../../d/low", "new"), ("list /bin", "h load"),
                      ("exec /bin/load", "started again")])
    w.done()
    w = World("authenticated root", ["{path: /, kind: authenticated}"], {"a": b"a\n"})
    w.build()
    check(report, w, [("read /a", "a"), ("write /b 1", "EROFS"), ("exec /bin/load", "started again")])
    w.done()
    for name, regions, files, sentence in (
            ("encrypted root", ["{path: /, kind: encrypted, content-key: k}"], {}, "root cannot be encrypted"),
            ("entrypoint in a not-protected root", ["{path: /, kind: not-protected, source: x}"], {},
             "entrypoint lies in a not-protected region"),
            ("region behind a link", ["{path: /l/x, kind: ephemeral}"], {"l": "bin"}, "through a link or a file"),
            ("encrypted file", ["{path: /f, kind: encrypted, content-key: k}"], {"f": b"1"}, "must be a directory"),
            ("reserved region", ["{path: /.cloister/x, kind: ephemeral}"], {}, "reserved")):
        w = World(name, regions, files)
        built = w.build()
        report.case(name + " is refused", "" if built.returncode and sentence in built.stderr else
                    f"exit code {built.returncode}: {built.stderr.strip()}")
        w.done()


def uniform(data):
    """Chi-square of the bytes of each block, 255 degrees of freedom: worst distance in standard deviations."""
    worst = 0
    for at in range(0, len(data), 4096):
        count = collections.Counter(data[at:at + 4096])
        chi = sum((count.get(b, 0) - 16) ** 2 / 16 for b in range(256))
        worst = max(worst, abs(chi - 255) / 22.6)
    return worst


def encrypted(report):
    w = World("encrypted region", ["{path: /secret, kind: encrypted, content-key: content.key}",
                                   "{path: /secret/host, kind: not-protected, source: hostdir}"],
              {"secret/name-of-a-secret": SECRET, "secret/deep/big-one": BIG, "secret/link": "deep/big-one",
               "open": b"open\n"})
    w.put(w.host, {"hostdir/x": b"x\n"})
    built = w.build()
    report.case("encrypted region builds", built.stderr.strip() if built.returncode else "")
    if built.returncode:
        return
    path = os.path.join(w.app, "content.key")
    key = open(path, encoding="ascii").read().strip()
    report.case("the content key is the owner's alone", "" if os.stat(path).st_mode & 0o777 == 0o600 and len(key) == 64
                else "mode or size")
    image = open(w.image, "rb").read()
    found = [s for s in (b"name-of-a-secret", b"big-one", SECRET.strip(), b"0000001 secret", bytes.fromhex(key))
             if s in image]
    report.case("names and content are not in the image", f"{found}" if found else "")
    first = open(w.image, "rb").read()
    w.build()
    report.case("the same files and key give the same image", "" if open(w.image, "rb").read() == first else "differs")
    total = 0
    for b in BIG:
        total = (total * 31 + b) & 0xffffffff
    big = f"{len(BIG)}/{total:08x}"
    wrong = "%064x" % 5
    check(report, w, [
        ("read /secret/name-of-a-secret", "ENOKEY"), ("list /secret", "ENOKEY"), ("stat /secret", "ENOKEY"),
        ("read /secret/host/x", "ENOKEY"), (f"key /secret {wrong}", "EKEYREJECTED"), ("list /secret", "ENOKEY"),
        (f"key /nowhere {key}", "ENOENT"), (f"key /secret {key}", "ok"), (f"key /secret {key}", "EBUSY"),
        ("list /secret", "deep host link name-of-a-secret"), ("read /secret/name-of-a-secret", SECRET.decode().strip()),
        ("sum /secret/deep/big-one", big), ("sum /secret/link", big), ("write /secret/x 1", "EROFS"),
        ("read /secret/host/x", "x"), ("read /secret/host/../name-of-a-secret", SECRET.decode().strip()),
        ("rename /secret/name-of-a-secret /tmp/x", "EXDEV"), ("link /open /secret/x", "EXDEV"), ("read /open", "open")])
    # The sealed file in the image: found as the one long uniform run.
    blocks = [uniform(image[at:at + 4096]) < 5 for at in range(0, len(image), 4096)]
    runs, at = [], 0
    while at < len(blocks):
        end = at
        while end < len(blocks) and blocks[end]:
            end += 1
        runs.append((end - at, at))
        at = end + 1
    size, at = max(runs)
    report.case("header, tags and data look like noise", "" if size >= 64 else f"longest run {size} blocks")
    changed = bytearray(image)
    changed[(at + size // 2) * 4096 + 5] ^= 1
    with open(w.image, "wb") as f:
        f.write(changed)
    got, code = w.run(f"key /secret {key} sum /secret/deep/big-one".split())
    report.case("a changed encrypted block ends the enclave", "" if code != 0 and len(got) == 1 else f"{got} {code}")
    changed[:] = image
    changed[at * 4096 + 5] ^= 1
    with open(w.image, "wb") as f:
        f.write(changed)
    got, code = w.run(f"key /secret {key} list /secret".split())
    report.case("a changed header ends the enclave", "" if code != 0 and not got else f"{got} {code}")
    w.done()


def hits(report):
    """Reading again what was read costs no exit: each turn prints one line, and that is all it may cost."""
    w = World("a hit costs no exit", ["{path: /tmp, kind: ephemeral}"], {"big": BIG})
    w.build()
    counts = []
    for turns in 2, 42:
        w.run(["scan", "/big"] * turns, flags=["--stats=json"])
        lines = [line for line in w.error.splitlines() if line.startswith("{")]
        stats = json.loads(lines[-1]) if lines else {}
        by_name = stats.get("host_calls_by_name", {})
        by_name.pop("file_write", None)
        counts.append((stats.get("host_calls", 0), by_name))
    (few, few_names), (many, many_names) = counts
    report.case(w.name, "" if 0 < few and many - few <= 40 * 2 else f"{few_names} {many_names}")
    w.done()


def main():
    report = parity.Report()
    for case in (nested, host_root, other_roots, encrypted, hits):
        if len(sys.argv) < 2 or sys.argv[1] in case.__name__:
            case(report)
    report.finish()


OUT = os.path.join(parity.BUILD, "tests", "regions")
os.makedirs(OUT, exist_ok=True)
LOAD = os.path.join(OUT, "load")
HOME = parity.home()
subprocess.run(["gcc", *FLAGS, "-I" + os.path.join(HERE, "..", "..", "src"), "-o", LOAD,
                os.path.join(HERE, "regions_load.c")], check=True)
main()
