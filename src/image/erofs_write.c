// SPDX-License-Identifier: Apache-2.0
// Directories and links lie behind their inode (the "inline" layout) when inode and last part fit into one block;
// regular files are always plain.
#include "image/erofs_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shield/verity.h"

#define BLOCK           4096u
#define SUPERBLOCK      1024u
#define SUPERBLOCK_SIZE 128u
#define MAGIC           0xe0f5e1e2u
#define BLOCK_BITS      12u
#define COMPAT_MTIME    2u
#define SLOT            32u // of inodes
#define COMPACT_SIZE    32u
#define EXTENDED_SIZE   64u
#define LAYOUT_PLAIN    0u
#define LAYOUT_INLINE   2u
#define DIRENT_SIZE     12u
#define TYPE_REGULAR    1u
#define TYPE_DIRECTORY  2u
#define TYPE_LINK       7u
#define BLOCKS_MAX      (1u << 28)

static bool is_type(const struct tree_inode *i, uint32_t type)
{
    return (i->mode & S_IFMT) == type;
}

static uint64_t blocks_of(uint64_t size)
{
    return size / BLOCK + (size % BLOCK != 0);
}

// --- directories -----------------------------------------------------------------------------------------

struct entry {
    struct span name;
    const struct tree_inode *inode;
};

