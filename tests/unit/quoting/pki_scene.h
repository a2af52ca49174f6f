// SPDX-License-Identifier: Apache-2.0
// A platform's PKI for tests of the verifier: the same keys each time, documents signed by the right key whatever
// they say, and the verdict on a quote under the root "office".
#ifndef TESTS_UNIT_QUOTING_PKI_SCENE_H
#define TESTS_UNIT_QUOTING_PKI_SCENE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attest.h"
#include "base/cursor.h"
#include "base/hex.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "quoting/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW 1750000000
#define DAY 86400

#define CHANGE(name, ...)             \
    static void name(struct scene *s) \
    {                                 \
        __VA_ARGS__;                  \
    }

static inline void pki_params_init(struct quoting_pki_params *p)
{
    for (int i = 0; i < QUOTING_KEY_COUNT; i++)
        memset(p->seeds[i], 0x10 + i, 32);
    p->issued_at = NOW - DAY;
    p->next_update = NOW + 30 * DAY;
    p->qe.isvsvn = 8;
}

static inline void pki_sign(const struct quoting_pki *pki, enum quoting_key key, struct span bytes,
                            uint8_t ret[64])
{
    uint8_t digest[32];
    sha256(bytes, digest);
    assert_true(is_ok(p256_sign(pki->private_keys[key], digest, ret)));
}

// {"name":body,"signature":…}, from malloc, in place of the part.
static inline void pki_replace(struct quoting_pki *pki, enum attest_part part, const char *name,
                               struct span body)
{
    char hex[HEX_SIZE(64)];
    uint8_t signature[64];
    size_t capacity = body.size + 256;
    char *text = malloc(capacity);
    assert_non_null(text);
    pki_sign(pki, QUOTING_KEY_SIGNER, body, signature);
    hex_encode(signature, sizeof signature, hex);
    int size = snprintf(text, capacity, "{\"%s\":%.*s,\"signature\":\"%s\"}", name, (int)body.size,
                        (const char *)body.data, hex);
    assert_true(size > 0 && (size_t)size < capacity);
    free((void *)(uintptr_t)pki->collateral.parts[part].data);
    pki->collateral.parts[part] = SPAN(text, (size_t)size);
}

static inline enum attest_code pki_judge(const struct quoting_pki *pki, struct span quote,
                                         int64_t now, bool root_named,
                                         struct attest_verdict *verdict)
{
    struct attest_root root = {.name = "office"};
    memcpy(root.key_hash, pki->root_hash, 32);
    const struct attest_evidence evidence = {.quote = quote,
                                             .collateral = pki->collateral,
                                             .now = now,
                                             .roots = {&root, root_named ? 1 : 0}};
    bool genuine = is_ok(attest_verify(&evidence, verdict));
    assert_int_equal(genuine, verdict->code == ATTEST_OK);
    return verdict->code;
}

#endif
