// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/erofs/erofs.h"

#include "kernel/fs/erofs/format.h"
#include "kernel/vfs/vfs.h"

#define BUCKETS   4096u
#define SIZE_MAX_ (1ull << 43)
#define HIDDEN    ".cloister"

struct inode {
    struct node node;
    struct inode *next;
    uint64_t size;
    uint64_t tail; // offset in the image of the last, inline part; 0: none
    uint64_t mtime;
    uint32_t mtime_nsec;
    uint32_t uid, gid, nlink;
    uint32_t data; // first block, or device number
    // Reading on: the block after the last one read, and how many to bring at once.
    uint64_t next_index;
    unsigned ahead;
};

struct erofs {
    struct fs fs;
    struct block_source *source;
    uint64_t blocks, meta, root_nid, build_time;
    uint32_t build_nsec;
    struct inode *bucket[BUCKETS];
};

static const struct node_ops erofs_ops;

static struct erofs *erofs_of(const struct node *n)
{
    return n->fs->priv;
}

static struct inode *inode_of(const struct node *n)
{
    return (struct inode *)n;
}

bool erofs_is(const struct node *n)
{
    return n && n->ops == &erofs_ops;
}

uint64_t erofs_size(const struct node *n)
{
    return inode_of(n)->size;
}

// --- inodes ------------------------------------------------------------------------------------------

static void decode(struct inode *i, const uint8_t *b, bool extended, const struct erofs *e)
{
    i->node.mode = load_le16(b + I_MODE);
    i->data = load_le32(b + I_DATA);
    i->size = extended ? load_le64(b + I_SIZE) : load_le32(b + I_SIZE);
    i->nlink = extended ? load_le32(b + I_NLINK_EXTENDED) : load_le16(b + I_NLINK);
    i->uid = extended ? load_le32(b + I_UID) : load_le16(b + I_UID);
    i->gid = extended ? load_le32(b + I_GID_EXTENDED) : load_le16(b + I_GID_COMPACT);
    i->mtime = extended ? load_le64(b + I_MTIME) : e->build_time;
    i->mtime_nsec = extended ? load_le32(b + I_MTIME_NSEC) : e->build_nsec;
}

static bool has_data(uint32_t mode)
{
    uint32_t type = mode & S_IFMT;
    return type == S_IFREG || type == S_IFDIR || type == S_IFLNK;
}

// Where the data lies; all of it must be inside the file system.
static bool check_layout(struct inode *i, const struct erofs *e, uint32_t layout, uint64_t body_end)
{
    if (layout != LAYOUT_PLAIN && layout != LAYOUT_INLINE)
        return false;
    if (i->size > SIZE_MAX_ || i->mtime_nsec >= 1000000000u)
        return false;
    uint64_t whole = (i->size + EROFS_BLOCK - 1) / EROFS_BLOCK;
    uint64_t tail_size = i->size % EROFS_BLOCK;
    if (layout == LAYOUT_INLINE && tail_size) {
        i->tail = body_end;
        whole--;
        if (body_end % EROFS_BLOCK + tail_size > EROFS_BLOCK ||
            body_end + tail_size > e->blocks * EROFS_BLOCK)
            return false;
    }
    return whole == 0 || (i->data <= e->blocks && whole <= e->blocks - i->data);
}

static long load(struct erofs *e, uint64_t nid, struct inode *i)
{
    uint8_t b[INODE_EXTENDED_SIZE];
    uint64_t at;
    if (nid > e->blocks * (EROFS_BLOCK / INODE_SLOT))
        return -EUCLEAN;
    at = e->meta * EROFS_BLOCK + nid * INODE_SLOT;
    if (at + INODE_COMPACT_SIZE > e->blocks * EROFS_BLOCK)
        return -EUCLEAN;
    long err = source_read(e->source, at, b, INODE_COMPACT_SIZE);
    if (err < 0)
        return err;
    uint32_t format = load_le16(b + I_FORMAT);
    bool extended = format & 1;
    size_t size = extended ? INODE_EXTENDED_SIZE : INODE_COMPACT_SIZE;
    if (extended) {
        if (at + size > e->blocks * EROFS_BLOCK)
            return -EUCLEAN;
        err = source_read(e->source, at + INODE_COMPACT_SIZE, b + INODE_COMPACT_SIZE,
                          INODE_EXTENDED_SIZE - INODE_COMPACT_SIZE);
        if (err < 0)
            return err;
    }
    uint32_t xattrs = load_le16(b + I_XATTR_COUNT);
    uint64_t xattr_size = xattrs ? XATTR_HEADER_SIZE + XATTR_SLOT * (uint64_t)(xattrs - 1) : 0;
    decode(i, b, extended, e);
    if (format >> 4)
        return -EUCLEAN;
    if (has_data(i->node.mode) && !check_layout(i, e, format >> 1, at + size + xattr_size))
        return -EUCLEAN;
    if (!has_data(i->node.mode))
        i->size = 0;
    return 0;
}

