// SPDX-License-Identifier: Apache-2.0
// execve: the old program's memory goes (wiped by the CPU, since its pages are removed), the new one is
// mapped, and its stack is laid out as the System V ABI says (AMD64 supplement, 3.4 "Process
// Initialization"). Arguments and environment come from the manifest, init or the program itself.
#include "kernel/loader/exec.h"

#include <linux/auxvec.h>
#include <linux/mman.h>

#include "kernel/entry/entry.h"
#include "kernel/loader/elf.h"
#include "kernel/mm/mm.h"
#include "kernel/syscall/limits.h"
#include "kernel/task/task_private.h"
#include "kernel/vfs/vfs.h"

#define STACK_TOP       (USER_END - (64ull << 10))
#define PIE_BASE        0x100000000ull
#define SCRIPT_DEPTH    4
#define SCRIPT_LINE     256
#define HWCAP_X86       0x07888111u // CPUID.1:EDX of entry/cpuid.c
#define HWCAP2_FSGSBASE 2u
#define RFLAGS_START    0x202u

extern const uint8_t initial_xstate[];

long string_list_add(struct string_list *list, const char *s, size_t length)
{
    if (length + 1 > STRING_LIST_MAX - list->size)
        return -E2BIG;
    char *bytes = krealloc(list->bytes, list->size + length + 1);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes + list->size, s, length);
    bytes[list->size + length] = '\0';
    list->bytes = bytes;
    list->size += length + 1;
    list->count++;
    return 0;
}

void string_list_done(struct string_list *list)
{
    kfree(list->bytes);
    *list = (struct string_list){0};
}

// --- a file over kernel memory, for init -----------------------------------------------------------------

struct memory {
    const uint8_t *bytes;
    size_t size;
};

static long memory_read(struct file *f, void *buffer, size_t size, uint64_t pos)
{
    const struct memory *m = f->priv;
    if (pos >= m->size)
        return 0;
    size_t part = MIN(size, m->size - pos);
    return copy_user(buffer, m->bytes + pos, part) < 0 ? -EFAULT : (long)part;
}

static long memory_size(struct file *f, uint64_t *ret)
{
    *ret = ((const struct memory *)f->priv)->size;
    return 0;
}

static void memory_release(struct file *f)
{
    struct memory *m = f->priv;
    kpages_free((void *)m->bytes, (m->size + PAGE_SIZE - 1) / PAGE_SIZE);
    kfree(m);
}

static const struct file_ops memory_ops = {
    .name = "init", .read = memory_read, .size = memory_size, .release = memory_release};

// --- the stack
// -----------------------------------------------------------------------------------------------

struct stack {
    uint64_t rsp;
    long error;
};

static uint64_t push(struct stack *s, const void *bytes, size_t size)
{
    s->rsp -= size;
    if (s->error == 0)
        s->error = copy_to_user(s->rsp, bytes, size);
    return s->rsp;
}

static void put_pointers(uint64_t *table, size_t *n, uint64_t strings,
                         const struct string_list *list)
{
    for (size_t at = 0; at < list->size; at += strlen(list->bytes + at) + 1)
        table[(*n)++] = strings + at;
    table[(*n)++] = 0;
}

static struct exec_info info;

const struct exec_info *exec_current(void)
{
    return &info;
}

static long copy_list(const struct string_list *from, struct string_list *to)
{
    string_list_done(to);
    long r = 0;
    for (size_t at = 0; r == 0 && at < from->size; at += strlen(from->bytes + at) + 1)
        r = string_list_add(to, from->bytes + at, strlen(from->bytes + at));
    return r;
}

static long remember(const char *path, const struct string_list *arguments,
                     const struct string_list *environment, const void *auxv, size_t auxv_size)
{
    const char *slash = strrchr(path, '/');
    kformat(info.name, sizeof info.name, "%s", slash ? slash + 1 : path);
    info.auxv_size = MIN(auxv_size, sizeof info.auxv);
    memcpy(info.auxv, auxv, info.auxv_size);
    long r = copy_list(arguments, &info.arguments);
    return r < 0 ? r : copy_list(environment, &info.environment);
}

