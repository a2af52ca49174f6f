// SPDX-License-Identifier: Apache-2.0
// See cmac.h.
#include "crypto/cmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

struct result cmac(const uint8_t key[CMAC_KEY_SIZE], struct span message, uint8_t ret[CMAC_SIZE])
{
    char cipher[] = "AES-128-CBC";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
        OSSL_PARAM_construct_end(),
    };
    uint8_t out[CMAC_SIZE];
    size_t size = 0;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    bool ok = ctx && EVP_MAC_init(ctx, key, CMAC_KEY_SIZE, params) == 1 &&
              EVP_MAC_update(ctx, message.data, message.size) == 1 &&
              EVP_MAC_final(ctx, out, &size, sizeof out) == 1 && size == CMAC_SIZE;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    if (ok)
        __builtin_memcpy(ret, out, CMAC_SIZE);
    wipe(out, sizeof out);
    return ok ? RESULT_OK : fail(ERR_CRYPTO, "AES-128-CMAC failed");
}
