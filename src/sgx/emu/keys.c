// SPDX-License-Identifier: Apache-2.0
// Key derivation of an emulated platform, and the quoting enclave's model. See keys.h; the file is in
// state.c.
#include "sgx/emu/keys.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/cmac.h"
#include "crypto/sha256.h"
#include "sgx/emu/state.h"

// What a key depends on. The layout is ours (the CPU's is secret), fixed and versioned; unused fields zero.
struct key_dependencies {
    uint32_t version;
    uint16_t keyname;
    uint16_t keypolicy;
    uint16_t isvsvn;
    uint16_t isvprodid;
    uint16_t configsvn;
    uint16_t reserved;
    struct sgx_attributes attributes;
    struct sgx_attributes attributemask;
    uint32_t miscselect;
    uint32_t miscmask_inverted;
    uint8_t cpusvn[SGX_CPUSVN_SIZE];
    uint8_t owner_epoch[SGX_EMU_OWNER_EPOCH_SIZE];
    uint8_t seal_fuses[SGX_EMU_SEAL_FUSES_SIZE];
    uint8_t keyid[SGX_KEYID_SIZE];
    uint8_t mrenclave[SGX_HASH_SIZE];
    uint8_t mrsigner[SGX_HASH_SIZE];
    uint8_t configid[SGX_CONFIGID_SIZE];
    uint8_t isvextprodid[16];
    uint8_t isvfamilyid[16];
    uint8_t padding[SGX_HASH_SIZE];
};
_Static_assert(sizeof(struct key_dependencies) == 328, "no padding bytes");

#define DEPENDENCIES_VERSION 1u
#define REQUIRED_FLAGS       (SGX_FLAGS_INIT | SGX_FLAGS_DEBUG)

static struct result derive(const struct sgx_emu_platform *p, const struct key_dependencies *d,
                            uint8_t ret[SGX_KEY_SIZE])
{
    return cmac(p->root, SPAN_OF(*d), ret);
}

static struct result report_key(const struct sgx_emu_platform *p,
                                const struct sgx_targetinfo *target,
                                const uint8_t keyid[SGX_KEYID_SIZE], uint8_t ret[SGX_KEY_SIZE])
{
    struct key_dependencies d = {
        .version = DEPENDENCIES_VERSION,
        .keyname = SGX_KEYNAME_REPORT,
        .configsvn = target->configsvn,
        .attributes = target->attributes,
        .miscselect = target->miscselect,
    };
    memcpy(d.cpusvn, p->cpusvn, sizeof d.cpusvn);
    memcpy(d.owner_epoch, p->owner_epoch, sizeof d.owner_epoch);
    memcpy(d.seal_fuses, p->seal_fuses, sizeof d.seal_fuses);
    memcpy(d.keyid, keyid, sizeof d.keyid);
    memcpy(d.mrenclave, target->mrenclave, sizeof d.mrenclave);
    memcpy(d.configid, target->configid, sizeof d.configid);
    memset(d.padding, 0xff, sizeof d.padding); // stands for the hard-coded PKCS #1 padding
    struct result r = derive(p, &d, ret);
    wipe(&d, sizeof d);
    return r;
}

// "Beyond the current CPU configuration": another mark, or any component above ours.
static bool cpusvn_beyond(const uint8_t request[SGX_CPUSVN_SIZE],
                          const uint8_t now[SGX_CPUSVN_SIZE])
{
    if (memcmp(request, now, SGX_EMU_CPUSVN_MARK_SIZE) != 0)
        return true;
    for (size_t i = SGX_EMU_CPUSVN_MARK_SIZE; i < SGX_CPUSVN_SIZE; i++)
        if (request[i] > now[i])
            return true;
    return false;
}

