// SPDX-License-Identifier: Apache-2.0
// The children of a directory are a search tree of the C library (tsearch), in the order of their names.
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX   40u
#define PENDING_MAX 16384u // of a path whose links are being resolved

struct tree {
    struct tree_node *root;
    size_t count;
};

// A node to search with.
union key {
    struct tree_node node;
    char room[sizeof(struct tree_node) + TREE_NAME_MAX + 1];
};

// --- nodes ---------------------------------------------------------------------------------------------

static int compare(const void *a, const void *b)
{
    const struct tree_node *x = a, *y = b;
    return span_compare(SPAN(x->name, x->name_size), SPAN(y->name, y->name_size));
}

static bool is_type(const struct tree_node *n, uint32_t type)
{
    return (n->inode->mode & S_IFMT) == type;
}

static void inode_drop(struct tree_inode *inode)
{
    if (--inode->links)
        return;
    free(inode->memory);
    free(inode->host_file);
    free(inode);
}

static struct tree_inode *inode_new(const struct tree_inode *from)
{
    struct tree_inode *inode = calloc(1, sizeof *inode);
    if (inode)
        *inode = (struct tree_inode){
            .mode = from->mode,
            .uid = from->uid,
            .gid = from->gid,
            .links = 1,
            .stored = from->stored,
            .layer = from->layer,
        };
    return inode;
}

// Of no parent, with no inode yet.
static struct tree_node *node_new(struct span name)
{
    struct tree_node *n = calloc(1, sizeof *n + name.size + 1);
    if (!n)
        return NULL;
    n->name_size = (uint16_t)name.size;
    if (name.size)
        memcpy(n->name, name.data, name.size);
    return n;
}

struct tree_node *tree_child(const struct tree_node *directory, struct span name)
{
    union key key;
    if (!is_type(directory, S_IFDIR) || name.size == 0 || name.size > TREE_NAME_MAX)
        return NULL;
    memset(&key, 0, sizeof key.node);
    key.node.name_size = (uint16_t)name.size;
    memcpy(key.room + offsetof(struct tree_node, name), name.data, name.size);
    struct tree_node **found = tfind(&key.node, &directory->children, compare);
    return found ? *found : NULL;
}

// Takes over a reference of the inode, on failure too. `name` is not a child of the directory yet.
static struct result attach(struct tree *t, struct tree_node *directory, struct span name,
                            struct tree_inode *inode, struct tree_node **ret)
{
    size_t depth = 0;
    for (const struct tree_node *n = directory; n; n = n->parent)
        depth++;
    struct result result = RESULT_OK;
    struct tree_node *n = NULL;
    if (t->count >= TREE_NODES_MAX)
        result = fail(ERR_RANGE, "file system has too many files");
    else if (depth > TREE_DEPTH_MAX)
        result = fail(ERR_RANGE, "directories are nested too deeply");
    else if (!(n = node_new(name)) || !tsearch(n, &directory->children, compare))
        result = fail(ERR_MEMORY, "out of memory");
    if (!is_ok(result)) {
        free(n);
        inode_drop(inode);
        return result;
    }
    n->parent = directory;
    n->inode = inode;
    directory->child_count++;
    t->count++;
    *ret = n;
    return RESULT_OK;
}

static struct result make_node(struct tree *t, struct tree_node *directory, struct span name,
                               const struct tree_inode *from, struct tree_node **ret)
{
    struct tree_inode *inode = inode_new(from);
    REQUIRE(inode, ERR_MEMORY, "out of memory");
    return attach(t, directory, name, inode, ret);
}

void tree_clear(struct tree *t, struct tree_node *directory)
{
    while (directory->children)
        tree_remove(t, *(struct tree_node **)directory->children);
}

void tree_remove(struct tree *t, struct tree_node *node)
{
    tree_clear(t, node);
    if (!node->parent)
        return;
    tdelete(node, &node->parent->children, compare);
    node->parent->child_count--;
    t->count--;
    inode_drop(node->inode);
    free(node);
}

