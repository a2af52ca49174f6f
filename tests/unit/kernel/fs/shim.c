// SPDX-License-Identifier: Apache-2.0
#include "shim.h"

#include "kernel/hostcall/stubs.h"
#include "kernel/lib/fpu.h"
#include "kernel/lib/lib.h"
#include "kernel/mm/mm.h"
#include "kernel/poll/poll.h"
#include "kernel/task/device.h"
#include "kernel/vfs/vfs.h"

extern void *calloc(size_t n, size_t size);
extern void *realloc(void *p, size_t size);
extern void *aligned_alloc(size_t alignment, size_t size);
extern void free(void *p);
extern _Noreturn void abort(void);
extern _Noreturn void longjmp(jmp_buf env, int value);
extern int vsnprintf(char *s, size_t n, const char *format, va_list args);
extern int vprintf(const char *format, va_list args);
extern int putchar(int c);

long shim_allocated;
bool shim_quiet = true, shim_panics;
jmp_buf shim_panic;

// --- lib ---------------------------------------------------------------------------------------------

#define HEAD 16u

void *kzalloc(size_t size)
{
    uint8_t *p = calloc(1, size + HEAD);
    if (!p)
        return NULL;
    *(size_t *)p = size;
    shim_allocated++;
    return p + HEAD;
}

void *krealloc(void *p, size_t size)
{
    if (!p)
        return kzalloc(size);
    uint8_t *old = (uint8_t *)p - HEAD;
    size_t had = *(size_t *)old;
    uint8_t *grown = realloc(old, size + HEAD);
    if (!grown)
        return NULL;
    *(size_t *)grown = size;
    if (size > had)
        memset(grown + HEAD + had, 0, size - had);
    return grown + HEAD;
}

void kfree(void *p)
{
    if (!p)
        return;
    shim_allocated--;
    free((uint8_t *)p - HEAD);
}

char *kstrdup(const char *s)
{
    char *p = kzalloc(strlen(s) + 1);
    if (p)
        memcpy(p, s, strlen(s));
    return p;
}

void *kpages_alloc(size_t count)
{
    void *p = aligned_alloc(4096, count * 4096);
    if (p)
        memset(p, 0, count * 4096);
    shim_allocated += (long)count;
    return p;
}

void kpages_free(void *p, size_t count)
{
    shim_allocated -= (long)count;
    free(p);
}

int kvformat(char *buffer, size_t capacity, const char *format, va_list args)
{
    return vsnprintf(buffer, capacity, format, args);
}

int kformat(char *buffer, size_t capacity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = vsnprintf(buffer, capacity, format, args);
    va_end(args);
    return r;
}

void klog(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!shim_quiet) {
        vprintf(format, args);
        putchar('\n');
    }
    va_end(args);
}

void panic(const char *format, ...)
{
    va_list args;
    if (shim_panics)
        longjmp(shim_panic, 1);
    va_start(args, format);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    abort();
}

bool user_range_ok(uint64_t address, uint64_t size)
{
    return address + size >= address;
}

long copy_user(void *dst, const void *src, size_t n)
{
    if (n && ((uintptr_t)dst < 4096 || (uintptr_t)src < 4096))
        return -EFAULT;
    if (n)
        memcpy(dst, src, n);
    return 0;
}

long copy_from_user(void *dst, uint64_t user_src, size_t n)
{
    return copy_user(dst, (const void *)user_src, n);
}

long copy_to_user(uint64_t user_dst, const void *src, size_t n)
{
    return copy_user((void *)user_dst, src, n);
}

long copy_user_string(char *dst, uint64_t user_src, size_t capacity)
{
    const char *s = (const char *)user_src;
    if (user_src < 4096)
        return -EFAULT;
    size_t size = strnlen(s, capacity);
    if (size == capacity)
        return -ENAMETOOLONG;
    memcpy(dst, s, size + 1);
    return (long)size;
}

void krandom(void *p, size_t n)
{
    static uint64_t state = 88172645463325252ull; // xorshift: tests repeat
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((uint8_t *)p)[i] = (uint8_t)state;
    }
}

void kernel_fpu_begin(void)
{
}

void kernel_fpu_end(void)
{
}

// --- tasks, poll, device -----------------------------------------------------------------------------

uint64_t clock_ns(int clock)
{
    static uint64_t now = 1700000000000000000ull;
    (void)clock;
    return now += 1000;
}

