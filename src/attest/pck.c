// SPDX-License-Identifier: Apache-2.0
#include "attest/pck.h"

#include "attest/der.h"

// DER of 1.2.840.113741.1.13.1; the elements add one or two arcs below 128.
static const uint8_t sgx_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

enum element {
    PPID = 1,
    TCB = 2,
    PCEID = 3,
    FMSPC = 4,
    SGX_TYPE = 5,
    PLATFORM_INSTANCE = 6, // with a Platform CA only
    CONFIGURATION = 7,     // with a Platform CA only
};

enum {
    TCB_PCESVN = 17,
    TCB_CPUSVN = 18,
    SGX_TYPE_MAX = 2,
};

// The last arc of the next OID: `depth` arcs below sgx_oid, the first of them `first` if not 0.
static uint8_t take_arc(struct reader *r, size_t depth, uint8_t first)
{
    struct span oid = der_take(r, DER_OID);
    if (r->failed || oid.size != sizeof sgx_oid + depth ||
        !ct_equal(oid.data, sgx_oid, sizeof sgx_oid) ||
        (first && oid.data[sizeof sgx_oid] != first)) {
        r->failed = true;
        return 0;
    }
    return oid.data[oid.size - 1];
}

static void take_octets(struct reader *r, void *ret, size_t size)
{
    struct span s = der_take(r, DER_OCTET_STRING);
    if (s.size != size)
        r->failed = true;
    else if (!r->failed)
        __builtin_memcpy(ret, s.data, size);
}

static bool parse_tcb(struct span content, struct attest_pck *pck)
{
    uint32_t seen = 0;
    struct reader r = reader_on(content);
    while (reader_left(&r)) {
        struct reader pair = reader_on(der_take(&r, DER_SEQUENCE));
        uint8_t arc = take_arc(&pair, 2, TCB);
        if (pair.failed || arc < 1 || arc > TCB_CPUSVN || (seen & 1u << arc))
            return false;
        seen |= 1u << arc;
        if (arc == TCB_CPUSVN)
            take_octets(&pair, pck->cpusvn, sizeof pck->cpusvn);
        else if (arc == TCB_PCESVN)
            pck->pcesvn = (uint16_t)der_take_number(&pair, DER_INTEGER, UINT16_MAX);
        else
            pck->components[arc - 1] = (uint8_t)der_take_number(&pair, DER_INTEGER, UINT8_MAX);
        if (!reader_done(&pair))
            return false;
    }
    return reader_done(&r) && seen == (1u << (TCB_CPUSVN + 1)) - 2;
}

// Three flags, optional each, which this library does not use.
static bool parse_configuration(struct span content)
{
    struct reader r = reader_on(content);
    while (reader_left(&r)) {
        struct reader pair = reader_on(der_take(&r, DER_SEQUENCE));
        (void)take_arc(&pair, 2, CONFIGURATION);
        if (der_take(&pair, DER_BOOLEAN).size != 1 || !reader_done(&pair))
            return false;
    }
    return reader_done(&r);
}

static bool parse_element(struct reader *pair, uint8_t arc, struct attest_pck *pck)
{
    uint8_t instance[16];
    switch (arc) {
    case PPID:
        take_octets(pair, pck->ppid, sizeof pck->ppid);
        break;
    case TCB:
        return parse_tcb(der_take(pair, DER_SEQUENCE), pck) && reader_done(pair);
    case PCEID:
        take_octets(pair, pck->pceid, sizeof pck->pceid);
        break;
    case FMSPC:
        take_octets(pair, pck->fmspc, sizeof pck->fmspc);
        break;
    case SGX_TYPE:
        pck->sgx_type = (uint8_t)der_take_number(pair, DER_ENUMERATED, SGX_TYPE_MAX);
        break;
    case PLATFORM_INSTANCE:
        take_octets(pair, instance, sizeof instance);
        break;
    case CONFIGURATION:
        return parse_configuration(der_take(pair, DER_SEQUENCE)) && reader_done(pair);
    default:
        return false;
    }
    return reader_done(pair);
}

enum attest_code attest_pck_parse(struct span extension, struct attest_pck *ret)
{
    struct attest_pck pck = {0};
    uint32_t seen = 0;
    const uint32_t needed = 1u << PPID | 1u << TCB | 1u << PCEID | 1u << FMSPC | 1u << SGX_TYPE;