struct result tree_new(struct tree **ret)
{
    struct tree *t = calloc(1, sizeof *t);
    REQUIRE(t, ERR_MEMORY, "out of memory");
    const struct tree_inode inode = {.mode = S_IFDIR | 0755};
    t->root = node_new(SPAN(NULL, 0));
    if (t->root)
        t->root->inode = inode_new(&inode);
    if (!t->root || !t->root->inode) {
        free(t->root);
        free(t);
        return fail(ERR_MEMORY, "out of memory");
    }
    t->count = 1;
    *ret = t;
    return RESULT_OK;
}

void tree_free(struct tree *t)
{
    if (!t)
        return;
    tree_clear(t, t->root);
    inode_drop(t->root->inode);
    free(t->root);
    free(t);
}

struct tree_node *tree_root(struct tree *t)
{
    return t->root;
}

size_t tree_count(const struct tree *t)
{
    return t->count;
}

// --- paths ---------------------------------------------------------------------------------------------

// Where a path leads: to `node`, or to the missing `name` in `directory`.
struct place {
    struct tree_node *directory, *node;
    size_t name_size;
    char name[TREE_NAME_MAX];
};

struct resolver {
    struct tree *tree;
    bool follow, make; // the last link; missing directories
    unsigned links;
    char pending[PENDING_MAX];
};

static struct result expand_link(struct resolver *r, const struct tree_node *link, const char *rest)
{
    size_t size = link->inode->size, rest_size = strlen(rest);
    REQUIRE(++r->links <= LINKS_MAX, ERR_RANGE, "too many links on the way");
    REQUIRE(link->inode->memory && size + rest_size + 2 <= sizeof r->pending, ERR_RANGE,
            "path is too long");
    memmove(r->pending + size + 1, rest, rest_size + 1);
    memcpy(r->pending, link->inode->memory, size);
    r->pending[size] = '/';
    return RESULT_OK;
}

// One component that is neither the end nor special.
static struct result step(struct resolver *r, struct tree_node *child, struct span name,
                          struct tree_node **at)
{
    static const struct tree_inode directory = {.mode = S_IFDIR | 0755};
    if (!child) {
        REQUIRE(r->make, ERR_NOT_FOUND, "no such directory");
        return make_node(r->tree, *at, name, &directory, at);
    }
    REQUIRE(is_type(child, S_IFDIR), ERR_INVALID,
            "path leads through something that is not a directory");
    *at = child;
    return RESULT_OK;
}

static struct result resolve(struct resolver *r, const char *path, struct place *ret)
{
    struct tree_node *at = r->tree->root;
    size_t path_size = strlen(path);
    REQUIRE(path_size < sizeof r->pending, ERR_RANGE, "path is too long");
    memcpy(r->pending, path, path_size + 1);
    for (char *rest = r->pending;;) {
        rest += strspn(rest, "/");
        struct span name = SPAN(rest, strcspn(rest, "/"));
        rest += name.size;
        if (name.size == 0) {
            *ret = (struct place){.directory = at->parent, .node = at};
            return RESULT_OK;
        }
        if (span_compare(name, SPAN_STR(".")) == 0)
            continue;
        if (span_compare(name, SPAN_STR("..")) == 0) {
            at = at->parent ? at->parent : at;
            continue;
        }
        REQUIRE(name.size <= TREE_NAME_MAX, ERR_RANGE, "file name is too long");
        struct tree_node *child = tree_child(at, name);
        bool link = child && is_type(child, S_IFLNK);
        if (rest[strspn(rest, "/")] == 0 && !(link && r->follow)) {
            *ret = (struct place){.directory = at, .node = child, .name_size = name.size};
            memcpy(ret->name, name.data, name.size);
            return RESULT_OK;
        }
        if (link) {
            GUARD(expand_link(r, child, rest));
            rest = r->pending;
            at = *rest == '/' ? r->tree->root : at;
        } else {
            GUARD(step(r, child, name, &at));
        }
    }
}

