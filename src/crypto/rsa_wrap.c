// SPDX-License-Identifier: Apache-2.0
// crypto/rsa_wrap.h over OpenSSL.
#include "crypto/rsa_wrap.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

static struct result load(struct span pem, bool private, EVP_PKEY **ret)
{
    REQUIRE(pem.size > 0 && pem.size <= RSA_PEM_SIZE_MAX, ERR_RANGE, "PEM text has a bad size");
    BIO *b = BIO_new_mem_buf(pem.data, (int)pem.size);
    REQUIRE(b, ERR_MEMORY, "out of memory");
    // An empty pass phrase keeps OpenSSL from asking the terminal.
    EVP_PKEY *key = private ? PEM_read_bio_PrivateKey(b, NULL, NULL, (void *)"")
                            : PEM_read_bio_PUBKEY(b, NULL, NULL, (void *)"");
    BIO_free(b);
    REQUIRE(key, ERR_INVALID, "not a key in PEM form");
    int bits = EVP_PKEY_get_bits(key);
    if (!EVP_PKEY_is_a(key, "RSA") || bits < 2048 || bits > 8192) {
        EVP_PKEY_free(key);
        return fail(ERR_INVALID, "not an RSA key of 2048 to 8192 bits");
    }
    *ret = key;
    return RESULT_OK;
}

struct result rsa_wrap(struct span public_pem, struct span secret, uint8_t ret[RSA_WRAP_SIZE_MAX],
                       size_t *ret_size)
{
    EVP_PKEY *key;
    GUARD(load(public_pem, false, &key));
    uint8_t out[RSA_WRAP_SIZE_MAX];
    size_t size = sizeof out;
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new(key, NULL);
    bool ok = x && EVP_PKEY_encrypt_init(x) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(x, RSA_PKCS1_PADDING) == 1 &&
              EVP_PKEY_encrypt(x, out, &size, secret.data, secret.size) == 1;
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(key);
    REQUIRE(ok, ERR_CRYPTO, "RSA encryption failed");
    memcpy(ret, out, size);
    *ret_size = size;
    return RESULT_OK;
}

struct result rsa_unwrap(struct span private_pem, struct span wrapped, uint8_t *ret,
                         size_t capacity)
{
    EVP_PKEY *key;
    GUARD(load(private_pem, true, &key));
    uint8_t out[RSA_WRAP_SIZE_MAX];
    size_t size = sizeof out;
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new(key, NULL);
    bool ok = x && EVP_PKEY_decrypt_init(x) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(x, RSA_PKCS1_PADDING) == 1 &&
              EVP_PKEY_decrypt(x, out, &size, wrapped.data, wrapped.size) == 1 && size == capacity;
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(key);
    if (ok)
        memcpy(ret, out, size);
    wipe(out, sizeof out);
    REQUIRE(ok, ERR_INTEGRITY, "the wrapped key does not open with this RSA key");
    return RESULT_OK;
}

static bool read_text(BIO *b, char *ret)
{
    int n = BIO_read(b, ret, RSA_PEM_SIZE_MAX - 1);
    ret[n > 0 ? n : 0] = 0;
    return n > 0 && n < RSA_PEM_SIZE_MAX - 1;
}

struct result rsa_generate(unsigned bits, char ret_private_pem[RSA_PEM_SIZE_MAX],
                           char ret_public_pem[RSA_PEM_SIZE_MAX])
{
    REQUIRE(bits >= 2048 && bits <= 8192, ERR_RANGE, "RSA keys have 2048 to 8192 bits");
    EVP_PKEY *key = EVP_RSA_gen(bits);
    BIO *private = BIO_new(BIO_s_secmem()), *public = BIO_new(BIO_s_mem());
    bool ok = key && private && public &&
              PEM_write_bio_PKCS8PrivateKey(private, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              PEM_write_bio_PUBKEY(public, key) == 1 && read_text(private, ret_private_pem) &&
              read_text(public, ret_public_pem);
    BIO_free(private);
    BIO_free(public);
    EVP_PKEY_free(key);
    REQUIRE(ok, ERR_CRYPTO, "cannot make an RSA key");
    return RESULT_OK;
}

struct result rsa_public_key_check(struct span public_pem)
{
    EVP_PKEY *key;
    GUARD(load(public_pem, false, &key));
    EVP_PKEY_free(key);
    return RESULT_OK;
}
