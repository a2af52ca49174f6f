/* SPDX-License-Identifier: Apache-2.0
 *
 * libcloister-verify: judges quotes of Intel SGX (version 3) and Intel TDX (versions 4 and 5).
 *
 * Bytes in, verdict out: no input or output, no clock, no global state. Evidence, collateral and the
 * time are the caller's. A verdict has two steps: is the quote genuine, and does a policy accept what
 * it says? Compile with `pkg-config --cflags --libs cloister-verify`.
 *
 * - Objects are opaque and belong to the caller, who ends each with its _free(), which takes NULL.
 * - Policies and verdicts do not change and may be shared between threads; a cache belongs to one
 *   thread at a time.
 * - Never use a quote's signature to recognise it: an ECDSA signature has a twin that verifies too.
 */
#ifndef CLOISTER_VERIFY_H
#define CLOISTER_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CLOISTER_VERIFY_VERSION "0.1.0"

typedef struct cloister_policy cloister_policy;
typedef struct cloister_cache cloister_cache;
typedef struct cloister_verdict cloister_verdict;

typedef struct cloister_bytes {
    const void *data;
    size_t size;
} cloister_bytes;

/* What Intel publishes about the platform, as signed. The PCK chain is used only by quotes that do
 * not carry their own (certification data of type 3). */
typedef struct cloister_evidence {
    cloister_bytes quote;
    cloister_bytes pck_chain;   /* PEM, leaf first */
    cloister_bytes pck_crl;     /* DER */
    cloister_bytes root_ca_crl; /* DER */
    cloister_bytes tcb_info;    /* JSON, exactly as signed */
    cloister_bytes tcb_chain;   /* PEM */
    cloister_bytes qe_identity; /* JSON, exactly as signed */
    cloister_bytes qe_chain;    /* PEM */
    int64_t now;                /* seconds since 1970 */
} cloister_evidence;

typedef enum cloister_outcome {
    CLOISTER_ACCEPTED = 0, /* genuine, and the policy accepts it */
    CLOISTER_REFUSED = 1,  /* genuine, but the policy refuses it */
    CLOISTER_INVALID = 2,  /* not genuine, or not to be judged */
} cloister_outcome;

/* A policy from YAML; NULL when the text is not a policy. `why` (may be NULL) receives one line. */
cloister_policy *cloister_policy_load(const char *yaml, size_t size, char *why, size_t why_size);

/* "strict" or "standard"; NULL for another name. */
cloister_policy *cloister_policy_named(const char *name);

void cloister_policy_free(cloister_policy *policy);

/* Remembers what verified, for at most `entries` platforms (1 to 4096); NULL on failure. Entries are
 * found by content and are used only while every date in them holds. */
cloister_cache *cloister_cache_new(size_t entries);
void cloister_cache_free(cloister_cache *cache);

/* `cache` may be NULL. `ret` receives the verdict in every case but lack of memory (then it is NULL
 * and the outcome is CLOISTER_INVALID); it may be NULL when only the outcome matters. */
cloister_outcome cloister_verify(const cloister_evidence *evidence, const cloister_policy *policy,
                                 cloister_cache *cache, cloister_verdict **ret);
void cloister_verdict_free(cloister_verdict *verdict);

cloister_outcome cloister_verdict_outcome(const cloister_verdict *verdict);

/* Why not accepted: codes such as "POLICY_DEBUG", from 0 on, NULL behind the last; and as text. */
const char *cloister_verdict_reason(const cloister_verdict *verdict, size_t i);
const char *cloister_verdict_reason_text(const cloister_verdict *verdict, size_t i);

/* The rest says nothing about an invalid quote: NULL, 0 or empty. */
const char *cloister_verdict_tee(const cloister_verdict *verdict);        /* "SGX", "TDX" */
const char *cloister_verdict_tcb_status(const cloister_verdict *verdict); /* Intel's spelling */
const char *cloister_verdict_advisory(const cloister_verdict *verdict, size_t i);
const char *cloister_verdict_root(const cloister_verdict *verdict); /* name of the root */
int cloister_verdict_is_debug(const cloister_verdict *verdict);
int cloister_verdict_is_emulated(const cloister_verdict *verdict);
int64_t cloister_verdict_tcb_date(const cloister_verdict *verdict);
int64_t cloister_verdict_valid_until(const cloister_verdict *verdict);

/* What the enclave is, by name; size 0 for a name that this kind of enclave does not have.
 * SGX: mrenclave, mrsigner, attributes, configid, cpusvn, report_data.
 * TDX: mrtd, rtmr0 to rtmr3, mrconfigid, mrowner, mrownerconfig, mrservicetd, mrseam, mrsignerseam,
 *      td_attributes, xfam, tee_tcb_svn, tee_tcb_svn2, report_data.
 * Both: fmspc. */
cloister_bytes cloister_verdict_claim(const cloister_verdict *verdict, const char *name);

/* isvprodid, isvsvn, configsvn, qe_isvsvn, pcesvn, quote_version, tcb_evaluation_data_number; -1 for
 * another name. */
int64_t cloister_verdict_number(const cloister_verdict *verdict, const char *name);

#ifdef __cplusplus
}
#endif

#endif
