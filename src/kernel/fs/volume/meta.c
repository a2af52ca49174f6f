// SPDX-License-Identifier: Apache-2.0
// The metadata stream: writer and reader side by side. What is read was authenticated, and is checked all
// the same.
#include "kernel/fs/volume/private.h"

#include "base/cursor.h"

#define NODE_SIZE 64u // of one node's fixed part and a count

// --- writing -----------------------------------------------------------------------------------------

static bool is_kept(const struct tmp_node *n)
{
    return n->nlink > 0;
}

static bool has_map(const struct tmp_chunk *c)
{
    return c && c->self.slot;
}

static void put_ref(struct writer *w, const struct block_ref *ref)
{
    put_le32(w, ref->slot);
    put_bytes(w, ref->nonce, sizeof ref->nonce);
    put_bytes(w, ref->tag, sizeof ref->tag);
}

static void put_content(struct writer *w, struct tmp_node *n)
{
    if (NODE_IS(&n->node, S_IFDIR)) {
        put_le32(w, n->entry_count);
        list_for_each(e, &n->entries, struct tmp_entry, node)
        {
            put_le64(w, e->child->node.ino);
            put_le16(w, (uint16_t)e->name_size);
            put_bytes(w, e->name, e->name_size);
        }
    } else if (NODE_IS(&n->node, S_IFLNK)) {
        put_le32(w, (uint32_t)n->size);
        put_bytes(w, n->target, n->size);
    } else if (NODE_IS(&n->node, S_IFREG)) {
        uint32_t count = 0;
        for (uint64_t i = 0; i < n->chunk_count; i++)
            count += has_map(n->chunk[i]);
        put_le32(w, count);
        for (uint64_t i = 0; i < n->chunk_count; i++) {
            if (!has_map(n->chunk[i]))
                continue;
            put_le64(w, i);
            put_ref(w, &n->chunk[i]->self);
        }
    }
}

static void put_node(struct writer *w, struct tmp_node *n)
{
    bool is_dir = NODE_IS(&n->node, S_IFDIR);
    put_le64(w, n->node.ino);
    put_le32(w, n->node.mode);
    put_le32(w, n->uid);
    put_le32(w, n->gid);
    put_le64(w, is_dir ? 0 : n->size); // of a directory: follows from its entries
    put_le64(w, n->atime);
    put_le64(w, n->mtime);
    put_le64(w, n->ctime);
    put_le64(w, n->rdev);
    put_content(w, n);
}

static size_t stream_bound(struct volume *v, uint32_t *ret_count)
{
    size_t size = 12;
    uint32_t count = 0;
    list_for_each(n, &v->tmp.nodes, struct tmp_node, all)
    {
        if (!is_kept(n))
            continue;
        count++;
        size += NODE_SIZE + 8 + (n->target ? n->size : 0) + n->chunk_count * 40;
        list_for_each(e, &n->entries, struct tmp_entry, node) size += 10 + e->name_size;
    }
    *ret_count = count;
    return size;
}

// Writes one level's bytes as blocks; their references become the next level's bytes, in place.
static long write_level(struct volume *v, struct slot_list *slots, uint64_t level, uint8_t *bytes,
                        uint64_t blocks)
{
    for (uint64_t i = 0; i < blocks; i++) {
        struct block_ref ref;
        long err = block_write(v, (struct block_id){BLOCK_META, level, i}, bytes + i * BLOCK, &ref);
        if (err == 0)
            err = slot_list_add(slots, ref.slot);
        if (err < 0)
            return err;
        struct writer w = writer_on(bytes + i * 32, 32);
        put_ref(&w, &ref);
    }
    return 0;
}

