// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <errno.h>
#include <sys/random.h>

struct result random_bytes(void *ret, size_t size)
{
    uint8_t *to = ret;
    while (size) {
        ssize_t n = getrandom(to, size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        REQUIRE(n > 0, ERR_CRYPTO, "the system gives no random bytes");
        to += n;
        size -= (size_t)n;
    }
    return RESULT_OK;
}
