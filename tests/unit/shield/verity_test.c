// SPDX-License-Identifier: Apache-2.0
// The hash tree: geometry, building, checking; every changed bit of data or tree is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "shield/verity.h"

#include <cmocka.h>

#define BLOCKS 300u // two levels: 3 blocks and 1

static uint8_t data[BLOCKS * VERITY_BLOCK_SIZE];

// The callback as a kernel without a cache would have it.
struct store {
    struct verity_tree tree;
    uint8_t *blocks;
    uint32_t reads;
};

static struct result get(void *context, uint32_t level, uint64_t index, uint64_t tree_block,
                         const uint8_t **ret)
{
    struct store *s = context;
    const uint8_t *block = s->blocks + tree_block * VERITY_BLOCK_SIZE;
    s->reads++;
    GUARD(verity_check(&s->tree, level, index, block));
    *ret = block;
    return RESULT_OK;
}

static void store_init(struct store *s, uint64_t blocks)
{
    assert_true(is_ok(verity_geometry_init(blocks, &s->tree.geometry)));
    s->blocks = malloc(s->tree.geometry.tree_blocks * VERITY_BLOCK_SIZE);
    s->tree.get = get;
    s->tree.context = s;
    s->reads = 0;
    verity_build(&s->tree.geometry, data, s->blocks, s->tree.root);
}

static void test_geometry(void **state)
{
    (void)state;
    static const struct {
        uint64_t data, tree;
        uint32_t levels;
    } cases[] = {
        {2, 1, 1},       {128, 1, 1},     {129, 3, 2},
        {16384, 129, 2}, {16385, 132, 3}, {1ull << 28, 2097152 + 16384 + 128 + 1, 4},
    };
    struct verity_geometry g;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_true(is_ok(verity_geometry_init(cases[i].data, &g)));
        assert_int_equal(g.tree_blocks, cases[i].tree);
        assert_int_equal(g.levels, cases[i].levels);
        assert_int_equal(g.count[g.levels], 1);
        assert_int_equal(g.first[g.levels], 0); // top level first
        assert_int_equal(g.first[1] + g.count[1], g.tree_blocks);
    }
    static const uint64_t refused[] = {0, 1, (1ull << 28) + 1, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
        assert_int_equal(verity_geometry_init(refused[i], &g).code, ERR_RANGE);
}

static void test_every_block_checks(void **state)
{
    (void)state;
    struct store s;
    store_init(&s, BLOCKS);
    for (uint64_t i = 0; i < BLOCKS; i++)
        assert_true(is_ok(verity_check(&s.tree, 0, i, data + i * VERITY_BLOCK_SIZE)));
    assert_int_equal(s.reads, BLOCKS * 2);
    assert_int_equal(verity_check(&s.tree, 0, BLOCKS, data).code, ERR_RANGE);
    assert_int_equal(verity_check(&s.tree, 3, 0, data).code, ERR_RANGE);
    free(s.blocks);
}

static void test_changes_are_refused(void **state)
{
    (void)state;
    struct store s;
    store_init(&s, BLOCKS);
    for (uint64_t i = 0; i < BLOCKS; i += 37) {
        uint8_t *byte = &data[i * VERITY_BLOCK_SIZE + i % VERITY_BLOCK_SIZE];
        *byte ^= 1;
        assert_int_equal(verity_check(&s.tree, 0, i, data + i * VERITY_BLOCK_SIZE).code,
                         ERR_INTEGRITY);
        *byte ^= 1;
    }
    // A block in another's place.
    assert_int_equal(verity_check(&s.tree, 0, 1, data).code, ERR_INTEGRITY);
    // Each block of the tree, its padding too.
    for (uint64_t b = 0; b < s.tree.geometry.tree_blocks; b++) {
        for (size_t at = 0; at < VERITY_BLOCK_SIZE; at += 509) {
            uint8_t *byte = &s.blocks[b * VERITY_BLOCK_SIZE + at];
            *byte ^= 0x80;
            uint64_t victim = b == 0 ? 5 : (b - 1) * VERITY_HASHES_PER_BLOCK;
            assert_int_equal(
                verity_check(&s.tree, 0, victim, data + victim * VERITY_BLOCK_SIZE).code,
                ERR_INTEGRITY);
            *byte ^= 0x80;
        }
    }
    s.tree.root[31] ^= 1;
    assert_int_equal(verity_check(&s.tree, 0, 0, data).code, ERR_INTEGRITY);
    free(s.blocks);
}

// The attack that the block count in the file system stops: a tree's lowest level is good data
// under the same root, with one level less.
static void test_root_does_not_bind_the_count(void **state)
{
    (void)state;
    struct store s;
    store_init(&s, BLOCKS);
    uint8_t *lowest = s.blocks + s.tree.geometry.first[1] * VERITY_BLOCK_SIZE;
    struct verity_geometry g;
    uint8_t root[VERITY_HASH_SIZE];
    uint8_t tree[VERITY_BLOCK_SIZE];
    assert_true(is_ok(verity_geometry_init(3, &g)));
    verity_build(&g, lowest, tree, root);
    assert_memory_equal(root, s.tree.root, sizeof root);
    free(s.blocks);
}

static void test_parts_give_the_same_tree(void **state)
{
    (void)state;
    struct store s;
    store_init(&s, BLOCKS);
    const struct verity_geometry *g = &s.tree.geometry;
    uint8_t *tree = malloc(g->tree_blocks * VERITY_BLOCK_SIZE);
    uint8_t root[VERITY_HASH_SIZE];
    memset(tree, 0xaa, g->tree_blocks * VERITY_BLOCK_SIZE);
    verity_build_level(g, 1, data, 2, 1, tree);
    verity_build_level(g, 1, data, 0, 2, tree);
    verity_build_upper(g, tree, root);
    assert_memory_equal(root, s.tree.root, sizeof root);
    assert_memory_equal(tree, s.blocks, g->tree_blocks * VERITY_BLOCK_SIZE);
    free(tree);
    free(s.blocks);
}

// The root that `veritysetup format --salt=- --data-blocks=2` (cryptsetup 2.6.1) gives for 8192
// zero bytes.
static void test_known_answer(void **state)
{
    (void)state;
    static const uint8_t zeroes[2 * VERITY_BLOCK_SIZE];
    struct verity_geometry g;
    uint8_t tree[VERITY_BLOCK_SIZE], root[VERITY_HASH_SIZE];
    char text[HEX_SIZE(VERITY_HASH_SIZE)];
    assert_true(is_ok(verity_geometry_init(2, &g)));
    verity_build(&g, zeroes, tree, root);
    hex_encode(root, sizeof root, text);
    assert_string_equal(text, "90b10db56173e2e7c847f6ff3ed85a3aebb140bc0064ec9a156ae5b2e71db988");
}

int main(void)
{
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_every_block_checks),
        cmocka_unit_test(test_changes_are_refused),
        cmocka_unit_test(test_root_does_not_bind_the_count),
        cmocka_unit_test(test_parts_give_the_same_tree),
        cmocka_unit_test(test_known_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
