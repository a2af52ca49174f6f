// SPDX-License-Identifier: Apache-2.0
// EREPORT and EGETKEY (SDM volume 3D, instruction reference). They always come by trap, so that the vector
// registers are safe in the signal frame.
#include "sgx/emu/raw.h"

#include <string.h>

#define KEYPOLICY_KNOWN 0x3fu
#define KEYPOLICY_KSS   0x3cu

static bool ereport(struct sgx_enclave *e, const struct sgx_emu_regs *r, struct sgx_emu_fault *ret)
{
    const struct sgx_secs *s = &e->secs;
    const unsigned rw = SGX_SECINFO_R | SGX_SECINFO_W;
    struct sgx_targetinfo target;
    struct sgx_report report = {
        .body.miscselect = s->miscselect,
        .body.cet_attributes = s->cet_attributes,
        .body.attributes = s->attributes,
        .body.isvprodid = s->isvprodid,
        .body.isvsvn = s->isvsvn,
        .body.configsvn = s->configsvn,
    };
    if (!sgx_emu_operand(e, r->rbx, sizeof target, SGX_SECINFO_R, ret) ||
        !sgx_emu_operand(e, r->rcx, 128, SGX_SECINFO_R, ret) ||
        !sgx_emu_operand(e, r->rdx, 512, rw, ret))
        return false;
    raw_read(&target, r->rbx, sizeof target);
    raw_read(report.body.reportdata, r->rcx, sizeof report.body.reportdata);
    if (target.reserved1 || !is_zero(target.reserved2, sizeof target.reserved2) ||
        !is_zero(target.reserved3, sizeof target.reserved3)) {
        sgx_emu_gp(ret);
        return false;
    }
    sgx_emu_cpusvn(e->platform, report.body.cpusvn);
    memcpy(report.body.isvextprodid, e->ids.isvextprodid, sizeof report.body.isvextprodid);
    memcpy(report.body.isvfamilyid, e->ids.isvfamilyid, sizeof report.body.isvfamilyid);
    memcpy(report.body.mrenclave, s->mrenclave, sizeof report.body.mrenclave);
    memcpy(report.body.mrsigner, s->mrsigner, sizeof report.body.mrsigner);
    memcpy(report.body.configid, s->configid, sizeof report.body.configid);
    memcpy(report.keyid, e->report_keyid, sizeof report.keyid);
    if (!is_ok(sgx_emu_mac_report(e->platform, &target, &report))) {
        sgx_emu_gp(ret); // the crypto library failed: no report rather than a wrong one
        return false;
    }
    raw_copy(r->rdx, &report, sizeof report);
    return true;
}

static bool request_valid(const struct sgx_enclave *e, const struct sgx_keyrequest *q)
{
    bool kss = e->secs.attributes.flags & SGX_FLAGS_KSS;
    return q->reserved1 == 0 && is_zero(q->reserved2, sizeof q->reserved2) &&
           !(q->keypolicy & ~KEYPOLICY_KNOWN) &&
           (kss || (!(q->keypolicy & KEYPOLICY_KSS) && q->configsvn == 0));
}

static bool egetkey(struct sgx_enclave *e, struct sgx_emu_regs *r, struct sgx_emu_fault *ret)
{
    struct sgx_keyrequest q;
    uint8_t key[SGX_KEY_SIZE];
    enum sgx_error code;
    if (!sgx_emu_operand(e, r->rbx, sizeof q, SGX_SECINFO_R, ret) ||
        !sgx_emu_operand(e, r->rcx, sizeof key, SGX_SECINFO_R | SGX_SECINFO_W, ret))
        return false;
    raw_read(&q, r->rbx, sizeof q);
    if (!request_valid(e, &q) ||
        !is_ok(sgx_emu_egetkey(e->platform, &e->secs, &e->ids, &q, &code, key))) {
        sgx_emu_gp(ret);
        return false;
    }
    if (code == SGX_SUCCESS)
        raw_copy(r->rcx, key, sizeof key);
    wipe(key, sizeof key);
    sgx_emu_leaf_result(r, code);
    return true;
}

bool sgx_emu_report_or_key(struct sgx_enclave *e, struct sgx_emu_regs *r, struct sgx_emu_fault *ret)
{
    bool report = (uint32_t)r->rax == ENCLU_EREPORT;
    sgx_emu_count(report ? &e->stats.ereport : &e->stats.egetkey);
    bool done = report ? ereport(e, r, ret) : egetkey(e, r, ret);
    if (done)
        r->rip += 3;
    return done;
}
