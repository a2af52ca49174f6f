// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/volume/private.h"

#include <linux/time.h>

#include "abi/device.h"
#include "base/cursor.h"
#include "crypto/hmac.h"
#include "kernel/hostcall/stubs.h"
#include "kernel/lib/fpu.h"
#include "kernel/task/device.h"
#include "kernel/vfs/vfs.h"

#define MAGIC          "CLVOLUM1"
#define VERSION        1u
#define HEAD_SIZE      24u // magic to generation: the additional data
#define SEALED_SIZE    56u
#define SUPER_CLOSED   1u
#define LOCK_OPERATION 6u // LOCK_EX | LOCK_NB

static const struct tmp_store store = {page_load, block_drop};

static struct volume *volume_from(struct fs *fs)
{
    return volume_of(fs->priv);
}

bool volume_is(const struct fs *fs)
{
    return fs->sync == volume_commit;
}

// --- superblocks -------------------------------------------------------------------------------------

struct super {
    uint64_t generation;
    uint32_t flags;
    struct meta_root meta;
};

static void super_encode(struct volume *v, const struct super *s, uint8_t ret[BLOCK])
{
    uint8_t text[SEALED_SIZE], nonce[GCM_NONCE_SIZE];
    struct writer t = writer_on(text, sizeof text);
    put_le32(&t, s->flags);
    put_le32(&t, s->meta.levels);
    put_le64(&t, s->meta.size);
    put_le32(&t, s->meta.top.slot);
    put_bytes(&t, s->meta.top.nonce, sizeof s->meta.top.nonce);
    put_bytes(&t, s->meta.top.tag, sizeof s->meta.top.tag);
    put_le64(&t, 0);
    memset(ret, 0, BLOCK);
    struct writer w = writer_on(ret, BLOCK);
    put_bytes(&w, MAGIC, 8);
    put_le32(&w, VERSION);
    put_le32(&w, 0);
    put_le64(&w, s->generation);
    krandom(nonce, sizeof nonce);
    put_bytes(&w, nonce, sizeof nonce);
    uint8_t *tag = ret + w.size, *sealed = tag + GCM_TAG_SIZE;
    kernel_fpu_begin();
    gcm_seal(&v->key, nonce, SPAN(ret, HEAD_SIZE), SPAN_OF(text), sealed, tag);
    kernel_fpu_end();
    wipe(text, sizeof text);
}

static bool super_decode(struct volume *v, const uint8_t block[BLOCK], unsigned place,
                         struct super *ret)
{
    struct reader r = reader_on(SPAN(block, BLOCK));
    struct span magic = take_span(&r, 8);
    uint32_t version = take_le32(&r), zero = take_le32(&r);
    uint64_t generation = take_le64(&r);
    struct span nonce = take_span(&r, GCM_NONCE_SIZE), tag = take_span(&r, GCM_TAG_SIZE);
    struct span sealed = take_span(&r, SEALED_SIZE);
    struct span rest = take_span(&r, reader_left(&r));
    uint8_t text[SEALED_SIZE];
    if (memcmp(magic.data, MAGIC, 8) != 0 || version != VERSION || zero ||
        generation % 2 != place || generation == 0 || !is_zero(rest.data, rest.size))
        return false;
    kernel_fpu_begin();
    bool sound = gcm_open(&v->key, nonce.data, SPAN(block, HEAD_SIZE), sealed, tag.data, text);
    kernel_fpu_end();
    if (!sound)
        return false;
    struct reader t = reader_on(SPAN_OF(text));
    ret->generation = generation;
    ret->flags = take_le32(&t);
    ret->meta.levels = take_le32(&t);
    ret->meta.size = take_le64(&t);
    ret->meta.top.slot = take_le32(&t);
    take_bytes(&t, ret->meta.top.nonce, sizeof ret->meta.top.nonce);
    take_bytes(&t, ret->meta.top.tag, sizeof ret->meta.top.tag);
    return take_le64(&t) == 0 && reader_done(&t) && !(ret->flags & ~SUPER_CLOSED);
}

