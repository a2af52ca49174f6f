// SPDX-License-Identifier: Apache-2.0
#include "image/fspf_tree.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 64u // program headers that are looked at

// A file of the host that is in a tree: its first name there.
struct seen {
    dev_t device;
    ino_t number;
    const struct tree *tree;
    char path[];
};

struct adding {
    struct fspf_tree *f;
    struct image_note *note;
    struct tree *tree;
    const struct draft_entry *region; // NULL: an interpreter, whose region is made for it
    size_t strip;                     // bytes of an image path before the path in the tree
    void **seen;
};

static int compare_seen(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->tree > y->tree) - (x->tree < y->tree);
}

// *ret_path: the name under which the file is in the tree already, or NULL.
static struct result remember(struct adding *a, const struct stat *st, const char *path,
                              const char **ret_path)
{
    size_t size = strlen(path) + 1;
    struct seen *s = malloc(sizeof *s + size);
    REQUIRE(s, ERR_MEMORY, "out of memory");
    s->device = st->st_dev;
    s->number = st->st_ino;
    s->tree = a->tree;
    memcpy(s->path, path, size);
    struct seen **found = tsearch(s, a->seen, compare_seen);
    bool other = found && *found != s;
    if (!found || other)
        free(s);
    REQUIRE(found, ERR_MEMORY, "out of memory");
    *ret_path = other ? (*found)->path : NULL;
    return RESULT_OK;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_in_place(const struct fspf_tree *f, const char *path, const struct stat *st)
{
    char host[PATH_MAX];
    struct stat there;
    return snprintf(host, sizeof host, "%s%s", f->root, path) < (int)sizeof host &&
           stat(host, &there) == 0 && same_file(st, &there);
}

static struct result add_link(struct tree_node *n, const char *host)
{
    char target[PATH_MAX];
    ssize_t size = readlink(host, target, sizeof target);
    REQUIRE(size > 0 && size < (ssize_t)sizeof target, ERR_IO, "cannot read a link");
    return tree_set_memory(n, SPAN(target, (size_t)size));
}

// One file of the host, as `path` of the image.
static struct result add_one(struct adding *a, const char *host, const char *path,
                             const struct stat *st)
{
    const char *inside = path[a->strip] ? path + a->strip : "/";
    struct tree_inode inode = {
        .mode = st->st_mode & (S_IFMT | 07777), .uid = st->st_uid, .gid = st->st_gid};
    if (S_ISDIR(st->st_mode) && strcmp(inside, "/") == 0) {
        *tree_root(a->tree)->inode =
            (struct tree_inode){.mode = inode.mode, .uid = inode.uid, .gid = inode.gid, .links = 1};
        return RESULT_OK;
    }
    REQUIRE(strcmp(inside, "/") != 0, ERR_INVALID, "an encrypted region is a directory");
    for (size_t i = 0; i < a->f->skip_count; i++) {
        if (same_file(&a->f->skip[i], st))
            return RESULT_OK;
    }
    if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode)) {
        image_progress(a->note, "left out: %s is a special file", host);
        return RESULT_OK;
    }
    if (S_ISREG(st->st_mode)) {
        const char *first;
        GUARD(remember(a, st, inside, &first));
        const struct tree_node *n = first ? tree_find(a->tree, first, false) : NULL;
        if (n && strcmp(first, inside) == 0)
            return RESULT_OK;
        if (n && S_ISREG(n->inode->mode))
            return tree_link(a->tree, inside, first);
        inode.stored = !is_in_place(a->f, path, st);
    }
    struct tree_node *n;
    GUARD(tree_put(a->tree, inside, &inode, &n));
    if (S_ISLNK(st->st_mode))
        return add_link(n, host);
    return S_ISREG(st->st_mode) ? tree_set_file(n, host, (uint64_t)st->st_size) : RESULT_OK;
}

// What no image takes from a directory: what the kernel makes itself, and our own.
static bool is_reserved(const char *path)
{
    static const char *const list[] = {"/proc", "/sys", "/dev", "/.cloister"};
    for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
        if (strcmp(path, list[i]) == 0)
            return true;
    }
    return false;
}