static long write_levels(struct volume *v, struct slot_list *slots, uint8_t *bytes, uint64_t size,
                         struct meta_root *ret)
{
    uint64_t blocks = (size + BLOCK - 1) / BLOCK;
    ret->size = size;
    for (ret->levels = 1;; ret->levels++) {
        long err = write_level(v, slots, ret->levels - 1, bytes, blocks);
        if (err < 0)
            return err;
        if (blocks == 1)
            break;
        uint64_t used = blocks * 32;
        blocks = (blocks + REFS_PER_BLOCK - 1) / REFS_PER_BLOCK;
        memset(bytes + used, 0, blocks * BLOCK - used);
    }
    struct reader r = reader_on(SPAN(bytes, 32));
    ret->top.slot = take_le32(&r);
    take_bytes(&r, ret->top.nonce, sizeof ret->top.nonce);
    take_bytes(&r, ret->top.tag, sizeof ret->top.tag);
    return 0;
}

long meta_write(struct volume *v, struct meta_root *ret)
{
    uint32_t count;
    size_t bound = stream_bound(v, &count);
    if (bound > META_SIZE_MAX || count > NODES_MAX)
        return -ENOSPC;
    size_t pages = bound / BLOCK + 1;
    uint8_t *bytes = kpages_alloc(pages);
    if (!bytes)
        return -ENOMEM;
    struct writer w = writer_on(bytes, bound);
    put_le64(&w, v->tmp.next_ino);
    put_le32(&w, count);
    list_for_each(n, &v->tmp.nodes, struct tmp_node, all) if (is_kept(n)) put_node(&w, n);
    ASSERT(!w.failed);
    struct slot_list slots = {NULL, 0, 0};
    long err = write_levels(v, &slots, bytes, w.size, ret);
    kpages_free(bytes, pages);
    // The old metadata goes when the new superblock stands; after a failure, the new.
    struct slot_list *gone = err == 0 ? &v->meta : &slots;
    for (size_t i = 0; i < gone->count; i++)
        block_drop(&v->tmp, &(struct block_ref){.slot = gone->slot[i]});
    kfree(gone->slot);
    if (err == 0)
        v->meta = slots;
    return err;
}

// --- reading -----------------------------------------------------------------------------------------

static void take_ref(struct reader *r, struct block_ref *ret)
{
    ret->slot = take_le32(r);
    take_bytes(r, ret->nonce, sizeof ret->nonce);
    take_bytes(r, ret->tag, sizeof ret->tag);
}

static long read_map(struct volume *v, struct tmp_node *n, uint64_t chunk,
                     const struct block_ref *self)
{
    if (chunk >= TMP_SIZE_MAX / TMP_CHUNK_BYTES || chunk * TMP_CHUNK_BYTES >= n->size)
        return -EIO;
    if (tmp_chunk_get(n, chunk, false))
        return -EIO;
    long err = slot_claim(v, self->slot);
    struct tmp_chunk *c = err == 0 ? tmp_chunk_get(n, chunk, true) : NULL;
    if (!c)
        return err < 0 ? err : -ENOMEM;
    c->self = *self;
    c->map = kpages_alloc(1);
    if (!c->map)
        return -ENOMEM;
    err = block_read(v, (struct block_id){BLOCK_MAP, n->node.ino, chunk}, self, (uint8_t *)c->map);
    if (err < 0) {
        memset(c->map, 0, BLOCK);
        return err;
    }
    for (unsigned i = 0; i < TMP_CHUNK_PAGES; i++) {
        c->map[i].slot = load_le32(&c->map[i].slot);
        if (!c->map[i].slot)
            continue;
        bool inside = (chunk * TMP_CHUNK_PAGES + i) * TMP_PAGE < n->size;
        err = inside && err == 0 ? slot_claim(v, c->map[i].slot) : -EIO;
        n->page_count++;
        v->tmp.pages++;
    }
    return err;
}

static long take_content(struct volume *v, struct tmp_node *n, struct reader *r)
{
    uint32_t type = n->node.mode & S_IFMT;
    uint32_t count = take_le32(r);
    if (type == S_IFLNK) {
        struct span target = take_span(r, count);
        if (r->failed || count == 0 || count >= PATH_SIZE_MAX || count != n->size)
            return -EIO;
        n->target = kzalloc(count + 1);
        if (!n->target)
            return -ENOMEM;
        memcpy(n->target, target.data, count);
        return strlen(n->target) == count ? 0 : -EIO;
    }
    for (uint32_t i = 0; i < count; i++) { // a file's maps
        uint64_t chunk = take_le64(r);
        struct block_ref self;
        take_ref(r, &self);
        long err = r->failed ? -EIO : read_map(v, n, chunk, &self);
        if (err < 0)
            return err;
    }
    return r->failed ? -EIO : 0;
}

