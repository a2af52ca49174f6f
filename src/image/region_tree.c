// SPDX-License-Identifier: Apache-2.0
#include "image/region_tree.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/random.h"
#include "image/erofs_write.h"
#include "image/image.h"
#include "image/tool.h"
#include "os/file.h"
#include "shield/encrypted.h"
#include "shield/regions.h"

#define SEALED_DIRECTORY IMAGE_DIRECTORY "/encrypted"

static bool is_below(const char *path, const char *prefix)
{
    size_t size = strcmp(prefix, "/") == 0 ? 0 : strlen(prefix);
    return strncmp(path, prefix, size) == 0 && (path[size] == '/' || path[size] == 0);
}

// As regions_find(); NULL: authenticated by default.
static const struct manifest_region *region_at(const struct manifest *m, const char *path)
{
    const struct manifest_region *best = NULL;
    for (size_t i = 0; i < m->region_count; i++) {
        const struct manifest_region *r = &m->regions[i];
        if (is_below(path, r->path) && (!best || strlen(best->path) < strlen(r->path)))
            best = r;
    }
    return best;
}

static bool is_kind(const struct manifest_region *r, const char *kind)
{
    return r && strcmp(r->kind, kind) == 0;
}

// --- what is refused ---------------------------------------------------------------------------------

static struct result check_region(const struct manifest_region *r, struct tree *t,
                                  struct image_note *note)
{
    if (!region_path_is_normal(SPAN(r->path, strlen(r->path))))
        return image_fail(note, ERR_INVALID,
                          "path of a region must be absolute, without empty or dotted parts", "%s",
                          r->path);
    if (strcmp(r->path, "/") == 0 && is_kind(r, "encrypted"))
        return image_fail(note, ERR_INVALID,
                          "the root cannot be encrypted: what starts the program must be there "
                          "before any key; encrypt the directories that hold secrets",
                          "/");
    if (is_below(r->path, IMAGE_DIRECTORY))
        return image_fail(note, ERR_INVALID, "path of a region is reserved", "%s", r->path);
    char path[REGION_PATH_MAX + 1];
    for (const char *at = strchr(r->path + 1, '/'); at; at = strchr(at + 1, '/')) {
        snprintf(path, sizeof path, "%.*s", (int)(at - r->path), r->path);
        const struct tree_node *n = tree_find(t, path, false);
        if (n && !S_ISDIR(n->inode->mode))
            return image_fail(note, ERR_INVALID,
                              "the way to a region leads through a link or a file", "%s in %s",
                              path, r->path);
    }
    const struct tree_node *n = tree_find(t, r->path, false);
    if (is_kind(r, "authenticated") && !n)
        return image_fail(note, ERR_NOT_FOUND, "an authenticated region is not in the image", "%s",
                          r->path);
    if (is_kind(r, "encrypted") && n && !S_ISDIR(n->inode->mode))
        return image_fail(note, ERR_INVALID, "an encrypted region must be a directory", "%s",
                          r->path);
    return RESULT_OK;
}

static struct result check_program(const struct manifest *m, struct tree *t,
                                   struct image_note *note)
{
    char path[PATH_MAX];
    const struct tree_node *n = m->entrypoint ? tree_find(t, m->entrypoint, true) : NULL;
    if (!n)
        return RESULT_OK;
    GUARD(tree_path(n, path, sizeof path));
    if (is_kind(region_at(m, path), "not-protected") ||
        is_kind(region_at(m, m->entrypoint), "not-protected"))
        return image_fail(note, ERR_INVALID,
                          "the entrypoint lies in a not-protected region, and nothing there is "
                          "executed; give its directory an authenticated region",
                          "%s", m->entrypoint);
    return RESULT_OK;
}

// --- sealing -----------------------------------------------------------------------------------------

struct link {
    const struct tree_inode *inode;
    char *path; // the first name, below the region
};

struct take {
    const struct manifest *m;
    const struct manifest_region *region;
    struct tree *inner;
    struct link *links;
    size_t link_count;
};

