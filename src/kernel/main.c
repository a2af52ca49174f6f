// SPDX-License-Identifier: Apache-2.0
// Where the kernel starts: a fresh TCS, the boot of slot 0, the first program.
#include "abi/enclave.h"
#include "abi/hostcall/hostcall.h"
#include "crypto/gcm.h"
#include "crypto/sha256.h"
#include "kernel/entry/entry.h"
#include "kernel/hostcall/hostcall.h"
#include "kernel/lib/fpu.h"
#include "kernel/loader/exec.h"
#include "kernel/loader/patch.h"
#include "kernel/mm/mm.h"
#include "kernel/task/device.h"
#include "kernel/task/task_private.h"
#include "kernel/vfs/vfs.h"
#include "shield/configid.h"
#include "shield/process.h"

uint64_t boot_cpu_features;
bool kernel_stats_wanted;

#define CANONICAL_END (1ull << 47)

static bool host_range_ok(uint64_t address, uint64_t size)
{
    return address >= ENCLAVE_SIZE && address % 8 == 0 && size <= CANONICAL_END &&
           address <= CANONICAL_END - align_up(size, 8);
}

static const struct enclave_params *params(void)
{
    return (const struct enclave_params *)PARAMS_BASE;
}

// The first program's argument and environment, in the manifest's words or, where it says so, the host's.
static long take_strings(const char **at, const char *end, uint32_t count, struct string_list *ret)
{
    for (uint32_t i = 0; i < count; i++) {
        size_t n = strnlen(*at, (size_t)(end - *at));
        if (n == (size_t)(end - *at))
            return -EINVAL; // not terminated
        long r = ret ? string_list_add(ret, *at, n) : 0;
        if (r < 0)
            return r;
        *at += n + 1;
    }
    return 0;
}

static long add_encoded(struct span encoded, uint32_t count, struct string_list *ret)
{
    struct reader r = reader_on(encoded);
    long error = 0;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        struct span s = process_next(&r);
        error = string_list_add(ret, (const char *)s.data, s.size);
    }
    return error;
}

struct boot {
    struct boot_info info;
    struct string_list arguments; // the host's
};

static void read_boot_info(struct boot *b)
{
    struct hostcall_area *area = hostcall_area_current();
    uint64_t address = host_load((struct host_ptr){(uint64_t)&area->boot.address});
    uint64_t size = host_load((struct host_ptr){(uint64_t)&area->boot.size});
    if (size != sizeof b->info || !host_range_ok(address, size))
        panic("the host's boot information lies where it must not");
    host_copy_in(&b->info, (struct host_ptr){address}, sizeof b->info);
    const struct boot_info *i = &b->info;
    if (i->magic != BOOT_MAGIC || i->string_size > BOOT_ARGS_SIZE)
        panic("malformed boot information");
    if (!host_range_ok(i->image_address, i->image_size) || i->image_address % PAGE_SIZE ||
        (i->init_size && !host_range_ok(i->init_address, i->init_size)))
        panic("the host's image lies where it must not");
    const char *at = (const char *)i->strings, *end = at + i->string_size;
    if (take_strings(&at, end, i->argument_count, &b->arguments) < 0)
        panic("malformed host arguments");
    const char *hints = at;
    if (take_strings(&at, end, i->hint_count, NULL) < 0)
        panic("malformed hints");
    char *copy = kzalloc((size_t)(at - hints) + 1);
    if (!copy)
        panic("out of memory at the start");
    memcpy(copy, hints, (size_t)(at - hints));
    device_boot(copy, (size_t)(at - hints), i->hint_count);
}

