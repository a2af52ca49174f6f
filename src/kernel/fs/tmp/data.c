// SPDX-License-Identifier: Apache-2.0
// File contents in memory: a table of chunks of 128 pages; what is absent is a hole.
#include "kernel/fs/tmp/tmp.h"

#include "kernel/fs/erofs/erofs.h"
#include "kernel/vfs/vfs.h"

struct tmp_chunk *tmp_chunk_get(struct tmp_node *n, uint64_t chunk, bool create)
{
    if (chunk >= n->chunk_count) {
        if (!create)
            return NULL;
        uint64_t count = MAX(chunk + 1, MIN(n->chunk_count * 2, TMP_SIZE_MAX / TMP_CHUNK_BYTES));
        struct tmp_chunk **table = krealloc(n->chunk, count * sizeof *table);
        if (!table)
            return NULL;
        n->chunk = table;
        n->chunk_count = count;
    }
    if (!n->chunk[chunk] && create)
        n->chunk[chunk] = kzalloc(sizeof(struct tmp_chunk));
    return n->chunk[chunk];
}

static void mark(struct tmp_node *n, struct tmp_chunk *c, unsigned at)
{
    c->dirty[at / 64] |= 1ull << (at % 64);
    tmp_fs_of(&n->node)->dirty = true;
}

static bool on_store(const struct tmp_chunk *c, unsigned at)
{
    return c->map && c->map[at].slot;
}

long tmp_page(struct tmp_node *n, uint64_t index, bool create, uint8_t **ret)
{
    struct tmp_fs *fs = tmp_fs_of(&n->node);
    struct tmp_chunk *c = tmp_chunk_get(n, index / TMP_CHUNK_PAGES, create);
    unsigned at = index % TMP_CHUNK_PAGES;
    *ret = NULL;
    if (!c)
        return create ? -ENOSPC : 0;
    if (!c->page[at]) {
        bool stored = on_store(c, at);
        if (!create && !stored)
            return 0;
        if (!stored && fs->page_limit && fs->pages >= fs->page_limit)
            return -ENOSPC;
        uint8_t *page = kpages_alloc(1);
        if (!page)
            return create ? -ENOSPC : -ENOMEM;
        long err = stored ? fs->store->load(fs, &c->map[at], n->node.ino, index, page) : 0;
        if (err < 0) {
            kpages_free(page, 1);
            return err;
        }
        c->page[at] = page;
        if (!stored) {
            fs->pages++;
            n->page_count++;
        }
    }
    if (create)
        mark(n, c, at);
    *ret = c->page[at];
    return 0;
}

static void page_discard(struct tmp_node *n, struct tmp_chunk *c, unsigned at, bool drop_blocks)
{
    struct tmp_fs *fs = tmp_fs_of(&n->node);
    bool stored = on_store(c, at);
    if (!c->page[at] && !stored)
        return;
    if (c->page[at])
        kpages_free(c->page[at], 1);
    c->page[at] = NULL;
    c->dirty[at / 64] &= ~(1ull << (at % 64));
    if (stored && drop_blocks) {
        fs->store->drop(fs, &c->map[at]);
        c->map[at] = (struct block_ref){0};
        c->map_dirty = true;
        fs->dirty = true;
    }
    fs->pages--;
    n->page_count--;
}

static void chunk_free(struct tmp_fs *fs, struct tmp_chunk *c, bool drop_blocks)
{
    if (drop_blocks && c->self.slot)
        fs->store->drop(fs, &c->self);
    if (c->map)
        kpages_free(c->map, 1);
    kfree(c);
}

void tmp_discard(struct tmp_node *n, uint64_t first_page, bool drop_blocks)
{
    for (uint64_t i = first_page / TMP_CHUNK_PAGES; i < n->chunk_count; i++) {
        struct tmp_chunk *c = n->chunk[i];
        if (!c)
            continue;
        uint64_t base = i * TMP_CHUNK_PAGES;
        unsigned from = base < first_page ? (unsigned)(first_page - base) : 0;
        for (unsigned at = from; at < TMP_CHUNK_PAGES; at++)
            page_discard(n, c, at, drop_blocks);
        if (from == 0) {
            chunk_free(tmp_fs_of(&n->node), c, drop_blocks);
            n->chunk[i] = NULL;
        }
    }
}