static struct inode **bucket_of(struct erofs *e, uint64_t nid)
{
    return &e->bucket[nid * 0x9e3779b97f4a7c15ull >> 52];
}

static long inode_get(struct erofs *e, uint64_t nid, struct node **ret)
{
    struct inode **bucket = bucket_of(e, nid);
    for (struct inode *i = *bucket; i; i = i->next) {
        if (i->node.ino == nid) {
            *ret = node_ref(&i->node);
            return 0;
        }
    }
    struct inode *i = kzalloc(sizeof *i);
    if (!i)
        return -ENOMEM;
    long err = load(e, nid, i);
    if (err < 0) {
        kfree(i);
        return err;
    }
    i->node.ops = &erofs_ops;
    i->node.fs = &e->fs;
    i->node.refs = 1;
    i->node.ino = nid;
    i->next = *bucket;
    *bucket = i;
    *ret = &i->node;
    return 0;
}

static void inode_release(struct node *n)
{
    struct inode **at = bucket_of(erofs_of(n), n->ino);
    while (&(*at)->node != n)
        at = &(*at)->next;
    *at = inode_of(n)->next;
    kfree(n);
}

// --- data --------------------------------------------------------------------------------------------

// The checked page that holds block `index` of the file, and where in it the data begins. `want`: the blocks
// that this read is going to need. A file that is read on has more brought at once, up to its end.
static long data_page(struct inode *i, uint64_t index, uint64_t want, struct cached_block **ret,
                      size_t *ret_skip)
{
    struct block_source *source = erofs_of(&i->node)->source;
    uint64_t whole = (i->size + EROFS_BLOCK - 1) / EROFS_BLOCK - (i->tail ? 1 : 0);
    if (index >= whole) {
        *ret_skip = i->tail % EROFS_BLOCK;
        return source_get(source, i->tail / EROFS_BLOCK, 1, ret);
    }
    if (index == i->next_index)
        i->ahead = MIN(MAX(i->ahead * 2, 2u), SOURCE_AHEAD_MAX);
    else if (index + 1 != i->next_index)
        i->ahead = 1;
    i->next_index = index + 1;
    *ret_skip = 0;
    uint64_t count = MIN(MAX(want, i->ahead), whole - index);
    return source_get(source, (uint64_t)i->data + index,
                      (unsigned)MIN(count, (uint64_t)SOURCE_AHEAD_MAX), ret);
}

static long read_to(struct inode *i, uint64_t offset, void *ret, size_t size)
{
    if (offset >= i->size)
        return 0;
    size = MIN(size, i->size - offset);
    for (size_t done = 0; done < size;) {
        uint64_t pos = offset + done;
        size_t skip, in_block = pos % EROFS_BLOCK;
        size_t n = MIN(size - done, EROFS_BLOCK - in_block);
        uint64_t want = (in_block + size - done + EROFS_BLOCK - 1) / EROFS_BLOCK;
        struct cached_block *p;
        long err = data_page(i, pos / EROFS_BLOCK, want, &p, &skip);
        if (err == 0) {
            err = copy_user((uint8_t *)ret + done, p->data + skip + in_block, n);
            source_put(p);
        }
        if (err < 0)
            return done ? (long)done : err;
        done += n;
    }
    return (long)size;
}

long erofs_read(struct node *n, uint64_t offset, void *ret, size_t size)
{
    return read_to(inode_of(n), offset, ret, size);
}

static long file_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    return read_to(inode_of(f->node), pos, buffer, size);
}

static long file_size(struct file *f, uint64_t *ret)
{
    *ret = inode_of(f->node)->size;
    return 0;
}

static const struct file_ops file_ops = {.name = "erofs", .read = file_read, .size = file_size};

