// SPDX-License-Identifier: Apache-2.0
// Encrypted regions: what is sealed opens, block by block, and nothing else does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "shield/encrypted.h"

#include <cmocka.h>

#define BLOCK  ENCRYPTED_BLOCK
#define PATH   SPAN("/secret", 7)
#define BLOCKS 3u

static uint8_t key[32], image[BLOCKS * BLOCK];
static uint8_t file[ENCRYPTED_UNIT * BLOCK];

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (unsigned i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 7 + i / BLOCK);
    assert_int_equal(encrypted_blocks(BLOCKS), ENCRYPTED_UNIT);
    assert_true(is_ok(encrypted_region_seal(key, PATH, SPAN(image, sizeof image), file)));
    return 0;
}

static const uint8_t *tag_at(const uint8_t *from, uint64_t i)
{
    return from + BLOCK + i * GCM_TAG_SIZE;
}

static const uint8_t *data_at(const uint8_t *from, const struct encrypted_region *r, uint64_t i)
{
    return from + (1 + r->geometry.tag_blocks + i) * BLOCK;
}

// The vector of docs/formats/encrypted-region.md, made by other code.
static void vector(void **state)
{
    (void)state;
    uint8_t hash[32], want[32];
    sha256(SPAN(file, sizeof file), hash);
    assert_true(is_ok(hex_decode(
        SPAN("279f1ce56d69066fcdf461aee16c88a92360d06c6aac0e255e06dc32584ce137", 64), want, 32)));
    assert_memory_equal(hash, want, 32);
}

static void opens(void **state)
{
    (void)state;
    struct encrypted_region r;
    uint8_t block[BLOCK];
    assert_true(is_ok(encrypted_region_open(key, PATH, file, ENCRYPTED_UNIT, &r)));
    assert_int_equal(r.image_blocks, BLOCKS);
    assert_int_equal(r.geometry.data_blocks, 14);
    for (uint64_t i = 0; i < r.geometry.data_blocks; i++) {
        assert_true(encrypted_block_open(&r, i, data_at(file, &r, i), tag_at(file, i), block));
        if (i < BLOCKS)
            assert_memory_equal(block, image + i * BLOCK, BLOCK);
        else
            assert_true(is_zero(block, BLOCK));
    }
}

static void moved_block(void **state)
{
    (void)state;
    struct encrypted_region r;
    uint8_t block[BLOCK];
    assert_true(is_ok(encrypted_region_open(key, PATH, file, ENCRYPTED_UNIT, &r)));
    assert_false(encrypted_block_open(&r, 1, data_at(file, &r, 0), tag_at(file, 0), block));
    assert_true(is_zero(block, BLOCK));
    assert_false(encrypted_block_open(&r, 0, data_at(file, &r, 0), tag_at(file, 1), block));
}

static void changed_bit(void **state)
{
    (void)state;
    struct encrypted_region r, q;
    uint8_t block[BLOCK];
    assert_true(is_ok(encrypted_region_open(key, PATH, file, ENCRYPTED_UNIT, &r)));
    for (unsigned bit = 0; bit < BLOCK * 8; bit += 97) {
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(is_ok(encrypted_region_open(key, PATH, file, ENCRYPTED_UNIT, &q)));
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        uint8_t *data = file + 2 * BLOCK + bit / 8;
        *data ^= (uint8_t)(1u << bit % 8);
        assert_false(encrypted_block_open(&r, 0, file + 2 * BLOCK, tag_at(file, 0), block));
        *data ^= (uint8_t)(1u << bit % 8);
    }
}

// The same key, but another text, another path: no block of one opens in the other.
static void another_region(void **state)
{
    (void)state;
    static uint8_t other[sizeof file];
    struct encrypted_region r, q;
    uint8_t block[BLOCK];
    assert_true(is_ok(encrypted_region_open(key, PATH, file, ENCRYPTED_UNIT, &r)));
    struct span path = SPAN("/secreu", 7);
    assert_true(is_ok(encrypted_region_seal(key, path, SPAN(image, sizeof image), other)));
    assert_false(is_ok(encrypted_region_open(key, PATH, other, ENCRYPTED_UNIT, &q)));
    assert_true(is_ok(encrypted_region_open(key, path, other, ENCRYPTED_UNIT, &q)));
    assert_false(encrypted_block_open(&r, 0, data_at(other, &q, 0), tag_at(other, 0), block));
    image[sizeof image - 1] ^= 1;
    assert_true(is_ok(encrypted_region_seal(key, PATH, SPAN(image, sizeof image), other)));
    image[sizeof image - 1] ^= 1;
    assert_true(is_ok(encrypted_region_open(key, PATH, other, ENCRYPTED_UNIT, &q)));
    assert_false(encrypted_block_open(&r, 0, data_at(other, &q, 0), tag_at(other, 0), block));
    uint8_t wrong[32] = {0};
    assert_false(is_ok(encrypted_region_open(wrong, PATH, file, ENCRYPTED_UNIT, &q)));
    assert_false(is_ok(encrypted_region_open(key, PATH, file, 2 * ENCRYPTED_UNIT, &q)));
}

// Header, tags and data are as uniform as noise: 255 degrees of freedom, 5 standard deviations.
static void looks_uniform(void **state)
{
    (void)state;
    static uint8_t zeros[600 * BLOCK];
    uint64_t blocks = encrypted_blocks(600);
    uint8_t *out = malloc(blocks * BLOCK);
    assert_non_null(out);
    assert_true(is_ok(encrypted_region_seal(key, PATH, SPAN(zeros, sizeof zeros), out)));
    for (uint64_t b = 0; b < blocks; b++) {
        unsigned count[256] = {0};
        double chi = 0;
        for (unsigned i = 0; i < BLOCK; i++)
            count[out[b * BLOCK + i]]++;
        for (unsigned i = 0; i < 256; i++)
            chi += ((double)count[i] - 16) * ((double)count[i] - 16) / 16;
        assert_true(chi > 255 - 5 * 22.6 && chi < 255 + 5 * 22.6);
    }
    free(out);
}

static void geometry(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 3000; n++) {
        struct encrypted_geometry g;
        uint64_t blocks = encrypted_blocks(n);
        assert_true(is_ok(encrypted_geometry_init(blocks, &g)));
        assert_true(g.data_blocks >= n && g.tag_blocks * ENCRYPTED_TAGS >= g.data_blocks);
        assert_int_equal(1 + g.tag_blocks + g.data_blocks, blocks);
    }
    assert_int_equal(encrypted_blocks(1ull << 40), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector),         cmocka_unit_test(opens),
        cmocka_unit_test(moved_block),    cmocka_unit_test(changed_bit),
        cmocka_unit_test(another_region), cmocka_unit_test(looks_uniform),
        cmocka_unit_test(geometry),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
