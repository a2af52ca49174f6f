// SPDX-License-Identifier: Apache-2.0
// Reaches: draft_parse, draft_format (image/fspf_draft.c). What is read is written again as it was.
#include <stdlib.h>
#include <string.h>

#include "image/fspf_draft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draft d;
    char *text;
    size_t text_size;
    if (!is_ok(draft_parse(SPAN(data, size), &d)))
        return 0;
    if (!is_ok(draft_format(&d, &text, &text_size)) || text_size != size ||
        memcmp(text, data, size) != 0)
        abort();
    free(text);
    draft_done(&d);
    return 0;
}
