// SPDX-License-Identifier: Apache-2.0
#include "image/sealed_regions.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/cursor.h"

#define MAGIC_SIZE 8
#define NONCE_SIZE 12
#define TAG_SIZE   16

static bool nonce_of(const uint8_t key[32], struct span plaintext, uint8_t ret[NONCE_SIZE])
{
    uint8_t mac[32];
    unsigned size = sizeof mac;
    if (!HMAC(EVP_sha256(), key, 32, plaintext.data, plaintext.size, mac, &size))
        return false;
    memcpy(ret, mac, NONCE_SIZE);
    return true;
}

// One AES-256-GCM pass; `tag` is written when sealing and checked when opening.
static bool gcm(bool seal, const uint8_t key[32], const uint8_t nonce[NONCE_SIZE], struct span in,
                uint8_t *out, uint8_t tag[TAG_SIZE])
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n;
    bool ok = c && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1 &&
              (seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1) &&
              EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)REGIONS_MAGIC, MAGIC_SIZE) == 1 &&
              EVP_CipherUpdate(c, out, &n, in.data, (int)in.size) == 1 &&
              EVP_CipherFinal_ex(c, out + n, &n) == 1 &&
              (!seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) == 1);
    EVP_CIPHER_CTX_free(c);
    return ok;
}

struct result sealed_regions_seal(const uint8_t key[32], struct span plaintext, uint8_t *ret)
{
    uint8_t nonce[NONCE_SIZE], tag[TAG_SIZE];
    REQUIRE(plaintext.size <= REGIONS_SIZE_MAX, ERR_RANGE, "region table is too large");
    REQUIRE(nonce_of(key, plaintext, nonce) &&
                gcm(true, key, nonce, plaintext, ret + REGIONS_SEALED_SIZE(0), tag),
            ERR_CRYPTO, "cannot encrypt the region table");
    struct writer w = writer_on(ret, REGIONS_SEALED_SIZE(0));
    put_bytes(&w, REGIONS_MAGIC, MAGIC_SIZE);
    put_bytes(&w, nonce, sizeof nonce);
    put_bytes(&w, tag, sizeof tag);
    return RESULT_OK;
}

struct result sealed_regions_open(const uint8_t key[32], struct span file, uint8_t *ret,
                                  size_t *ret_size)
{
    struct reader r = reader_on(file);
    uint8_t magic[MAGIC_SIZE], nonce[NONCE_SIZE], tag[TAG_SIZE], expected[NONCE_SIZE];
    take_bytes(&r, magic, sizeof magic);
    take_bytes(&r, nonce, sizeof nonce);
    take_bytes(&r, tag, sizeof tag);
    REQUIRE(!r.failed && memcmp(magic, REGIONS_MAGIC, MAGIC_SIZE) == 0, ERR_INVALID,
            "not a region table");
    struct span ciphertext = take_span(&r, reader_left(&r));
    REQUIRE(ciphertext.size <= REGIONS_SIZE_MAX, ERR_RANGE, "region table is too large");
    REQUIRE(gcm(false, key, nonce, ciphertext, ret, tag) &&
                nonce_of(key, SPAN(ret, ciphertext.size), expected) &&
                ct_equal(nonce, expected, sizeof nonce),
            ERR_INTEGRITY, "region table does not open under FSPF_KEY");
    *ret_size = ciphertext.size;
    return RESULT_OK;
}