// Entries are linked in a second pass, when all nodes are there; here their place is noted.
static long take_node(struct volume *v, struct reader *r, uint64_t *last_ino, struct tmp_node **ret,
                      struct span *ret_entries)
{
    uint64_t ino = take_le64(r);
    uint32_t mode = take_le32(r), type = mode & S_IFMT;
    bool known = type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFSOCK;
    if (r->failed || ino <= *last_ino || ino >= v->tmp.next_ino || !known ||
        mode & ~(S_IFMT | 07777u))
        return -EIO;
    struct tmp_node *n = tmp_node_new(&v->tmp, mode, ino);
    if (!n)
        return -ENOMEM;
    *last_ino = ino;
    *ret = n;
    n->uid = take_le32(r);
    n->gid = take_le32(r);
    n->size = take_le64(r);
    n->atime = take_le64(r);
    n->mtime = take_le64(r);
    n->ctime = take_le64(r);
    n->rdev = take_le64(r);
    if (r->failed || n->size > TMP_SIZE_MAX || (type == S_IFDIR && n->size))
        return -EIO;
    if (type == S_IFSOCK)
        return 0;
    if (type != S_IFDIR)
        return take_content(v, n, r);
    size_t start = r->at;
    uint32_t count = take_le32(r);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        (void)take_le64(r);
        (void)take_span(r, take_le16(r));
    }
    *ret_entries = SPAN(r->data + start, r->failed ? 0 : r->at - start);
    return r->failed ? -EIO : 0;
}

struct node_table {
    struct tmp_node **node;
    struct span *entries;
    uint32_t count;
};

static struct tmp_node *node_find(const struct node_table *t, uint64_t ino)
{
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        uint64_t at = t->node[middle]->node.ino;
        if (at == ino)
            return t->node[middle];
        if (at < ino)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool name_is_sound(struct span s)
{
    struct name name = {(const char *)s.data, s.size};
    return s.size > 0 && s.size <= NAME_SIZE_MAX && !memchr(s.data, 0, s.size) &&
           !memchr(s.data, '/', s.size) && !name_is(name, ".") && !name_is(name, "..");
}

static long link_entries(const struct node_table *t, struct tmp_node *dir, struct span entries)
{
    struct reader r = reader_on(entries);
    uint32_t count = take_le32(&r);
    for (uint32_t i = 0; i < count; i++) {
        struct tmp_node *child = node_find(t, take_le64(&r));
        struct span text = take_span(&r, take_le16(&r));
        if (!child || child == t->node[0] || !name_is_sound(text))
            return -EIO;
        // A directory has one name, so that there is no cycle.
        if (NODE_IS(&child->node, S_IFDIR) && child->seen)
            return -EIO;
        child->seen = true;
        struct name name = {(const char *)text.data, text.size};
        struct node *twice = NULL;
        if (dir->node.ops->lookup(&dir->node, name, &twice) == 0) {
            node_unref(twice);
            return -EIO;
        }
        long err = tmp_entry_add(dir, name, child);
        if (err < 0)
            return err;
    }
    return 0;
}

// Every node must hang below the root: marks what does, level by level, with an own stack.
static long check_reachable(const struct node_table *t)
{
    struct tmp_node **stack = kzalloc((t->count + 1) * sizeof(struct tmp_node *));
    if (!stack)
        return -ENOMEM;
    uint32_t depth = 0, reached = 0;
    for (uint32_t i = 0; i < t->count; i++)
        t->node[i]->seen = false;
    stack[depth++] = t->node[0];
    t->node[0]->seen = true;
    while (depth) {
        struct tmp_node *n = stack[--depth];
        reached++;
        list_for_each(e, &n->entries, struct tmp_entry, node)
        {
            if (e->child->seen)
                continue;
            e->child->seen = true;
            stack[depth++] = e->child;
        }
    }
    kfree(stack);
    return reached == t->count ? 0 : -EIO;
}

static long take_nodes(struct volume *v, struct reader *r, struct node_table *t, uint32_t count)
{
    uint64_t last_ino = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct tmp_node *n = NULL;
        long err = take_node(v, r, &last_ino, &n, &t->entries[i]);
        if (n)
            t->node[t->count++] = n;
        if (err < 0)
            return err;
    }
    if (!reader_done(r) || !NODE_IS(&t->node[0]->node, S_IFDIR))
        return -EIO;
    for (uint32_t i = 0; i < count; i++) {
        long err = t->entries[i].size ? link_entries(t, t->node[i], t->entries[i]) : 0;
        if (err < 0)
            return err;
    }
    return check_reachable(t);
}

