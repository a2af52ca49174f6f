# SPDX-License-Identifier: Apache-2.0
"""MRENCLAVE from the SDM's text, independent of src/sgx/measure.c.

Reads a construction from standard input, one operation a line, and prints the hash in hex:

    ecreate SSAFRAMESIZE SIZE
    page OFFSET SECINFO_FLAGS measured|unmeasured FILL    (a page whose byte i is (FILL + 7 * i) % 256)
    tcs OFFSET STATE FLAGS OSSA CSSA NSSA OENTRY AEP OFSBASE OGSBASE    (measured)

Numbers may be hexadecimal with 0x.
"""

import hashlib
import struct
import sys

PAGE = 4096
TCS_TYPE = 1


def update(digest, tag, *fields):
    block = tag.encode().ljust(8, b"\0") + b"".join(fields)
    assert len(block) <= 64
    digest.update(block.ljust(64, b"\0"))


def extend(digest, offset, page):
    for start in range(0, PAGE, 256):
        update(digest, "EEXTEND", struct.pack("<Q", offset + start))
        digest.update(page[start : start + 256])


def add(digest, offset, flags):
    if flags >> 8 & 0xFF == TCS_TYPE:
        flags &= ~7
    update(digest, "EADD", struct.pack("<QQ", offset, flags))


def main():
    digest = hashlib.sha256()
    for line in sys.stdin:
        name, *words = line.split()
        if name == "ecreate":
            frame, size = (int(w, 0) for w in words)
            update(digest, "ECREATE", struct.pack("<IQ", frame, size))
        elif name == "page":
            offset, flags, fill = int(words[0], 0), int(words[1], 0), int(words[3], 0)
            add(digest, offset, flags)
            if words[2] == "measured":
                extend(digest, offset, bytes((fill + 7 * i) % 256 for i in range(PAGE)))
        elif name == "tcs":
            offset, _state, flags, ossa, _cssa, nssa, oentry, _aep, fs, gs = (
                int(w, 0) for w in words
            )
            # EADD clears STATE, FLAGS.DBGOPTIN, CSSA and AEP before EEXTEND sees them.
            page = struct.pack("<QQQIIQQQQII", 0, flags & ~1, ossa, 0, nssa, oentry, 0, fs, gs,
                               0xFFF, 0xFFF)
            add(digest, offset, TCS_TYPE << 8)
            extend(digest, offset, page.ljust(PAGE, b"\0"))
        else:
            sys.exit("unknown operation " + name)
    print(digest.hexdigest())


main()