static void start_init(struct trap_frame *frame, const struct boot_info *info)
{
    const struct enclave_params *p = params();
    if (info->init_size != p->init_size || p->init_size == 0 || p->init_size > 64u << 20)
        panic("the host offers another init program than the one that was measured");
    size_t pages = (p->init_size + PAGE_SIZE - 1) / PAGE_SIZE;
    uint8_t *init = kpages_alloc(pages), hash[32];
    if (!init)
        panic("out of memory: the heap is too small for init");
    host_copy_in(init, (struct host_ptr){info->init_address}, p->init_size);
    kernel_fpu_begin();
    sha256(SPAN(init, p->init_size), hash);
    kernel_fpu_end();
    if (!ct_equal(hash, p->init_hash, sizeof hash))
        panic("the init program is not the one that was measured");
    struct string_list arguments = {0}, environment = {0};
    long r = string_list_add(&arguments, "init", 4);
    if (r == 0)
        r = exec_memory(frame, init, p->init_size, &arguments, &environment);
    if (r < 0)
        panic("init cannot be started: error %ld", -r);
    process_is_init = true;
    string_list_done(&arguments);
}

// What to start; without a process file, where that may be missing, what init needs to start. Without an SMS the
// host's first argument is then the program: who measures such an enclave knows that it trusts the host with that.
static void read_process(const struct boot *b, struct process *ret, void **ret_data,
                         size_t *ret_size)
{
    const uint32_t flags = params()->flags;
    bool by_host = !(flags & PARAMS_SMS) && (flags & PARAMS_HOST_ARGUMENTS) && b->arguments.count;
    long r = erofs_read_file("/.cloister/process", ret_data, ret_size);
    if (r == -ENOENT && (flags & PARAMS_TAG_PROVIDED) && (by_host || (flags & PARAMS_SMS))) {
        *ret = (struct process){.umask = 022, .directory = SPAN_STR("/")};
        if (by_host) {
            ret->executable = SPAN(b->arguments.bytes, strlen(b->arguments.bytes));
            ret->environment_count = 1;
            ret->environment = SPAN_STR(
                "\x41\0\0\0PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        }
        *ret_data = NULL;
        *ret_size = 0;
        return;
    }
    if (r < 0 || !is_ok(process_decode(SPAN(*ret_data, *ret_size), ret)))
        panic("the image's process file is malformed");
}

static void start_program(struct trap_frame *frame, struct boot *b)
{
    void *data;
    size_t size;
    struct process process;
    read_process(b, &process, &data, &size);
    vfs_set_identity(process.uid, process.gid);
    (void)vfs_umask(process.umask);
    struct string_list arguments = {0}, environment = {0};
    bool from_host = (params()->flags & PARAMS_HOST_ARGUMENTS) && b->arguments.count;
    // argv[0] is the manifest's, if there is one; the host's arguments, where it may give any, replace the others.
    long r = add_encoded(process.arguments,
                         from_host ? MIN(process.argument_count, 1) : process.argument_count,
                         &arguments);
    const char *at = b->arguments.bytes;
    for (uint32_t i = 0; from_host && r == 0 && i < b->arguments.count; i++, at += strlen(at) + 1)
        r = string_list_add(&arguments, at, strlen(at));
    if (r == 0)
        r = add_encoded(process.environment, process.environment_count, &environment);
    char *path = kzalloc(4096), *directory = kzalloc(4096);
    if (r < 0 || !path || !directory)
        panic("the process file is too large");
    memcpy(path, process.executable.data, MIN(process.executable.size, (size_t)4095));
    memcpy(directory, process.directory.data, MIN(process.directory.size, (size_t)4095));
    struct dentry *d;
    if (path_find(AT_FDCWD, directory, PATH_FOLLOW, &d) < 0 || vfs_chdir(d) < 0)
        panic("the working directory %s does not exist", directory);
    if (params()->flags & PARAMS_SMS)
        start_init(frame, &b->info);
    else if ((r = exec_file(frame, path, &arguments, &environment)) < 0)
        panic("cannot start %s: error %ld", path, -r);
    string_list_done(&arguments);
    string_list_done(&environment);
    kfree(path);
    kfree(directory);
    vfs_file_free(data, size);
}

static void open_stdio(void)
{
    for (int fd = 0; fd < 3; fd++) {
        struct file *f = host_stdio(fd);
        if (!f || fd_install_at(f, fd, false) < 0)
            panic("out of memory at the start");
    }
}

// The parameters as they are in force: with PARAMS_TAG_PROVIDED the host says which file system, and
// CONFIGID, which every report and quote shows, says the same or nothing is mounted.
static void take_file_system(const struct boot_info *info, struct enclave_params *ret)
{
    struct device_fspf fspf;
    memcpy(ret, params(), sizeof *ret);
    memset(&fspf, 0, sizeof fspf);
    if (ret->flags & PARAMS_TAG_PROVIDED) {
        struct sgx_report_body self;
        uint8_t configid[CONFIGID_SIZE];
        if (!is_zero(ret->fspf_key, 32) || !is_zero(ret->fspf_tag, 32) || ret->data_blocks ||
            ret->hash_offset)
            panic("the enclave's parameters are malformed");
        device_self(&self);
        kernel_fpu_begin();
        configid_make(info->fspf_key, info->fspf_tag, info->task, configid);
        kernel_fpu_end();
        if (!ct_equal(configid, self.configid, sizeof configid))
            panic("CONFIGID does not name the file system and task that the host gives");
        memcpy(ret->fspf_key, info->fspf_key, 32);
        memcpy(ret->fspf_tag, info->fspf_tag, 32);
        memcpy(fspf.task, info->task, 32);
        ret->data_blocks = info->data_blocks;
        ret->hash_offset = info->hash_offset;
    }
    memcpy(fspf.key, ret->fspf_key, 32);
    memcpy(fspf.tag, ret->fspf_tag, 32);
    device_set_fspf(&fspf);
}

static void mount(const struct boot_info *info)
{
    struct enclave_params *p = kzalloc(sizeof *p);
    if (!p)
        panic("out of memory: the heap of the manifest is too small");
    take_file_system(info, p);
    struct vfs_boot v = {
        .image = {info->image_address},
        .image_size = info->image_size,
        .params = p,
    };
    long r = vfs_boot(&v);
    if (r < 0)
        panic("the image cannot be mounted: error %ld", -r);
    kfree(p);
}

static _Noreturn void boot(void)
{
    const struct enclave_params *p = params();
    if (p->magic != PARAMS_MAGIC || p->version != ENCLAVE_VERSION || p->threads == 0 ||
        p->threads > THREADS_MAX || p->sms_policy_size > sizeof p->policy)
        panic("the enclave's parameters are malformed");
    kernel_lock();
    epc_set_budget(p->heap_max);
    tasks_boot(p->threads);
    struct boot *b = kzalloc(sizeof *b);
    if (!b)
        panic("out of memory: the heap of the manifest is too small");
    read_boot_info(b);
    boot_cpu_features = b->info.cpu_features;
    kernel_stats_wanted = b->info.flags & BOOT_STATS;
    syscall_quiet = b->info.flags & BOOT_QUIET;
    kernel_fpu_begin(); // the vector instructions are used under this pair only, the choice included
    sha256_select(boot_cpu_features & BOOT_CPU_SHANI);
    gcm_select(boot_cpu_features & BOOT_CPU_AES ? GCM_AESNI : GCM_PORTABLE);
    kernel_fpu_end();
    mount(&b->info);
    open_stdio();
    patch_boot(!(b->info.flags & BOOT_NO_PATCH));
    struct trap_frame frame __attribute__((aligned(16)));
    start_program(&frame, b);
    string_list_done(&b->arguments);
    kfree(b);
    kernel_unlock();
    frame_return(&frame);
}

_Noreturn void enclave_thread_start(uint64_t tcs, uint64_t area, uint64_t area_size)
{
    struct percpu *cpu = (struct percpu *)(tcs + THREAD_LOCAL);
    bool first = cpu->state == PERCPU_NEVER;
    if (cpu->state == PERCPU_RUNNING || !host_range_ok(area, area_size) || area % PAGE_SIZE ||
        area_size < sizeof(struct hostcall_area))
        enclave_panic_exit(PANIC_CODE_ENTRY);
    cpu->self = cpu;
    cpu->slot = (uint32_t)((tcs - THREADS_BASE) / THREAD_STRIDE);
    cpu->stack_top = tcs + THREAD_STACK + THREAD_STACK_SIZE - 0x1000;
    cpu->state = PERCPU_RUNNING;
    cpu->fpu_depth = 0;
    cpu->area = area;
    cpu->area_size = area_size;
    if (first && cpu->slot == 0)
        boot();
    task_start(cpu);
}
