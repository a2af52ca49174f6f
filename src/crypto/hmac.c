// SPDX-License-Identifier: Apache-2.0
#include "crypto/hmac.h"

struct hmac {
    struct sha256_ctx inner, outer;
};

static void hmac_init(struct hmac *h, struct span key)
{
    uint8_t block[SHA256_BLOCK_SIZE] = {0};
    if (key.size > sizeof block)
        sha256(key, block);
    else if (key.size)
        __builtin_memcpy(block, key.data, key.size);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    sha256_init(&h->inner);
    sha256_update(&h->inner, block, sizeof block);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    sha256_init(&h->outer);
    sha256_update(&h->outer, block, sizeof block);
    wipe(block, sizeof block);
}

static void hmac_final(struct hmac *h, uint8_t ret[SHA256_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    sha256_final(&h->inner, digest);
    sha256_update(&h->outer, digest, sizeof digest);
    sha256_final(&h->outer, ret);
    wipe(digest, sizeof digest);
    wipe(h, sizeof *h);
}

void hmac_sha256(struct span key, struct span message, uint8_t ret[SHA256_SIZE])
{
    struct hmac h;
    hmac_init(&h, key);
    sha256_update(&h.inner, message.data, message.size);
    hmac_final(&h, ret);
}

void hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *ret, size_t size)
{
    if (size > HKDF_OUTPUT_MAX)
        __builtin_trap();
    uint8_t key[SHA256_SIZE], t[SHA256_SIZE];
    hmac_sha256(salt, secret, key);
    uint8_t counter = 0;
    for (size_t done = 0; done < size;) {
        struct hmac h;
        hmac_init(&h, SPAN(key, sizeof key));
        if (counter)
            sha256_update(&h.inner, t, sizeof t);
        sha256_update(&h.inner, info.data, info.size);
        counter++;
        sha256_update(&h.inner, &counter, 1);
        hmac_final(&h, t);
        size_t n = MIN(size - done, sizeof t);
        __builtin_memcpy(ret + done, t, n);
        done += n;
    }
    wipe(key, sizeof key);
    wipe(t, sizeof t);
}
