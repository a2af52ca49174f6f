// SPDX-License-Identifier: Apache-2.0
// Shared mappings of files. A page of one is a copy in enclave memory, since an enclave page has one
// address only;
// this file keeps copy and file the same where one process can see both.
//
// - Reading the file first writes back what was changed in memory; writing it changes the pages, too.
// - Two mappings of the same bytes are brought together when a page comes in, at msync and at munmap,
//   no sooner.
#include "kernel/mm/mm.h"

#include "kernel/vfs/vfs.h"

static bool in_use; // whether a file was ever mapped shared: else reads and writes need not look

static bool is_shared(const struct vma *v)
{
    return v->file && (v->flags & MAP_SHARED);
}

void mm_shared_mapped(void)
{
    in_use = true;
}

void mm_write_back(const struct vma *v, uint64_t start, uint64_t end)
{
    if (!is_shared(v) || !(v->prot & PROT_WRITE) || !v->file->ops->write)
        return;
    uint64_t file_size = 0;
    if (v->file->ops->size && v->file->ops->size(v->file, &file_size) < 0)
        return;
    for (uint64_t page = start; page < end; page += PAGE_SIZE) {
        uint64_t offset = v->offset + (page - v->start);
        if (!page_state(page) || offset >= file_size)
            continue;
        uint64_t size = MIN(PAGE_SIZE, file_size - offset);
        if (v->file->ops->write(v->file, (void *)page, size, offset) < 0)
            klog("msync: a page of a shared mapping could not be written");
    }
}

// The addresses at which a mapping shows [offset, offset + size) of a file; false: nowhere.
static bool overlap(const struct vma *v, const struct file *f, uint64_t offset, uint64_t size,
                    uint64_t *ret_start, uint64_t *ret_end)
{
    uint64_t end, length = v->end - v->start;
    if (!is_shared(v) || !f->node || v->file->node != f->node || add_overflows(offset, size, &end))
        return false;
    uint64_t low = MAX(offset, v->offset), high = MIN(end, v->offset + length);
    if (low >= high)
        return false;
    *ret_start = v->start + (low - v->offset);
    *ret_end = v->start + (high - v->offset);
    return true;
}

void mm_shared_before_read(const struct file *f, uint64_t offset, uint64_t size)
{
    uint64_t start, end;
    for (unsigned i = 0; in_use && i < vma_count(); i++)
        if (overlap(vma_at(i), f, offset, size, &start, &end))
            mm_write_back(vma_at(i), align_down(start, PAGE_SIZE), align_up(end, PAGE_SIZE));
}

// A page that can be written in place keeps what other threads are storing beside; another one is
// dropped, and
// comes in anew when it is touched.
static void refresh(const struct vma *v, uint64_t start, uint64_t end)
{
    for (uint64_t at = start, next; at < end; at = next) {
        uint64_t page = align_down(at, PAGE_SIZE);
        next = MIN(end, page + PAGE_SIZE);
        if (!page_state(page))
            continue;
        if (!(page_state(page) & PROT_WRITE)) {
            epc_release(page, page + PAGE_SIZE);
            continue;
        }
        for (uint64_t done = 0; at + done < next;) {
            long n = v->file->ops->read(v->file, (void *)(at + done), next - at - done,
                                        v->offset + (at + done - v->start));
            if (n <= 0)
                break;
            done += (uint64_t)n;
        }
    }
}

void mm_shared_after_write(const struct file *f, uint64_t offset, uint64_t size)
{
    uint64_t start, end;
    for (unsigned i = 0; in_use && i < vma_count(); i++)
        if (overlap(vma_at(i), f, offset, size, &start, &end))
            refresh(vma_at(i), start, end);
}
