// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/shield/shield.h"

#include "crypto/sha256.h"
#include "kernel/lib/fpu.h"

_Noreturn static void mismatch(const char *what, uint64_t index)
{
    klog("integrity: %s %lu of the image does not match FSPF_TAG", what, index);
    panic("integrity violation");
}

static long tree_get(struct shield *s, uint32_t level, uint64_t index, struct cached_block **ret);

// The hash that block `index` of `level` must have.
static long expected(struct shield *s, uint32_t level, uint64_t index,
                     uint8_t ret[VERITY_HASH_SIZE])
{
    if (level == s->geometry.levels) {
        memcpy(ret, s->root, VERITY_HASH_SIZE);
        return 0;
    }
    struct cached_block *up;
    long err = tree_get(s, level + 1, index / VERITY_HASHES_PER_BLOCK, &up);
    if (err < 0)
        return err;
    memcpy(ret, up->data + index % VERITY_HASHES_PER_BLOCK * VERITY_HASH_SIZE, VERITY_HASH_SIZE);
    source_put(up);
    return 0;
}

static long tree_get(struct shield *s, uint32_t level, uint64_t index, struct cached_block **ret)
{
    uint64_t block = verity_tree_block(&s->geometry, level, index);
    struct block_cache *cache = s->source.cache;
    struct cached_block *p = cache_find(cache, &s->source, SOURCE_AUXILIARY | block);
    if (p) {
        *ret = p;
        return 0;
    }
    uint8_t want[VERITY_HASH_SIZE], have[VERITY_HASH_SIZE];
    long err = expected(s, level, index, want);
    if (err < 0)
        return err;
    p = cache_take(cache);
    if (!p)
        return -ENOMEM;
    host_copy_in(p->data, host_ptr_add(s->image, s->hash_offset + (block + 1) * SOURCE_BLOCK),
                 SOURCE_BLOCK);
    kernel_fpu_begin();
    sha256(SPAN(p->data, SOURCE_BLOCK), have);
    kernel_fpu_end();
    if (!ct_equal(want, have, sizeof want))
        mismatch("hash block", block);
    cache_enter(cache, p, &s->source, SOURCE_AUXILIARY | block);
    *ret = p;
    return 0;
}

// Two blocks at once are hashed faster than one after the other.
static long bring(struct block_source *source, uint64_t block, unsigned count, uint8_t *const *data)
{
    struct shield *s = container_of(source, struct shield, source);
    uint8_t want[SOURCE_AHEAD_MAX][VERITY_HASH_SIZE], have[SOURCE_AHEAD_MAX][VERITY_HASH_SIZE];
    for (unsigned i = 0; i < count; i++) {
        long err = expected(s, 0, block + i, want[i]);
        if (err < 0)
            return err;
    }
    kernel_fpu_begin();
    for (unsigned i = 0; i < count; i += 2) {
        bool pair = i + 1 < count;
        for (unsigned k = i; k < i + 1 + pair; k++)
            host_copy_in(data[k], host_ptr_add(s->image, (block + k) * SOURCE_BLOCK), SOURCE_BLOCK);
        const void *next[4] = {NULL};
        for (unsigned k = 0; k < 2 && block + i + 2 + k < source->blocks; k++) {
            next[k] = host_hint(host_ptr_add(s->image, (block + i + 2 + k) * SOURCE_BLOCK));
            next[2 + k] = i + 2 + k < count ? data[i + 2 + k] : NULL;
        }
        if (pair)
            sha256_4k_pair_ahead(data[i], data[i + 1], next, have[i], have[i + 1]);
        else
            sha256(SPAN(data[i], SOURCE_BLOCK), have[i]);
    }
    kernel_fpu_end();
    for (unsigned i = 0; i < count; i++)
        if (!ct_equal(want[i], have[i], VERITY_HASH_SIZE))
            mismatch("block", block + i);
    return 0;
}

long shield_init(struct shield *s, const struct shield_image *i, struct block_cache *cache)
{
    struct shield n = {.image = i->image, .hash_offset = i->hash_offset};
    uint64_t end;
    if (!is_ok(verity_geometry_init(i->data_blocks, &n.geometry)) ||
        i->hash_offset % SOURCE_BLOCK != 0 || i->hash_offset < i->data_blocks * SOURCE_BLOCK ||
        add_overflows(i->hash_offset, (n.geometry.tree_blocks + 1) * SOURCE_BLOCK, &end) ||
        end > i->image_size)
        return -EINVAL;
    memcpy(n.root, i->root, sizeof n.root);
    n.source = (struct block_source){cache, i->data_blocks, bring};
    *s = n;
    return 0;
}
