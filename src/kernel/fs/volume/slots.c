// SPDX-License-Identifier: Apache-2.0
#include "kernel/fs/volume/private.h"

#include "base/cursor.h"
#include "kernel/hostcall/stubs.h"
#include "kernel/lib/fpu.h"

#define WORD_BITS 64u

static bool is_busy(const struct volume *v, uint32_t slot)
{
    return v->busy[slot / WORD_BITS] >> (slot % WORD_BITS) & 1;
}

static void set_busy(struct volume *v, uint32_t slot, bool busy)
{
    uint64_t bit = 1ull << (slot % WORD_BITS);
    v->busy[slot / WORD_BITS] &= ~bit;
    if (busy)
        v->busy[slot / WORD_BITS] |= bit;
}

static long grow(struct volume *v, uint64_t count)
{
    if (count > UINT32_MAX)
        return -ENOSPC;
    uint64_t *busy = krealloc(v->busy, (count + WORD_BITS - 1) / WORD_BITS * sizeof *busy);
    if (!busy)
        return -ENOMEM;
    v->busy = busy;
    v->slot_count = (uint32_t)count;
    return 0;
}

long slots_init(struct volume *v, uint64_t file_size)
{
    uint64_t count = MAX(file_size / BLOCK, 2048ull);
    v->busy = NULL;
    v->hint = SLOT_FIRST;
    v->batch_count = 0;
    v->batch = kpages_alloc(BATCH_BLOCKS);
    return v->batch ? grow(v, count) : -ENOMEM;
}

void slots_done(struct volume *v)
{
    if (v->batch)
        kpages_free(v->batch, BATCH_BLOCKS);
    kfree(v->busy);
    kfree(v->pending.slot);
    kfree(v->meta.slot);
    v->batch = NULL;
    v->busy = NULL;
    v->pending = v->meta = (struct slot_list){NULL, 0, 0};
}

long slot_claim(struct volume *v, uint32_t slot)
{
    if (slot < SLOT_FIRST || slot >= v->slot_count || is_busy(v, slot))
        return -EIO;
    set_busy(v, slot, true);
    return 0;
}

long slot_list_add(struct slot_list *l, uint32_t slot)
{
    if (l->count == l->capacity) {
        size_t capacity = MAX(l->capacity * 2, (size_t)256);
        uint32_t *grown = krealloc(l->slot, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        l->slot = grown;
        l->capacity = capacity;
    }
    l->slot[l->count++] = slot;
    return 0;
}

void slots_release_pending(struct volume *v)
{
    for (size_t i = 0; i < v->pending.count; i++) {
        set_busy(v, v->pending.slot[i], false);
        v->hint = MIN(v->hint, v->pending.slot[i]);
    }
    v->pending.count = 0;
}

void block_drop(struct tmp_fs *fs, const struct block_ref *ref)
{
    struct volume *v = volume_of(fs);
    // Without memory the slot stays busy until the volume is opened again.
    (void)slot_list_add(&v->pending, ref->slot);
}

static long slot_take(struct volume *v, uint32_t *ret)
{
    while (v->hint < v->slot_count && is_busy(v, v->hint))
        v->hint++;
    if (v->hint == v->slot_count) {
        long err = grow(v, (uint64_t)v->slot_count * 2);
        if (err < 0)
            return err;
    }
    set_busy(v, v->hint, true);
    *ret = v->hint++;
    return 0;
}

long block_flush(struct volume *v)
{
    size_t size = (size_t)v->batch_count * BLOCK;
    uint64_t offset = (uint64_t)v->batch_first * BLOCK;
    for (size_t done = 0; done < size;) {
        long n = host_file_pwrite(v->fd, offset + done, v->batch + done, size - done);
        if (n <= 0)
            return n < 0 ? n : -EIO;
        done += (size_t)n;
    }
    v->batch_count = 0;
    return 0;
}

static struct span additional(uint8_t buffer[24], struct block_id id, uint32_t slot)
{
    struct writer w = writer_on(buffer, 24);
    put_le32(&w, id.kind);
    put_le32(&w, slot);
    put_le64(&w, id.a);
    put_le64(&w, id.b);
    return writer_span(&w);
}

long block_write(struct volume *v, struct block_id id, const uint8_t *data, struct block_ref *ret)
{
    struct block_ref ref;
    uint8_t aad[24];
    long err = slot_take(v, &ref.slot);
    if (err == 0 && v->batch_count &&
        (v->batch_count == BATCH_BLOCKS || ref.slot != v->batch_first + v->batch_count))
        err = block_flush(v);
    if (err < 0)
        return err;
    if (v->batch_count == 0)
        v->batch_first = ref.slot;
    krandom(ref.nonce, sizeof ref.nonce);
    uint8_t *out = v->batch + (size_t)v->batch_count++ * BLOCK;
    kernel_fpu_begin();
    gcm_seal(&v->key, ref.nonce, additional(aad, id, ref.slot), SPAN(data, BLOCK), out, ref.tag);
    kernel_fpu_end();
    *ret = ref;
    return 0;
}

long block_read(struct volume *v, struct block_id id, const struct block_ref *ref, uint8_t *ret)
{
    uint8_t aad[24];
    for (size_t done = 0; done < BLOCK;) {
        long n =
            host_file_pread(v->fd, (uint64_t)ref->slot * BLOCK + done, ret + done, BLOCK - done);
        if (n <= 0)
            return -EIO;
        done += (size_t)n;
    }
    kernel_fpu_begin();
    bool sound = gcm_open(&v->key, ref->nonce, additional(aad, id, ref->slot), SPAN(ret, BLOCK),
                          ref->tag, ret);
    kernel_fpu_end();
    if (sound)
        return 0;
    klog("integrity: block %u of the volume %s was changed", ref->slot, v->source);
    return -EIO;
}

long page_load(struct tmp_fs *fs, const struct block_ref *ref, uint64_t ino, uint64_t index,
               uint8_t *ret)
{
    struct volume *v = volume_of(fs);
    return block_read(v, (struct block_id){BLOCK_PAGE, ino, index}, ref, ret);
}
