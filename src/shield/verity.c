// SPDX-License-Identifier: Apache-2.0
#include "shield/verity.h"

#include "base/cursor.h"
#include "crypto/sha256.h"

struct result verity_geometry_init(uint64_t data_blocks, struct verity_geometry *ret)
{
    REQUIRE(data_blocks >= VERITY_DATA_BLOCKS_MIN && data_blocks <= VERITY_DATA_BLOCKS_MAX,
            ERR_RANGE, "number of data blocks is outside its limits");
    struct verity_geometry g = {.data_blocks = data_blocks, .count = {data_blocks}};
    for (uint64_t below = data_blocks; below > 1; below = g.count[g.levels]) {
        g.levels++;
        g.count[g.levels] = (below + VERITY_HASHES_PER_BLOCK - 1) / VERITY_HASHES_PER_BLOCK;
    }
    for (uint32_t level = g.levels; level > 0; level--) {
        g.first[level] = g.tree_blocks;
        g.tree_blocks += g.count[level];
    }
    *ret = g;
    return RESULT_OK;
}

uint64_t verity_tree_block(const struct verity_geometry *g, uint32_t level, uint64_t index)
{
    return g->first[level] + index;
}

struct result verity_check(const struct verity_tree *t, uint32_t level, uint64_t index,
                           const uint8_t block[VERITY_BLOCK_SIZE])
{
    const struct verity_geometry *g = &t->geometry;
    REQUIRE(level <= g->levels && index < g->count[level], ERR_RANGE, "no such block");
    uint8_t hash[VERITY_HASH_SIZE];
    sha256(SPAN(block, VERITY_BLOCK_SIZE), hash);
    const uint8_t *expected = t->root;
    if (level < g->levels) {
        uint64_t parent = index / VERITY_HASHES_PER_BLOCK;
        const uint8_t *hashes;
        GUARD(t->get(t->context, level + 1, parent, verity_tree_block(g, level + 1, parent),
                     &hashes));
        expected = hashes + index % VERITY_HASHES_PER_BLOCK * VERITY_HASH_SIZE;
    }
    REQUIRE(ct_equal(hash, expected, sizeof hash), ERR_INTEGRITY,
            "block does not match the hash tree");
    return RESULT_OK;
}

void verity_build_level(const struct verity_geometry *g, uint32_t level, const uint8_t *below,
                        uint64_t first, uint64_t count, uint8_t *tree)
{
    uint64_t item = first * VERITY_HASHES_PER_BLOCK;
    uint64_t end = MIN((first + count) * VERITY_HASHES_PER_BLOCK, g->count[level - 1]);
    uint8_t *out = tree + verity_tree_block(g, level, first) * VERITY_BLOCK_SIZE;
    uint8_t *out_end = out + count * VERITY_BLOCK_SIZE;
    for (; item + 1 < end; item += 2, out += 2 * VERITY_HASH_SIZE) {
        const uint8_t *block = below + item * VERITY_BLOCK_SIZE;
        sha256_4k_pair(block, block + VERITY_BLOCK_SIZE, out, out + VERITY_HASH_SIZE);
    }
    for (; item < end; item++, out += VERITY_HASH_SIZE)
        sha256(SPAN(below + item * VERITY_BLOCK_SIZE, VERITY_BLOCK_SIZE), out);
    if (out < out_end)
        __builtin_memset(out, 0, (size_t)(out_end - out));
}

void verity_build_upper(const struct verity_geometry *g, uint8_t *tree,
                        uint8_t ret_root[VERITY_HASH_SIZE])
{
    for (uint32_t level = 2; level <= g->levels; level++)
        verity_build_level(g, level, tree + g->first[level - 1] * VERITY_BLOCK_SIZE, 0,
                           g->count[level], tree);
    sha256(SPAN(tree + g->first[g->levels] * VERITY_BLOCK_SIZE, VERITY_BLOCK_SIZE), ret_root);
}

void verity_build(const struct verity_geometry *g, const uint8_t *data, uint8_t *tree,
                  uint8_t ret_root[VERITY_HASH_SIZE])
{
    verity_build_level(g, 1, data, 0, g->count[1], tree);
    verity_build_upper(g, tree, ret_root);
}

void verity_superblock(const struct verity_geometry *g, const uint8_t root[VERITY_HASH_SIZE],
                       uint8_t ret[VERITY_BLOCK_SIZE])
{
    static const char uuid_label[] = "cloister image uuid v1";
    uint8_t text[sizeof uuid_label - 1 + VERITY_HASH_SIZE];
    uint8_t uuid[VERITY_HASH_SIZE];
    static const char algorithm[32] = "sha256";
    struct writer t = writer_on(text, sizeof text);
    put_bytes(&t, uuid_label, sizeof uuid_label - 1);
    put_bytes(&t, root, VERITY_HASH_SIZE);
    sha256(writer_span(&t), uuid);

    __builtin_memset(ret, 0, VERITY_BLOCK_SIZE);
    struct writer w = writer_on(ret, VERITY_BLOCK_SIZE);
    put_bytes(&w, "verity\0\0", 8);
    put_le32(&w, 1); // superblock version
    put_le32(&w, 1); // hash type: format 1
    put_bytes(&w, uuid, 16);
    put_bytes(&w, algorithm, sizeof algorithm);
    put_le32(&w, VERITY_BLOCK_SIZE); // of data
    put_le32(&w, VERITY_BLOCK_SIZE); // of hashes
    put_le64(&w, g->data_blocks);
}
