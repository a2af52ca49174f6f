// SPDX-License-Identifier: Apache-2.0
// Blocks of the image's file systems, and the one cache of them all.
//
// - A source brings blocks out of untrusted memory into the enclave and lets no false one through: the file
//   shield (shield.h) and what decrypts (sealed.h). What it brings stays in the cache that it was given.
// - The cache has a budget of pages, shared by all its sources; CLOCK chooses what goes. A pinned page stays.
// - A hit costs no exit, and neither does a miss: the image is mapped outside the enclave.
#ifndef KERNEL_SOURCE_H
#define KERNEL_SOURCE_H

#include "kernel/hostcall/hostcall.h"
#include "kernel/lib/lib.h"

#define SOURCE_BLOCK     4096u
#define SOURCE_AHEAD_MAX 32u // blocks that are brought at once
#define SOURCE_AUXILIARY \
    (1ull << 63) // block numbers from here on are the source's own: hash blocks, tags
#define CACHE_PAGES_MIN (2 * SOURCE_AHEAD_MAX)
#define CACHE_PAGES_MAX (1u << 20)

struct block_source;

struct cached_block {
    const struct block_source *source;
    uint64_t block;
    uint8_t *data;
    struct cached_block *next;
    uint32_t pins;
    bool used, recent;
};

struct block_cache {
    struct cached_block *page;
    struct cached_block **bucket;
    uint32_t page_count, bucket_count, hand, filled;
};

struct block_source {
    struct block_cache *cache;
    uint64_t blocks;
    // Fills data[0…count-1], a page each, with `count` blocks from `block` on, checked.
    long (*bring)(struct block_source *s, uint64_t block, unsigned count, uint8_t *const *data);
};

long cache_init(struct block_cache *c, uint64_t pages);
void cache_done(struct block_cache *c);

// The block's page, pinned: source_put() it. On a miss up to `count` blocks that follow are brought with it.
long source_get(struct block_source *s, uint64_t block, unsigned count, struct cached_block **ret);
static inline void source_put(struct cached_block *p)
{
    p->pins--;
}
bool source_has(const struct block_source *s, uint64_t block);
// Bytes into kernel memory.
long source_read(struct block_source *s, uint64_t offset, void *ret, size_t size);
// Whole blocks into kernel memory, page-aligned, past the cache.
long source_blocks(struct block_source *s, uint64_t block, uint8_t *ret, size_t count);

// For sources: a block that is in the cache, pinned, or NULL; an empty page, pinned, or NULL; and entering
// the page once its content is checked.
struct cached_block *cache_find(struct block_cache *c, const struct block_source *s,
                                uint64_t block);
struct cached_block *cache_take(struct block_cache *c);
void cache_enter(struct block_cache *c, struct cached_block *p, const struct block_source *s,
                 uint64_t block);

#endif
