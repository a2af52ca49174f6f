// SPDX-License-Identifier: Apache-2.0
#include "image/erofs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK             4096u
#define SUPERBLOCK        1024u
#define MAGIC             0xE0F5E1E2u
#define DIRENT_SIZE       12u
#define LAYOUT_PLAIN      0u
#define LAYOUT_INLINE     2u
#define DEPTH_MAX         64
#define XATTR_HEADER_SIZE 12u

static bool inside(const struct erofs *fs, uint64_t offset, uint64_t size)
{
    return offset <= fs->image.size && size <= fs->image.size - offset;
}

struct result erofs_block_count(struct span image, uint64_t *ret)
{
    REQUIRE(image.size >= BLOCK, ERR_INVALID, "file system is too small");
    const uint8_t *sb = image.data + SUPERBLOCK;
    REQUIRE(load_le32(sb) == MAGIC && sb[12] == 12, ERR_INVALID,
            "not an EROFS file system with blocks of 4096 bytes");
    *ret = load_le32(sb + 36);
    return RESULT_OK;
}

struct result erofs_open(struct span image, struct erofs *ret)
{
    struct erofs fs = {.image = image};
    GUARD(erofs_block_count(image, &fs.blocks));
    const uint8_t *sb = image.data + SUPERBLOCK;
    fs.root = load_le16(sb + 14);
    fs.meta_offset = (uint64_t)load_le32(sb + 40) * BLOCK;
    REQUIRE(fs.blocks * BLOCK <= image.size, ERR_INVALID, "file system is cut short");
    *ret = fs;
    return RESULT_OK;
}

struct result erofs_inode(const struct erofs *fs, uint64_t nid, struct erofs_inode *ret)
{
    uint64_t offset;
    REQUIRE(!mul_overflows(nid, 32, &offset) && !add_overflows(offset, fs->meta_offset, &offset) &&
                inside(fs, offset, 64),
            ERR_INVALID, "inode is outside the file system");
    const uint8_t *p = fs->image.data + offset;
    uint16_t format = load_le16(p), xattr_count = load_le16(p + 2);
    bool extended = format & 1;
    uint32_t layout = format >> 1 & 7;
    struct erofs_inode inode = {
        .nid = nid,
        .mode = load_le16(p + 4),
        .size = extended ? load_le64(p + 8) : load_le32(p + 8),
        .data = (uint64_t)load_le32(p + 16) * BLOCK,
        .uid = extended ? load_le32(p + 24) : load_le16(p + 24),
        .gid = extended ? load_le32(p + 28) : load_le16(p + 26),
        .links = extended ? load_le32(p + 44) : load_le16(p + 6),
    };
    REQUIRE(layout == LAYOUT_PLAIN || layout == LAYOUT_INLINE, ERR_UNSUPPORTED,
            "inode has another layout than plain or inline");
    if (!S_ISREG(inode.mode) && !S_ISDIR(inode.mode) && !S_ISLNK(inode.mode))
        inode.size = 0;
    uint64_t whole = inode.size;
    if (layout == LAYOUT_INLINE) {
        inode.tail_size = inode.size % BLOCK;
        whole = inode.size - inode.tail_size;
        inode.tail = offset + (extended ? 64 : 32);
        if (xattr_count)
            inode.tail += XATTR_HEADER_SIZE + 4u * (xattr_count - 1u);
    }
    REQUIRE((whole == 0 || inside(fs, inode.data, whole)) &&
                inside(fs, inode.tail, inode.tail_size),
            ERR_INVALID, "file data is outside the file system");
    *ret = inode;
    return RESULT_OK;
}

// Block `index` of the content, in place.
static struct span content_block(const struct erofs *fs, const struct erofs_inode *inode,
                                 uint64_t index)
{
    uint64_t at = index * BLOCK;
    uint64_t size = MIN(inode->size - at, (uint64_t)BLOCK);
    if (inode->tail_size && at == inode->size - inode->tail_size)
        return SPAN(fs->image.data + inode->tail, inode->tail_size);
    return SPAN(fs->image.data + inode->data + at, size);
}

struct result erofs_read(const struct erofs *fs, const struct erofs_inode *inode, size_t max,
                         uint8_t **ret)
{
    REQUIRE(inode->size <= max, ERR_RANGE, "file is too large");
    uint8_t *content = malloc(inode->size + 1);
    REQUIRE(content, ERR_MEMORY, "out of memory");
    for (uint64_t at = 0; at < inode->size; at += BLOCK) {
        struct span block = content_block(fs, inode, at / BLOCK);
        memcpy(content + at, block.data, block.size);
    }
    content[inode->size] = 0;
    *ret = content;
    return RESULT_OK;
}

