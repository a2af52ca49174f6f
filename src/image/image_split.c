// SPDX-License-Identifier: Apache-2.0
// The metadata may be anybody's: nothing is mapped but over the data that was left out.
#include "image/image_split.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/erofs.h"
#include "image/tree.h"

#define MAPPED_MIN   (128u << 10) // smaller files are read: a process has some 65000 mappings at most
#define MAPPINGS_MAX 16384u

struct filling {
    const struct image *image;
    int root;
    bool plain; // the root is "/", where openat2(2) may be forbidden
    uint32_t names, mappings;
    bool failed;
};

static int open_below(const struct filling *f, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, f->root, path, &how, sizeof how);
    if (fd < 0 && f->plain && (errno == ENOSYS || errno == EPERM))
        fd = open(path, (int)how.flags);
    return fd;
}

static void read_at(int fd, uint8_t *to, uint64_t size)
{
    uint64_t done = 0;
    ssize_t n;
    while (done < size && (n = read(fd, to + done, size - done)) > 0)
        done += (uint64_t)n;
}

// The place is anonymous memory, or another name's mapping of the same data.
static bool fill(struct filling *f, int fd, uint8_t *to, uint64_t size)
{
    if (size >= MAPPED_MIN && f->mappings < MAPPINGS_MAX) {
        f->mappings++;
        return mmap(to, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED;
    }
    uint64_t pages = align_up(size, IMAGE_BLOCK_SIZE);
    if (mprotect(to, pages, PROT_READ | PROT_WRITE) != 0)
        return false;
    read_at(fd, to, size);
    return true;
}

static bool visit(void *context, const char *path, const struct erofs_inode *inode)
{
    struct filling *f = context;
    const struct image *i = f->image;
    const uint64_t head = i->trailer.stored_blocks * IMAGE_BLOCK_SIZE;
    if (f->names++ > TREE_NODES_MAX) {
        f->failed = true;
        return false;
    }
    if (!S_ISREG(inode->mode) || inode->size == 0 || inode->tail_size || inode->data < head)
        return true;
    // erofs_inode() has checked that the data lies in the file system; its last block does, too.
    uint8_t *to = (uint8_t *)i->file.data + inode->data;
    struct stat st;
    int fd = open_below(f, path);
    if (fd < 0)
        return true;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == inode->size)
        f->failed = !fill(f, fd, to, inode->size);
    close(fd);
    return !f->failed;
}

struct result image_map_files(const struct image *i, const char *root)
{
    struct erofs fs;
    const uint64_t head = i->trailer.stored_blocks * IMAGE_BLOCK_SIZE;
    struct filling f = {.image = i, .plain = strcmp(root, "/") == 0};
    GUARD(erofs_open(i->filesystem, &fs));
    // The size of a split file does not follow from data_blocks.
    REQUIRE(fs.blocks == i->trailer.data_blocks, ERR_INVALID,
            "the EROFS superblock claims another number of blocks");
    f.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(f.root >= 0, ERR_NOT_FOUND, "cannot open the root directory of a split image");
    struct result result = erofs_walk(&fs, visit, &f);
    close(f.root);
    if (is_ok(result) && f.failed)
        result = fail(ERR_RANGE, "cannot map the files of a split image");
    if (is_ok(result) &&
        mprotect((uint8_t *)i->file.data + head, i->filesystem.size - head, PROT_READ) != 0)
        result = fail(ERR_IO, "cannot map the files of a split image");
    return result;
}
