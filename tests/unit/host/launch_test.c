// SPDX-License-Identifier: Apache-2.0
// Does an enclave live on the emulated platform: built from an image, entered, served,
// interrupted, ended? Its kernel is the smallest that can tell: some sixty instructions below.
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/hostcall/calls.h"
#include "host/launch.h"
#include "image/enclave_build.h"
#include "image/image.h"
#include "os/file.h"
#include "sgx/sigstruct.h"

// Last: it has a macro fail().
#include <cmocka.h>

// What the kernel does; it reads its mode from params.stack_size.
enum mode {
    MODE_LOG = 1,   // log, meet #UD, exit with 7
    MODE_PANIC = 2, // give up with code 42
    MODE_SPIN = 3,  // never leave
    MODE_TIMER = 4, // set the timer to boot.flags, spin until interrupted, exit with 9
    MODE_SPAWN = 5, // start slot 1, wait in poll; slot 1 unparks slot 0 and exits; exit with 11
};

// Offsets: gs:0 phase, gs:8 area, gs:16 return address, gs:24 interrupted.
// GPRSGX of SSA frame 0 lies 0x1f48 behind the TCS (RBX at entry), its RIP 136 further.
__attribute__((used, noinline)) static void kernel_code(void)
{
    __asm__ volatile(
        "jmp 99f\n"
        "kernel_start:\n"
        "   cld\n"
        "   testq %%rax, %%rax\n"
        "   jnz 80f\n"
        "   movq %%rcx, %%gs:16\n"
        "   cmpq $0, %%gs:0\n"
        "   jne 20f\n"
        // the first entry
        "   movq %%rdi, %%gs:8\n"
        "   movq $1, %%gs:0\n"
        "   movq %%rdi, %%rdx\n"
        "   movabsq %[params], %%rax\n"
        "   movq 24(%%rax), %%rax\n" // stack_size
        "   shrq $12, %%rax\n"
        "   movabsq %[tcs1], %%rsi\n"
        "   cmpq %%rsi, %%rbx\n"
        "   je 15f\n"
        "   cmpl %[panic], %%eax\n"
        "   je 10f\n"
        "   cmpl %[spin], %%eax\n"
        "   je 11f\n"
        "   cmpl %[timer], %%eax\n"
        "   je 12f\n"
        "   cmpl %[spawn], %%eax\n"
        "   je 13f\n"
        "   movq %[log], (%%rdx)\n"
        "   movq $8, 8(%%rdx)\n"
        "   movabsq $0x0a656469736e6920, %%rax\n" // " inside\n"
        "   movq %%rax, 4096(%%rdx)\n"
        "   jmp 90f\n"
        "10: movl $42, %%esi\n"
        "   movl $3, %%edi\n"
        "   jmp 91f\n"
        "11: pause\n"
        "   jmp 11b\n"
        "12: movq %[timer_set], (%%rdx)\n"
        "   movq 64(%%rdx), %%rax\n" // boot
        "   movq 48(%%rax), %%rax\n" // flags
        "   movq %%rax, 8(%%rdx)\n"
        "   jmp 90f\n"
        "13: movq %[thread_spawn], (%%rdx)\n"
        "   movq $1, 8(%%rdx)\n"
        "   jmp 90f\n"
        "15: movq %[unpark], (%%rdx)\n"
        "   movq $0, 8(%%rdx)\n"
        "   jmp 90f\n"
        // an answer has come: it must be 0
        "20: movq %%gs:8, %%rdx\n"
        "   cmpq $0, 56(%%rdx)\n"
        "   jne 10b\n"
        "   movabsq %[tcs1], %%rsi\n"
        "   cmpq %%rsi, %%rbx\n"
        "   je 25f\n"
        "   movabsq %[params], %%rax\n"
        "   movq 24(%%rax), %%rax\n" // stack_size
        "   shrq $12, %%rax\n"
        "   cmpl %[timer], %%eax\n"
        "   je 21f\n"
        "   cmpl %[spawn], %%eax\n"
        "   je 22f\n"
        "   ud2\n"
        "   movl $7, %%eax\n"
        "   jmp 30f\n"
        "21: pause\n"
        "   cmpq $0, %%gs:24\n"
        "   je 21b\n"
        "   movl $9, %%eax\n"
        "   jmp 30f\n"
        "22: movl $11, %%eax\n"
        "   cmpq $2, %%gs:0\n"
        "   je 30f\n"
        "   movq $2, %%gs:0\n"
        "   movq %[poll], (%%rdx)\n"
        "   movq $-1, 8(%%rdx)\n"
        "   movq $0, 16(%%rdx)\n"
        "   movq $0, 24(%%rdx)\n"
        "   jmp 90f\n"
        "25: movq %[thread_exit], (%%rdx)\n"
        "   jmp 90f\n"
        "30: movq %[exit_process], (%%rdx)\n"
        "   movq %%rax, 8(%%rdx)\n"
        "   jmp 90f\n"
        // CSSA = 1: step over ud2, or note the interrupt
        "80: testq %%rdi, %%rdi\n"
        "   jnz 81f\n"
        "   addq $2, 0x1f48 + 136(%%rbx)\n"
        "   jmp 82f\n"
        "81: movq $1, %%gs:24\n"
        "82: movl $2, %%edi\n"
        "   movq %%rcx, %%rbx\n"
        "kernel_site_1:\n"
        "   movl $4, %%eax\n"
        "   .byte 0x0f, 0x01, 0xd7\n"
        "90: movl $1, %%edi\n"
        "91: movq %%gs:16, %%rbx\n"
        "kernel_site_2:\n"
        "   movl $4, %%eax\n"
        "   .byte 0x0f, 0x01, 0xd7\n"
        "kernel_end:\n"
        "99:\n"
        :
        : [params] "i"(PARAMS_BASE), [tcs1] "i"(THREADS_BASE + THREAD_STRIDE),
          [panic] "i"(MODE_PANIC), [spin] "i"(MODE_SPIN), [timer] "i"(MODE_TIMER),
          [spawn] "i"(MODE_SPAWN), [log] "i"(HOSTCALL_LOG), [timer_set] "i"(HOSTCALL_TIMER_SET),
          [thread_spawn] "i"(HOSTCALL_THREAD_SPAWN), [unpark] "i"(HOSTCALL_UNPARK),
          [poll] "i"(HOSTCALL_POLL), [thread_exit] "i"(HOSTCALL_THREAD_EXIT),
          [exit_process] "i"(HOSTCALL_EXIT_PROCESS)
        : "memory");
}
extern const uint8_t kernel_start[], kernel_site_1[], kernel_site_2[], kernel_end[];