static struct result add_entry(struct adding *a, FTS *fts, FTSENT *entry, size_t skip,
                               const char *to)
{
    char path[PATH_MAX];
    const char *below = entry->fts_path + skip;
    below += strspn(below, "/");
    if (snprintf(path, sizeof path, "%s%s%s", strcmp(to, "/") == 0 ? "" : to, *below ? "/" : "",
                 below) >= (int)sizeof path)
        return fail(ERR_RANGE, "path is too long");
    if (*path == 0)
        memcpy(path, "/", 2);
    if (is_reserved(path) || draft_region_of(a->f->draft, path) != a->region) {
        fts_set(fts, entry, FTS_SKIP);
        return RESULT_OK;
    }
    return add_one(a, entry->fts_path, path, entry->fts_statp);
}

static struct result add_source(struct adding *a, const char *source, const char *to)
{
    char real[PATH_MAX];
    if (!realpath(source, real))
        return image_fail_errno(a->note, source, "cannot open");
    char *roots[] = {real, NULL};
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!fts)
        return image_fail_errno(a->note, source, "cannot open");
    size_t skip = strcmp(real, "/") == 0 ? 0 : strlen(real);
    struct result result = RESULT_OK;
    for (FTSENT *entry; is_ok(result) && (entry = fts_read(fts));) {
        if (entry->fts_info == FTS_DP)
            continue;
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            result = fail(ERR_IO, "cannot read a file");
        else
            result = add_entry(a, fts, entry, skip, to);
        if (!is_ok(result))
            result = image_fail(a->note, result.code, result.why, "%s", entry->fts_path);
    }
    fts_close(fts);
    return result;
}

// -- program interpreters ------------------------------------------------------------------------

