#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does a program survive a host that lies in answer to every kind of host call?

Each run of hostile_load.c gets another seed and another rate of lies (`cloister run --hostile`). A lie may stop the
program: the host can always do that. It must not make it compute on wrong data, end the host's process by a fault,
bring the kernel into a state that it did not foresee (exit status 102), or bring the program's secret out.

HOSTILE_SECONDS (60), HOSTILE_FIRST (1: the first seed) and HOSTILE_RUNS (no limit) say how much. `hostile.py SEED RATE`
repeats one run and shows what it says.
"""
import collections
import concurrent.futures
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLOISTER = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "cloister"))
SECONDS = float(os.environ.get("HOSTILE_SECONDS", "60"))
FIRST = int(os.environ.get("HOSTILE_FIRST", "1"))
RUNS = int(os.environ.get("HOSTILE_RUNS", "1000000"))
WORKERS = os.cpu_count() or 1
TIMEOUT_S = 2.5
RATES = (1000, 100, 30, 20, 10, 300, 50, 5, 15, 1)
VOLUME_MAX = 64 << 20  # it may be larger: a lie about an offset makes a hole
LIES_PER_SECOND = 20
CALLS_WITHOUT_ANSWER = {"exit_process"}
CALLS_BY_CHANCE = {"lock_wait", "lock_wake"}  # where two threads meet
CONTENT = b"".join(b"%08d " % i for i in range(40000))
FLAGS = "-std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wshadow -pthread -static -s -Wl,--build-id=none".split()

MANIFEST = """
name: hostile
files:
  - {from: load, to: /bin/load, mode: 0755}
  - {from: file, to: /data/file, mode: 0644}
entrypoint: /bin/load
host-arguments: true
heap: 32M
stack: 1M
threads: 6
regions:
  - {path: /vol, kind: encrypted, key: sealed, source: vol.volume}
  - {path: /host, kind: not-protected, source: hostdir}
