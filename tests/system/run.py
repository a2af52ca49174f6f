#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does `cloister run IMAGE` do what the native program does? The examples' images, natively and in the enclave: output
and exit code, byte for byte; what goes in (standard input, arguments, environment); what is refused; what --stats counts.
`run.py WORD` runs the cases whose name holds WORD."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import parity  # noqa: E402

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
OUT = os.path.join(parity.BUILD, "tests", "run")
PYTHON = ["LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"]
TEXT = b"pear\napple\nfig\napple\n"
BUSYBOX = {
    "echo": (["echo", "hello", "", "two words"], b""),
    "cat": (["cat"], TEXT),
    "sort": (["sort", "-u"], TEXT),
    "sha256sum": (["sha256sum"], TEXT * 1000),
    "ls": (["ls", "-laR", "/usr"], b""),
    "sed": (["sed", "s/p/P/g"], TEXT),
    "awk": (["awk", "{n += length($0)} END {print n}"], TEXT),
    "gzip": (["gzip", "-c"], TEXT * 500),
    "find": (["find", "/usr", "/bin", "-name", "b*"], b""),
    "dd": (["dd", "if=/dev/zero", "bs=4096", "count=100", "status=none"], b""),
    "seq": (["seq", "1", "20000"], b""),
    "sh": (["sh", "-c", "x=3; while [ $x -gt 0 ]; do echo $x; x=$((x - 1)); done; exit 9"], b""),
    "sh-write": (["sh", "-c", "cd /tmp && echo one >f && echo two >>f && read a <f && echo $a && pwd"], b""),
    "false": (["false"], b""),
    "kill": (["sh", "-c", "kill -9 $$"], b""),
    "no-applet": (["no-such-applet"], b""),
}
PROGRAMS = {
    "pass": "pass",
    "json": """
import json
data = {'a': [1, 2.5, None, True], 'text': 'caf\\u00e9', 'nested': {str(i): i * i for i in range(200)}}
text = json.dumps(data, sort_keys=True, indent=1)
print(text, json.loads(text) == data)
""",
    "hashlib": """
import hashlib
for name in sorted(hashlib.algorithms_guaranteed):
    h = hashlib.new(name, b'cloister' * 10000)
    print(name, h.hexdigest(32) if name.startswith('shake') else h.hexdigest())
print(hashlib.scrypt(b'p', salt=b's', n=1024, r=8, p=1).hex(), hashlib.pbkdf2_hmac('sha256', b'p', b's', 1000).hex())
""",
    "threading": """
import queue, threading
total, lock, q = 0, threading.Lock(), queue.Queue()
def work():
    global total
    for _ in range(2000):
        with lock:
            total += 1
    q.put(threading.current_thread().name)
threads = [threading.Thread(target=work, name=f't{i}') for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(total, sorted(q.get() for _ in threads), threading.active_count())
e = threading.Event(); threading.Timer(0.02, e.set).start(); print(e.wait(5), e.is_set())
""",
    "sqlite3-memory": """
import sqlite3
c = sqlite3.connect(':memory:')
c.execute('create table t(a integer primary key, b text)')
c.executemany('insert into t(b) values (?)', ((str(i * 7919 % 1000),) for i in range(5000)))
c.execute('create index i on t(b)')
print(c.execute('select count(*), sum(a), max(b) from t where b > ?', ('500',)).fetchall(), sqlite3.sqlite_version)
""",
    "sqlite3-file": """
import os, sqlite3
for mode in 'delete', 'wal', 'truncate':
    path = f'/tmp/{mode}.db'
    c = sqlite3.connect(path)
    print(c.execute(f'pragma journal_mode={mode}').fetchone())
    c.execute('create table t(a, b)')
    with c:
        c.executemany('insert into t values (?, ?)', ((i, 'x' * (i % 300)) for i in range(3000)))
    try:
        with c:
            c.execute('delete from t'); raise KeyError('roll back')
    except KeyError:
        pass
    c.close()
    d = sqlite3.connect(path)
    print(d.execute('select count(*), sum(length(b)) from t').fetchone(), d.execute('pragma integrity_check').fetchone())
    d.close()
    print(sorted(f for f in os.listdir('/tmp') if f.startswith(mode)), os.path.getsize(path))
""",
    "zlib": """
import zlib, gzip, bz2, lzma
data = b''.join(str(i * i).encode() for i in range(30000))
for m in zlib, gzip, bz2, lzma:
    packed = m.compress(data, mtime=0) if m is gzip else m.compress(data)
    print(m.__name__, len(packed), m.decompress(packed) == data, zlib.crc32(packed))
""",
    "files": """
import os, shutil, tempfile, pathlib
root = pathlib.Path(tempfile.mkdtemp(dir='/tmp'))
for i in range(50):
    (root / f'd{i % 5}').mkdir(exist_ok=True)
    (root / f'd{i % 5}' / f'f{i}').write_bytes(bytes([i]) * i * 1000)
print(sorted((str(p.relative_to(root)), p.stat().st_size) for p in root.rglob('*') if p.is_file()))
shutil.copytree(root, str(root) + 'copy'); shutil.rmtree(root); print(root.exists(), len(list(os.walk(str(root) + 'copy'))))
print(open('/usr/lib/python3.11/os.py').readline(), os.getcwd(), os.path.realpath('/bin'))
try:
    open('/usr/new', 'w')
except OSError as e:
    print(e.strerror)
""",
    "standard-library": """
import sys
skip = {'antigravity', 'this', 'idlelib', 'turtledemo', 'turtle', 'tkinter', '_tkinter', 'nis', 'ensurepip', 'lib2to3'}
failed = []
for name in sorted(sys.stdlib_module_names - skip):
    try:
        __import__(name)
    except ImportError as e:
        failed.append(str(e))
print(failed)
""",
    "decimal": """
import decimal, fractions, math, random, statistics, re, datetime, struct, collections, itertools
decimal.getcontext().prec = 60
print(decimal.Decimal(2).sqrt(), math.pi, fractions.Fraction(1, 3) ** 5, sum(math.sin(i) for i in range(1000)))
random.seed(1); print(random.random(), statistics.stdev([random.gauss(0, 1) for _ in range(1000)]))
print(re.sub(r'(\\w+)', r'<\\1>', 'one two'), datetime.datetime(2024, 2, 29).isoformat(), struct.pack('<d', 0.1).hex())
""",
    "asyncio": """
import asyncio
async def echo(reader, writer):
    while data := await reader.read(1000):
        writer.write(data.upper()); await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(echo, '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    async def ask(n):
        r, w = await asyncio.open_connection('127.0.0.1', port)
        w.write(f'hello {n}'.encode()); w.write_eof()
        answer = await r.read(); w.close(); return answer
    print(await asyncio.gather(*(ask(n) for n in range(10)))); server.close()
asyncio.run(main())
""",
    "environment": "import os, sys; print(dict(os.environ), sys.argv, sys.flags, sys.stdin.isatty(), os.getuid())",
    "arguments": "import sys; print(sys.argv)",
    "stdin": "import sys; d = sys.stdin.buffer.read(); import hashlib; print(len(d), hashlib.sha256(d).hexdigest())",
    "large-output": "import sys\nfor i in range(200000): print(i, 'x' * 40)",
    "exit-code": "import sys; print('before'); sys.exit(42)",
    "exception": "raise ValueError('an error')",
    "sigterm-self": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "sigkill-self": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "sigsegv-self": "import ctypes; ctypes.string_at(0)",
    "abort": "import os; os.abort()",
    "signal-handler": """
import signal, time
seen = []
signal.signal(signal.SIGALRM, lambda n, f: seen.append(n))
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
while len(seen) < 3: time.sleep(0.5)
signal.setitimer(signal.ITIMER_REAL, 0); print(seen[:3])
""",
    "no-fork": """
import os
try:
    print('forked' if os.fork() == 0 else 'parent')
except OSError as e:
    print('no')
""",
}
GIVEN = {"stdin": bytes(range(256)) * 8000}
MORE = {"arguments": ["one", "", "--three", "vier und f\u00fcnf"]}
NATIVE_DIFFERS = {"no-fork": b"no\n"}  # a new process is ENOSYS here
SERVER = """
import http.server, sys, os
os.chdir('/usr/share/doc') if os.path.isdir('/usr/share/doc') else None
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = ('you asked for ' + self.path + '\\n').encode() * int(self.headers.get('X-Times', '1'))
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body[::-1])
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H)
print(s.server_address[1], flush=True)
s.serve_forever()
"""