static int compare_entries(const void *a, const void *b)
{
    return span_compare(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

// All entries with "." and "..", sorted; freed by the caller.
static struct result list_entries(const struct tree_node *directory, struct entry **ret,
                                  size_t *ret_count)
{
    struct tree_node **children;
    size_t count;
    GUARD(tree_children(directory, &children, &count));
    struct entry *list = malloc((count + 2) * sizeof *list);
    if (list) {
        const struct tree_node *parent = directory->parent ? directory->parent : directory;
        list[0] = (struct entry){SPAN_STR("."), directory->inode};
        list[1] = (struct entry){SPAN_STR(".."), parent->inode};
        for (size_t i = 0; i < count; i++)
            list[i + 2] =
                (struct entry){SPAN(children[i]->name, children[i]->name_size), children[i]->inode};
        qsort(list, count + 2, sizeof *list, compare_entries);
    }
    free(children);
    REQUIRE(list, ERR_MEMORY, "out of memory");
    *ret = list;
    *ret_count = count + 2;
    return RESULT_OK;
}

// How many entries from the first on fill one block, and their bytes.
static size_t fill_block(const struct entry *list, size_t count, size_t *ret_size)
{
    size_t n = 0, size = 0;
    while (n < count && size + DIRENT_SIZE + list[n].name.size <= BLOCK)
        size += DIRENT_SIZE + list[n++].name.size;
    *ret_size = size;
    return n;
}

static struct result directory_size(const struct tree_node *directory, uint64_t *ret)
{
    struct entry *list;
    size_t count, last = 0;
    uint64_t size = 0;
    GUARD(list_entries(directory, &list, &count));
    for (size_t done = 0; done < count; size += BLOCK)
        done += fill_block(list + done, count - done, &last);
    free(list);
    *ret = size - BLOCK + last;
    return RESULT_OK;
}

static uint8_t entry_type(const struct tree_inode *i)
{
    if (is_type(i, S_IFDIR))
        return TYPE_DIRECTORY;
    return is_type(i, S_IFLNK) ? TYPE_LINK : TYPE_REGULAR;
}

static void write_entries(const struct entry *list, size_t count, uint8_t *ret)
{
    size_t name = count * DIRENT_SIZE;
    for (size_t i = 0; i < count; i++) {
        uint8_t *entry = ret + i * DIRENT_SIZE;
        store_le64(entry, list[i].inode->nid);
        store_le16(entry + 8, (uint16_t)name);
        entry[10] = entry_type(list[i].inode);
        memcpy(ret + name, list[i].name.data, list[i].name.size);
        name += list[i].name.size;
    }
}

// --- inodes ----------------------------------------------------------------------------------------------

static uint32_t inode_size(const struct tree_node *n)
{
    const struct tree_inode *i = n->inode;
    bool compact = i->uid <= UINT16_MAX && i->gid <= UINT16_MAX && i->size <= UINT32_MAX &&
                   i->links <= UINT16_MAX && n->child_count < UINT16_MAX - 2;
    return compact ? COMPACT_SIZE : EXTENDED_SIZE;
}

// The bytes behind the inode.
static uint32_t tail_size(const struct tree_node *n)
{
    uint32_t tail = n->inode->size % BLOCK;
    return !is_type(n->inode, S_IFREG) && inode_size(n) + tail <= BLOCK ? tail : 0;
}

// --- the plan --------------------------------------------------------------------------------------------

// Passes over the tree, one after the other.
enum pass { PASS_CLEAR, PASS_INODES, PASS_BLOCKS, PASS_STORED, PASS_DATA };

struct planner {
    enum pass pass;
    uint64_t at;     // bytes, of the inodes
    uint64_t blocks; // so far
};

static struct result place_inode(struct planner *p, struct tree_node *n)
{
    if (is_type(n->inode, S_IFDIR))
        GUARD(directory_size(n, &n->inode->size));
    uint64_t size = inode_size(n) + tail_size(n);
    if (p->at % BLOCK + size > BLOCK)
        p->at = align_up(p->at, BLOCK);
    n->inode->nid = p->at / SLOT;
    p->at += align_up(size, SLOT);
    return RESULT_OK;
}

static struct result plan_node(void *context, struct tree_node *n)
{
    struct planner *p = context;
    struct tree_inode *i = n->inode;
    bool regular = is_type(i, S_IFREG);
    if (p->pass == PASS_CLEAR) {
        i->nid = i->block = 0;
        return RESULT_OK;
    }
    if (p->pass == PASS_INODES)
        return i->nid ? RESULT_OK : place_inode(p, n);
    bool mine =
        p->pass == PASS_BLOCKS ? !regular : regular && i->stored == (p->pass == PASS_STORED);
    uint64_t blocks = blocks_of(i->size - tail_size(n));
    if (!mine || i->block || blocks == 0)
        return RESULT_OK;
    REQUIRE(blocks <= BLOCKS_MAX && p->blocks + blocks <= BLOCKS_MAX, ERR_RANGE,
            "file system is too large");
    i->block = p->blocks;
    p->blocks += blocks;
    return RESULT_OK;
}

static struct result plan_pass(struct tree *t, struct planner *p, enum pass pass)
{
    p->pass = pass;
    GUARD(plan_node(p, tree_root(t)));
    return tree_walk(tree_root(t), plan_node, p);
}

struct result erofs_plan(struct tree *t, struct erofs_plan *ret)
{
    struct planner p = {.at = SUPERBLOCK + SUPERBLOCK_SIZE};
    struct erofs_plan plan;
    GUARD(plan_pass(t, &p, PASS_CLEAR));
    GUARD(plan_pass(t, &p, PASS_INODES));
    p.blocks = blocks_of(p.at);
    GUARD(plan_pass(t, &p, PASS_BLOCKS));
    plan.metadata_blocks = p.blocks;
    GUARD(plan_pass(t, &p, PASS_STORED));
    plan.stored_blocks = p.blocks;
    GUARD(plan_pass(t, &p, PASS_DATA));
    plan.blocks = p.blocks;
    if (plan.blocks < VERITY_DATA_BLOCKS_MIN)
        plan = (struct erofs_plan){VERITY_DATA_BLOCKS_MIN, VERITY_DATA_BLOCKS_MIN,
                                   VERITY_DATA_BLOCKS_MIN};
    *ret = plan;
    return RESULT_OK;
}

// --- writing ---------------------------------------------------------------------------------------------

struct erofs_writer {
    const struct erofs_plan *plan;
    struct image_note *note;
    uint8_t *image;
    uint64_t last_nid,
        inodes; // names come in the order of the plan: a nid that is not larger was seen
};

static void write_inode(const struct tree_node *n, uint32_t number, uint32_t directory_links,
                        uint8_t *ret)
{
    const struct tree_inode *i = n->inode;
    bool extended = inode_size(n) == EXTENDED_SIZE;
    uint32_t links = is_type(i, S_IFDIR) ? directory_links : i->links;
    uint16_t layout = tail_size(n) ? LAYOUT_INLINE : LAYOUT_PLAIN;
    store_le16(ret, (uint16_t)(layout << 1 | extended));
    store_le16(ret + 4, (uint16_t)i->mode);
    store_le32(ret + 8, (uint32_t)i->size);
    store_le32(ret + 16, (uint32_t)i->block);
    store_le32(ret + 20, number);
    if (extended) {
        store_le32(ret + 12, (uint32_t)(i->size >> 32));
        store_le32(ret + 24, i->uid);
        store_le32(ret + 28, i->gid);
        store_le32(ret + 44, links);
    } else {
        store_le16(ret + 6, (uint16_t)links);
        store_le16(ret + 24, (uint16_t)i->uid);
        store_le16(ret + 26, (uint16_t)i->gid);
    }
}

// The number of names of the directory: ".", one in its parent, and ".." of each directory in it.
static struct result write_directory(struct erofs_writer *w, const struct tree_node *n,
                                     uint8_t *tail, uint32_t *ret_links)
{
    struct entry *list;
    size_t count, size;
    uint32_t links = 0;
    GUARD(list_entries(n, &list, &count));
    const uint64_t whole = n->inode->size - tail_size(n);
    uint64_t at = 0;
    for (size_t done = 0, more; done < count; done += more, at += BLOCK) {
        more = fill_block(list + done, count - done, &size);
        uint8_t *to = at < whole ? w->image + n->inode->block * BLOCK + at : tail;
        write_entries(list + done, more, to);
    }
    for (size_t i = 0; i < count; i++)
        links += is_type(list[i].inode, S_IFDIR);
    free(list);
    *ret_links = links;
    return RESULT_OK;
}

static struct result read_content(const struct tree_inode *i, uint8_t *ret)
{
    struct stat st;
    int fd = open(i->host_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    REQUIRE(fd >= 0, ERR_IO, "cannot open the content of a file");
    uint64_t done = 0;
    ssize_t n = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == i->size) {
        while (done < i->size && (n = read(fd, ret + done, i->size - done)) > 0)
            done += (uint64_t)n;
    }
    close(fd);
    REQUIRE(done == i->size, ERR_STALE, "a file has changed while it was read");
    return RESULT_OK;
}

static struct result write_data(struct erofs_writer *w, const struct tree_node *n, uint8_t *tail)
{
    const struct tree_inode *i = n->inode;
    uint8_t *to = tail_size(n) ? tail : w->image + i->block * BLOCK;
    if (i->content == TREE_MEMORY)
        memcpy(to, i->memory, i->size);
    if (i->content != TREE_HOST_FILE)
        return RESULT_OK;
    struct result result = read_content(i, to);
    return is_ok(result) ? result
                         : image_fail(w->note, result.code, result.why, "%s", i->host_file);
}

static struct result write_node(void *context, struct tree_node *n)
{
    struct erofs_writer *w = context;
    if (n->inode->nid <= w->last_nid)
        return RESULT_OK;
    w->last_nid = n->inode->nid;
    uint8_t *at = w->image + n->inode->nid * SLOT, *tail = at + inode_size(n);
    uint32_t directory_links = 0;
    if (is_type(n->inode, S_IFDIR))
        GUARD(write_directory(w, n, tail, &directory_links));
    else
        GUARD(write_data(w, n, tail));
    write_inode(n, (uint32_t)++w->inodes, directory_links, at);
    return RESULT_OK;
}

struct result erofs_write(struct tree *t, const struct erofs_plan *plan, struct image_note *note,
                          uint8_t *ret)
{
    struct erofs_writer w = {.plan = plan, .note = note, .image = ret};
    GUARD(write_node(&w, tree_root(t)));
    GUARD(tree_walk(tree_root(t), write_node, &w));
    uint8_t *sb = ret + SUPERBLOCK;
    store_le32(sb, MAGIC);
    store_le32(sb + 8, COMPAT_MTIME);
    sb[12] = BLOCK_BITS;
    store_le16(sb + 14, (uint16_t)tree_root(t)->inode->nid);
    store_le64(sb + 16, w.inodes);
    store_le32(sb + 36, (uint32_t)plan->blocks);
    return RESULT_OK;
}
