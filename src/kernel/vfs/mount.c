// SPDX-License-Identifier: Apache-2.0
// Mounts: the root, the pseudo file systems, and a mount for each region of the region table.
#include "crypto/gcm.h"
#include "kernel/fs/erofs/erofs.h"
#include "kernel/fs/volume/volume.h"
#include "kernel/vfs/vfs.h"
#include "shield/regions.h"

static struct {
    struct mount mount[MOUNTS_MAX];
    unsigned count;
    uint64_t devices;
    struct node *invented; // root of the file system that lends directories to mount points
} mounts;

uint64_t vfs_next_device(void)
{
    return ++mounts.devices + 0x1f;
}

const struct mount *vfs_mount(unsigned index)
{
    return index < mounts.count ? &mounts.mount[index] : NULL;
}

const struct mount *vfs_mount_of(const struct fs *fs)
{
    for (unsigned i = 0; i < mounts.count; i++)
        if (mounts.mount[i].fs == fs)
            return &mounts.mount[i];
    return NULL;
}

struct dentry *vfs_root(void)
{
    return mounts.mount[0].root;
}

static struct dentry *mount_root(struct fs *fs)
{
    return dentry_new(NULL, name_of(""), node_ref(fs->root));
}

// A directory for a mount point that the file system below does not have.
static long invent(struct dentry *d)
{
    if (!mounts.invented) {
        struct fs *fs = fs_tmp_new(NULL, 0755, 0);
        if (!fs)
            return -ENOMEM;
        mounts.invented = fs->root;
    }
    struct node *n;
    long err = mounts.invented->ops->create(mounts.invented, (struct name){"", 0}, S_IFDIR | 0755,
                                            NULL, &n);
    if (err < 0)
        return err;
    dentry_set_node(d, n);
    return 0;
}

// A name that a host's file system holds, on the way to a mount point: what the host does to it later
// must not matter. A directory of the host stays one; anything else is replaced by our own.
static long hold(struct dentry *d)
{
    if (d->node && (d->node->fs->flags & FS_UNTRUSTED) && !host_hold(d->node)) {
        node_unref(d->node);
        d->node = NULL;
    }
    return d->node ? 0 : invent(d);
}

// The dentry to cover. Directories on the way that do not exist are invented.
static long mount_point(const char *path, struct dentry **ret)
{
    struct dentry *at = dentry_ref(vfs_root());
    while (*path) {
        struct name name = {path + 1, 0};
        while (name.text[name.size] && name.text[name.size] != '/')
            name.size++;
        path = name.text + name.size;
        struct dentry *d;
        long err = dentry_child(at, name, &d);
        dentry_unref(at);
        if (err < 0)
            return err;
        err = *path ? hold(d) : d->node ? 0 : invent(d);
        if (err < 0) {
            dentry_unref(d);
            return err;
        }
        dentry_pin(d);
        while (*path && d->mounted) {
            at = dentry_ref(d->mounted);
            dentry_unref(d);
            d = at;
        }
        at = d;
    }
    *ret = at;
    return 0;
}

struct dentry *vfs_mount_name(const struct mount *m, const struct dentry *directory)
{
    struct dentry *d = m->point;
    while (d && d->parent != directory)
        d = d->parent;
    return d;
}

long vfs_mount_at(const char *path, struct fs *fs, const char *source)
{
    if (mounts.count == MOUNTS_MAX)
        return -ENOSPC;
    struct mount *m = &mounts.mount[mounts.count];
    *m = (struct mount){.fs = fs, .options = fs->flags & FS_READ_ONLY ? "ro" : "rw"};
    kformat(m->path, sizeof m->path, "%s", path);
    kformat(m->source, sizeof m->source, "%s", source);
    m->root = mount_root(fs);
    if (!m->root)
        return -ENOMEM;
    if (strcmp(path, "/") != 0) {
        long err = mount_point(path, &m->point);
        if (err < 0)
            return err;
        if (m->point->mounted)
            dentry_unref(m->point->mounted); // the later mount replaces the earlier
        m->point->mounted = dentry_ref(m->root);
        m->root->covered = m->point;
    }
    mounts.count++;
    return 0;
}

// --- regions -----------------------------------------------------------------------------------------

