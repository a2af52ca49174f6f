#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does a program survive a host that lies in answer to every kind of host call?

Each run gets another seed and another rate of lies (`cloister run --hostile`). A lie may stop the program: the
host can always do that. It must not make it compute on wrong data, end the host's process by a fault, or bring the
kernel into a state that it did not foresee (exit status 102).
"""
import os
import shutil
import subprocess
import sys
import tempfile

CLOISTER = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "cloister"))
RUNS = int(os.environ.get("HOSTILE_RUNS", "60"))
TIMEOUT_S = 10
CONTENT = b"".join(b"%08d " % i for i in range(40000))
SCRIPT = "i=0; while [ $i -lt 8 ]; do md5sum /data/file; date +%s > /dev/null; i=$((i+1)); done; echo end"

MANIFEST = """
name: hostile
files:
  - {from: busybox, to: /bin/busybox, mode: 0755}
  - {from: file, to: /data/file, mode: 0644}
entrypoint: /bin/busybox
arguments: [sh, -c, "%s"]
heap: 64M
threads: 4
"""


def build(directory, env):
    shutil.copy("/bin/busybox", os.path.join(directory, "busybox"))
    with open(os.path.join(directory, "file"), "wb") as f:
        f.write(CONTENT)
    with open(os.path.join(directory, "cloister.yaml"), "w", encoding="ascii") as f:
        f.write(MANIFEST % SCRIPT)
    image = os.path.join(directory, "image")
    subprocess.run([CLOISTER, "build", directory, "-o", image, "--quiet"], env=env, check=True,
                   stdout=subprocess.DEVNULL)
    return image


def run(image, env, *options):
    """The exit status (None: it took too long) and standard output."""
    try:
        done = subprocess.run([CLOISTER, "run", image, "--platform", "emulated", "--quiet", *options], env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as e:
        return None, e.stdout or b""
    return done.returncode, done.stdout


def main():
    with tempfile.TemporaryDirectory() as directory:
        env = dict(os.environ, CLOISTER_HOME=os.path.join(directory, "home"))
        image = build(directory, env)
        status, honest = run(image, env)
        if status != 0 or honest.splitlines()[-1:] != [b"end"]:
            sys.exit(f"FAIL: the program does not run with an honest host: status {status}, {honest[:200]}")
        good_lines = set(honest.splitlines())
        counts, failures = {}, 0
        for seed in range(1, RUNS + 1):
            rate = (2, 16, 64, 256)[seed % 4]
            status, output = run(image, env, "--hostile", str(seed), "--hostile-rate", str(rate))
            counts[status] = counts.get(status, 0) + 1
            lines = output.split(b"\n")[:-1]  # the last one may be cut off
            wrong = [line for line in lines if line not in good_lines and b"/data/file" in line and b":" not in line]
            if wrong or (status is not None and (status < 0 or status == 102)):
                failures += 1
                print(f"FAIL: seed {seed}, rate {rate}: status {status}, wrong lines {wrong[:3]}")
        print("exit statuses (None: stopped after a while):", counts)
        sys.exit(1 if failures else 0)


main()
