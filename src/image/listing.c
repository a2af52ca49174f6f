// SPDX-License-Identifier: Apache-2.0
#include "image/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "crypto/sha256.h"

#define FILE_SIZE_MAX   ((size_t)1 << 40)
#define TARGET_SIZE_MAX 4096u

struct collection {
    struct listing list;
    size_t capacity;
    bool failed;
};

static bool collect(void *context, const char *path, const struct erofs_inode *inode)
{
    struct collection *c = context;
    struct listing *l = &c->list;
    if (l->count == c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 256;
        struct listing_entry *grown = realloc(l->entry, capacity * sizeof *grown);
        c->failed = !grown;
        if (!grown)
            return false;
        l->entry = grown;
        c->capacity = capacity;
    }
    char *copy = strdup(path);
    c->failed = !copy;
    if (copy)
        l->entry[l->count++] = (struct listing_entry){copy, *inode};
    return copy;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct listing_entry *)a)->path, ((const struct listing_entry *)b)->path);
}

struct result listing_read(const struct image *i, struct listing *ret)
{
    struct collection c = {0};
    GUARD(erofs_open(i->filesystem, &c.list.fs));
    struct result result = erofs_walk(&c.list.fs, collect, &c);
    if (is_ok(result) && c.failed)
        result = fail(ERR_MEMORY, "out of memory");
    if (!is_ok(result)) {
        listing_done(&c.list);
        return result;
    }
    if (c.list.count)
        qsort(c.list.entry, c.list.count, sizeof *c.list.entry, compare_paths);
    *ret = c.list;
    return RESULT_OK;
}

void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->entry[i].path);
    free(l->entry);
    l->entry = NULL;
    l->count = 0;
}

struct result listing_content(const struct listing *l, const struct listing_entry *e,
                              uint8_t **ret_memory, struct span *ret)
{
    const struct erofs_inode *inode = &e->inode;
    uint8_t *copy = NULL;
    if (inode->tail_size) {
        GUARD(erofs_read(&l->fs, inode, FILE_SIZE_MAX, &copy));
        *ret = SPAN(copy, inode->size);
    } else {
        *ret = SPAN(inode->size ? l->fs.image.data + inode->data : NULL, inode->size);
    }
    *ret_memory = copy;
    return RESULT_OK;
}

json_t *listing_text(struct span s)
{
    json_t *text = json_stringn((const char *)s.data, s.size);
    return text ? text : json_string("(not UTF-8)");
}

struct result listing_json(const struct listing *l, const struct listing_entry *e, json_t **ret)
{
    const struct erofs_inode *inode = &e->inode;
    bool file = S_ISREG(inode->mode), link = S_ISLNK(inode->mode);
    uint8_t *memory = NULL, hash[SHA256_SIZE];
    struct span content = {0};
    char text[HEX_SIZE(SHA256_SIZE)];
    REQUIRE(!link || inode->size <= TARGET_SIZE_MAX, ERR_INVALID, "link's target is too long");
    if (file || link)
        GUARD(listing_content(l, e, &memory, &content));
    const char *type = file ? "file" : link ? "link" : S_ISDIR(inode->mode) ? "directory" : "other";
    snprintf(text, sizeof text, "%04o", inode->mode & 07777);
    json_t *j = json_pack("{s:s, s:s, s:I, s:I}", "type", type, "mode", text, "uid",
                          (json_int_t)inode->uid, "gid", (json_int_t)inode->gid);
    if (file) {
        sha256(content, hash);
        hex_encode(hash, sizeof hash, text);
        json_object_set_new(j, "size", json_integer((json_int_t)inode->size));
        json_object_set_new(j, "sha256", json_string(text));
    }
    if (link)
        json_object_set_new(j, "target", listing_text(content));
    free(memory);
    REQUIRE(j, ERR_MEMORY, "out of memory");
    *ret = j;
    return RESULT_OK;
}