static long build_stack(uint64_t top, const char *path, const struct string_list *arguments,
                        const struct string_list *environment, const struct elf_image *program,
                        uint64_t interpreter_base, uint64_t *ret_rsp)
{
    struct stack s = {top - 16, 0};
    uint8_t seed[16];
    krandom(seed, sizeof seed);
    uint64_t name = push(&s, path, strlen(path) + 1);
    uint64_t environment_at = push(&s, environment->bytes, environment->size);
    uint64_t arguments_at = push(&s, arguments->bytes, arguments->size);
    uint64_t platform = push(&s, "x86_64", 7);
    uint64_t random = push(&s, seed, sizeof seed);
    const uint64_t auxv[][2] = {
        {AT_PHDR, program->headers},
        {AT_PHENT, sizeof(Elf64_Phdr)},
        {AT_PHNUM, program->header_count},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_BASE, interpreter_base},
        {AT_FLAGS, 0},
        {AT_ENTRY, program->entry},
        {AT_UID, vfs_uid()},
        {AT_EUID, vfs_uid()},
        {AT_GID, vfs_gid()},
        {AT_EGID, vfs_gid()},
        {AT_SECURE, 0},
        {AT_RANDOM, random},
        {AT_HWCAP, HWCAP_X86},
        {AT_HWCAP2, HWCAP2_FSGSBASE},
        {AT_CLKTCK, 100},
        {AT_PLATFORM, platform},
        {AT_EXECFN, name},
        {AT_MINSIGSTKSZ, 2048},
        {AT_NULL, 0},
    };
    size_t words = 1 + arguments->count + 1 + environment->count + 1 + sizeof auxv / 8, n = 0;
    uint64_t *table = kzalloc(words * 8);
    if (!table)
        return -ENOMEM;
    table[n++] = arguments->count;
    put_pointers(table, &n, arguments_at, arguments);
    put_pointers(table, &n, environment_at, environment);
    memcpy(table + n, auxv, sizeof auxv);
    s.rsp = align_down(s.rsp - words * 8, 16) + words * 8;
    *ret_rsp = push(&s, table, words * 8);
    kfree(table);
    return s.error ? s.error : remember(path, arguments, environment, auxv, sizeof auxv);
}

// --- execve
// --------------------------------------------------------------------------------------------------

struct exec {
    struct file *program, *interpreter;
    struct elf_plan plan, interpreter_plan;
};

static void exec_done(struct exec *e)
{
    file_unref(e->program);
    file_unref(e->interpreter);
    kfree(e);
}

// Everything that can fail while the old program still stands.
static long exec_prepare(struct exec *e)
{
    long r = elf_read(e->program, &e->plan);
    if (r < 0 || !e->plan.interpreter[0])
        return r;
    r = vfs_open(AT_FDCWD, e->plan.interpreter, O_RDONLY, 0, &e->interpreter);
    return r < 0 ? r : elf_read(e->interpreter, &e->interpreter_plan);
}

static long exec_map(struct exec *e, const char *path, const struct string_list *arguments,
                     const struct string_list *environment, uint64_t *ret_entry, uint64_t *ret_rsp)
{
    struct elf_image program, interpreter = {0};
    mm_reset();
    long r = elf_map(e->program, &e->plan, PIE_BASE, &program);
    if (r == 0 && e->interpreter)
        r = elf_map(e->interpreter, &e->interpreter_plan, 0, &interpreter);
    if (r < 0)
        return r;
    mm_set_brk(program.end);
    uint64_t size = ((const struct enclave_params *)PARAMS_BASE)->stack_size;
    struct vma stack = {.start = STACK_TOP - align_up(size, PAGE_SIZE),
                        .end = STACK_TOP,
                        .prot = PROT_READ | PROT_WRITE,
                        .flags = MAP_PRIVATE,
                        .name = "[stack]"};
    r = vma_insert(&stack);
    if (r < 0)
        return r;
    rlimit_set_stack(size);
    *ret_entry = e->interpreter ? interpreter.entry : program.entry;
    return build_stack(STACK_TOP, path, arguments, environment, &program, interpreter.base,
                       ret_rsp);
}

static long exec_open(struct trap_frame *frame, struct exec *e, const char *path,
                      const struct string_list *arguments, const struct string_list *environment)
{
    if (task_count() > 1) {
        klog("execve of a program with several threads is not there");
        return -EAGAIN;
    }
    long r = exec_prepare(e);
    if (r < 0)
        return r;
    uint64_t entry, rsp;
    r = exec_map(e, path, arguments, environment, &entry, &rsp);
    if (r < 0) {
        klog("cannot start %s: error %ld", path, -r);
        process_exit(126);
    }
    signals_reset_on_exec();
    fd_close_on_exec();
    // /proc/self/exe names the file itself, not a link to it: $ORIGIN of ld.so(8) starts there.
    if (!e->program->dentry || vfs_path(e->program, info.path, sizeof info.path) < 0)
        kformat(info.path, sizeof info.path, "%s", path);
    struct task *t = current();
    t->clear_child_tid = t->robust_list = 0;
    kformat(t->name, sizeof t->name, "%s", info.name);
    process_is_init = false;
    *frame = (struct trap_frame){.rip = entry,
                                 .rsp = rsp,
                                 .rflags = RFLAGS_START,
                                 .orig_rax = ~0ull,
                                 .cause = CAUSE_SYSCALL};
    __asm__ volatile("wrfsbase %0" : : "r"(0ull));
    kernel_xrstor(initial_xstate);
    return 0;
}