    struct reader outer = reader_on(extension);
    struct reader r = reader_on(der_take(&outer, DER_SEQUENCE));
    if (!reader_done(&outer))
        return ATTEST_PCK_EXTENSION_FORMAT;
    while (reader_left(&r)) {
        struct reader pair = reader_on(der_take(&r, DER_SEQUENCE));
        uint8_t arc = take_arc(&pair, 1, 0);
        if (pair.failed || arc > CONFIGURATION || (seen & 1u << arc) ||
            !parse_element(&pair, arc, &pck))
            return ATTEST_PCK_EXTENSION_FORMAT;
        seen |= 1u << arc;
    }
    if (!reader_done(&r) || (seen & needed) != needed)
        return ATTEST_PCK_EXTENSION_FORMAT;
    *ret = pck;
    return ATTEST_OK;
}

static void put_oid(struct writer *w, size_t depth, uint8_t arc, uint8_t below)
{
    uint8_t oid[sizeof sgx_oid + 2];
    __builtin_memcpy(oid, sgx_oid, sizeof sgx_oid);
    oid[sizeof sgx_oid] = arc;
    oid[sizeof sgx_oid + 1] = below;
    der_put(w, DER_OID, SPAN(oid, sizeof sgx_oid + depth));
}

// SEQUENCE { OID, value }, where the value is an element already.
static void put_pair(struct writer *w, size_t depth, uint8_t arc, uint8_t below,
                     struct writer *value)
{
    uint8_t buffer[ATTEST_PCK_EXTENSION_SIZE_MAX];
    struct writer pair = writer_on(buffer, sizeof buffer);
    put_oid(&pair, depth, arc, below);
    put_span(&pair, writer_span(value));
    w->failed |= pair.failed || value->failed;
    der_put(w, DER_SEQUENCE, writer_span(&pair));
    value->size = 0; // ready for the next
}

static void put_tcb(struct writer *w, const struct attest_pck *pck, struct writer *value)
{
    uint8_t buffer[ATTEST_PCK_EXTENSION_SIZE_MAX];
    struct writer list = writer_on(buffer, sizeof buffer);
    for (uint8_t i = 0; i < ATTEST_TCB_COMPONENTS; i++) {
        der_put_number(value, DER_INTEGER, pck->components[i]);
        put_pair(&list, 2, TCB, i + 1, value);
    }
    der_put_number(value, DER_INTEGER, pck->pcesvn);
    put_pair(&list, 2, TCB, TCB_PCESVN, value);
    der_put(value, DER_OCTET_STRING, SPAN_OF(pck->cpusvn));
    put_pair(&list, 2, TCB, TCB_CPUSVN, value);
    w->failed |= list.failed;
    der_put(value, DER_SEQUENCE, writer_span(&list));
    put_pair(w, 1, TCB, 0, value);
}

struct result attest_pck_write(const struct attest_pck *pck, uint8_t *buffer, size_t *ret_size)
{
    uint8_t list_buffer[ATTEST_PCK_EXTENSION_SIZE_MAX], value_buffer[ATTEST_PCK_EXTENSION_SIZE_MAX];
    struct writer list = writer_on(list_buffer, sizeof list_buffer);
    struct writer value = writer_on(value_buffer, sizeof value_buffer);
    struct writer w = writer_on(buffer, ATTEST_PCK_EXTENSION_SIZE_MAX);
    der_put(&value, DER_OCTET_STRING, SPAN_OF(pck->ppid));
    put_pair(&list, 1, PPID, 0, &value);
    put_tcb(&list, pck, &value);
    der_put(&value, DER_OCTET_STRING, SPAN_OF(pck->pceid));
    put_pair(&list, 1, PCEID, 0, &value);
    der_put(&value, DER_OCTET_STRING, SPAN_OF(pck->fmspc));
    put_pair(&list, 1, FMSPC, 0, &value);
    der_put_number(&value, DER_ENUMERATED, pck->sgx_type);
    put_pair(&list, 1, SGX_TYPE, 0, &value);
    der_put(&w, DER_SEQUENCE, writer_span(&list));
    REQUIRE(!list.failed && !w.failed, ERR_MEMORY, "the SGX extension does not fit its buffer");
    *ret_size = w.size;
    return RESULT_OK;
}