def native_or_skip(report, name, image, command, environment, **options):
    done = image.native(command, environment, **options)
    if done.code == 99:
        report.skip(name, "no native run: " + done.stderr.decode(errors="replace").strip())
        return None
    return done


def parity_case(report, name, image, command, arguments, environment, given=b"", expected=None):
    if report.word not in name:
        return
    native = native_or_skip(report, name, image, command, environment, input=given)
    if native is None:
        return
    if expected is not None:
        native.stdout = expected
    try:
        report.compare(name, image.enclave(arguments, input=given), native)
    except subprocess.TimeoutExpired as late:
        report.case(name, f"takes more than 120 s; {parity.difference(late.stdout or b'', native.stdout)}")


def http_server(report, image):
    """A client outside: requests in turn, at the same time, with a large body; then the server is ended by SIGTERM."""
    if report.word not in "python-http.server":
        return
    process = subprocess.Popen(image.enclave_command(["-c", SERVER]), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=dict(os.environ, CLOISTER_HOME=image.home))
    why = ""
    try:
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise ValueError(f"no port: {line!r} {process.stderr.read()[-300:]!r}")
        url = f"http://127.0.0.1:{int(line)}/"
        for i in range(5):
            got = urllib.request.urlopen(url + f"page{i}", timeout=10).read()
            if got != b"you asked for /page%d\n" % i:
                raise ValueError(f"wrong answer {got[:80]!r}")
        body = random.Random(1).randbytes(3_000_000)
        if urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=20).read() != body[::-1]:
            raise ValueError("the large body comes back changed")
        if shutil.which("curl"):
            many = [subprocess.Popen(["curl", "-sS", "--max-time", "20", "-H", "X-Times: 20000", url + str(i)],
                                     stdout=subprocess.PIPE) for i in range(6)]
            for i, curl in enumerate(many):
                if curl.communicate()[0] != b"you asked for /%d\n" % i * 20000:
                    raise ValueError(f"curl {i}: wrong answer")
        process.terminate()
        code = process.wait(10)
        if code not in (128 + signal.SIGTERM, -signal.SIGTERM):
            why = f"after SIGTERM the exit code is {code}"
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        why = f"{error}"
    finally:
        process.kill()
        process.wait()
    report.case("python-http.server", why)


