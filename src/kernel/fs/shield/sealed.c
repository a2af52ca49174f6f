// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/shield/sealed.h"

#include "kernel/lib/fpu.h"

// The tags of the data blocks from block * ENCRYPTED_TAGS on; pinned.
static long tags_get(struct sealed *s, uint64_t block, struct cached_block **ret)
{
    struct block_cache *cache = s->source.cache;
    struct cached_block *p = cache_find(cache, &s->source, SOURCE_AUXILIARY | block);
    if (!p) {
        p = cache_take(cache);
        if (!p)
            return -ENOMEM;
        host_copy_in(p->data, host_ptr_add(s->host, (1 + block) * SOURCE_BLOCK), SOURCE_BLOCK);
        cache_enter(cache, p, &s->source, SOURCE_AUXILIARY | block);
    }
    *ret = p;
    return 0;
}

// Into the caches, while the block before it is opened.
static void ask_for(struct host_ptr block)
{
    for (unsigned at = 0; at < SOURCE_BLOCK; at += 64)
        __builtin_prefetch(host_hint(host_ptr_add(block, at)));
}

static long bring(struct block_source *source, uint64_t block, unsigned count, uint8_t *const *data)
{
    struct sealed *s = container_of(source, struct sealed, source);
    const struct encrypted_geometry *g = &s->region.geometry;
    struct host_ptr from = host_ptr_add(s->host, (1 + g->tag_blocks) * SOURCE_BLOCK);
    uint8_t tag[SOURCE_AHEAD_MAX][GCM_TAG_SIZE];
    for (unsigned i = 0; i < count; i++) {
        struct cached_block *tags;
        long err = tags_get(s, (block + i) / ENCRYPTED_TAGS, &tags);
        if (err < 0)
            return err;
        memcpy(tag[i], tags->data + (block + i) % ENCRYPTED_TAGS * GCM_TAG_SIZE, GCM_TAG_SIZE);
        source_put(tags);
    }
    bool opened = true;
    unsigned i = 0;
    kernel_fpu_begin();
    for (; i < count && opened; i++) {
        host_copy_in(data[i], host_ptr_add(from, (block + i) * SOURCE_BLOCK), SOURCE_BLOCK);
        if (block + i + 1 < source->blocks)
            ask_for(host_ptr_add(from, (block + i + 1) * SOURCE_BLOCK));
        opened = encrypted_block_open(&s->region, block + i, data[i], tag[i], data[i]);
    }
    kernel_fpu_end();
    if (!opened) {
        klog("integrity: block %lu of an encrypted region does not open", block + i - 1);
        panic("integrity violation");
    }
    return 0;
}

long sealed_init(struct sealed *s, struct block_cache *cache, struct host_ptr host, uint64_t blocks,
                 const uint8_t header[SOURCE_BLOCK], struct span path,
                 const uint8_t key[ENCRYPTED_KEY_SIZE])
{
    kernel_fpu_begin();
    struct result opened = encrypted_region_open(key, path, header, blocks, &s->region);
    kernel_fpu_end();
    if (!is_ok(opened))
        return -EKEYREJECTED;
    s->host = host;
    s->source = (struct block_source){cache, s->region.image_blocks, bring};
    return 0;
}