static struct result link_first(struct take *t, const struct tree_inode *inode, const char *path)
{
    struct link *grown = realloc(t->links, (t->link_count + 1) * sizeof *grown);
    REQUIRE(grown, ERR_MEMORY, "out of memory");
    t->links = grown;
    grown[t->link_count] = (struct link){inode, strdup(path)};
    REQUIRE(grown[t->link_count++].path, ERR_MEMORY, "out of memory");
    return RESULT_OK;
}

static const char *path_inside(const struct take *t, const char *path)
{
    return path + strlen(t->region->path);
}

static struct result take_node(void *context, struct tree_node *n)
{
    struct take *t = context;
    char path[PATH_MAX];
    GUARD(tree_path(n, path, sizeof path));
    if (region_at(t->m, path) != t->region)
        return RESULT_OK; // a region of its own inside this one
    const char *inside = path_inside(t, path);
    const struct tree_inode *inode = n->inode;
    for (size_t i = 0; inode->links > 1 && i < t->link_count; i++)
        if (t->links[i].inode == inode)
            return tree_link(t->inner, inside, t->links[i].path);
    struct tree_node *copy;
    GUARD(tree_put(t->inner, inside, inode, &copy));
    if (inode->content == TREE_HOST_FILE)
        GUARD(tree_set_file(copy, inode->host_file, inode->size));
    else if (inode->content == TREE_MEMORY)
        GUARD(tree_set_memory(copy, SPAN(inode->memory, inode->size)));
    return !S_ISDIR(inode->mode) && inode->links > 1 ? link_first(t, inode, inside) : RESULT_OK;
}

// Whether a region of its own is the path or lies below it.
static bool holds_region(const struct manifest *m, const struct manifest_region *but,
                         const char *path)
{
    for (size_t i = 0; i < m->region_count; i++)
        if (&m->regions[i] != but && is_below(m->regions[i].path, path))
            return true;
    return false;
}

static struct result drop(const struct take *t, struct tree *outer, struct tree_node *n)
{
    char path[PATH_MAX];
    GUARD(tree_path(n, path, sizeof path));
    if (region_at(t->m, path) != t->region)
        return RESULT_OK;
    if (!holds_region(t->m, t->region, path)) {
        tree_remove(outer, n);
        return RESULT_OK;
    }
    struct tree_node **children;
    size_t count;
    GUARD(tree_children(n, &children, &count));
    struct result result = RESULT_OK;
    for (size_t i = 0; is_ok(result) && i < count; i++)
        result = drop(t, outer, children[i]);
    free(children);
    return result;
}

// 64 hex digits and a line end; made when it is missing.
static struct result content_key(const char *directory, const char *name, struct image_note *note,
                                 uint8_t ret[ENCRYPTED_KEY_SIZE])
{
    char path[PATH_MAX], text[2 * ENCRYPTED_KEY_SIZE + 2];
    GUARD(tool_path(note, directory, name, path));
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        GUARD(random_bytes(ret, ENCRYPTED_KEY_SIZE));
        hex_encode(ret, ENCRYPTED_KEY_SIZE, text);
        text[2 * ENCRYPTED_KEY_SIZE] = '\n';
        struct result made = file_write(path, SPAN(text, sizeof text - 1), 0600, FILE_MUST_BE_NEW);
        wipe(text, sizeof text);
        if (is_ok(made))
            image_progress(note, "made the content key %s", path);
        return is_ok(made) ? made : image_fail(note, made.code, made.why, "%s", path);
    }
    uint8_t *file;
    size_t size;
    GUARD(tool_read(note, path, 4096, &file, &size));
    while (size > 0 && file[size - 1] == '\n')
        size--;
    struct result result = size == 2 * ENCRYPTED_KEY_SIZE
                               ? hex_decode(SPAN(file, size), ret, ENCRYPTED_KEY_SIZE)
                               : fail(ERR_INVALID, "");
    free(file);
    return is_ok(result)
               ? result
               : image_fail(note, ERR_INVALID, "a content key is 64 hex digits", "%s", path);
}

