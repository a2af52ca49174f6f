#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is a built image what docs/formats/image.md says, the same everywhere, and refused when one bit is wrong?"""
import glob
import hashlib
import json
import marshal
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ.get("BUILD", "build")
CLOISTER = os.path.abspath(os.path.join(BUILD, "cloister"))
BLOCK = 4096
PROGRAM = "int main(void) { return 0; }\n"


def run(*arguments, home, code=0, **options):
    environment = dict(os.environ, CLOISTER_HOME=home, **options.pop("env", {}))
    done = subprocess.run([CLOISTER, *arguments], env=environment, capture_output=True, text=True, **options)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def write_app(directory, extra=""):
    """An application that needs no package: a static program, files of many sizes, links."""
    root = os.path.join(directory, "root")
    os.makedirs(os.path.join(root, "data", "deep"))
    os.chmod(directory, 0o755)
    source = os.path.join(directory, "program.c")
    with open(source, "w") as file:
        file.write(PROGRAM)
    subprocess.run(["gcc", "-static", "-s", "-Wl,--build-id=none", "-o", os.path.join(root, "program"), source],
                   check=True)
    for size in (0, 1, 4095, 4096, 4097, 100000):
        with open(os.path.join(root, "data", f"file{size}"), "wb") as file:
            file.write(random.Random(size).randbytes(size))
    os.symlink("../program", os.path.join(root, "data", "link"))
    with open(os.path.join(directory, "cloister.yaml"), "w") as file:
        file.write("name: app\nroot: root\nentrypoint: /program\nheap: 16M\nthreads: 2\n"
                   "environment: {A: b}\nregions: [{path: /out, kind: encrypted, key: sms}]\n" + extra)


def write_python_app(directory, extra=""):
    """This system's python3 with a part of its library, in a root of its own."""
    root = os.path.join(directory, "root")
    program = os.path.realpath("/usr/bin/python3")
    name = os.path.basename(program)
    library = os.path.join(root, "usr/lib", name)
    for place in ("usr/bin", "usr/lib/x86_64-linux-gnu", "lib64", f"etc/{name}", "usr/lib/python3/dist-packages"):
        os.makedirs(os.path.join(root, place), mode=0o755)
    shutil.copy(program, os.path.join(root, "usr/bin"))
    for line in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines():
        path = next((word for word in line.split() if word.startswith("/")), None)
        if path:
            shutil.copy(path, os.path.join(root, "lib64" if "ld-linux" in path else "usr/lib/x86_64-linux-gnu"))
    shutil.copytree("/usr/lib/" + name, library, symlinks=True,
                    ignore=lambda place, names: [n for n in names if n not in ("collections", "encodings", "importlib", "json", "re")
                                                 and not (n.endswith(".py") and os.path.isfile(os.path.join(place, n))
                                                          and not n.startswith("_sysconfig"))])
    for path, text in ((f"etc/{name}/sitecustomize.py", "x = 1\n"), (f"usr/lib/{name}/broken.py", "x = = 1\n"),
                       ("usr/lib/python3/dist-packages/sets.py", "def f(x): return x in {'a', 'b', 'c', 'd', 1, 2}\n")):
        with open(os.path.join(root, path), "w") as file:
            file.write(text)
    with open(os.path.join(directory, "outside.py"), "w") as file:
        file.write("x = 1\n")
    for link, target in (("sitecustomize.py", f"/etc/{name}/sitecustomize.py"), ("outside.py", os.path.join(directory, "outside.py"))):
        path = os.path.join(library, link)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)
    with open(os.path.join(directory, "cloister.yaml"), "w") as file:
        file.write(f"name: py\nroot: root\nentrypoint: /usr/bin/{name}\nheap: 64M\nthreads: 2\n" + extra)
    return name


