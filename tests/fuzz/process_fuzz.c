// SPDX-License-Identifier: Apache-2.0
// Reaches: process_decode, process_next (shield/process.c).
#include <stdlib.h>

#include "shield/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct span strings, uint32_t count)
{
    struct reader r = reader_on(strings);
    for (uint32_t i = 0; i < count; i++)
        (void)process_next(&r);
    if (!reader_done(&r))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct process p;
    if (!is_ok(process_decode(SPAN(data, size), &p)))
        return 0;
    read_all(p.arguments, p.argument_count);
    read_all(p.environment, p.environment_count);
    return 0;
}
