// SPDX-License-Identifier: Apache-2.0
// An encrypted region of the image: locked and empty until its key comes.
#include "kernel/fs/erofs/erofs.h"
#include "kernel/fs/erofs/format.h"
#include "kernel/fs/shield/sealed.h"
#include "kernel/vfs/vfs.h"

// What stands at the mount point until then; nobody gets to see it.
struct locked {
    struct fs fs;
    struct node root;
    unsigned index; // of the region in the table
};

static void release(struct node *n)
{
    (void)n; // part of the mount, which stays
}

static long lookup(struct node *dir, struct name name, struct node **ret)
{
    (void)dir, (void)name, (void)ret;
    return -ENOENT;
}

static const struct node_ops locked_ops = {.lookup = lookup, .release = release};

bool erofs_region_is(const struct fs *fs)
{
    return fs->root->ops == &locked_ops;
}

long erofs_region_new(unsigned index, struct fs **ret)
{
    struct locked *l = kzalloc(sizeof *l);
    if (!l)
        return -ENOMEM;
    l->fs = (struct fs){.type = "erofs",
                        .device = vfs_next_device(),
                        .magic = EROFS_MAGIC,
                        .flags = FS_STABLE | FS_READ_ONLY | FS_LOCKED,
                        .root = &l->root,
                        .priv = l};
    l->root = (struct node){&locked_ops, &l->fs, 1, S_IFDIR | 0500, 1};
    l->index = index;
    *ret = &l->fs;
    return 0;
}

long erofs_region_open(struct fs *fs, const char *path, const uint8_t key[32], struct fs **ret)
{
    const struct locked *l = fs->priv;
    char file[64];
    struct erofs_extent extent;
    kformat(file, sizeof file, "/.cloister/encrypted/%u", l->index);
    long err = erofs_extent(file, &extent);
    if (err < 0)
        return err;
    struct sealed *s = kzalloc(sizeof *s);
    uint8_t *header = kpages_alloc(1);
    err = s && header
              ? source_read(extent.source, extent.first * SOURCE_BLOCK, header, SOURCE_BLOCK)
              : -ENOMEM;
    if (err == 0)
        err = sealed_init(s, erofs_cache(), extent.host, extent.blocks, header,
                          SPAN(path, strlen(path)), key);
    if (err == 0)
        err = erofs_mount(&s->source, ret);
    if (header)
        kpages_free(header, 1);
    if (err < 0 && s) {
        wipe(s, sizeof *s);
        kfree(s);
    }
    return err;
}
