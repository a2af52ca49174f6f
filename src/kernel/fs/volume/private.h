// SPDX-License-Identifier: Apache-2.0
// The parts of a volume: slots.c (blocks on the host), meta.c (the metadata stream), volume.c
// (mounting, opening, committing).
#ifndef KERNEL_VOLUME_PRIVATE_H
#define KERNEL_VOLUME_PRIVATE_H

#include "crypto/gcm.h"
#include "kernel/fs/tmp/tmp.h"
#include "kernel/fs/volume/volume.h"

#define BLOCK           4096u
#define REFS_PER_BLOCK  (BLOCK / 32u)
#define SLOT_FIRST      2u
#define BATCH_BLOCKS    32u // 128 KiB, of one host call
#define META_SIZE_MAX   (64u << 20)
#define META_LEVELS_MAX 5u
#define NODES_MAX       (1u << 20)

enum block_kind { BLOCK_PAGE = 1, BLOCK_MAP = 2, BLOCK_META = 3 };

struct block_id {
    enum block_kind kind;
    uint64_t a, b;
};

// Slots that a growing list names.
struct slot_list {
    uint32_t *slot;
    size_t count, capacity;
};

struct volume {
    struct tmp_fs tmp;
    char source[1025];
    struct gcm_key key;
    uint64_t generation;
    bool closed; // what the newest superblock says
    bool failed; // a commit was cut short: no further one is made
    bool read_only;
    uint32_t fd;
    // Slots: a bit each. Busy: in use by the newest superblock, or written since.
    uint64_t *busy;
    uint32_t slot_count, hint;
    struct slot_list pending; // free once the next superblock is written
    struct slot_list meta;    // of the newest metadata
    // Blocks on their way to the host, in slots that follow each other.
    uint8_t *batch;
    uint32_t batch_first, batch_count;
};

static inline struct volume *volume_of(struct tmp_fs *fs)
{
    return container_of(fs, struct volume, tmp);
}

// slots.c
long slots_init(struct volume *v, uint64_t file_size);
void slots_done(struct volume *v);
long slot_claim(struct volume *v, uint32_t slot); // -EIO: out of range or claimed already
long slot_list_add(struct slot_list *l, uint32_t slot);
void slots_release_pending(struct volume *v);
void block_drop(struct tmp_fs *fs, const struct block_ref *ref);
long block_write(struct volume *v, struct block_id id, const uint8_t *data, struct block_ref *ret);
long block_flush(struct volume *v);
long block_read(struct volume *v, struct block_id id, const struct block_ref *ref, uint8_t *ret);
long page_load(struct tmp_fs *fs, const struct block_ref *ref, uint64_t ino, uint64_t index,
               uint8_t *ret);

// meta.c
struct meta_root {
    uint32_t levels;
    uint64_t size;
    struct block_ref top;
};
long meta_write(struct volume *v, struct meta_root *ret);
long meta_read(struct volume *v, const struct meta_root *root);
// The stream alone, for tests and fuzzing; builds the nodes and claims map slots.
long meta_decode(struct volume *v, struct span stream);

#endif