static long regions_open(const uint8_t key[32], struct regions *ret, uint8_t **ret_text)
{
    void *file;
    size_t size;
    long err = erofs_read_file("/.cloister/regions", &file, &size);
    if (err == -ENOENT) {
        *ret = (struct regions){0};
        *ret_text = NULL;
        return 0;
    }
    if (err < 0)
        return err;
    uint8_t *text = NULL;
    struct reader r = reader_on(SPAN(file, size));
    struct span magic = take_span(&r, 8), nonce = take_span(&r, 12), tag = take_span(&r, 16);
    struct span sealed = take_span(&r, reader_left(&r));
    err = -EINVAL;
    if (reader_done(&r) && sealed.size <= REGIONS_SIZE_MAX &&
        memcmp(magic.data, REGIONS_MAGIC, 8) == 0) {
        struct gcm_key gcm;
        gcm_key_init(&gcm, key);
        text = kzalloc(sealed.size + 1);
        if (text && gcm_open(&gcm, nonce.data, magic, sealed, tag.data, text) &&
            is_ok(regions_decode(SPAN(text, sealed.size), ret)))
            err = 0;
        wipe(&gcm, sizeof gcm);
    }
    vfs_file_free(file, size);
    if (err < 0) {
        kfree(text);
        text = NULL;
    }
    *ret_text = text;
    return err;
}

static void text_of(struct span s, char ret[REGION_PATH_MAX + 1])
{
    memcpy(ret, s.data, s.size);
    ret[s.size] = 0;
}

// What lies below an ephemeral or authenticated region in the image; NULL: nothing.
static struct node *image_node(const char *path)
{
    struct node *n = fs_image_root();
    struct node *at = n ? node_ref(n) : NULL;
    while (at && *path) {
        while (*path == '/')
            path++;
        size_t size = 0;
        while (path[size] && path[size] != '/')
            size++;
        if (!size)
            break;
        struct node *next = NULL;
        long err =
            at->ops->lookup ? at->ops->lookup(at, (struct name){path, size}, &next) : -ENOTDIR;
        node_unref(at);
        at = err == 0 ? next : NULL;
        path += size;
    }
    return at;
}

// A part of the image that shows through inside another region.
static struct fs *image_part(const char *path)
{
    struct node *n = image_node(path);
    struct fs *fs = n ? kzalloc(sizeof *fs) : NULL;
    if (!fs) {
        node_unref(n);
        return NULL;
    }
    *fs = *n->fs;
    fs->root = n;
    return fs;
}

static long region_mount(const struct region *region, unsigned index)
{
    char path[REGION_PATH_MAX + 1], source[REGION_PATH_MAX + 1];
    text_of(region->path, path);
    text_of(region->source, source);
    struct fs *fs = NULL;
    struct node *lower;
    long err = 0;
    switch (region->kind) {
    case REGION_AUTHENTICATED:
        fs = image_part(path);
        err = fs ? 0 : -ENOENT;
        break;
    case REGION_EPHEMERAL:
        lower = image_node(path);
        fs = fs_tmp_new(lower, 0755, 0);
        err = fs ? 0 : -ENOMEM;
        break;
    case REGION_NOT_PROTECTED:
        err = fs_host_new(source, &fs);
        break;
    case REGION_ENCRYPTED:
        err = region->key == REGION_KEY_CONTENT ? erofs_region_new(index, &fs)
                                                : volume_mount(path, source, region->key, &fs);
        break;
    }
    if (err == 0)
        err = vfs_mount_at(path, fs, source[0] ? source : "none");
    if (err == 0)
        mounts.mount[mounts.count - 1].encrypted = region->kind == REGION_ENCRYPTED;
    if (err < 0)
        klog("region %s: cannot be mounted (%ld)", path, -err);
    return err;
}

static bool is_region(const struct regions *r, const char *path)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->region[i].path.size == strlen(path) &&
            memcmp(r->region[i].path.data, path, strlen(path)) == 0)
            return true;
    return false;
}

static long mount_builtin(const struct regions *regions)
{
    struct {
        const char *path;
        struct fs *(*make)(void);
    } pseudo[] = {{"/proc", fs_proc_new}, {"/dev", fs_dev_new}};
    for (size_t i = 0; i < ARRAY_COUNT(pseudo); i++) {
        struct fs *fs = pseudo[i].make();
        long err = fs ? vfs_mount_at(pseudo[i].path, fs, fs->type) : -ENOMEM;
        if (err < 0)
            return err;
    }
    static const char *const ephemeral[] = {"/dev/shm", "/tmp"};
    for (size_t i = 0; i < ARRAY_COUNT(ephemeral); i++) {
        if (is_region(regions, ephemeral[i]))
            continue;
        struct fs *fs = fs_tmp_new(NULL, 01777, 0);
        long err = fs ? vfs_mount_at(ephemeral[i], fs, "tmpfs") : -ENOMEM;
        if (err < 0)
            return err;
    }
    return 0;
}

