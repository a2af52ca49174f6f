// Reaches: fingerprint_parse, fingerprint_format, fingerprint_next_word
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
    size_t fixed = strlen(text);
    if (size < fixed || memcmp(text, data, fixed) != 0)
        __builtin_trap();
    if (size == fixed)
        return f.entrypoint.size ? __builtin_trap(), 0 : 0;
    size_t at = fixed; // the words, each behind one byte, are the rest
    for (struct span rest = f.entrypoint, word; (word = fingerprint_next_word(&rest)).size;) {
        if (word.data != data + at + 1 || memchr(word.data, ' ', word.size))
            __builtin_trap();
        at += 1 + word.size;
    }
    if (at != size)
        __builtin_trap();
    return 0;
}