static struct result seal_tree(const struct manifest_region *r, struct tree *inner,
                               const uint8_t key[ENCRYPTED_KEY_SIZE], struct image_note *note,
                               uint8_t **ret, size_t *ret_size)
{
    struct erofs_plan plan;
    GUARD(erofs_plan(inner, &plan));
    uint64_t blocks = encrypted_blocks(plan.blocks);
    if (!blocks)
        return image_fail(note, ERR_RANGE, "an encrypted region is too large", "%s", r->path);
    uint8_t *plain = calloc(plan.blocks, ENCRYPTED_BLOCK);
    uint8_t *sealed = malloc(blocks * ENCRYPTED_BLOCK);
    struct result result =
        plain && sealed ? RESULT_OK : fail(ERR_MEMORY, "no memory for an encrypted region");
    if (is_ok(result))
        result = erofs_write(inner, &plan, note, plain);
    if (is_ok(result))
        result = encrypted_region_seal(key, SPAN(r->path, strlen(r->path)),
                                       SPAN(plain, plan.blocks * ENCRYPTED_BLOCK), sealed);
    free(plain);
    if (!is_ok(result)) {
        free(sealed);
        return result;
    }
    *ret = sealed;
    *ret_size = blocks * ENCRYPTED_BLOCK;
    return RESULT_OK;
}

// Its place in the region table, which is sorted by path and has /tmp in it.
static unsigned table_index(const struct manifest *m, const struct manifest_region *r)
{
    unsigned index = 0;
    bool has_tmp = false;
    for (size_t i = 0; i < m->region_count; i++) {
        index += strcmp(m->regions[i].path, r->path) < 0;
        has_tmp = has_tmp || strcmp(m->regions[i].path, "/tmp") == 0;
    }
    return index + (!has_tmp && strcmp("/tmp", r->path) < 0);
}

static struct result take_region(struct take *take, struct tree *t, const char *directory,
                                 struct image_note *note)
{
    const struct manifest_region *r = take->region;
    struct tree_node *from = tree_find(t, r->path, false);
    REQUIRE(from, ERR_NOT_FOUND, "an encrypted region is not in the image");
    GUARD(tree_put(take->inner, "/", from->inode, NULL));
    GUARD(tree_walk(from, take_node, take));
    GUARD(drop(take, t, from));
    uint8_t key[ENCRYPTED_KEY_SIZE], *sealed = NULL;
    size_t size = 0;
    GUARD(content_key(directory, r->content_key, note, key));
    struct result result = seal_tree(r, take->inner, key, note, &sealed, &size);
    wipe(key, sizeof key);
    GUARD(result);
    char path[64];
    snprintf(path, sizeof path, SEALED_DIRECTORY "/%u", table_index(take->m, r));
    result = tree_write(t, path, SPAN(sealed, size), 0444);
    free(sealed);
    return result;
}

static struct result seal_region(const struct manifest *m, const struct manifest_region *r,
                                 const char *directory, struct tree *t, struct image_note *note)
{
    struct take take = {.m = m, .region = r};
    GUARD(tree_new(&take.inner));
    struct result result = take_region(&take, t, directory, note);
    for (size_t i = 0; i < take.link_count; i++)
        free(take.links[i].path);
    free(take.links);
    tree_free(take.inner);
    return result;
}

struct result region_tree(const struct manifest *m, const char *directory, struct tree *t,
                          struct image_note *note)
{
    for (size_t i = 0; i < m->region_count; i++)
        GUARD(check_region(&m->regions[i], t, note));
    GUARD(check_program(m, t, note));
    for (size_t i = 0; i < m->region_count; i++)
        if (m->regions[i].content_key && is_kind(&m->regions[i], "encrypted"))
            GUARD(seal_region(m, &m->regions[i], directory, t, note));
    return RESULT_OK;
}
