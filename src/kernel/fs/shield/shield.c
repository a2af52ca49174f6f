// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/shield/shield.h"

#include "crypto/sha256.h"
#include "kernel/lib/fpu.h"

#define TREE      (1ull << 63) // key of a page of the hash tree
#define PAGES_MIN 64u
#define PAGES_MAX (1u << 20)

long shield_init(struct shield *s, const struct shield_image *i)
{
    struct shield n = {.image = i->image, .hash_offset = i->hash_offset};
    uint64_t end;
    if (!is_ok(verity_geometry_init(i->data_blocks, &n.geometry)) ||
        i->hash_offset % SHIELD_BLOCK != 0 || i->hash_offset < i->data_blocks * SHIELD_BLOCK ||
        add_overflows(i->hash_offset, (n.geometry.tree_blocks + 1) * SHIELD_BLOCK, &end) ||
        end > i->image_size)
        return -EINVAL;
    memcpy(n.root, i->root, sizeof n.root);
    n.page_count = (uint32_t)MAX(MIN(i->cache_bytes / SHIELD_BLOCK, PAGES_MAX), PAGES_MIN);
    n.bucket_count = 1;
    while (n.bucket_count < n.page_count)
        n.bucket_count *= 2;
    n.page = kzalloc(n.page_count * sizeof *n.page);
    n.bucket = kzalloc(n.bucket_count * sizeof(struct shield_page *));
    if (!n.page || !n.bucket) {
        kfree(n.page);
        kfree(n.bucket);
        return -ENOMEM;
    }
    *s = n;
    return 0;
}

void shield_done(struct shield *s)
{
    for (uint32_t i = 0; i < s->page_count; i++)
        if (s->page[i].data)
            kpages_free(s->page[i].data, 1);
    kfree(s->page);
    kfree(s->bucket);
}

static struct shield_page **bucket_of(struct shield *s, uint64_t key)
{
    return &s->bucket[(key ^ key >> 63) * 0x9e3779b97f4a7c15ull >> 32 & (s->bucket_count - 1)];
}

static struct shield_page *cached(struct shield *s, uint64_t key)
{
    for (struct shield_page *p = *bucket_of(s, key); p; p = p->hash_next)
        if (p->key == key)
            return p;
    return NULL;
}

static void forget(struct shield *s, struct shield_page *p)
{
    if (!p->used)
        return;
    struct shield_page **at = bucket_of(s, p->key);
    while (*at != p)
        at = &(*at)->hash_next;
    *at = p->hash_next;
    p->used = false;
}

// CLOCK over the pages: one that nobody needs, with memory, pinned and out of the table. NULL: none.
static struct shield_page *page_take(struct shield *s)
{
    if (s->filled < s->page_count) {
        struct shield_page *p = &s->page[s->filled];
        p->data = kpages_alloc(1);
        if (p->data) {
            s->filled++;
            p->pins = 1;
            return p;
        }
    }
    for (uint64_t tries = 0; s->filled && tries < 2ull * s->filled; tries++) {
        struct shield_page *p = &s->page[s->hand];
        s->hand = (s->hand + 1) % s->filled;
        if (p->pins)
            continue;
        if (p->recent) {
            p->recent = false;
            continue;
        }
        forget(s, p);
        p->pins = 1;
        return p;
    }
    return NULL;
}

static void page_enter(struct shield *s, struct shield_page *p, uint64_t key)
{
    struct shield_page **at = bucket_of(s, key);
    p->key = key;
    p->used = p->recent = true;
    p->hash_next = *at;
    *at = p;
}

void shield_put(struct shield_page *p)
{
    p->pins--;
}

_Noreturn static void mismatch(const char *what, uint64_t index)
{
    klog("integrity: %s %lu of the image does not match FSPF_TAG", what, index);
    panic("integrity violation");
}

static long tree_get(struct shield *s, uint32_t level, uint64_t index, struct shield_page **ret);

// The hash that block `index` of `level` must have.
static long expected(struct shield *s, uint32_t level, uint64_t index,
                     uint8_t ret[VERITY_HASH_SIZE])
{
    if (level == s->geometry.levels) {
        memcpy(ret, s->root, VERITY_HASH_SIZE);
        return 0;
    }
    struct shield_page *up;
    long err = tree_get(s, level + 1, index / VERITY_HASHES_PER_BLOCK, &up);
    if (err < 0)
        return err;
    memcpy(ret, up->data + index % VERITY_HASHES_PER_BLOCK * VERITY_HASH_SIZE, VERITY_HASH_SIZE);
    shield_put(up);
    return 0;
}

