// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/shield/source.h"

long cache_init(struct block_cache *c, uint64_t pages)
{
    struct block_cache n = {
        .page_count = (uint32_t)MAX(MIN(pages, (uint64_t)CACHE_PAGES_MAX), CACHE_PAGES_MIN),
        .bucket_count = 1,
    };
    while (n.bucket_count < n.page_count)
        n.bucket_count *= 2;
    n.page = kzalloc(n.page_count * sizeof *n.page);
    n.bucket = kzalloc(n.bucket_count * sizeof(struct cached_block *));
    if (!n.page || !n.bucket) {
        kfree(n.page);
        kfree(n.bucket);
        return -ENOMEM;
    }
    *c = n;
    return 0;
}

void cache_done(struct block_cache *c)
{
    for (uint32_t i = 0; i < c->page_count; i++)
        if (c->page[i].data)
            kpages_free(c->page[i].data, 1);
    kfree(c->page);
    kfree(c->bucket);
}

static struct cached_block **bucket_of(const struct block_cache *c, const struct block_source *s,
                                       uint64_t block)
{
    uint64_t key = (block ^ block >> 62) + ((uint64_t)(uintptr_t)s << 16);
    return &c->bucket[key * 0x9e3779b97f4a7c15ull >> 32 & (c->bucket_count - 1)];
}

static struct cached_block *look(const struct block_source *s, uint64_t block)
{
    struct cached_block *p = *bucket_of(s->cache, s, block);
    while (p && (p->block != block || p->source != s))
        p = p->next;
    return p;
}

bool source_has(const struct block_source *s, uint64_t block)
{
    return look(s, block);
}

struct cached_block *cache_find(struct block_cache *c, const struct block_source *s, uint64_t block)
{
    struct cached_block *p = *bucket_of(c, s, block);
    while (p && (p->block != block || p->source != s))
        p = p->next;
    if (p) {
        p->pins++;
        p->recent = true;
    }
    return p;
}

static void forget(struct block_cache *c, struct cached_block *p)
{
    if (!p->used)
        return;
    struct cached_block **at = bucket_of(c, p->source, p->block);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    p->used = false;
}

struct cached_block *cache_take(struct block_cache *c)
{
    if (c->filled < c->page_count) {
        struct cached_block *p = &c->page[c->filled];
        p->data = kpages_alloc(1);
        if (p->data) {
            c->filled++;
            p->pins = 1;
            return p;
        }
    }
    for (uint64_t tries = 0; c->filled && tries < 2ull * c->filled; tries++) {
        struct cached_block *p = &c->page[c->hand];
        c->hand = c->hand + 1 < c->filled ? c->hand + 1 : 0;
        if (p->pins)
            continue;
        if (p->recent) {
            p->recent = false;
            continue;
        }
        forget(c, p);
        p->pins = 1;
        return p;
    }
    return NULL;
}

void cache_enter(struct block_cache *c, struct cached_block *p, const struct block_source *s,
                 uint64_t block)
{
    struct cached_block **at = bucket_of(c, s, block);
    p->source = s;
    p->block = block;
    p->used = p->recent = true;
    p->next = *at;
    *at = p;
}

// Caches up to `count` blocks, the first of which is not there; the others may end the run.
static long fill(struct block_source *s, uint64_t block, unsigned count, struct cached_block **ret)
{
    struct cached_block *p[SOURCE_AHEAD_MAX];
    uint8_t *data[SOURCE_AHEAD_MAX];
    unsigned n = 0;
    while (n < count && (n == 0 || !source_has(s, block + n)) && (p[n] = cache_take(s->cache))) {
        data[n] = p[n]->data;
        n++;
    }
    if (n == 0)
        return -ENOMEM;
    long err = s->bring(s, block, n, data);
    for (unsigned i = 0; i < n; i++) {
        if (err == 0)
            cache_enter(s->cache, p[i], s, block + i);
        if (i > 0 || err < 0)
            source_put(p[i]);
    }
    *ret = p[0];
    return err;
}

long source_get(struct block_source *s, uint64_t block, unsigned count, struct cached_block **ret)
{
    struct cached_block *p = cache_find(s->cache, s, block);
    if (p) {
        *ret = p;
        return 0;
    }
    if (block >= s->blocks)
        return -EIO;
    uint64_t most = MIN(s->blocks - block, (uint64_t)SOURCE_AHEAD_MAX);
    return fill(s, block, (unsigned)MAX(MIN(count, most), 1u), ret);
}

long source_read(struct block_source *s, uint64_t offset, void *ret, size_t size)
{
    uint8_t *out = ret;
    while (size) {
        size_t skip = offset % SOURCE_BLOCK;
        size_t n = MIN(size, SOURCE_BLOCK - skip);
        struct cached_block *p;
        long err = source_get(s, offset / SOURCE_BLOCK, 2, &p);
        if (err < 0)
            return err;
        memcpy(out, p->data + skip, n);
        source_put(p);
        out += n;
        offset += n;
        size -= n;
    }
    return 0;
}

long source_blocks(struct block_source *s, uint64_t block, uint8_t *ret, size_t count)
{
    if (block >= s->blocks || count > s->blocks - block)
        return -EIO;
    for (size_t i = 0; i < count;) {
        struct cached_block *p = look(s, block + i);
        if (p) {
            memcpy(ret + i * SOURCE_BLOCK, p->data, SOURCE_BLOCK);
            p->recent = true;
            i++;
            continue;
        }
        uint8_t *data[SOURCE_AHEAD_MAX];
        unsigned n = 0;
        while (n < SOURCE_AHEAD_MAX && i + n < count && !look(s, block + i + n)) {
            data[n] = ret + (i + n) * SOURCE_BLOCK;
            n++;
        }
        long err = s->bring(s, block + i, n, data);
        if (err < 0)
            return err;
        i += n;
    }
    return 0;
}