static enum sgx_error check_request(const struct sgx_emu_platform *p, const struct sgx_secs *secs,
                                    const struct sgx_keyrequest *q)
{
    switch (q->keyname) {
    case SGX_KEYNAME_REPORT:
        return SGX_SUCCESS;
    case SGX_KEYNAME_EINITTOKEN:
        if (!(secs->attributes.flags & SGX_FLAGS_EINITTOKENKEY))
            return SGX_INVALID_ATTRIBUTE;
        break;
    case SGX_KEYNAME_PROVISION:
    case SGX_KEYNAME_PROVISION_SEAL:
        if (!(secs->attributes.flags & SGX_FLAGS_PROVISIONKEY))
            return SGX_INVALID_ATTRIBUTE;
        break;
    case SGX_KEYNAME_SEAL:
        break;
    default:
        return SGX_INVALID_KEYNAME;
    }
    if (cpusvn_beyond(q->cpusvn, p->cpusvn))
        return SGX_INVALID_CPUSVN;
    bool uses_configsvn =
        q->keyname == SGX_KEYNAME_SEAL || q->keyname == SGX_KEYNAME_PROVISION_SEAL;
    if (q->isvsvn > secs->isvsvn || (uses_configsvn && q->configsvn > secs->configsvn))
        return SGX_INVALID_ISVSVN;
    return SGX_SUCCESS;
}

// What SEAL and PROVISION_SEAL take by KEYPOLICY.
static void add_policy(const struct sgx_secs *secs, const struct sgx_emu_ids *ids,
                       const struct sgx_keyrequest *q, struct key_dependencies *d)
{
    d->keypolicy = q->keypolicy;
    d->isvprodid = q->keypolicy & SGX_KEYPOLICY_NOISVPRODID ? 0 : secs->isvprodid;
    if (q->keypolicy & SGX_KEYPOLICY_CONFIGID) {
        memcpy(d->configid, secs->configid, sizeof d->configid);
        d->configsvn = q->configsvn;
    }
    if (q->keypolicy & SGX_KEYPOLICY_ISVFAMILYID)
        memcpy(d->isvfamilyid, ids->isvfamilyid, sizeof d->isvfamilyid);
    if (q->keypolicy & SGX_KEYPOLICY_ISVEXTPRODID)
        memcpy(d->isvextprodid, ids->isvextprodid, sizeof d->isvextprodid);
}

static void fill_dependencies(const struct sgx_emu_platform *p, const struct sgx_secs *secs,
                              const struct sgx_emu_ids *ids, const struct sgx_keyrequest *q,
                              struct key_dependencies *d)
{
    bool seal = q->keyname == SGX_KEYNAME_SEAL;
    bool token = q->keyname == SGX_KEYNAME_EINITTOKEN;
    bool provision = q->keyname == SGX_KEYNAME_PROVISION;
    d->version = DEPENDENCIES_VERSION;
    d->keyname = q->keyname;
    d->isvsvn = q->isvsvn;
    d->isvprodid = secs->isvprodid;
    d->attributes.flags = secs->attributes.flags & (q->attributemask.flags | REQUIRED_FLAGS);
    d->attributes.xfrm = secs->attributes.xfrm & q->attributemask.xfrm;
    d->miscselect = secs->miscselect & q->miscmask;
    if (!token) {
        d->attributemask = q->attributemask;
        d->miscmask_inverted = ~q->miscmask;
    }
    memcpy(d->cpusvn, q->cpusvn, sizeof d->cpusvn);
    memcpy(d->padding, ids->mrpadding, sizeof d->padding);
    if (seal || token) {
        memcpy(d->owner_epoch, p->owner_epoch, sizeof d->owner_epoch);
        memcpy(d->keyid, q->keyid, sizeof d->keyid);
    }
    if (!provision)
        memcpy(d->seal_fuses, p->seal_fuses, sizeof d->seal_fuses);
    if (seal || q->keyname == SGX_KEYNAME_PROVISION_SEAL)
        add_policy(secs, ids, q, d);
    if (seal && (q->keypolicy & SGX_KEYPOLICY_MRENCLAVE))
        memcpy(d->mrenclave, secs->mrenclave, sizeof d->mrenclave);
    if (!seal || (q->keypolicy & SGX_KEYPOLICY_MRSIGNER))
        memcpy(d->mrsigner, secs->mrsigner, sizeof d->mrsigner);
}

struct result sgx_emu_egetkey(const struct sgx_emu_platform *p, const struct sgx_secs *secs,
                              const struct sgx_emu_ids *ids, const struct sgx_keyrequest *request,
                              enum sgx_error *ret_error, uint8_t ret[SGX_KEY_SIZE])
{
    enum sgx_error e = check_request(p, secs, request);
    if (e != SGX_SUCCESS) {
        *ret_error = e;
        return RESULT_OK;
    }
    struct result r;
    if (request->keyname == SGX_KEYNAME_REPORT) {
        struct sgx_targetinfo self = {
            .attributes = secs->attributes,
            .configsvn = secs->configsvn,
            .miscselect = secs->miscselect,
        };
        memcpy(self.mrenclave, secs->mrenclave, sizeof self.mrenclave);
        memcpy(self.configid, secs->configid, sizeof self.configid);
        r = report_key(p, &self, request->keyid, ret);
    } else {
        struct key_dependencies d = {0};
        fill_dependencies(p, secs, ids, request, &d);
        r = derive(p, &d, ret);
        wipe(&d, sizeof d);
    }
    if (is_ok(r))
        *ret_error = SGX_SUCCESS;
    return r;
}