static long tree_get(struct shield *s, uint32_t level, uint64_t index, struct shield_page **ret)
{
    uint64_t block = verity_tree_block(&s->geometry, level, index);
    struct shield_page *p = cached(s, TREE | block);
    if (p) {
        p->pins++;
        p->recent = true;
        *ret = p;
        return 0;
    }
    uint8_t want[VERITY_HASH_SIZE], have[VERITY_HASH_SIZE];
    long err = expected(s, level, index, want);
    if (err < 0)
        return err;
    p = page_take(s);
    if (!p)
        return -ENOMEM;
    host_copy_in(p->data, host_ptr_add(s->image, s->hash_offset + (block + 1) * SHIELD_BLOCK),
                 SHIELD_BLOCK);
    kernel_fpu_begin();
    sha256(SPAN(p->data, SHIELD_BLOCK), have);
    kernel_fpu_end();
    if (!ct_equal(want, have, sizeof want))
        mismatch("hash block", block);
    page_enter(s, p, TREE | block);
    *ret = p;
    return 0;
}

// Copies in and verifies one or two blocks that follow each other.
static long bring(struct shield *s, uint64_t block, unsigned count, uint8_t *const data[2])
{
    uint8_t want[2][VERITY_HASH_SIZE], have[2][VERITY_HASH_SIZE];
    for (unsigned i = 0; i < count; i++) {
        long err = expected(s, 0, block + i, want[i]);
        if (err < 0)
            return err;
        host_copy_in(data[i], host_ptr_add(s->image, (block + i) * SHIELD_BLOCK), SHIELD_BLOCK);
    }
    kernel_fpu_begin();
    if (count == 2)
        sha256_4k_pair(data[0], data[1], have[0], have[1]);
    else
        sha256(SPAN(data[0], SHIELD_BLOCK), have[0]);
    kernel_fpu_end();
    for (unsigned i = 0; i < count; i++)
        if (!ct_equal(want[i], have[i], VERITY_HASH_SIZE))
            mismatch("block", block + i);
    return 0;
}

// Caches `count` (1 or 2) blocks, none of which is there.
static long fill(struct shield *s, uint64_t block, unsigned count, struct shield_page **ret_first)
{
    struct shield_page *p[2] = {page_take(s), NULL};
    if (!p[0])
        return -ENOMEM;
    if (count == 2)
        p[1] = page_take(s);
    count = p[1] ? 2 : 1;
    uint8_t *data[2] = {p[0]->data, p[1] ? p[1]->data : NULL};
    long err = bring(s, block, count, data);
    for (unsigned i = 0; i < count && err == 0; i++)
        page_enter(s, p[i], block + i);
    if (p[1])
        shield_put(p[1]);
    if (err < 0) {
        shield_put(p[0]);
        return err;
    }
    *ret_first = p[0];
    return 0;
}

long shield_get(struct shield *s, uint64_t block, struct shield_page **ret)
{
    struct shield_page *p = cached(s, block);
    if (p) {
        p->pins++;
        p->recent = true;
        *ret = p;
        return 0;
    }
    if (block >= s->geometry.data_blocks)
        return -EIO;
    bool pair = block + 1 < s->geometry.data_blocks && !cached(s, block + 1);
    return fill(s, block, pair ? 2 : 1, ret);
}

long shield_read(struct shield *s, uint64_t offset, void *ret, size_t size)
{
    uint8_t *out = ret;
    while (size) {
        size_t skip = offset % SHIELD_BLOCK;
        size_t n = MIN(size, SHIELD_BLOCK - skip);
        struct shield_page *p;
        long err = shield_get(s, offset / SHIELD_BLOCK, &p);
        if (err < 0)
            return err;
        memcpy(out, p->data + skip, n);
        shield_put(p);
        out += n;
        offset += n;
        size -= n;
    }
    return 0;
}

long shield_blocks(struct shield *s, uint64_t block, uint8_t *ret, size_t count)
{
    if (block >= s->geometry.data_blocks || count > s->geometry.data_blocks - block)
        return -EIO;
    for (size_t i = 0; i < count;) {
        struct shield_page *p = cached(s, block + i);
        if (p) {
            memcpy(ret + i * SHIELD_BLOCK, p->data, SHIELD_BLOCK);
            p->recent = true;
            i++;
            continue;
        }
        unsigned n = i + 1 < count && !cached(s, block + i + 1) ? 2 : 1;
        uint8_t *data[2] = {ret + i * SHIELD_BLOCK, ret + (i + 1) * SHIELD_BLOCK};
        long err = bring(s, block + i, n, data);
        if (err < 0)
            return err;
        i += n;
    }
    return 0;
}