def parts_of(image):
    """Name, first byte and size of every part, from the trailer."""
    with open(image, "rb") as file:
        content = file.read()
    trailer = content[-BLOCK:]
    assert trailer[:8] == b"CLOISTER"
    data, tree, kernel, init = struct.unpack("<QQQQ", trailer[16:48])
    blocks = [("file system", data), ("verity superblock", 1), ("hash tree", tree), ("kernel", -(-kernel // BLOCK)),
              ("init", -(-init // BLOCK)), ("parameters", 4), ("SIGSTRUCT", 1), ("trailer", 1)]
    parts, at = [], 0
    for name, count in blocks:
        if count:
            parts.append((name, at, count * BLOCK))
        at += count * BLOCK
    assert at == len(content)
    return content, parts, kernel


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp()
        cls.home = os.path.join(cls.place, "home")
        cls.app = os.path.join(cls.place, "app")
        os.makedirs(cls.app)
        write_app(cls.app)
        cls.image = os.path.join(cls.place, "app.img")
        cls.fingerprint = run("build", cls.app, "-o", cls.image, home=cls.home).stdout.strip()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place)

    def verify(self, image, code=None):
        return run("fspf", "verify", image, home=self.home, code=code)

    def test_commands_agree(self):
        said = json.loads(run("inspect", self.image, "--json", home=self.home).stdout)
        key, tag, mrenclave = self.fingerprint.split("|")
        self.assertEqual(run("fingerprint", self.image, home=self.home).stdout.strip(), self.fingerprint)
        self.assertEqual(run("mrenclave", self.image, home=self.home).stdout.strip(), mrenclave)
        self.assertEqual((said["fspf_key"], said["fspf_tag"], said["enclave"]["mrenclave"]), (key, tag, mrenclave))
        self.assertEqual(said["process"]["entrypoint"], "/program")
        self.assertEqual(said["process"]["environment"], ["A=b"])
        self.assertEqual([(r["path"], r["kind"]) for r in said["regions"]],
                         [("/out", "encrypted"), ("/tmp", "ephemeral")])
        self.assertGreater(said["sites"]["syscall_patched"], 0)
        self.assertEqual(self.verify(self.image, 0).stdout.strip(), "intact: " + self.fingerprint)
        run("fspf", "verify", self.image, "--fingerprint", self.fingerprint, home=self.home)
        run("fspf", "verify", self.image, "--fingerprint", self.fingerprint[:-1] + "x", home=self.home, code=1)

    def test_mrenclave_follows_from_the_format(self):
        """MRENCLAVE derived a second time, from docs/formats/image.md and the SDM."""
        content, parts, size = parts_of(self.image)
        start = {name: at for name, at, _ in parts}
        kernel = content[start["kernel"]:][:size]
        params = content[start["parameters"]:][:4 * BLOCK]
        threads, = struct.unpack_from("<I", params, 32)
        stream = hashlib.sha256(struct.pack("<8sIQ44x", b"ECREATE", 1, 1 << 36))

        def add(address, page, flags, measured=True):
            stream.update(struct.pack("<8sQQ40x", b"EADD", address, flags))
            for at in range(0, BLOCK if measured else 0, 256):
                stream.update(struct.pack("<8sQ48x", b"EEXTEND", address + at) + page[at:at + 256])

        entry, table = struct.unpack_from("<QQ", kernel, 24)
        for index in range(struct.unpack_from("<H", kernel, 56)[0]):
            kind, flags, offset, address, _, in_file, in_memory = struct.unpack_from("<IIQQQQQ", kernel, table + 56 * index)
            if kind != 1:
                continue
            pages = -(-in_memory // BLOCK)
            memory = kernel[offset:offset + in_file].ljust(pages * BLOCK, b"\0")
            rights = (flags >> 2 & 1) | (flags & 2) | (flags & 1) << 2
            for page in range(pages):
                add(address + page * BLOCK, memory[page * BLOCK:][:BLOCK], 0x200 | rights)
        for page in range(4):
            add(0xff0000000 + page * BLOCK, params[page * BLOCK:][:BLOCK], 0x201)
        for slot in range(threads):
            base = 0xff8000000 + slot * 0x40000
            local = base + 0x10000
            tcs = struct.pack("<QQQIIQQQQII", 0, 0, base + BLOCK, 0, 3, entry, 0, local, local, 0xfff, 0xfff)
            add(base, tcs.ljust(BLOCK, b"\0"), 0x100)
            for page in range(3):
                add(base + BLOCK + page * BLOCK, bytes(BLOCK), 0x203)
            add(local, bytes(BLOCK), 0x203)
            for page in range(16):
                add(base + 0x20000 + page * BLOCK, b"", 0x203, measured=False)
        self.assertEqual(stream.hexdigest(), self.fingerprint.split("|")[2])

    def test_veritysetup_agrees(self):
        said = json.loads(run("inspect", self.image, "--json", home=self.home).stdout)
        tool = shutil.which("veritysetup", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.assertIsNotNone(tool, "cryptsetup-bin is needed")
        offset = said["hash_offset"]
        with_superblock = [tool, "verify", self.image, self.image, said["fspf_tag"], f"--hash-offset={offset}"]
        without = [tool, "verify", self.image, self.image, said["fspf_tag"], "--no-superblock", "--salt=-",
                   f"--hash-offset={offset + BLOCK}", f"--data-blocks={said['data_blocks']}"]
        for command in (with_superblock, without):
            self.assertEqual(subprocess.run(command, capture_output=True).returncode, 0, command)
        other = list(with_superblock)
        other[4] = "00" * 32
        self.assertNotEqual(subprocess.run(other, capture_output=True).returncode, 0)

    def extract(self, image):
        """The files of an image, in a new directory."""
        tool = shutil.which("fsck.erofs", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        said = json.loads(run("inspect", image, "--json", home=self.home).stdout)
        place = tempfile.mkdtemp(dir=self.place)
        part, out = os.path.join(place, "part"), os.path.join(place, "out")
        with open(image, "rb") as file, open(part, "wb") as target:
            target.write(file.read(said["hash_offset"]))
        subprocess.run([tool, "--extract=" + out, part], check=True, capture_output=True)
        return out

    def test_erofs_is_sound(self):
        out = self.extract(self.image)
        for name in os.listdir(os.path.join(self.app, "root", "data")):
            original = os.path.join(self.app, "root", "data", name)
            if os.path.isfile(original):
                with open(original, "rb") as a, open(os.path.join(out, "data", name), "rb") as b:
                    self.assertEqual(a.read(), b.read(), name)

    def test_same_everywhere(self):
        """Another path, file system, umask, home, time zone, order of creation, and host name in the environment."""
        places = [tempfile.mkdtemp(), tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)]
        try:
            for index, place in enumerate(places):
                copy = os.path.join(place, f"copy{index}")
                mask = os.umask((0o077, 0o002)[index])
                try:
                    os.makedirs(os.path.join(copy, "root", "data", "deep"))
                    for path in ("root/data/link", "root/program", "cloister.yaml"):
                        shutil.copy(os.path.join(self.app, path), os.path.join(copy, path), follow_symlinks=False)
                    for name in sorted(os.listdir(os.path.join(self.app, "root", "data")), reverse=index == 0):
                        if name.startswith("file"):
                            shutil.copyfile(os.path.join(self.app, "root", "data", name),
                                            os.path.join(copy, "root", "data", name))
                    image = os.path.join(place, "image")
                    environment = {"TZ": "Asia/Tokyo", "TMPDIR": place, "LC_ALL": "C", "HOSTNAME": "x"}
                    built = run("build", copy, "-o", image, home=os.path.join(place, "home"), env=environment)
                finally:
                    os.umask(mask)
                self.assertEqual(built.stdout.strip(), self.fingerprint)
                # With the same key the whole file is the same.
                run("build", copy, "-o", image, "--key", os.path.join(self.home, "signer.pem"),
                    home=os.path.join(place, "home"), env=environment)
                with open(image, "rb") as a, open(self.image, "rb") as b:
                    self.assertEqual(hashlib.sha256(a.read()).digest(), hashlib.sha256(b.read()).digest())
        finally:
            for place in places:
                shutil.rmtree(place)

    def test_python_bytecode(self):
        """The image's own python compiles its library: the same everywhere, with the image's paths, not through links."""
        app = tempfile.mkdtemp(dir=self.place)
        name = write_python_app(app)
        image, other, home = (os.path.join(app, n) for n in ("image", "other", "home"))
        built = run("build", app, "-o", image, home=home)
        self.assertIn("compiling the library of " + name, built.stderr)
        place = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        mask = os.umask(0o077)
        try:
            environment = {"TMPDIR": place, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "2", "PYTHONHOME": place}
            again = run("build", app, "-o", other, "--key", os.path.join(home, "signer.pem"), home=home, env=environment)
        finally:
            os.umask(mask)
            shutil.rmtree(place)
        self.assertEqual(built.stdout, again.stdout)
        with open(image, "rb") as a, open(other, "rb") as b:
            self.assertEqual(a.read(), b.read())
        tree = self.extract(image)
        library = f"usr/lib/{name}"
        for source in (library + "/os.py", library + "/json/__init__.py", library + "/sitecustomize.py",
                       "usr/lib/python3/dist-packages/sets.py"):
            folder, base = os.path.split(source)
            compiled, = glob.glob(os.path.join(tree, folder, "__pycache__", base[:-3] + ".cpython-*.pyc"))
            self.assertEqual(os.stat(compiled).st_mode & 0o777, 0o644)
            self.assertEqual(os.stat(os.path.dirname(compiled)).st_mode & 0o777, 0o755)
            with open(compiled, "rb") as file:
                header, code = file.read(16), file.read()
            self.assertEqual(struct.unpack("<I", header[4:8]), (1,), source)  # PEP 552: a hash that is not checked
            if name == "python%d.%d" % sys.version_info[:2]:
                self.assertEqual(marshal.loads(code).co_filename, "/" + source)
        self.assertFalse(glob.glob(os.path.join(tree, library, "__pycache__", "broken.*")))
        self.assertFalse(glob.glob(os.path.join(tree, library, "__pycache__", "outside.*")))
        with open(os.path.join(app, "cloister.yaml"), "a") as file:
            file.write("python-bytecode: false\n")
        without = run("build", app, "-o", other, home=home)
        self.assertNotEqual(built.stdout, without.stdout)
        self.assertFalse(glob.glob(os.path.join(self.extract(other), library, "__pycache__")))

    def test_python_that_does_not_run(self):
        app = tempfile.mkdtemp(dir=self.place)
        write_app(app)
        for path in ("usr/bin/python3.99", "usr/lib/python3.99/os.py"):
            os.makedirs(os.path.dirname(os.path.join(app, "root", path)))
            shutil.copy(os.path.join(app, "root", "program"), os.path.join(app, "root", path))
        built = run("build", app, "-o", os.path.join(app, "image"), home=self.home)
        self.assertIn("python3.99 does not run here", built.stderr)

    def test_settings_change_the_measurement(self):
        mrenclaves = {self.fingerprint.split("|")[2]}
        for change in (("heap: 16M", "heap: 32M"), ("threads: 2", "threads: 3"), ("A: b", "A: c"),
                       ("name: app", "name: app\nstack: 1M"), ("name: app", "name: app\ndebug: true"),
                       ("name: app", "name: app\nhost-arguments: true"), ("key: sms", "key: sealed")):
            other = tempfile.mkdtemp(dir=self.place)
            shutil.copytree(os.path.join(self.app, "root"), os.path.join(other, "root"), symlinks=True)
            with open(os.path.join(self.app, "cloister.yaml")) as file:
                text = file.read()
            with open(os.path.join(other, "cloister.yaml"), "w") as file:
                file.write(text.replace(*change))
            image = os.path.join(other, "image")
            mrenclave = run("build", other, "-o", image, home=self.home).stdout.strip().split("|")[2]
            self.verify(image, 0)
            if "debug" in change[1]:
                # DEBUG is an attribute: it is signed, not measured (SDM, "ECREATE" measures the size and the frame).
                self.assertTrue(json.loads(run("inspect", image, "--json", home=self.home).stdout)["enclave"]["debug"])
            else:
                self.assertNotIn(mrenclave, mrenclaves, change)
            mrenclaves.add(mrenclave)

    def positions(self):
        """At least 200 bytes, in every part, at its ends, in its padding, and in each field of the small records."""
        content, parts, kernel = parts_of(self.image)
        numbers = random.Random(1)
        for name, start, size in parts:
            yield name, start
            yield name, start + size - 1
            for _ in range({"file system": 60, "hash tree": 40, "kernel": 30, "parameters": 30}.get(name, 8)):
                yield name, start + numbers.randrange(size)
        start = {name: at for name, at, _ in parts}
        for at in (0, 8, 24, 64, 79, 192, 500, 511, 512, 4095):  # fields of the verity superblock
            yield "verity superblock", start["verity superblock"] + at
        for at in (1024, 1028, 1032, 1036, 1037, 1060, 1064, 1100, 1151, 0, 1023):  # the EROFS superblock
            yield "file system", at
        # HEADER, VENDOR, DATE, HEADER2, SWDEFINED, reserved, MODULUS, EXPONENT, SIGNATURE, MISCSELECT, MISCMASK, CET, CET
        # mask, reserved, ISVFAMILYID, ATTRIBUTES, their mask, ENCLAVEHASH, reserved, ISVEXTPRODID, ISVPRODID, ISVSVN,
        # reserved, Q1, Q2, padding (SDM volume 3D, "SIGSTRUCT")
        for at in (0, 16, 20, 24, 40, 44, 127, 128, 511, 512, 516, 899, 900, 904, 908, 909, 910, 912, 928, 936, 944, 952,
                   960, 992, 1008, 1024, 1026, 1028, 1040, 1423, 1424, 1807, 1808, 4095):
            yield "SIGSTRUCT", start["SIGSTRUCT"] + at
        for at in range(0, 168, 8):
            yield "parameters", start["parameters"] + at
        for at in (0, 8, 12, 16, 23, 24, 32, 39, 40, 47, 48, 79, 80, 4095):
            yield "trailer", start["trailer"] + at
        yield "kernel", start["kernel"] + kernel - 1
        if kernel % BLOCK:
            yield "kernel", start["kernel"] + kernel

    def test_one_wrong_bit_is_found(self):
        image = os.path.join(self.place, "flipped")
        shutil.copyfile(self.image, image)
        tried, numbers = 0, random.Random(2)
        with open(image, "r+b", buffering=0) as file:
            for part, at in self.positions():
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << numbers.randrange(8)]))
                done = self.verify(image)
                self.assertEqual(done.returncode, 1, f"{part}, byte {at}: {done.stdout}{done.stderr}")
                if part in ("file system", "hash tree", "verity superblock"):
                    self.assertIn(f"block {at // BLOCK}:", done.stderr)
                file.seek(at)
                file.write(bytes([byte]))
                tried += 1
        self.assertGreaterEqual(tried, 200)
        self.verify(image, 0)

    def test_damaged_file_is_named(self):
        content, _, _ = parts_of(self.image)
        with open(os.path.join(self.app, "root", "data", "file100000"), "rb") as file:
            at = content.index(file.read(64)) + 50000
        image = os.path.join(self.place, "named")
        with open(image, "wb") as file:
            file.write(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
        self.assertIn("/data/file100000", self.verify(image, 1).stderr)

    def test_wrong_size_is_refused(self):
        content, _, _ = parts_of(self.image)
        image = os.path.join(self.place, "size")
        for changed in (content[:-1], content[:-BLOCK], content[:BLOCK], b"", content + b"\0", content + bytes(BLOCK),
                        bytes(BLOCK) + content, content[BLOCK:], content[:-BLOCK] + bytes(BLOCK) + content[-BLOCK:]):
            with open(image, "wb") as file:
                file.write(changed)
            self.verify(image, 1)

    def test_tree_is_no_file_system(self):
        """The tree's lowest level is data under the same root, one level lower: the block count must give it away."""
        content, parts, kernel = parts_of(self.image)
        start = {name: (at, size) for name, at, size in parts}
        data, tree = start["file system"][1] // BLOCK, start["hash tree"][1] // BLOCK
        leaves = -(-data // 128)
        if leaves < 2 or tree != leaves + 1:
            self.skipTest("this image's tree has another shape")
        at = start["hash tree"][0]
        lowest, top = content[at + BLOCK:at + tree * BLOCK], content[at:at + BLOCK]
        trailer = bytearray(content[-BLOCK:])
        trailer[16:32] = struct.pack("<QQ", leaves, 1)
        superblock = bytearray(content[start["verity superblock"][0]:][:BLOCK])
        superblock[72:80] = struct.pack("<Q", leaves)
        image = os.path.join(self.place, "lower")
        with open(image, "wb") as file:
            file.write(lowest + superblock + top + content[start["kernel"][0]:-BLOCK] + trailer)
        self.assertIn("another number of blocks", self.verify(image, 1).stderr)

    def test_sites_agree_with_objdump(self):
        """Every listed instruction is one, and no branch that objdump sees enters a window behind its start."""
        content, parts, _ = parts_of(self.image)
        at = content.index(b"CLSITE1\0", 0)
        files, size = struct.unpack_from("<IH", content, at + 8)
        self.assertEqual((files, content[at + 14:at + 14 + size]), (1, b"/program"))
        count, = struct.unpack_from("<I", content, at + 14 + size)
        program = os.path.join(self.app, "root", "program")
        with open(program, "rb") as file:
            code = file.read()
        headers = [struct.unpack_from("<IIQQQQ", code, 64 + 56 * i) for i in range(struct.unpack_from("<H", code, 56)[0])]
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program], capture_output=True, text=True).stdout
        boundaries, targets = {}, set()
        for line in text.splitlines():
            fields = line.split(None, 2)
            if len(fields) >= 2 and fields[0].endswith(":") and line.startswith(" "):
                boundaries[int(fields[0][:-1], 16)] = fields[1]
                if fields[1][0] in "jcl" and len(fields) > 2:
                    try:
                        targets.add(int(fields[2].split()[0], 16))
                    except ValueError:
                        pass
        self.assertGreater(count, 50)
        for index in range(count):
            offset, kind, window, instruction = struct.unpack_from("<QBBB", content, at + 18 + size + 12 * index)
            address = next(h[3] + offset - h[2] for h in headers if h[0] == 1 and h[2] <= offset < h[2] + h[5])
            self.assertEqual(boundaries.get(address + instruction), {1: "syscall", 2: "cpuid"}[kind])
            if window == 2:
                continue
            self.assertTrue(5 <= window <= 16)
            self.assertTrue(address in boundaries and address + window in boundaries, hex(address))
            inside = targets.intersection(range(address + 1, address + window))
            self.assertFalse(inside, f"a branch enters the window at {address:#x}")

    def test_hostile_manifests(self):
        for extra, word in (("colour: red\n", "colour"), ("packages: ['--help']\n", "--help"),
                            ("files: [{from: /etc/hostname, to: /../../x}]\n", "leads out"),
                            ("files: [{from: program.c, to: /.cloister/process}]\n", "reserved"),
                            ("working-directory: relative\n", "absolute")):
            other = tempfile.mkdtemp(dir=self.place)
            shutil.copytree(os.path.join(self.app, "root"), os.path.join(other, "root"), symlinks=True)
            shutil.copy(os.path.join(self.app, "program.c"), other)
            with open(os.path.join(self.app, "cloister.yaml")) as file:
                text = file.read()
            with open(os.path.join(other, "cloister.yaml"), "w") as file:
                file.write(text + extra)
            done = run("build", other, "-o", os.path.join(other, "image"), home=self.home, code=1)
            self.assertIn(word, done.stderr)
            self.assertFalse(os.path.exists(os.path.join(other, "image")))

    def test_split(self):
        """Without the application's files in it: the same fingerprint, and it runs and verifies over those files alone."""
        split, root = os.path.join(self.place, "split"), os.path.join(self.place, "split-root")
        built = run("build", self.app, "--split", "-o", split, home=self.home)
        self.assertEqual(built.stdout.strip(), self.fingerprint)
        self.assertEqual(run("fingerprint", split, home=self.home).stdout.strip(), self.fingerprint)
        with open(self.image, "rb") as full, open(split, "rb") as file:
            full, file = full.read(), file.read()
        stored, = struct.unpack_from("<Q", file, len(file) - BLOCK + 80)
        blocks, = struct.unpack_from("<Q", full, len(full) - BLOCK + 16)
        self.assertEqual(full[:stored * BLOCK] + full[blocks * BLOCK:-BLOCK], file[:-BLOCK])
        self.assertLess(len(file), len(full) - os.path.getsize(os.path.join(self.app, "root", "program")))
        shutil.copytree(os.path.join(self.app, "root"), root, symlinks=True)
        environment = {"env": {"HOME": self.home}, "home": self.home}
        run("fspf", "verify", split, "--root", root, "--fingerprint", self.fingerprint, **environment)
        run("run", "--platform", "emulated", "--quiet", "--root", root, split, **environment)
        for command in (("run", split), ("fspf", "verify", split)):
            self.assertIn("--root", run(*command, code=None, **environment).stderr)
        with open(os.path.join(root, "data", "file4097"), "r+b") as changed:
            changed.seek(4000)
            changed.write(b"other")
        done = run("fspf", "verify", split, "--root", root, code=1, **environment)
        self.assertIn("/data/file4097", done.stderr)
        with open(os.path.join(root, "program"), "r+b") as changed:
            changed.truncate(10000)
        done = run("run", "--platform", "emulated", "--quiet", "--root", root, split, code=None, **environment)
        self.assertNotEqual(done.returncode, 0)

    def test_entrypoint_and_links_stay_inside(self):
        """A link to an absolute path is resolved in the image, not on the host."""
        other = tempfile.mkdtemp(dir=self.place)
        os.makedirs(os.path.join(other, "root", "etc"))
        os.symlink("/etc", os.path.join(other, "root", "escape"))
        with open(os.path.join(other, "secret"), "w") as file:
            file.write("x")
        with open(os.path.join(other, "cloister.yaml"), "w") as file:
            file.write("name: a\nroot: root\nentrypoint: /escape/hostname\n"
                       "files: [{from: secret, to: /escape/cloister-test}]\n")
        done = run("build", other, "-o", os.path.join(other, "image"), home=self.home, code=1)
        self.assertIn("/escape/hostname", done.stderr)
        self.assertFalse(os.path.exists("/etc/cloister-test"))


if __name__ == "__main__":
    sys.exit(unittest.main())
