#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second, independent decision of TCB levels, as tables, and a generator of cases for decide_test.c.

    reference.py COUNT SEED

prints COUNT cases, one a line, fields between tabs: the expected outcome; the PCK's components, PCESVN; the QE's
ISVSVN; TEE_TCB_SVN and TEE_TCB_SVN2 ("-" when there is none); the TCB info; the QE identity. It is written from
Intel's description of the PCS API ("Get TCB Info": how to determine the status) and not from src/attest.
"""
import json
import random
import sys

UP, SWH, CFG, CFG_SWH = "UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded"
OLD, OLD_CFG, REVOKED = "OutOfDate", "OutOfDateConfigurationNeeded", "Revoked"
RELAUNCH, RELAUNCH_CFG = "TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"
NONE = "TcbNotSupported"
PLATFORM = [UP, SWH, CFG, CFG_SWH, OLD, OLD_CFG, REVOKED]
PART = [UP, OLD, REVOKED]
PART_USUAL = [UP, UP, UP, OLD, OLD, OLD, REVOKED]  # more often what is interesting

# (status of the platform, status of a part of it) -> status of both. Whatever is not in here is not known.
BOTH = {(p, UP): p for p in PLATFORM + [RELAUNCH, RELAUNCH_CFG]}
BOTH |= {(p, REVOKED): REVOKED for p in PLATFORM}
BOTH |= {(p, NONE): NONE for p in PLATFORM}
BOTH |= {(UP, OLD): OLD, (SWH, OLD): OLD, (OLD, OLD): OLD, (CFG, OLD): OLD_CFG, (CFG_SWH, OLD): OLD_CFG,
         (OLD_CFG, OLD): OLD_CFG, (REVOKED, OLD): REVOKED}
BOTH |= {(NONE, part): NONE for part in PART + [NONE]}

WANTS_CONFIGURATION = {CFG, CFG_SWH, OLD_CFG}
GOOD_WITHOUT_TDX = {UP, SWH, CFG, CFG_SWH}


class Unknown(Exception):
    pass


class Mismatch(Exception):
    pass


def both(platform, part):
    if (platform, part) not in BOTH:
        raise Unknown
    return BOTH[platform, part]


def components(tcb, version):
    if version == 2:
        return [tcb["sgxtcbcomp%02dsvn" % i] for i in range(1, 17)]
    return [c["svn"] for c in tcb["sgxtcbcomponents"]]


def covers(have, wanted):
    return all(h >= w for h, w in zip(have, wanted))


def by_svn(levels, svn):
    return next((level for level in levels if svn >= level["tcb"]["isvsvn"]), None)


def stated(level):
    """The status of a level: not reached, or what the document may state, or unknown."""
    if level is None:
        return NONE
    return level["tcbStatus"] if level["tcbStatus"] in PLATFORM else "unknown"


def module_of(info, version):
    for module in info.get("tdxModuleIdentities", []):
        if module["id"] == "TDX_%02X" % version:
            return module
    raise Mismatch


def decide(info, identity, pck, pcesvn, qe_svn, svn, svn2):
    used = []
    qe = by_svn(identity["tcbLevels"], qe_svn)
    used.append(qe)
    qe_status = stated(qe)
    plain = [level for level in info["tcbLevels"]
             if covers(pck, components(level["tcb"], info["version"])) and pcesvn >= level["tcb"]["pcesvn"]]
    if svn is None:
        level = plain[0] if plain else None
        used.append(level)
        status = platform = stated(level)
        module_status = UP
    else:
        first = 2 if svn[1] else 0
        fitting = [level for level in plain
                   if covers(svn[first:], [c["svn"] for c in level["tcb"]["tdxtcbcomponents"]][first:])]
        level = fitting[0] if fitting else None
        module_status = UP
        if svn[1]:
            module_level = by_svn(module_of(info, svn[1])["tcbLevels"], svn[0])
            used.append(module_level)
            module_status = stated(module_level)
        used.append(level)
        platform = stated(level)
        status = NONE if level is None else both(platform, module_status)
        if level is not None and svn2 is not None:
            status = relaunch(info, stated(plain[0]), status, module_status, qe_status, svn2)
        if status == REVOKED and qe_status == NONE:
            return status, platform, qe_status, module_status, used
    if status != NONE and status not in PLATFORM + [RELAUNCH, RELAUNCH_CFG]:
        raise Unknown
    return (NONE if status == NONE else both(status, qe_status)), platform, qe_status, module_status, used


def relaunch(info, plain, status, module_status, qe_status, svn2):
    cured = (qe_status == UP and plain in GOOD_WITHOUT_TDX and status in (OLD, OLD_CFG) and module_status == OLD)
    if not cured:
        return status
    newest = [c["svn"] for c in info["tcbLevels"][0]["tcb"]["tdxtcbcomponents"]]
    wanted = module_of(info, svn2[1])["tcbLevels"][0]["tcb"]["isvsvn"] if svn2[1] else newest[0]
    if svn2[0] < wanted or svn2[2] < newest[2]:
        return status
    return RELAUNCH_CFG if {plain, status} & WANTS_CONFIGURATION else RELAUNCH


# -- generated documents ------------------------------------------------------------------------------------------

def some_status(r, usual):
    return r.choice(["Pending", "uptodate", RELAUNCH, NONE]) if r.random() < 0.02 else r.choice(usual)


def some_level(r, tcb, usual):
    level = {"tcb": tcb, "tcbDate": "20%02d-0%d-01T00:00:00Z" % (r.randrange(18, 26), r.randrange(1, 10)),
             "tcbStatus": some_status(r, usual)}
    if r.random() < 0.5:
        level["advisoryIDs"] = ["INTEL-SA-%05d" % r.randrange(6) for _ in range(r.randrange(4))]
    return level


def small(r, top):
    return [r.randrange(top) if i < 4 else 0 for i in range(16)]


def svn_levels(r):
    svns = sorted((r.choice([0, 0, 1, 2, 3, 4, 5]) for _ in range(r.randrange(1, 4))), reverse=True)
    return [some_level(r, {"isvsvn": svn}, PART_USUAL) for svn in svns]


def some_info(r, tdx):
    version = 3 if tdx else r.choice([2, 3])
    info = {"version": version, "issueDate": "2025-01-01T00:00:00Z", "nextUpdate": "2025-02-01T00:00:00Z",
            "fmspc": "00606a000000", "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 17}
    if version == 3:
        info["id"] = "TDX" if tdx else "SGX"
    if tdx:
        module = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
        info["tdxModule"] = module
        versions = r.sample(range(1, 4), r.randrange(4))
        if versions or r.random() < 0.5:
            info["tdxModuleIdentities"] = [dict(module, id="TDX_%02X" % v, tcbLevels=svn_levels(r)) for v in versions]
    info["tcbLevels"] = []
    for top in range(r.randrange(1, 6), 0, -1):
        sgx, pcesvn = small(r, top), r.randrange(top + 1)
        tcb = ({"sgxtcbcomp%02dsvn" % (i + 1): svn for i, svn in enumerate(sgx)} if version == 2
               else {"sgxtcbcomponents": [{"svn": svn} for svn in sgx]})
        tcb["pcesvn"] = pcesvn
        if tdx:
            tcb["tdxtcbcomponents"] = [{"svn": svn} for svn in small(r, top)]
        info["tcbLevels"].append(some_level(r, tcb, PLATFORM))
    return info


def some_identity(r, tdx):
    return {"id": "TD_QE" if tdx else "QE", "version": 2, "issueDate": "2025-01-01T00:00:00Z",
            "nextUpdate": "2025-02-01T00:00:00Z", "tcbEvaluationDataNumber": 17, "miscselect": "00000000",
            "miscselectMask": "FFFFFFFF", "attributes": "00" * 16, "attributesMask": "FF" * 16, "mrsigner": "00" * 32,
            "isvprodid": 1, "tcbLevels": svn_levels(r)}


def hexed(numbers):
    return "-" if numbers is None else bytes(numbers).hex()


def main():
    r = random.Random(int(sys.argv[2]))
    for _ in range(int(sys.argv[1])):
        tdx = r.random() < 0.7
        info, identity = some_info(r, tdx), some_identity(r, tdx)
        pck, pcesvn, qe_svn = small(r, 5), r.randrange(6), r.randrange(7)
        svn = svn2 = None
        if tdx:
            known = [int(m["id"][4:], 16) for m in info.get("tdxModuleIdentities", [])] or [0]
            versions = known * 4 + [0, 0, 1, 2, 3]
            svn = [r.randrange(6), r.choice(versions), r.randrange(5), r.randrange(5)] + [0] * 12
            if r.random() < 0.6:
                svn2 = [r.randrange(9), r.choice(versions), r.randrange(9), 0] + [0] * 12
        try:
            status, platform, qe, module, used = decide(info, identity, pck, pcesvn, qe_svn, svn, svn2)
            ids = sorted({i for level in used if level for i in level.get("advisoryIDs", [])})
            expected = " ".join(["OK", status, platform, qe, module, ",".join(ids)])
        except Unknown:
            expected = "TCB_STATUS_UNKNOWN"
        except Mismatch:
            expected = "TDX_MODULE_MISMATCH"
        print("\t".join([expected, hexed(pck), str(pcesvn), str(qe_svn), hexed(svn), hexed(svn2), json.dumps(info),
                         json.dumps(identity)]))


main()
