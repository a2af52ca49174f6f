#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does `cloister quote fetch-collateral` ask a PCCS the right questions, and is what it writes what verify needs? The PCCS is
a fake that checks what it is asked and answers from tests/vectors/dcap."""
import http.server
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.parse

CLOISTER = os.path.join(os.environ.get("BUILD", "build"), "cloister")
VECTORS = pathlib.Path("tests/vectors/dcap")
CASES = [("tdx5-90c06f000000-am-dcap-attestat-58e7-at20250624-ev17v3", "tdx", "platform"),
         ("sgx3-00a067110000-am-dcap-attestat-178c-at20250531-ev17v3", "sgx", "processor")]
failures = 0
asked = []


def check(name, ok, detail=""):
    global failures
    print(("ok " if ok else "not ok ") + name, "" if ok else detail)
    failures += not ok


def answers(vector, tee, ca):
    """URL path and query -> file, header, file of the header."""
    fmspc = vector.name.split("-")[1]
    return {f"/{tee}/certification/v4/tcb?fmspc={fmspc}": ("tcb_info.json", "TCB-Info-Issuer-Chain", "tcb_chain.pem"),
            f"/{tee}/certification/v4/qe/identity": ("qe_identity.json", "SGX-Enclave-Identity-Issuer-Chain", "qe_chain.pem"),
            f"/sgx/certification/v4/pckcrl?ca={ca}&encoding=der": ("pck_crl.der", "SGX-PCK-CRL-Issuer-Chain", "pck_chain.pem"),
            "/sgx/certification/v4/rootcacrl": ("root_ca_crl.der", None, None)}


class Pccs(http.server.BaseHTTPRequestHandler):
    table, vector = {}, None

    def do_GET(self):
        asked.append(self.path)
        if self.path not in self.table:
            self.send_error(404)
            return
        name, header, chain = self.table[self.path]
        body = (self.vector / name).read_bytes()
        if name == "root_ca_crl.der":
            body = body.hex().encode()  # as a PCCS answers
        self.send_response(200)
        if header:
            self.send_header(header, urllib.parse.quote((self.vector / chain).read_text()))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def fetch(vector, url, out, cache, at, *more):
    return subprocess.run([CLOISTER, "quote", "fetch-collateral", str(vector / "quote.bin"), "--url", url, "--out", out,
                           "--cache", cache, "--at", at, *more], capture_output=True, text=True)


def run_case(server, url, name, tee, ca):
    vector, at = VECTORS / name, (VECTORS / name / "at").read_text().strip()
    Pccs.table, Pccs.vector = answers(vector, tee, ca), vector
    asked.clear()
    with tempfile.TemporaryDirectory() as tmp:
        out, cache = os.path.join(tmp, "a", "b"), os.path.join(tmp, "cache.db")
        r = fetch(vector, url, out, cache, at)
        check(f"{tee}: fetched", r.returncode == 0 and sorted(asked) == sorted(Pccs.table), f"{r.stderr} {asked}")
        same = all((pathlib.Path(out) / n).read_bytes().strip() == (vector / n).read_bytes().strip()
                   for n in ["tcb_info.json", "tcb_chain.pem", "qe_identity.json", "qe_chain.pem", "pck_crl.der", "root_ca_crl.der"])
        check(f"{tee}: written as published", same)
        r = subprocess.run([CLOISTER, "quote", "verify", str(vector / "quote.bin"), "--collateral", out, "--at", at],
                           capture_output=True, text=True)
        check(f"{tee}: verify can judge by it", r.returncode in (0, 1), r.stdout)
        asked.clear()
        out2 = os.path.join(tmp, "again")
        r = fetch(vector, url, out2, cache, at, "--offline")
        check(f"{tee}: offline from the cache", r.returncode == 0 and not asked, r.stderr)
        judge = [CLOISTER, "quote", "verify", str(vector / "quote.bin"), "--at", at, "--json"]
        r = subprocess.run([*judge, "--cache", cache], capture_output=True, text=True)
        check(f"{tee}: verify takes the cache", r.returncode in (0, 1) and not asked, r.stdout + r.stderr)
        r = subprocess.run([*judge, "--cache", os.path.join(tmp, "third.db")], capture_output=True, text=True)
        check(f"{tee}: verify asks nobody unless told", r.returncode == 2 and not asked and "--url" in r.stderr
              and "COLLATERAL_MISSING" in r.stdout, r.stdout + r.stderr)
        r = subprocess.run([*judge, "--cache", os.path.join(tmp, "third.db"), "--url", url], capture_output=True, text=True)
        check(f"{tee}: verify asks when told whom", r.returncode in (0, 1) and len(asked) == 4, r.stdout + r.stderr)
        asked.clear()
        later = str(int(at) + 400 * 86400)
        r = fetch(vector, url, out2, cache, later, "--offline")
        check(f"{tee}: what has expired is not used", r.returncode == 2 and "expired" in r.stderr, r.stderr)
        Pccs.table = {}
        r = fetch(vector, url, out2, os.path.join(tmp, "other.db"), at)
        check(f"{tee}: an unknown platform is said", r.returncode == 2 and "does not have" in r.stderr, r.stderr)
        Pccs.table = {p: ("quote.bin", h, c) for p, (n, h, c) in answers(vector, tee, ca).items()}
        r = fetch(vector, url, out2, os.path.join(tmp, "other.db"), at)
        check(f"{tee}: another document is refused", r.returncode == 2, r.stderr)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pccs)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for case in CASES:
        run_case(server, f"http://127.0.0.1:{server.server_port}", *case)
    with tempfile.TemporaryDirectory() as tmp:
        r = fetch(VECTORS / CASES[0][0], "http://127.0.0.1:1", tmp, os.path.join(tmp, "cache.db"), "1")
        check("no server is an error", r.returncode == 2 and "cannot reach" in r.stderr, r.stderr)
    server.shutdown()
    return 1 if failures else 0


sys.exit(main())
