// Reaches: result_files_take result_files_digest
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "result/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // computed.json beside fixed files, with and without a callback.
    static const struct zip_entry rest[] = {{SPAN_STR("d/a"), SPAN_STR("1")},
                                            {SPAN_STR("d/sub/b"), SPAN_STR("2")},
                                            {SPAN_STR("r"), SPAN_STR("3")}};
    static struct result_files files;
    struct hash32 digest;
    struct result_callback callback;
    files.count = 1 + ARRAY_COUNT(rest);
    files.entries[0] = (struct zip_entry){SPAN_STR("computed.json"), SPAN(data, size)};
    memcpy(files.entries + 1, rest, sizeof rest);
    for (int has_callback = 0; has_callback < 2; has_callback++)
        if (is_ok(result_files_digest(&files, has_callback, &digest, &callback)) && has_callback &&
            callback.size > sizeof callback.data)
            abort();
    uint8_t *copy = malloc(size + 1);
    struct result_files *taken = malloc(sizeof *taken);
    if (copy && taken) {
        memcpy(copy, data, size);
        if (is_ok(result_files_take(copy, size, taken)))
            result_files_done(taken);
    }
    free(taken);
    return 0;
}
