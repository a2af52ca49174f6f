// Reaches: erofs_mount, load, decode, check_layout, search, search_block, dir_name, readdir, readlink,
// read_to.
// SPDX-License-Identifier: Apache-2.0
// Does any file system image make the reader leave its bounds? The hash tree is made for the input, so that
// everything is reached as if it were verified.
#include "kernel/fs/erofs/erofs.h"
#include "kernel/vfs/vfs.h"
#include "shield/verity.h"
#include "shim.h"

extern void *aligned_alloc(size_t alignment, size_t size);
extern void free(void *p);

#define BLOCKS_MAX 64u
#define DEPTH_MAX  4u

struct walk {
    struct dir_sink sink;
    struct node *dir;
    unsigned depth, count;
};

static void visit(struct node *n, unsigned depth);

static bool entry(struct dir_sink *sink, struct name name, uint64_t ino, unsigned mode,
                  uint64_t next)
{
    (void)ino, (void)mode, (void)next;
    struct walk *w = container_of(sink, struct walk, sink);
    struct node *n;
    char copy[256];
    memcpy(copy, name.text, name.size);
    if (w->dir->ops->lookup(w->dir, (struct name){copy, name.size}, &n) == 0) {
        if (w->depth < DEPTH_MAX)
            visit(n, w->depth + 1);
        node_unref(n);
    }
    return ++w->count < 64;
}

static void visit(struct node *n, unsigned depth)
{
    static char buffer[8192];
    struct stat st;
    (void)node_stat(n, &st);
    if (NODE_IS(n, S_IFDIR)) {
        struct walk w = {{entry}, n, depth, 0};
        (void)n->ops->readdir(n, 2, &w.sink);
    } else if (NODE_IS(n, S_IFLNK)) {
        (void)n->ops->readlink(n, buffer, sizeof buffer);
    } else if (NODE_IS(n, S_IFREG)) {
        (void)erofs_read(n, 0, buffer, sizeof buffer);
        (void)erofs_read(n, (uint64_t)st.st_size - 100, buffer, sizeof buffer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t blocks = (size + 4095) / 4096;
    struct verity_geometry g;
    uint8_t root[32];
    if (blocks > BLOCKS_MAX || !is_ok(verity_geometry_init(blocks, &g)))
        return 0;
    size_t total = (size_t)(blocks + 1 + g.tree_blocks) * 4096;
    uint8_t *image = aligned_alloc(4096, total);
    memset(image, 0, total);
    memcpy(image, data, size);
    verity_build(&g, image, image + (blocks + 1) * 4096, root);
    struct shield_image i = {{(uintptr_t)image}, total, blocks, blocks * 4096, root};
    struct block_cache cache;
    struct shield shield;
    struct fs *fs;
    if (cache_init(&cache, 0) < 0 || shield_init(&shield, &i, &cache) < 0)
        __builtin_trap();
    if (erofs_mount(&shield.source, &fs) == 0) {
        visit(fs->root, 0);
        erofs_unmount(fs);
    }
    cache_done(&cache);
    free(image);
    if (shim_allocated)
        __builtin_trap();
    return 0;
}