static long read_block(struct volume *v, uint64_t block, uint8_t ret[BLOCK])
{
    memset(ret, 0, BLOCK);
    for (size_t done = 0; done < BLOCK;) {
        long n = host_file_pread(v->fd, block * BLOCK + done, ret + done, BLOCK - done);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return 0;
}

// 1 and the newest superblock that opens; 0: the file was never a volume; -EIO.
static long super_read(struct volume *v, struct super *ret)
{
    uint8_t block[BLOCK];
    bool found = false, empty = true;
    for (unsigned place = 0; place < 2; place++) {
        struct super s;
        long err = read_block(v, place, block);
        if (err < 0)
            return err;
        empty = empty && is_zero(block, BLOCK);
        if (!super_decode(v, block, place, &s) || (found && s.generation < ret->generation))
            continue;
        *ret = s;
        found = true;
    }
    return found ? 1 : empty ? 0 : -EIO;
}

static long super_write(struct volume *v, const struct super *s)
{
    uint8_t block[BLOCK];
    super_encode(v, s, block);
    for (size_t done = 0; done < BLOCK;) {
        long n =
            host_file_pwrite(v->fd, s->generation % 2 * BLOCK + done, block + done, BLOCK - done);
        if (n <= 0)
            return n < 0 ? n : -EIO;
        done += (size_t)n;
    }
    return host_file_sync(v->fd);
}

// --- committing --------------------------------------------------------------------------------------

static long write_chunk(struct volume *v, struct tmp_node *n, uint64_t index)
{
    struct tmp_chunk *c = n->chunk[index];
    long err = 0;
    if (!c->map && (c->dirty[0] || c->dirty[1])) {
        c->map = kpages_alloc(1);
        if (!c->map)
            return -ENOMEM;
    }
    for (unsigned i = 0; i < TMP_CHUNK_PAGES && err == 0; i++) {
        if (!(c->dirty[i / 64] >> (i % 64) & 1))
            continue;
        struct block_ref ref;
        uint64_t page = index * TMP_CHUNK_PAGES + i;
        err = block_write(v, (struct block_id){BLOCK_PAGE, n->node.ino, page}, c->page[i], &ref);
        if (err < 0)
            break;
        if (c->map[i].slot)
            block_drop(&v->tmp, &c->map[i]);
        c->map[i] = ref;
        c->map_dirty = true;
        c->dirty[i / 64] &= ~(1ull << (i % 64));
    }
    if (err < 0 || !c->map_dirty)
        return err;
    struct block_ref self = {0};
    bool any = !is_zero(c->map, BLOCK);
    if (any)
        err = block_write(v, (struct block_id){BLOCK_MAP, n->node.ino, index}, (uint8_t *)c->map,
                          &self);
    if (err < 0)
        return err;
    if (c->self.slot)
        block_drop(&v->tmp, &c->self);
    c->self = self;
    c->map_dirty = false;
    return 0;
}

static long write_nodes(struct volume *v)
{
    list_for_each(n, &v->tmp.nodes, struct tmp_node, all)
    {
        if (n->nlink == 0)
            continue;
        tmp_now(n);
        for (uint64_t i = 0; i < n->chunk_count; i++) {
            long err = n->chunk[i] ? write_chunk(v, n, i) : 0;
            if (err < 0)
                return err;
        }
    }
    return 0;
}

static long commit(struct volume *v, bool closed)
{
    struct super s = {.generation = v->generation + 1, .flags = closed ? SUPER_CLOSED : 0};
    long err = write_nodes(v);
    if (err == 0)
        err = meta_write(v, &s.meta);
    if (err == 0)
        err = block_flush(v);
    if (err == 0)
        err = host_file_sync(v->fd);
    if (err == 0)
        err = super_write(v, &s);
    if (err < 0) {
        v->batch_count = 0;
        v->failed = true;
        return err;
    }
    v->generation = s.generation;
    v->closed = closed;
    v->tmp.dirty = false;
    slots_release_pending(v);
    return 0;
}

static bool is_open(const struct volume *v)
{
    return !(v->tmp.fs.flags & FS_LOCKED) && !v->read_only;
}

long volume_commit(struct fs *fs)
{
    struct volume *v = volume_from(fs);
    if (v->failed)
        return -EIO; // what the host holds after a failure is not known
    return is_open(v) && v->tmp.dirty ? commit(v, false) : 0;
}

long volume_close(struct fs *fs)
{
    struct volume *v = volume_from(fs);
    if (v->failed)
        return -EIO;
    return is_open(v) && (v->tmp.dirty || !v->closed) ? commit(v, true) : 0;
}

// --- opening -----------------------------------------------------------------------------------------

static long make_root(struct volume *v)
{
    v->tmp.next_ino = 1;
    struct tmp_node *root = tmp_node_new(&v->tmp, S_IFDIR | 0755, v->tmp.next_ino++);
    if (!root)
        return -ENOMEM;
    root->uid = vfs_uid();
    root->gid = vfs_gid();
    root->atime = root->mtime = root->ctime = clock_ns(CLOCK_REALTIME);
    v->tmp.fs.root = &root->node;
    return 0;
}

static void key_derive(struct volume *v, const uint8_t key[32])
{
    uint8_t k[GCM_KEY_SIZE];
    kernel_fpu_begin();
    hkdf_sha256(SPAN(key, 32), SPAN(NULL, 0), SPAN_STR("cloister volume v1"), k, sizeof k);
    gcm_key_init(&v->key, k);
    kernel_fpu_end();
    wipe(k, sizeof k);
}

static long file_open(struct volume *v, unsigned flags, uint64_t *ret_size)
{
    bool create = (flags & VOLUME_CREATE) && !v->read_only;
    uint32_t how = v->read_only ? O_RDONLY : O_RDWR | (create ? O_CREAT : 0);
    long fd = host_file_open(v->source, strlen(v->source), how | O_CLOEXEC, 0600);
    if (fd < 0)
        return fd;
    v->fd = (uint32_t)fd;
    struct stat st;
    long err = v->read_only ? 0 : host_file_lock(v->fd, LOCK_OPERATION);
    if (err == -EAGAIN)
        err = -EBUSY;
    if (err == 0)
        err = host_file_stat(v->fd, &st, sizeof st);
    if (err == 0 && (st.st_size < 0 || (uint64_t)st.st_size / BLOCK > UINT32_MAX))
        err = -EIO;
    if (err < 0)
        (void)host_file_close(v->fd);
    else
        *ret_size = (uint64_t)st.st_size;
    return err;
}

static long load(struct volume *v, unsigned flags)
{
    struct super s;
    long found = super_read(v, &s);
    if (found < 0)
        return found;
    if (!found) {
        if (!(flags & VOLUME_CREATE) || v->read_only)
            return -EIO;
        v->generation = 0;
        long err = make_root(v);
        return err < 0 ? err : commit(v, false);
    }
    if (v->read_only && !(s.flags & SUPER_CLOSED))
        return -ESTALE;
    v->generation = s.generation;
    v->closed = s.flags & SUPER_CLOSED;
    return meta_read(v, &s.meta);
}

long volume_open(struct fs *fs, const uint8_t key[32], unsigned flags, uint64_t *ret_generation)
{
    struct volume *v = volume_from(fs);
    uint64_t size;
    if (flags & ~(VOLUME_CREATE | VOLUME_READ_ONLY))
        return -EINVAL;
    v->read_only = flags & VOLUME_READ_ONLY;
    long err = file_open(v, flags, &size);
    if (err < 0)
        return err;
    key_derive(v, key);
    struct node *closed_root = fs->root;
    list_remove(&tmp_node_of(closed_root)->all); // never to be committed
    v->tmp.dirty = false;
    err = slots_init(v, size);
    if (err == 0)
        err = load(v, flags);
    if (err < 0) {
        fs->root = closed_root;
        v->failed = false;
        slots_done(v);
        (void)host_file_close(v->fd);
        wipe(&v->key, sizeof v->key);
        klog("the volume %s does not open (%ld)", v->source, -err);
        return err;
    }
    node_unref(closed_root);
    fs->flags &= ~FS_LOCKED;
    if (v->read_only)
        fs->flags |= FS_READ_ONLY;
    v->tmp.dirty = false;
    *ret_generation = v->generation;
    return 0;
}

static long open_sealed(struct fs *fs, const char *path)
{
    static const char text[] = "cloister volume";
    struct sha256_ctx c;
    uint8_t label[SHA256_SIZE], key[32];
    uint64_t generation;
    kernel_fpu_begin();
    sha256_init(&c);
    sha256_update(&c, text, sizeof text - 1);
    sha256_update(&c, path, strlen(path));
    sha256_final(&c, label);
    kernel_fpu_end();
    device_seal_key(label, key);
    long err = volume_open(fs, key, VOLUME_CREATE, &generation);
    wipe(key, sizeof key);
    return err;
}

long volume_mount(const char *path, const char *source, enum region_key key, struct fs **ret)
{
    if (!*source || strlen(source) >= sizeof((struct volume *)0)->source)
        return -EINVAL;
    struct volume *v = kzalloc(sizeof *v);
    if (!v)
        return -ENOMEM;
    tmp_fs_init(&v->tmp, "volume");
    v->tmp.store = &store;
    v->tmp.fs.sync = volume_commit;
    v->tmp.fs.flags |= FS_LOCKED;
    memcpy(v->source, source, strlen(source));
    long err = make_root(v); // shown to nobody
    if (err == 0 && key == REGION_KEY_SEALED)
        err = open_sealed(&v->tmp.fs, path);
    if (err < 0) {
        volume_abandon(&v->tmp.fs);
        return err;
    }
    *ret = &v->tmp.fs;
    return 0;
}

void volume_abandon(struct fs *fs)
{
    struct volume *v = volume_from(fs);
    bool locked = fs->flags & FS_LOCKED;
    node_unref(fs->root);
    if (!locked) {
        slots_done(v);
        (void)host_file_close(v->fd);
    }
    wipe(&v->key, sizeof v->key);
    kfree(v);
}
