// SPDX-License-Identifier: Apache-2.0
// crypto/cbc.h over OpenSSL.
#include "crypto/cbc.h"

#include "crypto/random.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

// The public type is OpenSSL's context under another name; it is never dereferenced here.
static EVP_CIPHER_CTX *context(struct cbc *c)
{
    return (EVP_CIPHER_CTX *)c;
}

struct result cbc_begin(enum cbc_direction direction, const uint8_t key[CBC_KEY_SIZE],
                        const uint8_t iv[CBC_IV_SIZE], struct cbc **ret)
{
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    REQUIRE(x, ERR_MEMORY, "out of memory");
    if (EVP_CipherInit_ex(x, EVP_aes_256_cbc(), NULL, key, iv, direction == CBC_ENCRYPT) != 1) {
        EVP_CIPHER_CTX_free(x);
        return fail(ERR_CRYPTO, "AES-256-CBC is not available");
    }
    *ret = (struct cbc *)x;
    return RESULT_OK;
}

struct result cbc_update(struct cbc *c, struct span data, uint8_t *ret, size_t *ret_size)
{
    size_t done = 0;
    while (data.size) {
        int n = 0, part = (int)MIN(data.size, (size_t)(INT_MAX / 2));
        REQUIRE(EVP_CipherUpdate(context(c), ret + done, &n, data.data, part) == 1, ERR_CRYPTO,
                "AES-256-CBC failed");
        done += (size_t)n;
        data = SPAN(data.data + part, data.size - (size_t)part);
    }
    *ret_size = done;
    return RESULT_OK;
}

struct result cbc_end(struct cbc *c, uint8_t ret[CBC_BLOCK_SIZE], size_t *ret_size)
{
    int n = 0;
    uint8_t last[CBC_BLOCK_SIZE];
    int ok = EVP_CipherFinal_ex(context(c), last, &n);
    if (ok == 1 && n > 0)
        memcpy(ret, last, (size_t)n);
    wipe(last, sizeof last);
    REQUIRE(ok == 1, ERR_INTEGRITY, "the data does not decrypt: wrong key or damaged");
    *ret_size = (size_t)n;
    return RESULT_OK;
}

void cbc_free(struct cbc *c)
{
    EVP_CIPHER_CTX_free(context(c));
}

static struct result whole(enum cbc_direction direction, const uint8_t *key, const uint8_t *iv,
                           struct span in, uint8_t *ret, size_t *ret_size)
{
    struct cbc *c;
    GUARD(cbc_begin(direction, key, iv, &c));
    size_t body = 0, tail = 0;
    struct result r = cbc_update(c, in, ret, &body);
    if (is_ok(r))
        r = cbc_end(c, ret + body, &tail);
    cbc_free(c);
    GUARD(r);
    *ret_size = body + tail;
    return RESULT_OK;
}

struct result cbc_seal(const uint8_t key[CBC_KEY_SIZE], struct span plain, uint8_t *ret)
{
    uint8_t iv[CBC_IV_SIZE];
    size_t size;
    GUARD(random_bytes(iv, sizeof iv));
    memcpy(ret, iv, sizeof iv);
    return whole(CBC_ENCRYPT, key, iv, plain, ret + CBC_IV_SIZE, &size);
}

struct result cbc_open(const uint8_t key[CBC_KEY_SIZE], struct span sealed, uint8_t *ret,
                       size_t *ret_size)
{
    REQUIRE(sealed.size >= CBC_IV_SIZE + CBC_BLOCK_SIZE && sealed.size % CBC_BLOCK_SIZE == 0,
            ERR_INVALID, "encrypted data has an impossible size");
    struct span body = SPAN(sealed.data + CBC_IV_SIZE, sealed.size - CBC_IV_SIZE);
    struct result r = whole(CBC_DECRYPT, key, sealed.data, body, ret, ret_size);
    if (!is_ok(r))
        wipe(ret, body.size);
    return r;
}