// The path in PT_INTERP of a program; false: it has none.
static bool interpreter_of(const char *host, char ret[PATH_MAX])
{
    Elf64_Ehdr h;
    Elf64_Phdr p;
    bool found = false;
    int fd = open(host, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (pread(fd, &h, sizeof h, 0) == sizeof h && memcmp(h.e_ident, ELFMAG, SELFMAG) == 0 &&
        h.e_ident[EI_CLASS] == ELFCLASS64 && h.e_phentsize == sizeof p) {
        for (unsigned i = 0; !found && i < MIN(h.e_phnum, HEADERS_MAX); i++) {
            off_t at = (off_t)(h.e_phoff + i * sizeof p);
            if (pread(fd, &p, sizeof p, at) != sizeof p || p.p_type != PT_INTERP)
                continue;
            size_t size = MIN(p.p_filesz, (size_t)REGION_PATH_MAX);
            found = pread(fd, ret, size, (off_t)p.p_offset) == (ssize_t)size && size > 1 &&
                    ret[size - 1] == 0 && region_path_is_normal(SPAN(ret, strlen(ret)));
        }
    }
    close(fd);
    return found;
}

static struct result add_interpreter(struct adding *a, const char *path)
{
    const struct draft_entry *region = draft_region_of(a->f->draft, path);
    bool covered = !region || region->kind == REGION_AUTHENTICATED;
    if (covered && tree_find(a->f->outer, path, true))
        return RESULT_OK;
    if (region && region->kind == REGION_ENCRYPTED)
        return RESULT_OK;
    char host[PATH_MAX], real[PATH_MAX], directory[PATH_MAX];
    struct stat st;
    if (snprintf(host, sizeof host, "%s%s", a->f->root, path) >= (int)sizeof host ||
        !realpath(host, real) || stat(real, &st) != 0 || !S_ISREG(st.st_mode))
        return RESULT_OK; // a program of another system: nothing starts it here
    if (!covered) {
        snprintf(directory, sizeof directory, "%s", path);
        char *slash = strrchr(directory, '/');
        *(slash == directory ? slash + 1 : slash) = 0;
        GUARD(draft_append(a->f->draft, DRAFT_REGION, REGION_AUTHENTICATED, directory, directory));
        image_progress(a->note, "added: region %s, authenticated, for the program interpreter %s",
                       directory, path);
    } else {
        image_progress(a->note, "added: the program interpreter %s", path);
    }
    return add_one(a, real, path, &st);
}

// Interpreters are collected first: the tree must not change while it is walked.
struct interpreters {
    char *path[HEADERS_MAX];
    size_t count;
};

static struct result note_interpreter(void *context, struct tree_node *node)
{
    struct interpreters *list = context;
    const struct tree_inode *i = node->inode;
    char path[PATH_MAX];
    if (!S_ISREG(i->mode) || i->content != TREE_HOST_FILE || !(i->mode & 0111) ||
        !interpreter_of(i->host_file, path))
        return RESULT_OK;
    for (size_t k = 0; k < list->count; k++) {
        if (strcmp(list->path[k], path) == 0)
            return RESULT_OK;
    }
    if (list->count == ARRAY_COUNT(list->path))
        return RESULT_OK;
    list->path[list->count] = strdup(path);
    REQUIRE(list->path[list->count], ERR_MEMORY, "out of memory");
    list->count++;
    return RESULT_OK;
}

static struct result add_interpreters(struct adding *a)
{
    struct interpreters list = {.count = 0};
    a->tree = a->f->outer;
    a->region = NULL;
    a->strip = 0;
    struct result result = tree_walk(tree_root(a->f->outer), note_interpreter, &list);
    for (size_t i = 0; i < list.count; i++) {
        if (is_ok(result))
            result = add_interpreter(a, list.path[i]);
        free(list.path[i]);
    }
    return result;
}

// -- the whole -----------------------------------------------------------------------------------

// Where the files of a region go.
static struct result choose_tree(struct adding *a, const struct draft_entry *region)
{
    size_t index = 0;
    for (const struct draft_entry *e = a->f->draft->entry; e != region; e++)
        index += e->verb == DRAFT_REGION;
    bool encrypted = region->kind == REGION_ENCRYPTED;
    struct tree **place = encrypted ? &a->f->inner[index] : &a->f->outer;
    if (!*place)
        GUARD(tree_new(place));
    a->tree = *place;
    a->region = region;
    a->strip = encrypted && region->path[1] ? strlen(region->path) : 0;
    return RESULT_OK;
}

static struct result carry_out(struct adding *a, const struct draft_entry *e)
{
    switch (e->verb) {
    case DRAFT_REGION:
        GUARD(choose_tree(a, e)); // an encrypted region may stay empty
        return RESULT_OK;
    case DRAFT_ADD:
        GUARD(choose_tree(a, draft_region(a->f->draft, e->path)));
        return add_source(a, e->source, e->path);
    default:
        break;
    }
    const struct draft_entry *region = draft_region_of(a->f->draft, e->path);
    if (region)
        GUARD(choose_tree(a, region));
    struct tree_node *n = region ? tree_find(a->tree, e->path + a->strip, false) : NULL;
    if (!n || n == tree_root(a->tree))
        return image_fail(a->note, ERR_NOT_FOUND, "no such file was added", "%s", e->path);
    tree_remove(a->tree, n);
    return RESULT_OK;
}

// Every region is a directory of the image, or lies in one that is not the image's.
static struct result make_places(struct fspf_tree *f)
{
    const struct tree_inode directory = {.mode = S_IFDIR | 0755};
    for (size_t i = 0; i < f->draft->count; i++) {
        const struct draft_entry *e = &f->draft->entry[i];
        if (e->verb == DRAFT_REGION && strcmp(e->path, "/") != 0 &&
            !tree_find(f->outer, e->path, false))
            GUARD(tree_put(f->outer, e->path, &directory, NULL));
    }
    return RESULT_OK;
}

struct result fspf_tree_fill(struct fspf_tree *f, struct image_note *note)
{
    void *seen = NULL;
    struct adding a = {.f = f, .note = note, .seen = &seen};
    GUARD(tree_new(&f->outer));
    struct result result = RESULT_OK;
    size_t count = f->draft->count; // regions of interpreters come behind
    for (size_t i = 0; is_ok(result) && i < count; i++)
        result = carry_out(&a, &f->draft->entry[i]);
    if (is_ok(result))
        result = add_interpreters(&a);
    if (is_ok(result))
        result = make_places(f);
    tdestroy(seen, free);
    return result;
}

void fspf_tree_done(struct fspf_tree *f)
{
    tree_free(f->outer);
    f->outer = NULL;
    for (size_t i = 0; i < REGIONS_MAX; i++) {
        tree_free(f->inner[i]);
        f->inner[i] = NULL;
    }
}