"""


def make_canary():
    """What hostile_load.c makes inside: the image does not hold it."""
    x, made = 0x636c6f6973746572, bytearray()
    for _ in range(32):
        x = (x ^ x << 13) & (1 << 64) - 1
        x ^= x >> 7
        x = (x ^ x << 17) & (1 << 64) - 1
        made.append(x >> 32 & 0xff)
    return bytes(made)


SECRET = make_canary()


class Outcome:
    def __init__(self, status, output, messages, late):
        self.status, self.output, self.messages, self.late = status, output, messages, late

    def faults(self, volume):
        lines = self.output.splitlines()
        if any(line.startswith(b"wrong ") for line in lines):
            yield "wrong data: " + b", ".join(line for line in lines if line.startswith(b"wrong")).decode()
        if self.status < 0 or self.status == 102 or self.status in \
                {128 + s for s in (signal.SIGSEGV, signal.SIGILL, signal.SIGABRT, signal.SIGFPE)}:
            yield f"status {self.status}"
        for leak in re.findall(rb"hostile: LEAK: (.*)$", self.messages, re.M):
            yield leak.decode()
        for how in re.findall(rb"panic: (exception \d+ in the kernel.*|assert.*)", self.messages, re.I):
            yield "the kernel faulted: " + how.decode(errors="replace")
        if any(SECRET[i:i + 16] in volume for i in (0, 16)):
            yield "the canary is in the volume's file"

    def lies(self):
        found = re.search(rb"hostile: lies: ((?:\w+=\d+ ?)*)", self.messages, re.M)
        pairs = (pair.split("=") for pair in found.group(1).decode().split()) if found else ()
        return {name: int(count) for name, count in pairs}


class Bench:
    """A directory to run in, and the image."""

    def __init__(self, top):
        self.top, self.image = top, os.path.join(top, "image")
        self.env = dict(os.environ, CLOISTER_HOME=os.path.join(top, "home"))
        self.good_volume = b""
        self.local = threading.local()

    def build(self):
        app = os.path.join(self.top, "app")
        os.mkdir(app)
        subprocess.run(["gcc", *FLAGS, "-I" + os.path.join(HERE, "..", "..", "src"), "-o", os.path.join(app, "load"),
                        os.path.join(HERE, "hostile_load.c")], check=True)
        with open(os.path.join(app, "file"), "wb") as f:
            f.write(CONTENT)
        with open(os.path.join(app, "cloister.yaml"), "w", encoding="ascii") as f:
            f.write(MANIFEST)
        subprocess.run([CLOISTER, "build", app, "-o", self.image], env=self.env, check=True, capture_output=True)

    def place(self, fresh):
        """This worker's directory. Fresh: the volume is as an honest host left it, else as the last liar did."""
        if not hasattr(self.local, "place"):
            self.local.place = tempfile.mkdtemp(dir=self.top)
            fresh = True
        place = self.local.place
        if fresh:
            with open(os.path.join(place, "vol.volume"), "wb") as f:
                f.write(self.good_volume)
        shutil.rmtree(os.path.join(place, "hostdir"), ignore_errors=True)
        os.mkdir(os.path.join(place, "hostdir"))
        for name, target in ("link", "file"), ("absolute", "/data/file"), ("up", "../data/file"), ("d2", "."):
            os.symlink(target, os.path.join(place, "hostdir", name))
        return place

    def run(self, rounds, seed, *options, fresh=True, canary=SECRET):
        place, env = self.place(fresh), dict(self.env, CLOISTER_HOSTILE_CANARY=canary.hex())
        with subprocess.Popen([CLOISTER, "run", self.image, "--platform", "emulated", *options, "--", str(rounds),
                               str(seed)], env=env, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            late = False
            try:
                output, messages = process.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                late = True
                process.terminate()  # it still says what it told
                try:
                    output, messages = process.communicate(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    output, messages = process.communicate()
        with open(os.path.join(place, "vol.volume"), "rb") as f:
            volume = f.read(VOLUME_MAX)
        status = 0 if late and process.returncode in (-signal.SIGKILL, 128 + signal.SIGTERM) else process.returncode
        return Outcome(status, output, messages, late), volume

    def lie(self, seed, rate=None):
        rate = rate or RATES[seed % len(RATES)]
        outcome, volume = self.run(2 if rate < 10 else 12, seed, "--hostile", str(seed), "--hostile-rate", str(rate),
                                   fresh=seed % 16 != 0)
        return seed, rate, outcome, list(outcome.faults(volume))


def report(name, problem):
    print(f"not ok {name}: {problem}" if problem else f"ok {name}", flush=True)
    return not problem


def honest(bench):
    outcome, bench.good_volume = bench.run(2, 0)
    if outcome.status == 0 and outcome.output.endswith(b"end\n") and not list(outcome.faults(bench.good_volume)):
        # Again, to see that the volume opens and that the search finds what is there to find.
        outcome, _ = bench.run(2, 0, "--stats")
    calls = set(re.findall(rb"^  (\w+) +\d+$", outcome.messages, re.M))
    good = outcome.status == 0 and outcome.output.endswith(b"end\n") and b"wrong" not in outcome.output
    return report("an honest host", "" if good else f"status {outcome.status}: {outcome.output[-200:]} "
                  f"{outcome.messages[-300:]}"), {c.decode() for c in calls}


def search_works(bench):
    """What does go out is found: else the search for the canary would say nothing."""
    sent = b"hello over the loopback".ljust(32, b"\0")
    outcome, _ = bench.run(1, 0, "--hostile", "1", "--hostile-rate", "1000000000", canary=sent)
    found = b"came out by sock_send" in outcome.messages
    return report("the search finds what goes out", "" if found else outcome.messages.decode(errors="replace")[-300:])


def lie_for_long(bench):
    """Runs seeds until the time is over: (statuses, lies of each call, problems)."""
    statuses, lies, problems = collections.Counter(), collections.Counter(), []
    ends = time.monotonic() + SECONDS
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        seeds = itertools.islice(itertools.count(FIRST), RUNS)
        waiting = set()
        while time.monotonic() < ends or waiting:
            while time.monotonic() < ends and len(waiting) < 2 * WORKERS and (seed := next(seeds, None)) is not None:
                waiting.add(pool.submit(bench.lie, seed))
            if not waiting:
                break
            done, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                seed, rate, outcome, faults = future.result()
                statuses["late" if outcome.late else outcome.status] += 1
                lies.update(outcome.lies())
                if "HOSTILE_VERBOSE" in os.environ:
                    print(seed, rate, outcome.status, outcome.late, outcome.output[-40:], outcome.messages[:300])
                problems += [f"seed {seed} rate {rate}: {fault}" for fault in faults]
    return statuses, lies, problems


def main():
    with tempfile.TemporaryDirectory() as top:
        bench = Bench(top)
        bench.build()
        good, calls = honest(bench)
        good = search_works(bench) and good
        if len(sys.argv) > 2:
            seed, rate, outcome, faults = bench.lie(int(sys.argv[1]), int(sys.argv[2]))
            print(outcome.output.decode(errors="replace"), outcome.messages.decode(errors="replace"), outcome.status, faults)
            return
        if not good:
            sys.exit(1)
        statuses, lies, problems = lie_for_long(bench)
        print("runs by exit status:", dict(statuses))
        print("lies told:", ", ".join(f"{name} {count}" for name, count in lies.most_common()))
        for problem in problems[:20]:
            report("a host that lies", problem)
        silent = [name for name, count in lies.items() if not count and name not in CALLS_WITHOUT_ANSWER]
        missed = set(lies) - {"image"} - CALLS_BY_CHANCE - calls
        few = sum(lies.values()) < LIES_PER_SECOND * SECONDS
        good = report("no wrong data, no fault, no leak", problems and f"{len(problems)} in {sum(statuses.values())} runs")
        good &= report(f"{sum(statuses.values())} runs, {sum(lies.values())} lies", few and "too few")
        good &= report("the load makes every call", missed and f"not {missed}")
        good &= report("every call was lied about", SECONDS >= 30 and silent and f"not {silent}")
    sys.exit(not good)


main()
