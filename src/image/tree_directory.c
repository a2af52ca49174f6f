// SPDX-License-Identifier: Apache-2.0
// A directory of the host into a tree.
#include "image/tree.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A file of the host with several names: the first one's path in the tree.
struct seen {
    dev_t device;
    ino_t number;
    char path[];
};

struct adding {
    struct tree *tree;
    struct image_note *note;
    const char *to;
    size_t skip; // bytes of a host path before the path below the directory
    void *seen;
};

static int compare_seen(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

// True: the file is in the tree already, under *ret_path.
static struct result remember(struct adding *a, const struct stat *st, const char *path,
                              const char **ret_path)
{
    size_t size = strlen(path) + 1;
    struct seen *s = malloc(sizeof *s + size);
    REQUIRE(s, ERR_MEMORY, "out of memory");
    s->device = st->st_dev;
    s->number = st->st_ino;
    memcpy(s->path, path, size);
    struct seen **found = tsearch(s, &a->seen, compare_seen);
    if (found && *found != s)
        *ret_path = (*found)->path;
    if (!found || *found != s)
        free(s);
    REQUIRE(found, ERR_MEMORY, "out of memory");
    return RESULT_OK;
}

static struct result set_link(struct tree_node *n, const char *host)
{
    char target[PATH_MAX];
    ssize_t size = readlink(host, target, sizeof target);
    REQUIRE(size > 0 && size < (ssize_t)sizeof target, ERR_IO, "cannot read a link");
    return tree_set_memory(n, SPAN(target, (size_t)size));
}

static struct result add(struct adding *a, const FTSENT *entry)
{
    char path[PATH_MAX];
    const struct stat *st = entry->fts_statp;
    const char *below = entry->fts_path + a->skip;
    below += strspn(below, "/");
    if (snprintf(path, sizeof path, "%s/%s", a->to, below) >= (int)sizeof path)
        return fail(ERR_RANGE, "path is too long");
    if (*below == 0 && S_ISDIR(st->st_mode)) { // the directory itself: what is there keeps its mode
        struct tree_node *n = tree_find(a->tree, a->to, true);
        if (n && S_ISDIR(n->inode->mode))
            return RESULT_OK;
    }
    if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
        const char *first = NULL;
        GUARD(remember(a, st, path, &first));
        if (first)
            return tree_link(a->tree, path, first);
    }
    const struct tree_inode inode = {.mode = st->st_mode & (S_IFMT | 07777)};
    struct tree_node *n;
    GUARD(tree_put(a->tree, path, &inode, &n));
    if (S_ISLNK(st->st_mode))
        return set_link(n, entry->fts_path);
    if (S_ISREG(st->st_mode))
        return tree_set_file(n, entry->fts_path, (uint64_t)st->st_size);
    return RESULT_OK;
}

// One file of the user's.
static struct result copy(struct adding *a, const FTSENT *entry, uint32_t mode)
{
    char path[PATH_MAX];
    const struct stat *st = entry->fts_statp;
    const char *below = entry->fts_path + a->skip;
    below += strspn(below, "/");
    if (snprintf(path, sizeof path, "%s%s%s", a->to, *below ? "/" : "", below) >= (int)sizeof path)
        return fail(ERR_RANGE, "path is too long");
    const struct tree_node *there = tree_find(a->tree, path, S_ISDIR(st->st_mode));
    if (there && S_ISDIR(there->inode->mode)) {
        REQUIRE(!S_ISREG(st->st_mode), ERR_EXISTS, "a directory is in the place of a file");
        return RESULT_OK;
    }
    if (mode == UINT32_MAX || *below || S_ISDIR(st->st_mode))
        mode = S_ISDIR(st->st_mode) || (st->st_mode & S_IXUSR) ? 0755 : 0644;
    const struct tree_inode inode = {.mode = (st->st_mode & S_IFMT) |
                                             (S_ISLNK(st->st_mode) ? 0777 : mode)};
    struct tree_node *n;
    GUARD(tree_put(a->tree, path, &inode, &n));
    if (S_ISLNK(st->st_mode))
        return set_link(n, entry->fts_path);
    return S_ISREG(st->st_mode) ? tree_set_file(n, entry->fts_path, (uint64_t)st->st_size)
                                : RESULT_OK;
}

// mode: NULL: as on the host.
static struct result walk(struct adding *a, const char *from, const uint32_t *mode)
{
    char *roots[] = {(char *)from, NULL};
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | (mode ? FTS_COMFOLLOW : 0), NULL);
    if (!fts)
        return image_fail(a->note, ERR_IO, "cannot open the directory", "%s: %s", from,
                          strerror(errno));
    struct result result = RESULT_OK;
    for (FTSENT *entry; is_ok(result) && (entry = fts_read(fts));) {
        if (entry->fts_info == FTS_DP)
            continue;
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            result = fail(entry->fts_errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open");
        else
            result = mode ? copy(a, entry, *mode) : add(a, entry);
        if (!is_ok(result))
            result = image_fail(a->note, result.code, result.why, "%s", entry->fts_path);
    }
    fts_close(fts);
    return result;
}

struct result tree_copy(struct tree *t, struct image_note *note, const char *from, const char *to,
                        uint32_t mode)
{
    struct adding a = {.tree = t, .note = note, .to = to, .skip = strlen(from)};
    for (const char *at = to; *at; at += strspn(at, "/")) {
        size_t size = strcspn(at, "/");
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return image_fail(note, ERR_DENIED, "path leads out of the image", "%s", to);
        at += size;
    }
    return walk(&a, from, &mode);
}

struct result tree_add_directory(struct tree *t, struct image_note *note, const char *directory,
                                 const char *to)
{
    struct adding a = {.tree = t, .note = note, .to = to, .skip = strlen(directory)};
    struct result result = walk(&a, directory, NULL);
    tdestroy(a.seen, free);
    return result;
}