def refusals(report, image):
    """One bit changed anywhere the program reads: it does not run on it."""
    if report.word not in "refused-flipped-bit":
        return
    with open(image.path, "rb") as file:
        content = bytearray(file.read())
    # In every program, the loader's name: read at its start.
    needles = [match.start() for match in re.finditer(re.escape(b"/lib64/ld-linux-x86-64.so.2"), content)]
    damaged = os.path.join(OUT, "damaged.cloister")
    for name, at in (("superblock", [1024 + 8]), ("program", needles), ("hash-tree", None), ("trailer", [len(content) - 4000])):
        if at is None:
            report_inspect = subprocess.run([parity.CLOISTER, "inspect", image.path, "--json"], capture_output=True, text=True)
            at = [json.loads(report_inspect.stdout)["hash_offset"] + 4096 + 100]
        for byte in at:
            content[byte] ^= 1
        with open(damaged, "wb") as file:
            file.write(content)
        for byte in at:
            content[byte] ^= 1
        ours = parity.Image(damaged, image.home)
        done = ours.enclave()
        ours.close()
        verify = subprocess.run([parity.CLOISTER, "fspf", "verify", damaged], capture_output=True, text=True)
        why = "" if verify.returncode == 1 else f"fspf verify says {verify.returncode}"
        if done.code == 0 and name != "hash-tree":  # a hash that nothing read needs is not looked at
            why = why or "the enclave ran it"
        report.case(f"refused-flipped-bit-{name}", why)
    os.unlink(damaged)