// The table's references end. Of a tree that is not sound, entries go first: they may form a cycle.
static void table_done(struct node_table *t, bool sound)
{
    for (uint32_t i = 0; i < t->count && !sound; i++)
        tmp_entries_free(t->node[i]);
    for (uint32_t i = sound ? 1 : 0; i < t->count; i++) // the root's stays with the file system
        node_unref(&t->node[i]->node);
    kfree(t->node);
    kfree(t->entries);
}

long meta_decode(struct volume *v, struct span stream)
{
    struct reader r = reader_on(stream);
    v->tmp.next_ino = take_le64(&r);
    uint32_t count = take_le32(&r);
    if (r.failed || count == 0 || count > NODES_MAX || count > stream.size / (NODE_SIZE - 4) + 1)
        return -EIO;
    struct node_table t = {kzalloc(count * sizeof(struct tmp_node *)),
                           kzalloc(count * sizeof(struct span)), 0};
    long err = t.node && t.entries ? take_nodes(v, &r, &t, count) : -ENOMEM;
    struct node *root = err == 0 ? &t.node[0]->node : NULL;
    table_done(&t, err == 0);
    if (err == 0)
        v->tmp.fs.root = root;
    return err;
}

// One level's bytes: `blocks` blocks whose references stand in `refs`.
static long read_level(struct volume *v, uint64_t level, const uint8_t *refs, uint64_t blocks,
                       uint8_t *ret)
{
    struct reader r = reader_on(SPAN(refs, blocks * 32));
    for (uint64_t i = 0; i < blocks; i++) {
        struct block_ref ref;
        take_ref(&r, &ref);
        long err = slot_claim(v, ref.slot);
        if (err == 0)
            err = slot_list_add(&v->meta, ref.slot);
        if (err == 0)
            err = block_read(v, (struct block_id){BLOCK_META, level, i}, &ref, ret + i * BLOCK);
        if (err < 0)
            return err;
    }
    return 0;
}

long meta_read(struct volume *v, const struct meta_root *root)
{
    uint64_t blocks[META_LEVELS_MAX] = {0};
    uint32_t levels = 0;
    if (root->size == 0 || root->size > META_SIZE_MAX)
        return -EIO;
    for (uint64_t n = (root->size + BLOCK - 1) / BLOCK;;
         n = (n + REFS_PER_BLOCK - 1) / REFS_PER_BLOCK) {
        blocks[levels++] = n;
        if (n == 1)
            break;
    }
    if (levels != root->levels)
        return -EIO;
    uint8_t top[32];
    struct writer w = writer_on(top, sizeof top);
    put_ref(&w, &root->top);
    uint8_t *refs = top;
    uint64_t refs_pages = 0;
    long err = 0;
    for (uint32_t level = levels; level-- > 0 && err == 0;) {
        uint8_t *bytes = kpages_alloc(blocks[level]);
        err = bytes ? read_level(v, level, refs, blocks[level], bytes) : -ENOMEM;
        if (refs != top)
            kpages_free(refs, refs_pages);
        refs = bytes;
        refs_pages = blocks[level];
    }
    if (err == 0)
        err = meta_decode(v, SPAN(refs, root->size));
    if (refs && refs != top)
        kpages_free(refs, refs_pages);
    return err;
}
