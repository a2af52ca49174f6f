// SPDX-License-Identifier: Apache-2.0
// Reaches: scan_program (image/scan.c), scan_elf_open (image/scan_elf.c).
#include <stdlib.h>

#include "image/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scan_sites sites;
    if (is_ok(scan_program(SPAN(data, size), &sites)))
        free(sites.site);
    return 0;
}
