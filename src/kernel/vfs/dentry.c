// SPDX-License-Identifier: Apache-2.0
#include "kernel/vfs/node.h"

#define BUCKETS    8192u
#define UNUSED_MAX 32768u

static struct {
    struct dentry *bucket[BUCKETS];
    struct list unused; // oldest first
    uint32_t unused_count;
    bool ready;
} cache;

static uint32_t hash_name(const struct dentry *parent, struct name name)
{
    uint64_t h = (uint64_t)(uintptr_t)parent >> 4;
    for (size_t i = 0; i < name.size; i++)
        h = (h ^ (uint8_t)name.text[i]) * 0x100000001b3ull;
    return (uint32_t)(h ^ h >> 29);
}

static void cache_init(void)
{
    if (cache.ready)
        return;
    list_init(&cache.unused);
    cache.ready = true;
}

static void unhash(struct dentry *d)
{
    if (!d->hashed)
        return;
    struct dentry **at = &cache.bucket[d->hash % BUCKETS];
    while (*at != d)
        at = &(*at)->hash_next;
    *at = d->hash_next;
    d->hashed = false;
}

static void enhash(struct dentry *d)
{
    d->hash = hash_name(d->parent, (struct name){d->name, d->name_size});
    d->hash_next = cache.bucket[d->hash % BUCKETS];
    cache.bucket[d->hash % BUCKETS] = d;
    d->hashed = true;
}

struct dentry *dentry_new(struct dentry *parent, struct name name, struct node *node)
{
    cache_init();
    struct dentry *d = kzalloc(sizeof *d + name.size + 1);
    if (!d) {
        node_unref(node);
        return NULL;
    }
    d->parent = parent ? dentry_ref(parent) : NULL;
    d->node = node;
    d->refs = 1;
    list_init(&d->lru);
    d->name = d->name_room;
    d->name_size = name.size;
    memcpy(d->name, name.text, name.size);
    return d;
}

// Frees d and those ancestors that nothing else holds.
static void dentry_free(struct dentry *d)
{
    while (d) {
        struct dentry *parent = d->parent;
        unhash(d);
        node_unref(d->node);
        if (d->name != d->name_room)
            kfree(d->name);
        kfree(d);
        if (!parent || --parent->refs > 0)
            return;
        if (parent->hashed) {
            list_add_tail(&cache.unused, &parent->lru);
            cache.unused_count++;
            return;
        }
        d = parent;
    }
}

void dentry_lru_take(struct dentry *d)
{
    list_remove(&d->lru);
    cache.unused_count--;
}

static void drop_oldest(void)
{
    struct dentry *d = list_first(&cache.unused, struct dentry, lru);
    dentry_lru_take(d);
    dentry_free(d);
}

void dentry_shrink(void)
{
    while (cache.ready && !list_empty(&cache.unused))
        drop_oldest();
}

void dentry_unref(struct dentry *d)
{
    if (!d || --d->refs > 0)
        return;
    if (!d->hashed) {
        dentry_free(d);
        return;
    }
    list_add_tail(&cache.unused, &d->lru);
    cache.unused_count++;
    if (cache.unused_count > UNUSED_MAX)
        drop_oldest();
}

static struct dentry *cached(struct dentry *dir, struct name name)
{
    uint32_t hash = hash_name(dir, name);
    for (struct dentry *d = cache.bucket[hash % BUCKETS]; d; d = d->hash_next)
        if (d->hash == hash && d->parent == dir && d->name_size == name.size &&
            memcmp(d->name, name.text, name.size) == 0)
            return d;
    return NULL;
}

long dentry_child(struct dentry *dir, struct name name, struct dentry **ret)
{
    struct dentry *d = cached(dir, name);
    if (d) {
        *ret = dentry_ref(d);
        return 0;
    }
    struct node *parent = dir->node;
    if (!parent->ops->lookup)
        return -ENOTDIR;
    struct node *node = NULL;
    long err = parent->ops->lookup(parent, name, &node);
    if (err < 0 && err != -ENOENT)
        return err;
    d = dentry_new(dir, name, err < 0 ? NULL : node);
    if (!d)
        return -ENOMEM;
    if (parent->fs->flags & FS_STABLE)
        enhash(d);
    *ret = d;
    return 0;
}

void dentry_set_node(struct dentry *d, struct node *node)
{
    ASSERT(!d->node);
    d->node = node;
}

void dentry_drop(struct dentry *d)
{
    unhash(d);
}

long dentry_move(struct dentry *d, struct dentry *target)
{
    char *text = kzalloc(target->name_size + 1);
    if (!text)
        return -ENOMEM;
    memcpy(text, target->name, target->name_size);
    bool stable = d->node->fs->flags & FS_STABLE;
    unhash(d);
    unhash(target);
    struct dentry *old_parent = d->parent;
    if (d->name != d->name_room)
        kfree(d->name);
    d->name = text;
    d->name_size = target->name_size;
    d->parent = dentry_ref(target->parent);
    dentry_unref(old_parent);
    if (stable)
        enhash(d);
    return 0;
}

void dentry_pin(struct dentry *d)
{
    if (!d->hashed && d->parent)
        enhash(d);
}

bool dentry_is_below(struct dentry *d, struct dentry *ancestor)
{
    for (; d; d = d->parent)
        if (d == ancestor)
            return true;
    return false;
}

struct dentry *dentry_parent(struct dentry *d)
{
    while (!d->parent && d->covered)
        d = d->covered;
    return d->parent ? d->parent : d;
}

// Writes from the end of the buffer towards its start, then moves the text.
long dentry_path(struct dentry *d, char *ret, size_t capacity)
{
    static const char deleted[] = " (deleted)";
    size_t at = capacity - 1;
    ret[at] = 0;
    if (!d->hashed && d->parent && d->node && (d->node->fs->flags & FS_STABLE)) {
        if (at < sizeof deleted)
            return -ENAMETOOLONG;
        at -= sizeof deleted - 1;
        memcpy(ret + at, deleted, sizeof deleted - 1);
    }
    bool any = false;
    for (;;) {
        while (!d->parent && d->covered)
            d = d->covered;
        if (!d->parent && d->name_size == 0)
            break;
        if (d->name_size + 1 > at)
            return -ENAMETOOLONG;
        at -= d->name_size;
        memcpy(ret + at, d->name, d->name_size);
        ret[--at] = '/';
        any = true;
        if (!d->parent)
            break;
        d = d->parent;
    }
    if (!any)
        ret[--at] = '/';
    size_t size = capacity - 1 - at;
    memmove(ret, ret + at, size + 1);
    return (long)size;
}
