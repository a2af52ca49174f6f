// Reaches: sgx_sigstruct_verify sgx_sigstruct_attach sgx_sigstruct_digest sgx_mrsigner
// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "sgx/sigstruct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sgx_sigstruct s;
    uint8_t hash[SGX_HASH_SIZE];
    if (size < sizeof s)
        return 0;
    memcpy(&s, data, sizeof s);
    sgx_mrsigner(&s, hash);
    const struct sgx_sigstruct before = s;
    struct result r = sgx_sigstruct_verify(&s);
    struct result a = sgx_sigstruct_attach(&s, s.modulus, s.signature);
    if (!is_ok(a) && memcmp(&s, &before, sizeof s) != 0)
        abort(); // outputs stay untouched on failure
    (void)r;
    return 0;
}