long shield_read_into(struct file *f, uint64_t offset, void *pages, size_t page_count)
{
    if (!f->node || !erofs_is(f->node) || !NODE_IS(f->node, S_IFREG) || offset % EROFS_BLOCK != 0)
        return -EINVAL;
    struct inode *i = inode_of(f->node);
    struct erofs *e = erofs_of(f->node);
    uint64_t first = offset / EROFS_BLOCK, whole = i->size / EROFS_BLOCK;
    size_t direct = first < whole ? MIN(page_count, whole - first) : 0;
    uint8_t *out = pages;
    long err = direct ? source_blocks(e->source, i->data + first, out, direct) : 0;
    if (err < 0 || direct == page_count)
        return err;
    size_t rest = (page_count - direct) * EROFS_BLOCK;
    out += direct * EROFS_BLOCK;
    long n = read_to(i, offset + direct * EROFS_BLOCK, out, rest);
    if (n < 0)
        return n;
    memset(out + n, 0, rest - (size_t)n);
    return 0;
}

// --- directories -------------------------------------------------------------------------------------

// One block of a directory, checked at the start: all names lie inside.
struct dir_block {
    const uint8_t *data;
    size_t size;
    uint32_t count;
    struct cached_block *page;
};

static long dir_block_get(struct inode *dir, uint64_t index, struct dir_block *ret)
{
    size_t skip;
    long err = data_page(dir, index, 1, &ret->page, &skip);
    if (err < 0)
        return err;
    ret->data = ret->page->data + skip;
    ret->size = MIN(dir->size - index * EROFS_BLOCK, (uint64_t)EROFS_BLOCK);
    uint32_t first = ret->size >= DIRENT_SIZE ? load_le16(ret->data + DE_NAME) : 0;
    ret->count = first / DIRENT_SIZE;
    if (ret->count == 0 || first % DIRENT_SIZE != 0 || first >= ret->size) {
        source_put(ret->page);
        return -EUCLEAN;
    }
    return 0;
}

// size 0: the entry is malformed.
static struct name dir_name(const struct dir_block *b, uint32_t index)
{
    const uint8_t *entry = b->data + (size_t)index * DIRENT_SIZE;
    size_t start = load_le16(entry + DE_NAME);
    size_t end = b->size;
    bool last = index + 1 == b->count;
    if (!last)
        end = load_le16(entry + DIRENT_SIZE + DE_NAME);
    if (start >= end || end > b->size || start < (size_t)b->count * DIRENT_SIZE)
        return (struct name){NULL, 0};
    struct name name = {(const char *)b->data + start, end - start};
    if (last)
        name.size = strnlen(name.text, name.size);
    if (name.size > NAME_SIZE_MAX || memchr(name.text, 0, name.size) ||
        memchr(name.text, '/', name.size))
        name.size = 0;
    return name;
}