// "#! interpreter [argument]": execve(2). Returns 1 and the new path and arguments, or 0.
static long script(struct file *f, char *path, struct string_list *arguments)
{
    char line[SCRIPT_LINE + 1] = {0};
    long n = f->ops->read ? f->ops->read(f, line, SCRIPT_LINE, 0) : 0;
    char *end = n > 2 && line[0] == '#' && line[1] == '!' ? memchr(line, '\n', (size_t)n) : NULL;
    if (!end)
        return n < 0 ? n : 0;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    char *program = line + 2;
    while (*program == ' ' || *program == '\t')
        program++;
    char *argument = program;
    while (*argument && *argument != ' ' && *argument != '\t')
        argument++;
    if (*argument)
        *argument++ = '\0';
    while (*argument == ' ' || *argument == '\t')
        argument++;
    struct string_list list = {0};
    long r = string_list_add(&list, program, strlen(program));
    if (r == 0 && *argument)
        r = string_list_add(&list, argument, strlen(argument));
    if (r == 0)
        r = string_list_add(&list, path, strlen(path));
    size_t at = arguments->count ? strlen(arguments->bytes) + 1 : 0;
    for (; r == 0 && at < arguments->size; at += strlen(arguments->bytes + at) + 1)
        r = string_list_add(&list, arguments->bytes + at, strlen(arguments->bytes + at));
    string_list_done(arguments);
    *arguments = list;
    kformat(path, 4096, "%s", program);
    return r < 0 ? r : 1;
}

long exec_file(struct trap_frame *frame, const char *path, const struct string_list *arguments,
               const struct string_list *environment)
{
    struct exec *e = kzalloc(sizeof *e);
    char *name = kzalloc(4096);
    struct string_list list = {0};
    long r = e && name ? copy_list(arguments, &list) : -ENOMEM;
    if (r == 0)
        kformat(name, 4096, "%s", path);
    for (int depth = 0; r == 0; depth++) {
        r = vfs_open(AT_FDCWD, name, O_RDONLY, 0, &e->program);
        struct stat st;
        if (r == 0)
            r = vfs_file_stat(e->program, &st);
        if (r == 0 && ((st.st_mode & 0170000) != 0100000 || !(st.st_mode & 0111)))
            r = -EACCES;
        if (r == 0 && e->program->node && (e->program->node->fs->flags & FS_UNTRUSTED))
            r = -EACCES;
        if (r == 0)
            r = depth < SCRIPT_DEPTH ? script(e->program, name, &list) : -ELOOP;
        if (r <= 0)
            break;
        file_unref(e->program);
        e->program = NULL;
        r = 0;
    }
    if (r == 0)
        r = exec_open(frame, e, name, &list, environment);
    string_list_done(&list);
    kfree(name);
    if (e)
        exec_done(e);
    return r;
}

long exec_memory(struct trap_frame *frame, const void *elf, size_t size,
                 const struct string_list *arguments, const struct string_list *environment)
{
    struct exec *e = kzalloc(sizeof *e);
    struct memory *m = kzalloc(sizeof *m);
    if (!e || !m)
        return -ENOMEM;
    *m = (struct memory){elf, size};
    e->program = file_new(&memory_ops, O_RDONLY, m);
    long r = e->program ? exec_open(frame, e, "/init", arguments, environment) : -ENOMEM;
    exec_done(e);
    return r;
}

static long copy_strings(uint64_t user, struct string_list *ret)
{
    char *s = kzalloc(131072);
    if (!s)
        return -ENOMEM;
    long r = 0;
    for (uint64_t pointer; r == 0 && user; user += 8) {
        r = copy_from_user(&pointer, user, sizeof pointer);
        if (r < 0 || !pointer)
            break;
        long length = copy_user_string(s, pointer, 131072);
        r = length == -ENAMETOOLONG ? -E2BIG
            : length < 0            ? length
                                    : string_list_add(ret, s, (size_t)length);
    }
    kfree(s);
    return r;
}

long exec_from_user(struct trap_frame *frame, uint64_t user_path, uint64_t argv, uint64_t envp)
{
    struct string_list arguments = {0}, environment = {0};
    char *path = kzalloc(4096);
    long r = path ? copy_user_string(path, user_path, 4096) : -ENOMEM;
    if (r >= 0)
        r = copy_strings(argv, &arguments);
    if (r >= 0)
        r = copy_strings(envp, &environment);
    if (r >= 0)
        r = exec_file(frame, path, &arguments, &environment);
    string_list_done(&arguments);
    string_list_done(&environment);
    kfree(path);
    return r;
}
