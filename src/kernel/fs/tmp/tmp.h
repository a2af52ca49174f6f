// SPDX-License-Identifier: Apache-2.0
// Files in the enclave's memory: ephemeral regions, /tmp, /dev/shm, memfd, and what an opened volume
// shows. For kernel/fs.
//
// - A directory with `lower` shows the image's entries until it is changed; a file with `lower` reads from
//   the image until its first write.
// - A volume gives a tmp_store: pages may then be on the host only, and changed ones are marked.
#ifndef KERNEL_TMP_H
#define KERNEL_TMP_H

#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"

#define TMP_PAGE        4096u
#define TMP_CHUNK_PAGES 128u
#define TMP_CHUNK_BYTES (TMP_CHUNK_PAGES * TMP_PAGE)
#define TMP_SIZE_MAX    (1ull << 40)

// Where an encrypted block of a volume lies and what authenticates it. slot 0: nowhere.
struct block_ref {
    uint32_t slot;
    uint8_t nonce[12];
    uint8_t tag[16];
};
_Static_assert(sizeof(struct block_ref) == 32, "a map block is a page of these");

// 128 pages of a file that follow each other.
struct tmp_chunk {
    uint8_t *page[TMP_CHUNK_PAGES];
    uint64_t dirty[TMP_CHUNK_PAGES / 64];
    struct block_ref *map; // of a volume: TMP_CHUNK_PAGES; NULL: all nowhere
    struct block_ref self; // where the map itself lies
    bool map_dirty;
};

struct tmp_entry {
    struct list node;
    struct tmp_entry *hash_next;
    uint64_t cookie; // position in readdir
    struct tmp_node *child;
    size_t name_size;
    char name[];
};

struct tmp_node {
    struct node node;
    struct list all; // of the file system
    uint32_t uid, gid, nlink;
    uint64_t rdev, size, page_count;
    uint64_t atime, mtime, ctime; // ns
    bool touched;                 // written since the clock was asked
    bool seen;                    // a volume's check that all is reachable
    struct node *lower;
    char *target; // symbolic link
    struct tmp_chunk **chunk;
    uint64_t chunk_count;
    struct list entries; // directory
    struct tmp_entry **bucket;
    uint32_t bucket_count, entry_count;
    uint64_t next_cookie;
};

struct tmp_fs;
struct tmp_store {
    // Decrypts the page at `ref`; -EIO when it is not what was written.
    long (*load)(struct tmp_fs *fs, const struct block_ref *ref, uint64_t ino, uint64_t index,
                 uint8_t *ret);
    void (*drop)(struct tmp_fs *fs,
                 const struct block_ref *ref); // no longer used after the next commit
};

struct tmp_fs {
    struct fs fs;
    struct list nodes;
    uint64_t next_ino, pages, page_limit;
    const struct tmp_store *store; // NULL: no volume
    bool dirty;
};

void tmp_fs_init(struct tmp_fs *fs, const char *type);
struct tmp_fs *tmp_fs_of(const struct node *n);
struct tmp_node *tmp_node_of(struct node *n);
struct tmp_node *tmp_node_new(struct tmp_fs *fs, uint32_t mode, uint64_t ino);
long tmp_entry_add(struct tmp_node *dir, struct name name, struct tmp_node *child); // refs child
void tmp_entries_free(struct tmp_node *n); // without counting links: the node goes too
void tmp_now(struct tmp_node *n);

// data.c
struct tmp_chunk *tmp_chunk_get(struct tmp_node *n, uint64_t chunk,
                                bool create); // NULL: absent or no memory
// The page, loaded when needed; *ret NULL: a hole (not with `create`). A created page is marked dirty.
long tmp_page(struct tmp_node *n, uint64_t index, bool create, uint8_t **ret);
long tmp_read(struct tmp_node *n, uint64_t offset, void *ret, size_t size);
long tmp_write(struct tmp_node *n, uint64_t offset, const void *data, size_t size);
long tmp_truncate(struct tmp_node *n, uint64_t size);
void tmp_discard(struct tmp_node *n, uint64_t first_page, bool drop_blocks); // from that page on
long tmp_zero(struct tmp_node *n, uint64_t start, uint64_t end);
extern const struct file_ops tmp_file_ops;

#endif