#define DATA_BLOCKS 2u
#define OUTPUT_SIZE 4096u

static char directory[] = "/tmp/cloister-launch-XXXXXX";
static char image_path[128], state_path[128];
static char *key;
static size_t key_size;

static void ok(struct result r)
{
    if (!is_ok(r))
        print_error("%s\n", r.why);
    assert_int_equal(r.code, ERR_NONE);
}

static struct span kernel_elf(void)
{
    static uint8_t file[8192];
    const Elf64_Ehdr h = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = KERNEL_BASE,
        .e_phoff = sizeof(h),
        .e_ehsize = sizeof(h),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 1,
        .e_shoff = 256,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = 1,
    };
    const struct {
        Elf64_Nhdr header;
        char name[12];
        uint64_t site[2];
    } note = {
        {9, 16, 1},
        "cloister",
        {KERNEL_BASE + (uint64_t)(kernel_site_1 - kernel_start),
         KERNEL_BASE + (uint64_t)(kernel_site_2 - kernel_start)},
    };
    const Elf64_Shdr section = {.sh_type = SHT_NOTE, .sh_offset = 512, .sh_size = sizeof(note)};
    const Elf64_Phdr p = {
        .p_type = PT_LOAD,
        .p_flags = PF_R | PF_X,
        .p_offset = 4096,
        .p_vaddr = KERNEL_BASE,
        .p_filesz = (size_t)(kernel_end - kernel_start),
        .p_memsz = 4096,
    };
    memcpy(file, &h, sizeof(h));
    memcpy(file + sizeof(h), &p, sizeof(p));
    memcpy(file + 256, &section, sizeof(section));
    memcpy(file + 512, &note, sizeof(note));
    memcpy(file + 4096, kernel_start, p.p_filesz);
    return SPAN(file, sizeof(file));
}

// An image around that kernel; its file system is zeroes. `spoil` changes one bit of the kernel.
static void make_image(enum mode mode, bool spoil)
{
    struct image_trailer trailer = {.data_blocks = DATA_BLOCKS, .kernel_size = 8192};
    struct verity_geometry geometry;
    struct image_layout layout;
    struct enclave_params params = {
        .magic = PARAMS_MAGIC,
        .version = ENCLAVE_VERSION,
        .heap_max = 1u << 20,
        .stack_size = (uint64_t)mode << 12,
        .threads = 2,
        .data_blocks = DATA_BLOCKS,
    };
    struct sgx_sigstruct s;
    ok(verity_geometry_init(DATA_BLOCKS, &geometry));
    trailer.tree_blocks = geometry.tree_blocks;
    ok(image_layout(&trailer, &layout));
    params.hash_offset = layout.hash_offset;
    sgx_sigstruct_init(0x20260101, &s);
    s.miscselect = ENCLAVE_MISCSELECT;
    s.miscmask = UINT32_MAX;
    s.attributes = (struct sgx_attributes){ENCLAVE_ATTRIBUTES, ENCLAVE_XFRM};
    s.attributemask = (struct sgx_attributes){UINT64_MAX, UINT64_MAX};
    struct span kernel = kernel_elf();
    ok(enclave_measure(kernel, &params, s.enclavehash));
    ok(sgx_sigstruct_sign(&s, SPAN(key, key_size)));
    uint8_t *file = calloc(1, layout.size);
    memcpy(file + layout.kernel, kernel.data, kernel.size);
    file[layout.kernel + 4096] ^= spoil;
    memcpy(file + layout.params, &params, sizeof(params));
    memcpy(file + layout.sigstruct, &s, sizeof(s));
    image_trailer_write(&trailer, file + layout.trailer);
    ok(file_write(image_path, SPAN(file, layout.size), 0600, FILE_REPLACE));
    free(file);
}

