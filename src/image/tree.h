// SPDX-License-Identifier: Apache-2.0
// A file system tree in memory: what goes into an image. Built from a directory, or from the layers of an
// OCI image; contents stay where they are (a host file, or memory). Names come from anybody: nothing here
// touches a path of the host by such a name.
//
// Paths given to the functions are absolute or relative to the root, resolved inside the tree as in a chroot:
// links on the way are followed (at most 40), ".." of the root is the root. The last component is not
// followed unless a function says so. Nodes are owned by the tree; spans and paths given in are copied.
#ifndef IMAGE_TREE_H
#define IMAGE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/result.h"
#include "image/note.h"

#define TREE_NODES_MAX (1u << 20)
#define TREE_NAME_MAX  255u
#define TREE_DEPTH_MAX 128u

enum tree_content {
    TREE_NOTHING, // directories, links, empty files
    TREE_MEMORY,
    TREE_HOST_FILE,
};

// What hard links share.
struct tree_inode {
    uint32_t mode; // S_IFREG, S_IFDIR or S_IFLNK, and permissions with setuid, setgid, sticky
    uint32_t uid, gid;
    uint32_t links;
    uint64_t
        size; // of a regular file's content or of a link's target; of a directory: erofs_write's
    enum tree_content content;
    uint8_t *memory; // TREE_MEMORY; a link's target, NUL-terminated
    char
        *host_file; // TREE_HOST_FILE: path of a file that keeps its content until the tree is freed
    bool stored;    // split images hold its data themselves
    uint32_t layer; // which source brought it; for writers of layers
    uint64_t nid, block; // erofs_write's
};

struct tree_node {
    struct tree_node *parent; // NULL: the root
    struct tree_inode *inode;
    void *children; // of a directory; private
    size_t child_count;
    uint16_t name_size;
    char name[];
};

struct tree;

struct result tree_new(struct tree **ret); // the root is 0755, of root
void tree_free(struct tree *t);            // takes NULL
struct tree_node *tree_root(struct tree *t);
size_t tree_count(const struct tree *t); // nodes

// NULL: not there, or the way to it leads through something else than directories.
struct tree_node *tree_find(struct tree *t, const char *path, bool follow);
// The child of a directory, no links followed.
struct tree_node *tree_child(const struct tree_node *directory, struct span name);

// Makes the node, and missing directories on the way (0755, root). Replaces what is there, but a directory put on a
// directory keeps its children. Of `inode` only mode, uid, gid, stored and layer count. *ret may be NULL.
struct result tree_put(struct tree *t, const char *path, const struct tree_inode *inode,
                       struct tree_node **ret);
// Content of a regular file or a link's target; takes copies (memory, path). The file's size is what fstat said.
struct result tree_set_memory(struct tree_node *node, struct span content);
struct result tree_set_file(struct tree_node *node, const char *host_file, uint64_t size);
// Another name for the regular file or link at `existing`.
struct result tree_link(struct tree *t, const char *path, const char *existing);
// The node and all below; RESULT_OK when it is not there. The root loses its children only.
void tree_remove(struct tree *t, struct tree_node *node);
void tree_clear(struct tree *t, struct tree_node *directory);

// The shorthand for what builders make: a regular file from memory, root's, `stored`.
struct result tree_write(struct tree *t, const char *path, struct span content, uint32_t mode);

// All nodes but the root, parents first, children sorted by name as bytes. Stops at the first failure.
struct result tree_walk(const struct tree_node *from,
                        struct result (*visit)(void *context, struct tree_node *node),
                        void *context);
// The children of one directory, sorted, into an array that the caller frees.
struct result tree_children(const struct tree_node *directory, struct tree_node ***ret,
                            size_t *ret_count);
// "/a/b" of a node ("/" of the root); ERR_RANGE when it does not fit.
struct result tree_path(const struct tree_node *node, char *ret, size_t capacity);

// A regular file's whole content, freed by the caller; ERR_RANGE beyond max.
struct result tree_read(const struct tree_node *node, size_t max, uint8_t **ret, size_t *ret_size);

// A directory or a file of the user's, as staging_copy_tree() and staging_copy_file() take it: modes become 0755 or
// 0644 by the owner's execute bit (`mode`, for a file, unless it is UINT32_MAX), hard links become files. What would
// need a directory to be removed is refused; a link leaves a directory in its place.
struct result tree_copy(struct tree *t, struct image_note *note, const char *from, const char *to,
                        uint32_t mode);

// A directory of the host, to the path `to`: owners become root, modes are kept, special files are refused. Hard links
// are kept. Content stays in the host's files.
struct result tree_add_directory(struct tree *t, struct image_note *note, const char *directory,
                                 const char *to);

#endif