// The file stops showing the image's content.
static long copy_up(struct tmp_node *n, uint64_t keep)
{
    struct node *lower = n->lower;
    if (!lower || !NODE_IS(&n->node, S_IFREG))
        return 0;
    for (uint64_t at = 0; at < keep; at += TMP_PAGE) {
        uint8_t *page;
        long err = tmp_page(n, at / TMP_PAGE, true, &page);
        if (err == 0)
            err = erofs_read(lower, at, page, TMP_PAGE);
        if (err < 0)
            return err;
    }
    n->lower = NULL;
    node_unref(lower);
    return 0;
}

static const uint8_t zeros[TMP_PAGE];

long tmp_read(struct tmp_node *n, uint64_t offset, void *ret, size_t size)
{
    if (n->lower)
        return erofs_read(n->lower, offset, ret, size);
    if (offset >= n->size)
        return 0;
    size = MIN(size, n->size - offset);
    for (size_t done = 0; done < size;) {
        uint64_t pos = offset + done;
        size_t skip = pos % TMP_PAGE, part = MIN(size - done, TMP_PAGE - skip);
        uint8_t *page;
        long err = tmp_page(n, pos / TMP_PAGE, false, &page);
        if (err == 0)
            err = copy_user((uint8_t *)ret + done, page ? page + skip : zeros, part);
        if (err < 0)
            return done ? (long)done : err;
        done += part;
    }
    return (long)size;
}

long tmp_write(struct tmp_node *n, uint64_t offset, const void *data, size_t size)
{
    if (offset >= TMP_SIZE_MAX)
        return size ? -EFBIG : 0;
    size = MIN(size, TMP_SIZE_MAX - offset);
    long err = copy_up(n, n->size);
    if (err < 0)
        return err;
    size_t done = 0;
    while (done < size && err == 0) {
        uint64_t pos = offset + done;
        size_t skip = pos % TMP_PAGE, part = MIN(size - done, TMP_PAGE - skip);
        uint8_t *page;
        err = tmp_page(n, pos / TMP_PAGE, true, &page);
        if (err == 0)
            err = copy_user(page + skip, (const uint8_t *)data + done, part);
        if (err == 0)
            done += part;
    }
    n->size = MAX(n->size, offset + done);
    if (done) {
        n->touched = true;
        tmp_fs_of(&n->node)->dirty = true;
    }
    return done ? (long)done : err;
}

long tmp_zero(struct tmp_node *n, uint64_t start, uint64_t end)
{
    end = MIN(end, align_up(n->size, TMP_PAGE));
    while (start < end) {
        size_t skip = start % TMP_PAGE, part = MIN(end - start, TMP_PAGE - skip);
        uint8_t *page;
        long err = tmp_page(n, start / TMP_PAGE, false, &page);
        if (err == 0 && page)
            err = tmp_page(n, start / TMP_PAGE, true, &page);
        if (err < 0)
            return err;
        if (page)
            memset(page + skip, 0, part);
        start += part;
    }
    return 0;
}

long tmp_truncate(struct tmp_node *n, uint64_t size)
{
    if (size > TMP_SIZE_MAX)
        return -EFBIG;
    long err = copy_up(n, MIN(n->size, size));
    if (err < 0)
        return err;
    if (size < n->size) {
        tmp_discard(n, (size + TMP_PAGE - 1) / TMP_PAGE, true);
        // What is cut off in the last page reads as zero when the file grows again.
        err = size % TMP_PAGE ? tmp_zero(n, size, align_up(size, TMP_PAGE)) : 0;
    }
    n->size = size;
    tmp_fs_of(&n->node)->dirty = true;
    return err;
}

static long file_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    return tmp_read(tmp_node_of(f->node), pos, buffer, size);
}

static long file_write(struct file *f, const void *buffer, size_t size, uint64_t pos)
{
    return tmp_write(tmp_node_of(f->node), pos, buffer, size);
}

static long file_truncate(struct file *f, uint64_t size)
{
    return vfs_truncate(f->node, size);
}

static long file_sync(struct file *f)
{
    return vfs_sync_fs(f->node->fs);
}

static long file_size(struct file *f, uint64_t *ret)
{
    *ret = tmp_node_of(f->node)->size;
    return 0;
}

static void file_release(struct file *f)
{
    tmp_now(tmp_node_of(f->node));
}

const struct file_ops tmp_file_ops = {
    .name = "tmpfs",
    .read = file_read,
    .write = file_write,
    .truncate = file_truncate,
    .sync = file_sync,
    .size = file_size,
    .release = file_release,
};