// "/" sorts first. A host's directory as the root brings names, never programs: those lie in regions.
static long mount_root_region(const struct regions *regions, struct fs *image)
{
    const struct region *root =
        regions->count > 0 && regions->region[0].path.size == 1 ? &regions->region[0] : NULL;
    char source[REGION_PATH_MAX + 1] = "/dev/root";
    struct fs *fs = image;
    long err = 0;
    if (root && root->kind == REGION_EPHEMERAL) {
        fs = fs_tmp_new(node_ref(image->root), 0755, 0);
        err = fs ? 0 : -ENOMEM;
    } else if (root && root->kind == REGION_NOT_PROTECTED) {
        text_of(root->source, source);
        err = fs_host_new(source, &fs);
    } else if (root && root->kind != REGION_AUTHENTICATED) {
        err = -EINVAL;
    }
    if (err == 0 && !NODE_IS(fs->root, S_IFDIR))
        err = -ENOTDIR;
    if (err == 0)
        err = vfs_mount_at("/", fs, source);
    if (err < 0)
        klog("the root region cannot be mounted (%ld)", -err);
    return err;
}

static long mount_all(const struct regions *regions, struct fs *image)
{
    long err = mount_root_region(regions, image);
    if (err == 0)
        err = vfs_chdir(vfs_root());
    if (err == 0)
        err = mount_builtin(regions);
    for (uint32_t i = 0; i < regions->count && err == 0; i++)
        if (regions->region[i].path.size > 1)
            err = region_mount(&regions->region[i], i);
    return err;
}

long vfs_boot(const struct vfs_boot *boot)
{
    struct fs *image;
    long err = fs_erofs_mount(boot, &image);
    if (err < 0)
        return err;
    struct regions *regions = kzalloc(sizeof *regions);
    if (!regions)
        return -ENOMEM;
    uint8_t *text;
    err = regions_open(boot->params->fspf_key, regions, &text);
    if (err < 0)
        klog("the region table does not open with FSPF_KEY");
    else
        err = mount_all(regions, image);
    kfree(text);
    kfree(regions);
    return err;
}

// --- volumes -----------------------------------------------------------------------------------------

static void root_replace(struct mount *m, struct fs *fs)
{
    m->fs = fs;
    node_unref(m->root->node);
    m->root->node = node_ref(fs->root);
}

long vfs_volume_open(const char *path, const uint8_t key[32], unsigned flags,
                     uint64_t *ret_generation)
{
    for (unsigned i = 0; i < mounts.count; i++) {
        struct mount *m = &mounts.mount[i];
        if (strcmp(m->path, path) != 0 || !m->encrypted)
            continue;
        if (!(m->fs->flags & FS_LOCKED))
            return -EBUSY;
        struct fs *fs = m->fs;
        long err;
        if (erofs_region_is(fs)) {
            err = erofs_region_open(fs, path, key, &fs);
            *ret_generation = 0;
        } else {
            err = volume_open(fs, key, flags, ret_generation);
        }
        // The root directory came into being with the file system.
        if (err == 0)
            root_replace(m, fs);
        return err;
    }
    return -ENOENT;
}

bool vfs_holds_mount(struct dentry *d)
{
    for (unsigned i = 0; i < mounts.count; i++)
        if (mounts.mount[i].point && dentry_is_below(mounts.mount[i].point, d))
            return true;
    return false;
}

long vfs_sync_fs(struct fs *fs)
{
    return fs->sync ? fs->sync(fs) : 0;
}

void vfs_sync_all(bool closing)
{
    for (unsigned i = 0; i < mounts.count; i++) {
        struct fs *fs = mounts.mount[i].fs;
        long err = closing && volume_is(fs) ? volume_close(fs) : vfs_sync_fs(fs);
        if (err < 0)
            klog("%s: not committed (%ld)", mounts.mount[i].path, -err);
    }
}