static struct result find_place(struct tree *t, const char *path, bool follow, bool make,
                                struct place *ret)
{
    struct resolver *r = malloc(sizeof *r);
    REQUIRE(r, ERR_MEMORY, "out of memory");
    r->tree = t;
    r->follow = follow;
    r->make = make;
    r->links = 0;
    struct result result = resolve(r, path, ret);
    free(r);
    return result;
}

struct tree_node *tree_find(struct tree *t, const char *path, bool follow)
{
    struct place place;
    struct result result = find_place(t, path, follow, false, &place);
    return is_ok(result) ? place.node : NULL;
}

struct result tree_put(struct tree *t, const char *path, const struct tree_inode *inode,
                       struct tree_node **ret)
{
    struct place place;
    uint32_t type = inode->mode & S_IFMT;
    REQUIRE(type == S_IFREG || type == S_IFDIR || type == S_IFLNK, ERR_UNSUPPORTED,
            "special files have no place in an image");
    GUARD(find_place(t, path, false, true, &place));
    struct tree_node *n = place.node;
    if (n && type == S_IFDIR && is_type(n, S_IFDIR)) {
        n->inode->mode = inode->mode;
        n->inode->uid = inode->uid;
        n->inode->gid = inode->gid;
        n->inode->stored = inode->stored;
        n->inode->layer = inode->layer;
    } else {
        REQUIRE(place.name_size, ERR_INVALID, "path does not end in a file name");
        if (n)
            tree_remove(t, n);
        GUARD(make_node(t, place.directory, SPAN(place.name, place.name_size), inode, &n));
    }
    if (ret)
        *ret = n;
    return RESULT_OK;
}

struct result tree_link(struct tree *t, const char *path, const char *existing)
{
    struct place place;
    struct tree_node *from = tree_find(t, existing, false);
    REQUIRE(from, ERR_NOT_FOUND, "a hard link names a file that is not there");
    REQUIRE(!is_type(from, S_IFDIR), ERR_INVALID, "a hard link names a directory");
    struct tree_inode *inode = from->inode;
    GUARD(find_place(t, path, false, true, &place));
    REQUIRE(place.name_size, ERR_INVALID, "path does not end in a file name");
    if (place.node && place.node->inode == inode)
        return RESULT_OK;
    inode->links++; // before removal: what is replaced may hold the other name
    if (place.node)
        tree_remove(t, place.node);
    struct tree_node *n;
    return attach(t, place.directory, SPAN(place.name, place.name_size), inode, &n);
}

struct result tree_path(const struct tree_node *node, char *ret, size_t capacity)
{
    char path[PATH_MAX];
    size_t at = sizeof path - 1;
    path[at] = 0;
    for (const struct tree_node *n = node; n->parent; n = n->parent) {
        REQUIRE(at > n->name_size, ERR_RANGE, "path is too long");
        at -= n->name_size;
        memcpy(path + at, n->name, n->name_size);
        path[--at] = '/';
    }
    if (!node->parent)
        path[--at] = '/';
    REQUIRE(sizeof path - at <= capacity, ERR_RANGE, "path is too long");
    memcpy(ret, path + at, sizeof path - at);
    return RESULT_OK;
}

// --- content -------------------------------------------------------------------------------------------

static void set_content(struct tree_inode *inode, enum tree_content content, uint64_t size,
                        uint8_t *memory, char *host_file)
{
    free(inode->memory);
    free(inode->host_file);
    inode->content = size ? content : TREE_NOTHING;
    inode->size = size;
    inode->memory = memory;
    inode->host_file = host_file;
}