struct result sgx_emu_mac_report(const struct sgx_emu_platform *p,
                                 const struct sgx_targetinfo *target, struct sgx_report *report)
{
    uint8_t key[SGX_KEY_SIZE];
    GUARD(report_key(p, target, report->keyid, key));
    struct result r = cmac(key, SPAN(report, SGX_REPORT_MAC_OFFSET), report->mac);
    wipe(key, sizeof key);
    return r;
}

struct result sgx_emu_verify_report(const struct sgx_emu_platform *p,
                                    const struct sgx_targetinfo *target,
                                    const struct sgx_report *report)
{
    struct sgx_report computed = *report;
    GUARD(sgx_emu_mac_report(p, target, &computed));
    REQUIRE(ct_equal(computed.mac, report->mac, sizeof report->mac), ERR_INTEGRITY,
            "the report's MAC is not of this emulated platform and target");
    return RESULT_OK;
}

void sgx_emu_cpusvn(const struct sgx_emu_platform *p, uint8_t ret[SGX_CPUSVN_SIZE])
{
    memcpy(ret, p->cpusvn, SGX_CPUSVN_SIZE);
}

void sgx_emu_derive(const struct sgx_emu_platform *p, const char *label, uint8_t ret[32])
{
    static const char domain[] = "cloister emulated platform, derived seed";
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, domain, sizeof domain);
    sha256_update(&c, p->seed, sizeof p->seed);
    sha256_update(&c, label, strlen(label));
    sha256_final(&c, ret);
}

// SHA-256 of "cloister emulated quoting enclave"; its signer: of "… signer".
#define QE_MRENCLAVE                                                                              \
    {                                                                                             \
        0x6d, 0xe9, 0x07, 0xe5, 0x17, 0xed, 0xa6, 0x7c, 0x77, 0x51, 0x33, 0x79, 0x98, 0x71, 0xfa, \
            0x94, 0x12, 0xe9, 0x17, 0xfd, 0xab, 0xb8, 0x42, 0x75, 0xac, 0xb8, 0xfb, 0xf9, 0xc4,   \
            0xc5, 0xb0, 0x69                                                                      \
    }
#define QE_MRSIGNER                                                                               \
    {                                                                                             \
        0x1a, 0x90, 0x4f, 0xce, 0xe4, 0xd3, 0xfa, 0x7f, 0x5b, 0x94, 0xaf, 0xb9, 0x57, 0xc9, 0xd4, \
            0xd8, 0xf7, 0xaa, 0x9e, 0x09, 0x06, 0xfb, 0x30, 0xd0, 0xd6, 0xb9, 0x96, 0x15, 0x35,   \
            0x83, 0x88, 0xdb                                                                      \
    }
#define QE_ISVPRODID 1u
#define QE_ISVSVN    1u

const struct sgx_targetinfo sgx_emu_qe_targetinfo = {
    .mrenclave = QE_MRENCLAVE,
    .attributes = {SGX_FLAGS_INIT | SGX_FLAGS_MODE64BIT, SGX_XFRM_X87 | SGX_XFRM_SSE},
};

void sgx_emu_qe_report(const struct sgx_emu_platform *p,
                       const uint8_t reportdata[SGX_REPORTDATA_SIZE], struct sgx_report_body *ret)
{
    struct sgx_report_body body = {
        .attributes = sgx_emu_qe_targetinfo.attributes,
        .mrenclave = QE_MRENCLAVE,
        .mrsigner = QE_MRSIGNER,
        .isvprodid = QE_ISVPRODID,
        .isvsvn = QE_ISVSVN,
    };
    memcpy(body.cpusvn, p->cpusvn, sizeof body.cpusvn);
    memcpy(body.reportdata, reportdata, sizeof body.reportdata);
    *ret = body;
}
