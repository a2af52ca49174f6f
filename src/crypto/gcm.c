// SPDX-License-Identifier: Apache-2.0
#include "crypto/gcm.h"

#include "crypto/gcm_k.h"

static const struct gcm_kernel *chosen = &gcm_portable;

void gcm_select(enum gcm_code code)
{
    chosen = code == GCM_PORTABLE ? &gcm_portable : &gcm_aesni;
}

void gcm_key_init(struct gcm_key *k, const uint8_t key[GCM_KEY_SIZE])
{
    chosen->key(k, key);
}

static void counter_set(uint8_t counter[16], const uint8_t nonce[GCM_NONCE_SIZE], uint32_t value)
{
    __builtin_memcpy(counter, nonce, GCM_NONCE_SIZE);
    store_be32(counter + GCM_NONCE_SIZE, value);
}

// SP 800-38D section 7.1, steps 4 to 6.
static void tag_of(const struct gcm_key *k, const uint8_t nonce[GCM_NONCE_SIZE], struct span aad,
                   struct span sealed, uint8_t ret[GCM_TAG_SIZE])
{
    uint8_t state[16] = {0}, sizes[16], counter[16];
    chosen->ghash(k, state, aad.data, aad.size);
    chosen->ghash(k, state, sealed.data, sealed.size);
    store_be64(sizes, (uint64_t)aad.size * 8);
    store_be64(sizes + 8, (uint64_t)sealed.size * 8);
    chosen->ghash(k, state, sizes, sizeof sizes);
    counter_set(counter, nonce, 1);
    chosen->ctr(k, counter, state, ret, GCM_TAG_SIZE);
}

void gcm_seal(const struct gcm_key *k, const uint8_t nonce[GCM_NONCE_SIZE], struct span aad,
              struct span text, uint8_t *ret, uint8_t ret_tag[GCM_TAG_SIZE])
{
    uint8_t counter[16];
    counter_set(counter, nonce, 2);
    chosen->ctr(k, counter, text.data, ret, text.size);
    tag_of(k, nonce, aad, SPAN(ret, text.size), ret_tag);
}

bool gcm_open(const struct gcm_key *k, const uint8_t nonce[GCM_NONCE_SIZE], struct span aad,
              struct span sealed, const uint8_t tag[GCM_TAG_SIZE], uint8_t *ret)
{
    uint8_t counter[16], expected[GCM_TAG_SIZE];
    tag_of(k, nonce, aad, sealed, expected);
    if (!ct_equal(expected, tag, sizeof expected)) {
        if (sealed.size)
            __builtin_memset(ret, 0, sealed.size);
        return false;
    }
    counter_set(counter, nonce, 2);
    chosen->ctr(k, counter, sealed.data, ret, sealed.size);
    return true;
}