struct result tree_set_memory(struct tree_node *node, struct span content)
{
    REQUIRE(!is_type(node, S_IFDIR), ERR_INVALID, "a directory has no content");
    if (is_type(node, S_IFLNK))
        REQUIRE(content.size > 0 && content.size < PATH_MAX &&
                    !memchr(content.data, 0, content.size),
                ERR_INVALID, "target of a link is malformed");
    uint8_t *copy = malloc(content.size + 1);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    if (content.size)
        memcpy(copy, content.data, content.size);
    copy[content.size] = 0;
    set_content(node->inode, TREE_MEMORY, content.size, copy, NULL);
    return RESULT_OK;
}

struct result tree_set_file(struct tree_node *node, const char *host_file, uint64_t size)
{
    REQUIRE(is_type(node, S_IFREG), ERR_INVALID, "only a regular file has a file's content");
    char *copy = strdup(host_file);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    set_content(node->inode, TREE_HOST_FILE, size, NULL, copy);
    return RESULT_OK;
}

struct result tree_write(struct tree *t, const char *path, struct span content, uint32_t mode)
{
    const struct tree_inode inode = {.mode = S_IFREG | (mode & 07777), .stored = true};
    struct tree_node *n;
    GUARD(tree_put(t, path, &inode, &n));
    return tree_set_memory(n, content);
}

static struct result read_host_file(const struct tree_inode *inode, uint8_t *ret)
{
    int fd = open(inode->host_file, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_IO, "cannot open the content of a file");
    struct stat st;
    size_t done = 0;
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size == inode->size) {
        ssize_t n;
        while (done < inode->size && (n = read(fd, ret + done, inode->size - done)) > 0)
            done += (size_t)n;
    }
    close(fd);
    REQUIRE(done == inode->size, ERR_STALE, "a file has changed while it was read");
    return RESULT_OK;
}

struct result tree_read(const struct tree_node *node, size_t max, uint8_t **ret, size_t *ret_size)
{
    const struct tree_inode *inode = node->inode;
    REQUIRE(is_type(node, S_IFREG), ERR_INVALID, "not a regular file");
    REQUIRE(inode->size <= max, ERR_RANGE, "file is too large");
    uint8_t *content = malloc(inode->size + 1);
    REQUIRE(content, ERR_MEMORY, "out of memory");
    if (inode->content == TREE_MEMORY)
        memcpy(content, inode->memory, inode->size);
    struct result result = RESULT_OK;
    if (inode->content == TREE_HOST_FILE)
        result = read_host_file(inode, content);
    if (!is_ok(result)) {
        free(content);
        return result;
    }
    content[inode->size] = 0;
    *ret = content;
    *ret_size = inode->size;
    return RESULT_OK;
}

// --- walking -------------------------------------------------------------------------------------------

struct list {
    struct tree_node **at;
};

static void collect(const void *place, VISIT visit, void *context)
{
    struct list *list = context;
    if (visit == postorder || visit == leaf)
        *list->at++ = *(struct tree_node *const *)place;
}

struct result tree_children(const struct tree_node *directory, struct tree_node ***ret,
                            size_t *ret_count)
{
    struct tree_node **array = malloc((directory->child_count + 1) * sizeof(struct tree_node *));
    REQUIRE(array, ERR_MEMORY, "out of memory");
    struct list list = {array};
    twalk_r(directory->children, collect, &list);
    *ret = array;
    *ret_count = directory->child_count;
    return RESULT_OK;
}

struct result tree_walk(const struct tree_node *from,
                        struct result (*visit)(void *context, struct tree_node *node),
                        void *context)
{
    struct tree_node **children;
    size_t count;
    GUARD(tree_children(from, &children, &count));
    struct result result = RESULT_OK;
    for (size_t i = 0; is_ok(result) && i < count; i++) {
        result = visit(context, children[i]);
        if (is_ok(result))
            result = tree_walk(children[i], visit, context);
    }
    free(children);
    return result;
}
