// SPDX-License-Identifier: Apache-2.0
// The kernel's ELF file and the image's geometry: each rule broken once.
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "abi/enclave.h"
#include "image/enclave_build.h"
#include "image/image.h"
#include "image/kernel_elf.h"
#include "image/sealed_regions.h"
#include "shield/regions.h"

#include <cmocka.h>

// A kernel of one code segment, one data segment and a section with one note.
struct kernel {
    Elf64_Ehdr h;
    Elf64_Phdr p[2];
    Elf64_Shdr s[1];
    struct {
        uint32_t name_size, desc_size, type;
        char name[12];
        uint64_t sites[2];
    } __attribute__((packed)) note;
    uint8_t code[100];
};

static void kernel_make(struct kernel *k)
{
    *k = (struct kernel){
        .h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
              .e_type = ET_EXEC,
              .e_machine = EM_X86_64,
              .e_version = EV_CURRENT,
              .e_entry = KERNEL_BASE + 10,
              .e_phoff = offsetof(struct kernel, p),
              .e_shoff = offsetof(struct kernel, s),
              .e_ehsize = sizeof(Elf64_Ehdr),
              .e_phentsize = sizeof(Elf64_Phdr),
              .e_phnum = 2,
              .e_shentsize = sizeof(Elf64_Shdr),
              .e_shnum = 1},
        .p = {{PT_LOAD, PF_R | PF_X, offsetof(struct kernel, code), KERNEL_BASE, KERNEL_BASE, 100,
               100, 4096},
              {PT_LOAD, PF_R | PF_W, 0, KERNEL_BASE + 4096, 0, 0, 5000, 4096}},
        .s = {{.sh_type = SHT_NOTE,
               .sh_offset = offsetof(struct kernel, note),
               .sh_size = sizeof k->note}},
        .note = {9, 16, 1, "cloister", {KERNEL_BASE + 1, KERNEL_BASE + 50}},
    };
}

static void test_kernel(void **state)
{
    (void)state;
    struct kernel k;
    struct kernel_elf e;
    uint64_t sites[2];
    size_t count;
    kernel_make(&k);
    assert_true(is_ok(kernel_elf_parse(SPAN_OF(k), &e)));
    assert_int_equal(e.segment_count, 2);
    assert_int_equal(e.segment[1].size, 8192);
    assert_true(is_ok(kernel_elf_enclu_sites(SPAN_OF(k), sites, 2, &count)));
    assert_int_equal(count, 2);
    assert_int_equal(sites[1], KERNEL_BASE + 50);
    // Cut at every byte: never taken before the code's end, never read beyond.
    for (size_t size = 0; size < offsetof(struct kernel, code) + sizeof k.code; size++) {
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, &k, size);
        assert_false(is_ok(kernel_elf_parse(SPAN(copy, size), &e)));
        (void)!is_ok(kernel_elf_enclu_sites(SPAN(copy, size), sites, 2, &count));
        free(copy);
    }
}

static void test_kernel_refused(void **state)
{
    (void)state;
    struct kernel k;
    struct kernel_elf e;
#define REFUSED(change)                                        \
    do {                                                       \
        kernel_make(&k);                                       \
        change;                                                \
        assert_false(is_ok(kernel_elf_parse(SPAN_OF(k), &e))); \
    } while (0)
    REFUSED(k.h.e_ident[0] = 0);
    REFUSED(k.h.e_type = ET_DYN);
    REFUSED(k.h.e_machine = EM_386);
    REFUSED(k.h.e_phentsize = 57);
    REFUSED(k.h.e_phnum = 0);
    REFUSED(k.h.e_phnum = 1000);
    REFUSED(k.h.e_phoff = UINT64_MAX - 3);
    REFUSED(k.h.e_entry = KERNEL_BASE + 4096); // not code
    REFUSED(k.h.e_entry = 0);
    REFUSED(k.p[0].p_flags = PF_R | PF_W | PF_X);
    REFUSED(k.p[0].p_flags = PF_X);
    REFUSED(k.p[0].p_flags |= 8);
    REFUSED(k.p[0].p_vaddr++);
    REFUSED(k.p[0].p_vaddr = KERNEL_BASE - 4096);
    REFUSED(k.p[1].p_vaddr = KERNEL_BASE); // overlap
    REFUSED(k.p[1].p_vaddr = PARAMS_BASE - 4096);
    REFUSED(k.p[1].p_memsz = UINT64_MAX);
    REFUSED(k.p[1].p_memsz = 0);
    REFUSED(k.p[0].p_filesz = 101);
    REFUSED(k.p[0].p_offset = UINT64_MAX);
    REFUSED(k.p[1].p_type = PT_INTERP);
#undef REFUSED
}

struct walk {
    uint64_t next;
    uint32_t tcs, unmeasured;
};