long waitq_sleep(struct waitq *q, uint64_t deadline_ns)
{
    (void)q, (void)deadline_ns;
    return -EINTR;
}

void waitq_wake(struct waitq *q, unsigned count)
{
    (void)q, (void)count;
}

void epoll_forget(struct file *f)
{
    (void)f;
}

long device_ioctl(unsigned request, uint64_t argument)
{
    (void)request, (void)argument;
    return -ENOTTY;
}

void device_seal_key(const uint8_t label[32], uint8_t ret[32])
{
    memcpy(ret, label, 32);
}

struct file *host_terminal(void)
{
    return NULL;
}

struct fs *fs_proc_new(void)
{
    return fs_tmp_new(NULL, 0555, 0);
}

long fs_host_new(const char *source, struct fs **ret)
{
    (void)source, (void)ret;
    return -ENOENT;
}

bool host_hold(struct node *n)
{
    (void)n;
    return false;
}

// --- the host's file ---------------------------------------------------------------------------------

struct shim_host shim_host;

static void host_write(uint64_t offset, const void *data, size_t size)
{
    if (offset + size > shim_host.size) {
        shim_host.data = realloc(shim_host.data, offset + size);
        memset(shim_host.data + shim_host.size, 0, offset + size - shim_host.size);
        shim_host.size = offset + size;
    }
    memcpy(shim_host.data + offset, data, size);
}

void shim_host_reset(void)
{
    for (size_t i = 0; i < shim_host.write_count; i++)
        free(shim_host.write[i].data);
    free(shim_host.write);
    free(shim_host.data);
    shim_host = (struct shim_host){0};
}

void shim_host_set(const uint8_t *data, size_t size)
{
    free(shim_host.data);
    shim_host.data = NULL;
    shim_host.size = 0;
    shim_host.exists = true;
    if (size)
        host_write(0, data, size);
}

void shim_host_replay(const struct shim_write *w, size_t count, size_t torn)
{
    shim_host_set(NULL, 0);
    for (size_t i = 0; i < count; i++)
        if (w[i].data)
            host_write(w[i].offset, w[i].data, w[i].size);
    if (torn && w[count].data)
        host_write(w[count].offset, w[count].data, MIN(torn, w[count].size));
}

static void record(uint64_t offset, const void *data, size_t size)
{
    if (!shim_host.record)
        return;
    shim_host.write =
        realloc(shim_host.write, (shim_host.write_count + 1) * sizeof(struct shim_write));
    struct shim_write *w = &shim_host.write[shim_host.write_count++];
    *w = (struct shim_write){offset, size, NULL};
    if (data) {
        w->data = calloc(1, size);
        memcpy(w->data, data, size);
    }
}

long host_file_open(const void *path, size_t path_size, uint32_t flags, uint32_t mode)
{
    (void)path, (void)path_size, (void)mode;
    if (!shim_host.exists && !(flags & O_CREAT))
        return -ENOENT;
    shim_host.exists = true;
    return 7;
}

long host_file_close(uint32_t fd)
{
    (void)fd;
    return 0;
}

long host_file_lock(uint32_t fd, uint32_t operation)
{
    (void)fd, (void)operation;
    return 0;
}

long host_file_stat(uint32_t fd, void *stat, size_t capacity)
{
    (void)fd;
    memset(stat, 0, capacity);
    ((struct stat *)stat)->st_size = (long)shim_host.size;
    return 0;
}

long host_file_sync(uint32_t fd)
{
    (void)fd;
    record(0, NULL, 0);
    return 0;
}

long host_file_pread(uint32_t fd, uint64_t offset, void *data, size_t capacity)
{
    (void)fd;
    if (offset >= shim_host.size)
        return 0;
    size_t n = MIN(capacity, shim_host.size - offset);
    memcpy(data, shim_host.data + offset, n);
    return (long)n;
}

long host_file_pwrite(uint32_t fd, uint64_t offset, const void *data, size_t size)
{
    (void)fd;
    record(offset, data, size);
    host_write(offset, data, size);
    return (long)size;
}

// --- mm: no shared mappings here -----------------------------------------------------------------------

void mm_shared_before_read(const struct file *f, uint64_t offset, uint64_t size)
{
    (void)f, (void)offset, (void)size;
}

void mm_shared_after_write(const struct file *f, uint64_t offset, uint64_t size)
{
    (void)f, (void)offset, (void)size;
}
