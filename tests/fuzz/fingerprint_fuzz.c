// Reaches: fingerprint_parse, fingerprint_format
// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/fingerprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fingerprint f;
    char text[FINGERPRINT_TEXT_SIZE];
    if (!is_ok(fingerprint_parse(SPAN(data, size), &f)))
        return 0;
    fingerprint_format(&f, text);
    if (strlen(text) != size || memcmp(text, data, size) != 0)
        __builtin_trap();
    return 0;
}