static int compare(struct name a, struct name b)
{
    int order = memcmp(a.text, b.text, MIN(a.size, b.size));
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

// Names are sorted over the whole directory. 0 and the nid, or -ENOENT.
static long search_block(const struct dir_block *b, struct name name, uint64_t *ret)
{
    uint32_t low = 0, high = b->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        struct name at = dir_name(b, middle);
        if (at.size == 0)
            return -EUCLEAN;
        int order = compare(name, at);
        if (order == 0) {
            *ret = load_le64(b->data + (size_t)middle * DIRENT_SIZE + DE_NID);
            return 0;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -ENOENT;
}

static long search(struct inode *dir, struct name name, uint64_t *ret)
{
    uint64_t low = 0, high = (dir->size + EROFS_BLOCK - 1) / EROFS_BLOCK;
    while (low < high) { // the last block whose first name is not greater
        uint64_t middle = low + (high - low) / 2;
        struct dir_block b;
        long err = dir_block_get(dir, middle, &b);
        if (err < 0)
            return err;
        struct name first = dir_name(&b, 0);
        struct name last = dir_name(&b, b.count - 1);
        err = -EUCLEAN;
        bool here = false;
        if (first.size && last.size) {
            here = compare(name, first) >= 0 && compare(name, last) <= 0;
            err = here ? search_block(&b, name, ret) : -ENOENT;
            if (!here && compare(name, first) < 0)
                high = middle;
            else
                low = middle + 1;
        }
        source_put(b.page);
        if (here || err == -EUCLEAN)
            return err;
    }
    return -ENOENT;
}

static bool is_hidden(struct node *dir, struct name name)
{
    return dir->ino == erofs_of(dir)->root_nid && name_is(name, HIDDEN);
}

static long lookup_any(struct node *dir, struct name name, struct node **ret)
{
    if (!NODE_IS(dir, S_IFDIR))
        return -ENOTDIR;
    uint64_t nid = 0;
    long err = search(inode_of(dir), name, &nid);
    return err < 0 ? err : inode_get(erofs_of(dir), nid, ret);
}

static long lookup(struct node *dir, struct name name, struct node **ret)
{
    return is_hidden(dir, name) ? -ENOENT : lookup_any(dir, name, ret);
}

static bool is_dots(struct name name)
{
    return name_is(name, ".") || name_is(name, "..");
}

// Position: 2 + block * EROFS_BLOCK + index in the block.
static long readdir(struct node *n, uint64_t pos, struct dir_sink *sink)
{
    static const uint32_t types[8] = {0,       S_IFREG, S_IFDIR,  S_IFCHR,
                                      S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK};
    struct inode *dir = inode_of(n);
    uint64_t blocks = (dir->size + EROFS_BLOCK - 1) / EROFS_BLOCK;
    uint64_t index = (pos - 2) % EROFS_BLOCK;
    for (uint64_t block = (pos - 2) / EROFS_BLOCK; block < blocks; block++, index = 0) {
        struct dir_block b;
        long err = dir_block_get(dir, block, &b);
        if (err < 0)
            return err;
        for (; index < b.count && err == 0; index++) {
            const uint8_t *entry = b.data + index * DIRENT_SIZE;
            struct name name = dir_name(&b, (uint32_t)index);
            if (name.size == 0)
                err = -EUCLEAN;
            else if (!is_dots(name) && !is_hidden(n, name) &&
                     !sink->emit(sink, name, load_le64(entry + DE_NID), types[entry[DE_TYPE] & 7],
                                 2 + block * EROFS_BLOCK + index + 1))
                err = 1;
        }
        source_put(b.page);
        if (err)
            return err < 0 ? err : 0;
    }
    return 0;
}

static long readlink(struct node *n, char *ret, size_t capacity)
{
    struct inode *i = inode_of(n);
    if (!NODE_IS(n, S_IFLNK))
        return -EINVAL;
    return i->size >= PATH_SIZE_MAX ? -EUCLEAN : read_to(i, 0, ret, capacity);
}

static long stat(struct node *n, struct stat *ret)
{
    const struct inode *i = inode_of(n);
    bool device = NODE_IS(n, S_IFCHR) || NODE_IS(n, S_IFBLK);
    ret->st_nlink = i->nlink;
    ret->st_uid = i->uid;
    ret->st_gid = i->gid;
    ret->st_rdev = device ? i->data : 0;
    ret->st_size = (long)i->size;
    ret->st_blocks = (long)(align_up(i->size, EROFS_BLOCK) / 512);
    ret->st_mtime = ret->st_atime = ret->st_ctime = i->mtime;
    ret->st_mtime_nsec = ret->st_atime_nsec = ret->st_ctime_nsec = i->mtime_nsec;
    return 0;
}

static long open(struct node *n, struct file *f)
{
    (void)f;
    return NODE_IS(n, S_IFREG) || NODE_IS(n, S_IFDIR) ? 0 : -ENXIO;
}

static const struct node_ops erofs_ops = {
    .file = &file_ops,
    .lookup = lookup,
    .stat = stat,
    .readlink = readlink,
    .readdir = readdir,
    .open = open,
    .release = inode_release,
};

// --- mounting ----------------------------------------------------------------------------------------

static long read_super(struct erofs *e)
{
    uint8_t b[EROFS_SUPER_SIZE];
    long err = source_read(e->source, EROFS_SUPER_OFFSET, b, sizeof b);
    if (err < 0)
        return err;
    e->blocks = load_le32(b + SB_BLOCKS);
    e->meta = load_le32(b + SB_META);
    e->root_nid = load_le16(b + SB_ROOT);
    e->build_time = load_le64(b + SB_BUILD_TIME);
    e->build_nsec = load_le32(b + SB_BUILD_NSEC);
    // A dm-verity root alone does not bind the number of blocks (docs/formats/image.md).
    bool sound = load_le32(b + SB_MAGIC) == EROFS_MAGIC && b[SB_BLOCK_BITS] == EROFS_BLOCK_BITS &&
                 e->blocks == e->source->blocks && e->meta < e->blocks &&
                 (load_le32(b + SB_INCOMPAT) & ~INCOMPAT_ZERO_PADDING) == 0 &&
                 load_le16(b + SB_EXTRA_DEVICES) == 0 && e->build_nsec < 1000000000u;
    return sound ? 0 : -EUCLEAN;
}

static void usage(struct fs *fs, uint64_t *ret_blocks, uint64_t *ret_free)
{
    *ret_blocks = ((struct erofs *)fs->priv)->blocks;
    *ret_free = 0;
}

long erofs_mount(struct block_source *source, struct fs **ret)
{
    struct erofs *e = kzalloc(sizeof *e);
    if (!e)
        return -ENOMEM;
    e->source = source;
    e->fs = (struct fs){.type = "erofs",
                        .device = vfs_next_device(),
                        .magic = EROFS_MAGIC,
                        .flags = FS_STABLE | FS_READ_ONLY,
                        .usage = usage,
                        .priv = e};
    long err = read_super(e);
    if (err == 0)
        err = inode_get(e, e->root_nid, &e->fs.root);
    if (err == 0 && !NODE_IS(e->fs.root, S_IFDIR))
        err = -EUCLEAN;
    if (err < 0) {
        node_unref(e->fs.root);
        kfree(e);
        return err;
    }
    *ret = &e->fs;
    return 0;
}

void erofs_unmount(struct fs *fs)
{
    struct erofs *e = fs->priv;
    node_unref(fs->root);
    kfree(e);
}

// --- what the kernel itself reads ----------------------------------------------------------------------

static struct {
    struct fs *fs;
    struct shield shield;
    struct block_cache cache;
} image;

struct node *fs_image_root(void)
{
    return image.fs->root;
}

struct block_cache *erofs_cache(void)
{
    return &image.cache;
}

long fs_erofs_mount(const struct vfs_boot *boot, struct fs **ret)
{
    const struct enclave_params *p = boot->params;
    uint64_t pages = p->cache_pages;
    if (!pages)
        pages = MIN(p->heap_max / 8, 64ull << 20) / EROFS_BLOCK;
    struct shield_image i = {boot->image, boot->image_size, p->data_blocks, p->hash_offset,
                             p->fspf_tag};
    long err = cache_init(&image.cache, pages);
    if (err == 0)
        err = shield_init(&image.shield, &i, &image.cache);
    if (err == 0)
        err = erofs_mount(&image.shield.source, &image.fs);
    if (err < 0) {
        klog("the image's file system cannot be mounted (%ld)", -err);
        return err;
    }
    *ret = image.fs;
    return 0;
}

// .cloister included.
static long node_at(const char *path, struct node **ret)
{
    struct node *n = node_ref(image.fs->root);
    while (*path) {
        struct name name = {path + 1, 0};
        while (name.text[name.size] && name.text[name.size] != '/')
            name.size++;
        path = name.text + name.size;
        struct node *next;
        long err = lookup_any(n, name, &next);
        node_unref(n);
        if (err < 0)
            return err;
        n = next;
    }
    *ret = n;
    return 0;
}

// A file whose data is plain lies in the image's file in one piece.
long erofs_extent(const char *path, struct erofs_extent *ret)
{
    struct node *n;
    long err = node_at(path, &n);
    if (err < 0)
        return err;
    const struct inode *i = inode_of(n);
    err = NODE_IS(n, S_IFREG) && !i->tail && i->size % EROFS_BLOCK == 0 ? 0 : -EUCLEAN;
    *ret = (struct erofs_extent){
        .source = &image.shield.source,
        .first = i->data,
        .blocks = i->size / EROFS_BLOCK,
        .host = host_ptr_add(image.shield.image, (uint64_t)i->data * EROFS_BLOCK),
    };
    node_unref(n);
    return err;
}

long erofs_read_file(const char *path, void **ret_data, size_t *ret_size)
{
    struct node *n;
    long err = node_at(path, &n);
    if (err < 0)
        return err;
    err = NODE_IS(n, S_IFREG) ? 0 : -EINVAL;
    size_t size = inode_of(n)->size;
    void *data = NULL;
    if (err == 0) {
        data = kpages_alloc(size / EROFS_BLOCK + 1); // a NUL follows the data
        err = data ? erofs_read(n, 0, data, size) : -ENOMEM;
    }
    node_unref(n);
    if (err < 0) {
        if (data)
            kpages_free(data, size / EROFS_BLOCK + 1);
        return err;
    }
    *ret_data = data;
    *ret_size = size;
    return 0;
}

void vfs_file_free(void *data, size_t size)
{
    if (data)
        kpages_free(data, size / EROFS_BLOCK + 1);
}