// Runs the image in a child; gives the child's exit code: the outcome's end * 64 + value, 255 not
// launched.
struct child {
    pid_t pid;
    int output;
};

static struct child start(bool trap, uint64_t boot_flags)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct child c = {fork(), fds[0]};
    assert_true(c.pid >= 0);
    if (c.pid != 0) {
        close(fds[1]);
        return c;
    }
    dup2(fds[1], STDERR_FILENO);
    struct image_note note = {0};
    const struct sgx_emu_options emu = {.state_dir = state_path, .trap_mode = trap};
    const struct host_options options = {
        .image_path = image_path,
        .platform = sgx_platform_emulated(&emu),
        .boot_flags = boot_flags,
        .note = &note,
    };
    struct host *host;
    struct host_outcome outcome;
    alarm(20);
    struct result r = host_launch(&options, &host, &outcome);
    if (!is_ok(r))
        dprintf(STDERR_FILENO, "%s", r.why);
    else
        host_stats_print_json(host, stderr);
    _Exit(is_ok(r) ? (int)outcome.end * 64 + (int)outcome.value : 255);
}

static int finish(struct child c, char output[OUTPUT_SIZE])
{
    int status;
    size_t used = 0;
    for (ssize_t n; (n = read(c.output, output + used, OUTPUT_SIZE - 1 - used)) > 0;)
        used += (size_t)n;
    output[used] = '\0';
    close(c.output);
    assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(enum mode mode, bool trap, char output[OUTPUT_SIZE])
{
    make_image(mode, false);
    return finish(start(trap, 0), output);
}

static void logs_and_exits(void **context)
{
    (void)context;
    char output[OUTPUT_SIZE];
    assert_int_equal(run(MODE_LOG, true, output), HOST_EXITED * 64 + 7);
    assert_memory_equal(output, " inside\n", 8);
    assert_non_null(strstr(output, "\"log\": 1"));
    assert_int_equal(run(MODE_LOG, false, output), HOST_EXITED * 64 + 7);
    assert_memory_equal(output, " inside\n", 8);
    assert_non_null(strstr(output, "\"log\": 1"));
}

static void panics(void **context)
{
    (void)context;
    char output[OUTPUT_SIZE];
    assert_int_equal(run(MODE_PANIC, false, output), HOST_PANICKED * 64 + 42);
}

static void a_changed_bit_is_refused(void **context)
{
    (void)context;
    char output[OUTPUT_SIZE];
    make_image(MODE_LOG, true);
    assert_int_equal(finish(start(false, 0), output), 255);
    assert_non_null(strstr(output, "SGX_INVALID_MEASUREMENT"));
}

static void a_signal_ends_the_run(void **context)
{
    (void)context;
    char output[OUTPUT_SIZE];
    make_image(MODE_SPIN, false);
    struct child c = start(false, 0);
    usleep(300000);
    kill(c.pid, SIGTERM);
    assert_int_equal(finish(c, output), HOST_SIGNALLED * 64 + SIGTERM);
}

static void the_timer_interrupts(void **context)
{
    (void)context;
    char output[OUTPUT_SIZE];
    struct timespec now;
    make_image(MODE_TIMER, false);
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t deadline = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + 500000000u;
    assert_int_equal(finish(start(false, deadline), output), HOST_EXITED * 64 + 9);
}

static void threads_start_and_wake_each_other(void **context)
{
    (void)context;
    char output[OUTPUT_SIZE];
    assert_int_equal(run(MODE_SPAWN, false, output), HOST_EXITED * 64 + 11);
}

static int setup(void **context)
{
    (void)context;
    if (!mkdtemp(directory))
        return 1;
    snprintf(image_path, sizeof(image_path), "%s/image", directory);
    snprintf(state_path, sizeof(state_path), "%s/platform", directory);
    return !is_ok(sgx_signing_key_generate(&key, &key_size));
}

static int teardown(void **context)
{
    (void)context;
    char command[256];
    free(key);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_and_exits),
        cmocka_unit_test(panics),
        cmocka_unit_test(a_changed_bit_is_refused),
        cmocka_unit_test(a_signal_ends_the_run),
        cmocka_unit_test(the_timer_interrupts),
        cmocka_unit_test(threads_start_and_wake_each_other),
    };
#ifdef __SANITIZE_ADDRESS__
    (void)tests, (void)setup, (void)teardown;
    printf("skip launch_test: ELRANGE starts at address 0, where ASan keeps its shadow\n");
    return 0;
#else
    return cmocka_run_group_tests(tests, setup, teardown);
#endif
}
