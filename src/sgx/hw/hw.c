// SPDX-License-Identifier: Apache-2.0
// The platform of Linux's SGX driver (Documentation/arch/x86/sgx.rst, asm/sgx.h). Written from the
// documentation and the driver's interface; it has never run on a machine with SGX.
//
// ELRANGE begins at 0: the driver takes any base that is aligned to the size, and nothing is mapped below
// 64 KiB. A page that was added may be mapped with its SECINFO's permissions at most; all the rest of
// ELRANGE is mapped RWX, so that EPCM alone decides for pages that come later (EAUG on a fault).
#include "sgx/hw/hw.h"

#include <cpuid.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/bytes.h"
#include "sgx/platform.h"

#define SAME(field, offset) \
    _Static_assert(offsetof(struct sgx_hw_thread, field) == (offset), "hw.h: " #field)
SAME(saved_rsp, T_SAVED_RSP);
SAME(run, T_RUN);
SAME(rdi, T_RDI);
SAME(r9, T_R9);
SAME(function, T_FUNCTION);
SAME(mxcsr, T_MXCSR);

#define DEVICE           "/dev/sgx_enclave"
#define DEVICE_PROVISION "/dev/sgx_provision"
#define FIRST_PAGE       0x10000ull
#define STACK_SIZE       65536u
#define CHUNK_SIZE       65536u
#define AEX_LEAF         3

struct range {
    uint64_t start, end;
    int protection;
};

struct sgx_enclave {
    int fd;
    uint64_t end;
    bool initialized;
    uint64_t vdso;
    struct range *ranges; // what was added, in ascending order when mapped
    size_t range_count, range_capacity;
    struct sgx_stats stats;
};

static _Thread_local struct sgx_hw_thread *self;
static pthread_key_t exit_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int kick_signal(void)
{
    return SIGRTMIN + 8;
}

bool sgx_hw_available(void)
{
    unsigned a, b = 0, c = 0, d;
    bool sgx = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 2) && (c & 1u << 30);
    bool sgx2 = __get_cpuid_count(0x12, 0, &a, &b, &c, &d) && (a & 2);
    if (!sgx || !sgx2)
        return false;
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

// --- building --------------------------------------------------------------------------------------

static uint64_t find_vdso(void)
{
    void *library = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    return library ? (uint64_t)dlsym(library, "__vdso_sgx_enter_enclave") : 0;
}

static void destroy(struct sgx_enclave *e)
{
    if (!e)
        return;
    if (e->end)
        munmap((void *)FIRST_PAGE, e->end - FIRST_PAGE);
    if (e->fd >= 0)
        close(e->fd);
    free(e->ranges);
    free(e);
}

static struct result provision(int fd)
{
    int key = open(DEVICE_PROVISION, O_RDONLY | O_CLOEXEC);
    REQUIRE(key >= 0, ERR_DENIED, "no access to " DEVICE_PROVISION);
    struct sgx_enclave_provision p = {.fd = (uint64_t)key};
    int r = ioctl(fd, SGX_IOC_ENCLAVE_PROVISION, &p);
    close(key);
    return r == 0 ? RESULT_OK : fail(ERR_DENIED, "the driver refuses PROVISIONKEY");
}

static struct result ecreate(struct sgx_enclave *e, const struct sgx_secs *secs)
{
    struct sgx_secs *page = aligned_alloc(SGX_PAGE_SIZE, SGX_PAGE_SIZE);
    REQUIRE(page, ERR_MEMORY, "out of memory");
    *page = *secs;
    struct sgx_enclave_create c = {.src = (uint64_t)page};
    int r = ioctl(e->fd, SGX_IOC_ENCLAVE_CREATE, &c);
    free(page);
    REQUIRE(r == 0, errno == EINVAL ? ERR_INVALID : ERR_IO, "ECREATE failed");
    return secs->attributes.flags & SGX_FLAGS_PROVISIONKEY ? provision(e->fd) : RESULT_OK;
}

static void on_signal(int sig, siginfo_t *info, void *context);

static struct result open_device(struct sgx_enclave *e, const struct sgx_secs *secs)
{
    e->fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    REQUIRE(e->fd >= 0, ERR_UNSUPPORTED, "no access to " DEVICE);
    e->vdso = find_vdso();
    REQUIRE(e->vdso, ERR_UNSUPPORTED, "the kernel has no __vdso_sgx_enter_enclave");
    void *p = mmap((void *)FIRST_PAGE, secs->size - FIRST_PAGE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    REQUIRE(p == (void *)FIRST_PAGE, ERR_MEMORY, "ELRANGE is not free");
    e->end = secs->size;
    struct sigaction a = {.sa_flags = SA_SIGINFO | SA_RESTART};
    a.sa_sigaction = on_signal;
    sigemptyset(&a.sa_mask);
    REQUIRE(sigaction(kick_signal(), &a, NULL) == 0 && sigaction(SIGTRAP, &a, NULL) == 0, ERR_IO,
            "cannot install a signal handler");
    return ecreate(e, secs);
}

static struct result create(const struct sgx_secs *secs, struct sgx_enclave **ret)
{
    REQUIRE(secs->base == 0 && secs->size > FIRST_PAGE, ERR_UNSUPPORTED,
            "ELRANGE starts at address 0");
    struct sgx_enclave *e = calloc(1, sizeof *e);
    REQUIRE(e, ERR_MEMORY, "out of memory");
    e->fd = -1;
    struct result r = open_device(e, secs);
    if (is_ok(r))
        *ret = e;
    else
        destroy(e);
    return r;
}

static struct result note_range(struct sgx_enclave *e, uint64_t start, uint64_t end, uint64_t flags)
{
    int protection = (flags & SGX_SECINFO_R ? PROT_READ : 0) |
                     (flags & SGX_SECINFO_W ? PROT_WRITE : 0) |
                     (flags & SGX_SECINFO_X ? PROT_EXEC : 0);
    if ((flags & SGX_SECINFO_TYPE_MASK) == SGX_SECINFO_TCS)
        protection = PROT_READ | PROT_WRITE; // the driver's maximum for a TCS
    struct range *last = e->range_count ? &e->ranges[e->range_count - 1] : NULL;
    if (last && last->end == start && last->protection == protection) {
        last->end = end;
        return RESULT_OK;
    }
    if (e->range_count == e->range_capacity) {
        size_t capacity = MAX(64u, 2 * e->range_capacity);
        struct range *more = realloc(e->ranges, capacity * sizeof *more);
        REQUIRE(more, ERR_MEMORY, "out of memory");
        e->ranges = more;
        e->range_capacity = capacity;
    }
    e->ranges[e->range_count++] = (struct range){start, end, protection};
    return RESULT_OK;
}

// One ioctl adds as much as it can and says how much that was.
static struct result add_chunk(struct sgx_enclave *e, uint64_t offset, void *pages, size_t size,
                               uint64_t flags, bool measure)
{
    struct sgx_secinfo secinfo = {.flags = flags};
    for (size_t done = 0; done < size;) {
        struct sgx_enclave_add_pages a = {
            .src = (uint64_t)pages + done,
            .offset = offset + done,
            .length = size - done,
            .secinfo = (uint64_t)&secinfo,
            .flags = measure ? SGX_PAGE_MEASURE : 0,
        };
        int r = ioctl(e->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &a);
        REQUIRE(r == 0 || errno == EINTR || errno == EAGAIN,
                errno == EBUSY    ? ERR_EXISTS
                : errno == ENOMEM ? ERR_MEMORY
                                  : ERR_INVALID,
                "EADD failed");
        done += a.count;
    }
    return RESULT_OK;
}

static struct result add(struct sgx_enclave *e, uint64_t offset, const void *pages, size_t size,
                         uint64_t secinfo_flags, bool measure)
{
    void *aligned = aligned_alloc(SGX_PAGE_SIZE, CHUNK_SIZE);
    REQUIRE(aligned, ERR_MEMORY, "out of memory");
    struct result r = note_range(e, offset, offset + size, secinfo_flags);
    for (size_t done = 0; is_ok(r) && done < size;) {
        size_t part = MIN(size - done, (size_t)CHUNK_SIZE);
        memcpy(aligned, (const uint8_t *)pages + done, part);
        r = add_chunk(e, offset + done, aligned, part, secinfo_flags, measure);
        done += part;
    }
    free(aligned);
    return r;
}

static struct result enclu_sites(struct sgx_enclave *e, const uint64_t *offsets, size_t count)
{
    (void)e, (void)offsets, (void)count; // the CPU knows ENCLU
    return RESULT_OK;
}

static int compare_ranges(const void *a, const void *b)
{
    uint64_t x = ((const struct range *)a)->start, y = ((const struct range *)b)->start;
    return (x > y) - (x < y);
}

static struct result map(struct sgx_enclave *e, uint64_t start, uint64_t end, int protection)
{
    if (start == end)
        return RESULT_OK;
    void *p = mmap((void *)start, end - start, protection, MAP_SHARED | MAP_FIXED, e->fd, 0);
    return p == (void *)start ? RESULT_OK : fail(ERR_IO, "cannot map the enclave");
}

static struct result map_all(struct sgx_enclave *e)
{
    uint64_t at = FIRST_PAGE;
    if (e->range_count)
        qsort(e->ranges, e->range_count, sizeof *e->ranges, compare_ranges);
    for (size_t i = 0; i < e->range_count; i++) {
        const struct range *r = &e->ranges[i];
        GUARD(map(e, at, r->start, PROT_READ | PROT_WRITE | PROT_EXEC));
        GUARD(map(e, r->start, r->end, r->protection));
        at = r->end;
    }
    return map(e, at, e->end, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static struct result init(struct sgx_enclave *e, const struct sgx_sigstruct *sigstruct)
{
    struct sgx_sigstruct *page = aligned_alloc(SGX_PAGE_SIZE, SGX_PAGE_SIZE);
    REQUIRE(page, ERR_MEMORY, "out of memory");
    *page = *sigstruct;
    struct sgx_enclave_init i = {.sigstruct = (uint64_t)page};
    int r = ioctl(e->fd, SGX_IOC_ENCLAVE_INIT, &i);
    int error = errno;
    free(page);
    REQUIRE(r >= 0 || error != EACCES, ERR_DENIED, "the driver refuses the enclave's attributes");
    REQUIRE(r == 0, error == EPERM || r > 0 ? ERR_INTEGRITY : ERR_IO,
            "EINIT refused the signature, the measurement or the attributes");
    GUARD(map_all(e));
    e->initialized = true;
    return RESULT_OK;
}

// --- threads ---------------------------------------------------------------------------------------

static void thread_exit(void *thread)
{
    struct sgx_hw_thread *t = thread;
    self = NULL;
    munmap((void *)(t->stack - STACK_SIZE), STACK_SIZE);
    free(t);
}

static void make_exit_key(void)
{
    if (pthread_key_create(&exit_key, thread_exit) != 0)
        abort();
}

static void mask_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    const int open_ones[] = {SIGILL,  SIGSEGV, SIGBUS,  SIGFPE,
                             SIGTRAP, SIGSYS,  SIGABRT, kick_signal()};
    for (size_t i = 0; i < ARRAY_COUNT(open_ones); i++)
        sigdelset(&all, open_ones[i]);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}

static struct result thread_setup(struct sgx_enclave *e)
{
    if (self) {
        self->vdso = e->vdso;
        return RESULT_OK;
    }
    pthread_once(&once, make_exit_key);
    struct sgx_hw_thread *t = calloc(1, sizeof *t);
    REQUIRE(t, ERR_MEMORY, "out of memory");
    uint8_t *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) {
        free(t);
        return fail(ERR_MEMORY, "out of memory");
    }
    t->stack = (uint64_t)stack + STACK_SIZE;
    t->vdso = e->vdso;
    t->run = &t->run_space;
    self = t;
    pthread_setspecific(exit_key, t);
    mask_signals();
    return RESULT_OK;
}

// The kick, and INT3 or a single step inside, which the vDSO leaves to signals. After an AEX the kernel
// delivers a signal with the synthetic state: RIP is the AEP, which is the vDSO's ENCLU, RAX is ERESUME, and
// sigreturn would execute it. Instead the thread returns from sgx_hw_call(), past the vDSO's frame, which
// holds nothing that we need; the enclave's frame waits in its SSA. A thread that was about to ERESUME
// looks the same, and the same is right for it. One about to EENTER has RAX 2: no effect.
static void on_signal(int sig, siginfo_t *info, void *context)
{
    (void)info;
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    struct sgx_hw_thread *t = self;
    bool at_aep = t && t->run->tcs && g[REG_RAX] == AEX_LEAF && g[REG_RBX] == (greg_t)t->run->tcs;
    const uint8_t *code = (const uint8_t *)g[REG_RIP];
    if (at_aep && code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xd7) {
        t->vector = sig == kick_signal()                                 ? SGX_RUN_INTERRUPT
                    : uc->uc_mcontext.gregs[REG_TRAPNO] == SGX_VECTOR_DB ? SGX_VECTOR_DB
                                                                         : SGX_VECTOR_BP;
        g[REG_RIP] = (greg_t)sgx_hw_interrupted;
        g[REG_RBX] = (greg_t)t;
    } else if (sig == SIGTRAP) {
        signal(SIGTRAP, SIG_DFL); // the host's own
        raise(SIGTRAP);
    }
}

static void kick(struct sgx_enclave *e, pthread_t thread)
{
    (void)e;
    pthread_kill(thread, kick_signal());
}

static void count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static struct result enter(struct sgx_enclave *e, struct sgx_run *run)
{
    struct sgx_hw_thread *t = self;
    REQUIRE(t && t->vdso == e->vdso, ERR_INVALID, "the thread is not set up for this enclave");
    REQUIRE(run->function == ENCLU_EENTER || run->function == ENCLU_ERESUME, ERR_INVALID,
            "neither EENTER nor ERESUME");
    count(run->function == ENCLU_EENTER ? &e->stats.eenter : &e->stats.eresume);
    *t->run = (struct sgx_enclave_run){.tcs = run->tcs};
    t->rdi = run->rdi;
    t->rsi = run->rsi;
    t->rdx = run->rdx;
    t->r8 = run->r8;
    t->r9 = run->r9;
    t->function = run->function;
    long r = sgx_hw_call(t);
    if (r == SGX_HW_INTERRUPTED) {
        count(&e->stats.aex);
        t->run->tcs = 0;
        run->function = ENCLU_ERESUME;
        run->exception_vector = (uint16_t)t->vector;
        run->exception_error_code = 0;
        run->exception_addr = 0;
        return RESULT_OK;
    }
    // Kernels differ in what they return after an exception (0 or -EFAULT); the fields are the same.
    REQUIRE(r == 0 || r == -EFAULT, ERR_INVALID, "the vDSO refuses to enter");
    run->function = t->run->function;
    run->exception_vector = t->run->exception_vector;
    run->exception_error_code = t->run->exception_error_code;
    run->exception_addr = t->run->exception_addr;
    t->run->tcs = 0;
    count(run->function == ENCLU_EEXIT ? &e->stats.eexit : &e->stats.aex);
    if (run->function == ENCLU_EEXIT) {
        run->rdi = t->rdi;
        run->rsi = t->rsi;
        run->rdx = t->rdx;
        run->r8 = t->r8;
        run->r9 = t->r9;
    }
    return RESULT_OK;
}

// --- dynamic memory --------------------------------------------------------------------------------

static struct result page_error(void)
{
    switch (errno) {
    case EINVAL:
        return fail(ERR_INVALID, "the driver refuses the change of pages");
    case EPERM:
        return fail(ERR_DENIED, "the pages are not trimmed and accepted");
    default:
        return fail(ERR_IO, "the driver failed to change pages");
    }
}

static bool again(int r)
{
    return r == 0 || errno == EINTR || errno == EAGAIN;
}

static struct result restrict_permissions(struct sgx_enclave *e, uint64_t offset, uint64_t size,
                                          uint64_t rwx)
{
    for (uint64_t done = 0; done < size;) {
        struct sgx_enclave_restrict_permissions a = {
            .offset = offset + done, .length = size - done, .permissions = rwx};
        if (!again(ioctl(e->fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &a)))
            return page_error();
        done += a.count;
    }
    return RESULT_OK;
}

static struct result trim(struct sgx_enclave *e, uint64_t offset, uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        struct sgx_enclave_modify_types a = {
            .offset = offset + done,
            .length = size - done,
            .page_type = SGX_SECINFO_TRIM >> SGX_SECINFO_TYPE_SHIFT,
        };
        if (!again(ioctl(e->fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, &a)))
            return page_error();
        done += a.count;
    }
    return RESULT_OK;
}

static struct result remove_pages(struct sgx_enclave *e, uint64_t offset, uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        struct sgx_enclave_remove_pages a = {.offset = offset + done, .length = size - done};
        if (!again(ioctl(e->fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, &a)))
            return page_error();
        done += a.count;
    }
    return RESULT_OK;
}

static void stats(const struct sgx_enclave *e, struct sgx_stats *ret)
{
    *ret = e->stats; // the leaves inside are not seen from here
}

const struct sgx_platform *sgx_platform_hw(void)
{
    static const struct sgx_platform hw = {
        .name = "sgx",
        .create = create,
        .add = add,
        .enclu_sites = enclu_sites,
        .init = init,
        .thread_setup = thread_setup,
        .enter = enter,
        .kick = kick,
        .restrict_permissions = restrict_permissions,
        .trim = trim,
        .remove = remove_pages,
        .stats = stats,
        .destroy = destroy,
    };
    return &hw;
}
