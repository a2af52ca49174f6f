// SPDX-License-Identifier: Apache-2.0
// Reaches: encrypted_region_open, encrypted_block_open, encrypted_geometry_init, encrypted_region_seal
// (shield/encrypted.c). Input: a key, a byte that says what, then a header or a text to seal and change.
#include <stdlib.h>
#include <string.h>

#include "shield/encrypted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal_and_change(const uint8_t *key, const uint8_t *data, size_t size)
{
    static uint8_t image[2 * ENCRYPTED_BLOCK], file[ENCRYPTED_UNIT * ENCRYPTED_BLOCK];
    uint8_t block[ENCRYPTED_BLOCK];
    struct encrypted_region r;
    struct span path = SPAN("/x", 2);
    memset(image, 0, sizeof image);
    memcpy(image, data, size < sizeof image ? size : sizeof image);
    if (!is_ok(encrypted_region_seal(key, path, SPAN(image, sizeof image), file)) ||
        !is_ok(encrypted_region_open(key, path, file, ENCRYPTED_UNIT, &r)))
        abort();
    size_t at = size >= 4 ? (data[0] | (size_t)data[1] << 8) % ENCRYPTED_BLOCK : 0;
    uint8_t *tags = file + ENCRYPTED_BLOCK;
    uint8_t *sealed = tags + r.geometry.tag_blocks * ENCRYPTED_BLOCK;
    if (!encrypted_block_open(&r, 0, sealed, tags, block) ||
        memcmp(block, image, ENCRYPTED_BLOCK) != 0)
        abort();
    sealed[at] ^= 1;
    file[at] ^= 0x80;
    if (encrypted_block_open(&r, 0, sealed, tags, block) ||
        is_ok(encrypted_region_open(key, path, file, ENCRYPTED_UNIT, &r)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct encrypted_region r;
    struct encrypted_geometry g;
    if (size < ENCRYPTED_KEY_SIZE + 1)
        return 0;
    const uint8_t *key = data, what = data[ENCRYPTED_KEY_SIZE];
    data += ENCRYPTED_KEY_SIZE + 1;
    size -= ENCRYPTED_KEY_SIZE + 1;
    if (what & 1) {
        seal_and_change(key, data, size);
        return 0;
    }
    uint8_t header[ENCRYPTED_BLOCK] = {0};
    memcpy(header, data, size < sizeof header ? size : sizeof header);
    if (is_ok(encrypted_region_open(key, SPAN("/x", 2), header, what / 2u * 8u, &r)))
        abort(); // nobody seals by chance
    if (is_ok(encrypted_geometry_init(what / 2u * 16u, &g)) &&
        g.tag_blocks * ENCRYPTED_TAGS < g.data_blocks)
        abort();
    return 0;
}
