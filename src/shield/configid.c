// SPDX-License-Identifier: Apache-2.0
#include "shield/configid.h"

#include <string.h>

#include "crypto/sha256.h"

void configid_make(const uint8_t fspf_key[32], const uint8_t fspf_tag[32], const uint8_t task[32],
                   uint8_t ret[CONFIGID_SIZE])
{
    static const char label[] = "cloister configid v1";
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, label, sizeof label - 1);
    sha256_update(&c, fspf_key, 32);
    sha256_update(&c, fspf_tag, 32);
    sha256_update(&c, task, 32);
    sha256_final(&c, ret);
    memset(ret + SHA256_SIZE, 0, CONFIGID_SIZE - SHA256_SIZE);
}