// Entry `index` of a directory block; false behind the last.
static bool block_entry(struct span block, uint32_t index, uint64_t *ret_nid, struct span *ret_name)
{
    if (block.size < DIRENT_SIZE)
        return false;
    uint32_t count = load_le16(block.data + 8) / DIRENT_SIZE;
    if (index >= count || (size_t)count * DIRENT_SIZE > block.size)
        return false;
    const uint8_t *entry = block.data + (size_t)index * DIRENT_SIZE;
    size_t start = load_le16(entry + 8);
    size_t end = index + 1 < count ? load_le16(entry + DIRENT_SIZE + 8) : block.size;
    if (start > end || end > block.size)
        return false;
    *ret_nid = load_le64(entry);
    *ret_name = SPAN(block.data + start, strnlen((const char *)block.data + start, end - start));
    return true;
}

static bool name_is(struct span name, const char *text, size_t size)
{
    return name.size == size && memcmp(name.data, text, size) == 0;
}

static bool find_entry(const struct erofs *fs, const struct erofs_inode *directory,
                       const char *name, size_t size, uint64_t *ret)
{
    for (uint64_t b = 0; b * BLOCK < directory->size; b++) {
        struct span block = content_block(fs, directory, b), entry;
        uint64_t nid;
        for (uint32_t i = 0; block_entry(block, i, &nid, &entry); i++) {
            if (name_is(entry, name, size)) {
                *ret = nid;
                return true;
            }
        }
    }
    return false;
}

struct result erofs_lookup(const struct erofs *fs, const char *path, struct erofs_inode *ret)
{
    struct erofs_inode inode;
    GUARD(erofs_inode(fs, fs->root, &inode));
    for (const char *at = path + strspn(path, "/"); *at;) {
        size_t size = strcspn(at, "/");
        uint64_t nid;
        REQUIRE(S_ISDIR(inode.mode) && find_entry(fs, &inode, at, size, &nid), ERR_NOT_FOUND,
                "no such file in the image");
        GUARD(erofs_inode(fs, nid, &inode));
        at += size;
        at += strspn(at, "/");
    }
    *ret = inode;
    return RESULT_OK;
}

struct walk {
    const struct erofs *fs;
    bool (*visit)(void *context, const char *path, const struct erofs_inode *inode);
    void *context;
    bool stopped;
    uint64_t budget; // entries left: directories may form a loop
    char path[PATH_MAX];
};

static struct result walk_directory(struct walk *w, const struct erofs_inode *directory,
                                    size_t path_size, int depth)
{
    REQUIRE(depth < DEPTH_MAX, ERR_RANGE, "directories are nested too deeply");
    for (uint64_t b = 0; b * BLOCK < directory->size; b++) {
        struct span block = content_block(w->fs, directory, b), name;
        uint64_t nid;
        for (uint32_t i = 0; !w->stopped && block_entry(block, i, &nid, &name); i++) {
            if (name_is(name, ".", 1) || name_is(name, "..", 2))
                continue;
            struct erofs_inode inode;
            REQUIRE(w->budget-- > 0 && path_size + name.size + 2 <= sizeof w->path, ERR_RANGE,
                    "file system is too large to walk");
            GUARD(erofs_inode(w->fs, nid, &inode));
            w->path[path_size] = '/';
            memcpy(w->path + path_size + 1, name.data, name.size);
            w->path[path_size + 1 + name.size] = 0;
            w->stopped = !w->visit(w->context, w->path, &inode);
            if (!w->stopped && S_ISDIR(inode.mode))
                GUARD(walk_directory(w, &inode, path_size + 1 + name.size, depth + 1));
        }
    }
    return RESULT_OK;
}

struct result erofs_walk(const struct erofs *fs,
                         bool (*visit)(void *context, const char *path,
                                       const struct erofs_inode *inode),
                         void *context)
{
    struct erofs_inode root;
    GUARD(erofs_inode(fs, fs->root, &root));
    struct walk *w = calloc(1, sizeof *w);
    REQUIRE(w, ERR_MEMORY, "out of memory");
    *w = (struct walk){.fs = fs, .visit = visit, .context = context, .budget = 10000000};
    struct result result = walk_directory(w, &root, 0, 0);
    free(w);
    return result;
}

struct owner {
    uint64_t offset;
    char *path;
    bool found;
};

static bool owns(void *context, const char *path, const struct erofs_inode *inode)
{
    struct owner *o = context;
    uint64_t whole = align_up(inode->size - inode->tail_size, BLOCK);
    if (inode->size == 0 || o->offset < inode->data || o->offset - inode->data >= whole)
        return true;
    snprintf(o->path, PATH_MAX, "%s", path);
    o->found = true;
    return false;
}

bool erofs_block_owner(const struct erofs *fs, uint64_t block, char ret[4096])
{
    struct owner o = {block * BLOCK, ret, false};
    struct result walked = erofs_walk(fs, owns, &o);
    return is_ok(walked) && o.found;
}