def statistics(report, image):
    if report.word not in "stats":
        return
    done = image.enclave([], "--stats")
    text = done.stderr.decode(errors="replace")
    missing = [w for w in ("eenter", "eexit", "aex", "host_calls", "patched", "trapped") if w not in text.lower()]
    report.case("stats", f"not counted: {missing}; {text[-300:]!r}" if missing else "")
    done = image.enclave([], "--stats=json")
    try:
        line = next(s for s in done.stderr.decode().splitlines() if s.startswith("{"))
        why = "" if json.loads(line)["eenter"] > 0 else "no EENTER counted"
    except (StopIteration, ValueError, KeyError) as error:
        why = f"not JSON: {error!r} {done.stderr[-200:]!r}"
    report.case("stats-json", why)


def streaming(report, image):
    """Input and output pass while the program runs, not at its end."""
    if report.word not in "stdin-interactive":
        return
    process = subprocess.Popen(image.enclave_command(["cat"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=dict(os.environ, CLOISTER_HOME=image.home))
    why = ""
    for word in (b"one\n", b"two\n"):
        process.stdin.write(word)
        process.stdin.flush()
        if process.stdout.readline() != word:
            why = "a line did not come back"
            break
    process.stdin.close()
    try:
        why = why or ("" if process.wait(10) == 0 else f"exit code {process.returncode}")
    except subprocess.TimeoutExpired:
        process.kill()
        why = "does not end with its input"
    report.case("stdin-interactive", why)


def from_host(report, image):
    """The host's arguments reach only a program whose image lets them; its environment never does here."""
    if report.word not in "host-arguments-refused":
        return
    done = image.enclave(["--help"])
    report.case("host-arguments-refused", "" if done.stdout == b"" else "the host's argument reached the program")


def main():
    report = parity.Report(sys.argv[1] if len(sys.argv) > 1 else "")
    os.makedirs(OUT, exist_ok=True)
    subprocess.run(["make", "-s", "-C", os.path.join(EXAMPLES, "threads")], check=True)
    home = parity.home()
    images = {}
    for name in ("true", "busybox", "ls", "python", "threads"):
        images[name] = parity.build(os.path.join(EXAMPLES, name), os.path.join(OUT, name + ".cloister"), home)
    parity_case(report, "true", images["true"], ["/bin/true"], [], [])
    for name, (arguments, given) in BUSYBOX.items():
        parity_case(report, "busybox-" + name, images["busybox"], ["/bin/busybox", *arguments], arguments, [], given)
    parity_case(report, "ls-lR", images["ls"], ["/bin/ls", "-lR", "/usr/lib/python3"], [], ["LC_ALL=C", "TZ=UTC"])
    parity_case(report, "threads", images["threads"], ["/threads"], [], [])
    for name, program in PROGRAMS.items():
        arguments = ["-c", program, *MORE.get(name, [])]
        parity_case(report, "python-" + name, images["python"], ["/usr/bin/python3", *arguments], arguments, PYTHON,
                    GIVEN.get(name, b""), NATIVE_DIFFERS.get(name))
    http_server(report, images["python"])
    streaming(report, images["busybox"])
    refusals(report, images["true"])
    statistics(report, images["true"])
    from_host(report, images["true"])
    for image in images.values():
        image.close()
    report.finish()


if __name__ == "__main__":
    main()
