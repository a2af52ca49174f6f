#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does every system call do in the enclave what it does natively? tests/syscall/*.c, each linked in several ways,
run from one image: natively, and in the enclave as shipped, with every ENCLU trapped, with every system call trapped.
Output and exit code must be equal, byte for byte. `syscalls.py WORD` runs those whose name holds WORD."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import parity  # noqa: E402

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "syscall")
OUT = os.path.join(parity.BUILD, "tests", "syscall")
ENVIRONMENT = ["LC_ALL=C"]
ENDS = [["exit", "0"], ["exit", "7"], ["exit", "255"], ["exit", "256"], ["quick", "3"], ["signal", "9"], ["signal", "15"],
        ["signal", "34"], ["abort"], ["segv"], ["thread"], ["return", "5"]]


def cases():
    """(name, command, input)"""
    for program in sorted(os.listdir(os.path.join(OUT, "root", "bin"))):
        path = "/bin/" + program
        subject = program.split(".")[0]
        if subject == "ends":
            for end in ENDS:
                yield f"{program}-{'-'.join(end)}", [path, *end], b""
        elif subject == "stdio":
            yield program + "-empty", [path], b""
            yield program + "-much", [path], b"".join(b"%d\n" % i for i in range(100000))
        elif subject == "exec":
            yield program, [path], b""
            for other in ("static", "pie", "musl"):
                yield f"{program}-{other}", [path, "/bin/exec." + other], b""
        elif subject != "dispatch":
            yield program, [path], b""


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    modes = sys.argv[2].split(",") if len(sys.argv) > 2 else list(parity.MODES)
    subprocess.run(["make", "-s", "-C", SOURCES, "OUT=" + OUT], check=True)
    image = parity.build(OUT, os.path.join(OUT, "syscall.cloister"), parity.home())
    report = parity.Report()
    unknown = set()
    for name, command, given in cases():
        if word not in name:
            continue
        native = image.native(command, ENVIRONMENT, input=given)
        if native.code == 99:
            report.skip(name, "no native run: " + native.stderr.decode(errors="replace").strip())
            continue
        for mode in modes:
            try:
                ours = image.enclave(command, *parity.MODES[mode], input=given, timeout=60)
            except subprocess.TimeoutExpired as late:
                partly = parity.difference(late.stdout or b"", native.stdout)
                report.case(f"{name} ({mode})", f"takes more than 60 s; {partly}")
                continue
            report.compare(f"{name} ({mode})", ours, native)
            unknown.update(line for line in ours.stderr.decode(errors="replace").splitlines() if "ENOSYS" in line)
    for line in sorted(unknown):
        print("note:", line)
    image.close()
    report.finish()


if __name__ == "__main__":
    main()