static struct result note_page(void *context, uint64_t offset, const void *pages, size_t size,
                               uint64_t flags, bool measure)
{
    struct walk *w = context;
    (void)pages;
    assert_true(offset >= w->next && offset % 4096 == 0 && size % 4096 == 0); // ascending, whole
    w->next = offset + size;
    w->tcs += (flags & SGX_SECINFO_TYPE_MASK) == SGX_SECINFO_TCS;
    w->unmeasured += measure ? 0 : (uint32_t)(size / 4096);
    return RESULT_OK;
}

static void test_build_walk(void **state)
{
    (void)state;
    struct kernel k;
    static struct enclave_params p = {
        .magic = PARAMS_MAGIC, .version = ENCLAVE_VERSION, .threads = 3};
    struct walk w = {0};
    const struct enclave_sink sink = {note_page, &w};
    kernel_make(&k);
    assert_true(is_ok(enclave_check_params(&p)));
    assert_true(is_ok(enclave_build(SPAN_OF(k), &p, &sink)));
    assert_int_equal(w.tcs, 3);
    assert_int_equal(w.unmeasured, 3 * THREAD_STACK_SIZE / 4096);
}

static void test_params_refused(void **state)
{
    (void)state;
    static struct enclave_params good = {
        .magic = PARAMS_MAGIC, .version = ENCLAVE_VERSION, .threads = 1};
    static struct enclave_params p;
#define REFUSED(change)                                \
    do {                                               \
        p = good;                                      \
        change;                                        \
        assert_false(is_ok(enclave_check_params(&p))); \
    } while (0)
    REFUSED(p.magic++);
    REFUSED(p.version++);
    REFUSED(p.flags = 1u << 5);
    REFUSED(p.cache_pages = (uint32_t)(p.heap_max / 4096 + 1));
    REFUSED(p.flags |= PARAMS_TAG_PROVIDED; p.fspf_tag[31] = 1);
    REFUSED(p.flags |= PARAMS_TAG_PROVIDED; p.fspf_key[0] = 1);
    REFUSED(p.flags |= PARAMS_TAG_PROVIDED; p.data_blocks = 1);
    REFUSED(p.flags |= PARAMS_TAG_PROVIDED; p.hash_offset = 4096);
    REFUSED(p.reserved2 = 1);
    REFUSED(p.threads = 0);
    REFUSED(p.threads = THREADS_MAX + 1);
    REFUSED(p.heap_max = 1);
    REFUSED(p.heap_max = USER_END);
    REFUSED(p.stack_size = 2u << 30);
    REFUSED(p.policy[sizeof p.policy - 1] = 1);
    REFUSED(p.sms_policy_size = sizeof p.policy + 1u);
    REFUSED(p.sms_policy_size = 1);
    REFUSED(p.flags = PARAMS_SMS);
    REFUSED(p.init_size = 1);
    REFUSED(p.init_hash[0] = 1);
#undef REFUSED
}

static void test_trailer(void **state)
{
    (void)state;
    const struct image_trailer t = {.data_blocks = 300, .tree_blocks = 4, .kernel_size = 5000};
    uint8_t block[IMAGE_TRAILER_SIZE];
    struct image_trailer r;
    struct image_layout l;
    image_trailer_write(&t, block);
    assert_true(is_ok(image_trailer_parse(SPAN_OF(block), &r)));
    assert_memory_equal(&r, &t, sizeof t);
    assert_true(is_ok(image_layout(&r, &l)));
    assert_int_equal(l.size, (300 + 1 + 4 + 2 + 4 + 1 + 1) * 4096);
    struct image_trailer wrong[] = {t, t, t, t, t};
    wrong[0].data_blocks = UINT64_MAX;
    wrong[1].tree_blocks = 3;
    wrong[2].kernel_size = 0; // a file system alone has no init program
    wrong[2].init_size = 1;
    wrong[3].kernel_size = IMAGE_KERNEL_SIZE_MAX + 1;
    wrong[4].init_size = UINT64_MAX;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(is_ok(image_layout(&wrong[i], &l)));
    block[IMAGE_TRAILER_SIZE - 1] = 1;
    assert_false(is_ok(image_trailer_parse(SPAN_OF(block), &r)));
}

static void test_sealed_regions(void **state)
{
    (void)state;
    static const uint8_t key[32] = {1};
    uint8_t text[] = "region table", sealed[REGIONS_SEALED_SIZE(sizeof text)];
    uint8_t open[sizeof sealed];
    size_t size;
    assert_true(is_ok(sealed_regions_seal(key, SPAN_OF(text), sealed)));
    assert_true(is_ok(sealed_regions_open(key, SPAN_OF(sealed), open, &size)));
    assert_int_equal(size, sizeof text);
    assert_memory_equal(open, text, size);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 4;
        assert_false(is_ok(sealed_regions_open(key, SPAN_OF(sealed), open, &size)));
        sealed[i] ^= 4;
        assert_false(is_ok(sealed_regions_open(key, SPAN(sealed, i), open, &size)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel),     cmocka_unit_test(test_kernel_refused),
        cmocka_unit_test(test_build_walk), cmocka_unit_test(test_params_refused),
        cmocka_unit_test(test_trailer),    cmocka_unit_test(test_sealed_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
