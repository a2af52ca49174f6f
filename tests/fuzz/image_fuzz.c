// SPDX-License-Identifier: Apache-2.0
// Reaches: image_parse, image_trailer_parse, image_layout, enclave_check_params, kernel_elf_parse,
// kernel_elf_enclu_sites, sign_check, description_read, verify_image.
#include <stdlib.h>
#include <string.h>

#include "image/description.h"
#include "image/enclave_build.h"
#include "image/kernel_elf.h"
#include "image/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // Images are whole pages; the input is padded with zeroes in front of its last 128 bytes, which
    // begin the trailer.
    static struct verify_report report;
    size_t head = size < 128 ? 0 : size - 128;
    size_t whole = (size_t)align_up(head, IMAGE_BLOCK_SIZE) + IMAGE_TRAILER_SIZE;
    uint8_t *file = calloc(1, whole);
    if (!file)
        return 0;
    memcpy(file, data, head);
    memcpy(file + whole - IMAGE_TRAILER_SIZE, data + head, size - head);
    struct image image;
    if (is_ok(image_parse(SPAN(file, whole), &image))) {
        struct description d;
        struct kernel_elf elf;
        uint64_t sites[4];
        size_t count;
        (void)!is_ok(kernel_elf_parse(image.kernel, &elf));
        (void)!is_ok(kernel_elf_enclu_sites(image.kernel, sites, ARRAY_COUNT(sites), &count));
        if (is_ok(description_read(&image, &d)))
            description_done(&d);
        if (is_ok(enclave_check_params(image.params)) && image.params->threads < 4)
            (void)!is_ok(verify_image(&image, &report));
    }
    free(file);
    return 0;
}
