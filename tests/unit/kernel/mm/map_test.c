// SPDX-License-Identifier: Apache-2.0
// Do the mappings follow Linux's rules? Random mmap, munmap, mprotect and mremap against a model of one
// entry a
// page, and the edges one by one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "shim.h"

#define PAGE      4096ull
#define WINDOW    0x200000000ull
#define PAGES     256u
#define USER_TOP  0xc00000000ull
#define COUNT_MAX 24

static int model[PAGES]; // -1: not mapped

static uint64_t random_state = 88172645463325252ull;

static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % n);
}

static void check(void)
{
    assert_true(shim_sorted());
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(shim_page(WINDOW + i * PAGE).prot, model[i]);
}

static int reset(void **state)
{
    (void)state;
    shim_reset();
    assert_int_equal(shim_vma_count(), 0);
    for (unsigned i = 0; i < PAGES; i++)
        model[i] = -1;
    return 0;
}

static void set(unsigned first, unsigned count, int value)
{
    for (unsigned i = first; i < first + count && i < PAGES; i++)
        model[i] = value;
}

static void random_operations(void **state)
{
    (void)state;
    static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
                                PROT_READ | PROT_EXEC};
    for (int round = 0; round < 20000; round++) {
        unsigned first = random_below(PAGES), count = 1 + random_below(COUNT_MAX);
        if (first + count > PAGES)
            count = PAGES - first;
        int prot = prots[random_below(4)];
        uint64_t address = WINDOW + first * PAGE;
        switch (random_below(3)) {
        case 0:
            assert_int_equal(shim_map(address, count * PAGE, prot, 1), (long)address);
            set(first, count, prot);
            break;
        case 1:
            assert_int_equal(shim_unmap(address, count * PAGE), 0);
            set(first, count, -1);
            break;
        default: {
            int whole = 1;
            for (unsigned i = first; i < first + count; i++)
                whole &= model[i] != -1;
            assert_int_equal(shim_protect(address, count * PAGE, prot), whole ? 0 : -12);
            if (whole)
                set(first, count, prot);
        }
        }
        if (round % 64 == 0)
            check();
    }
    check();
}

static void neighbours_merge(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PAGES; i++)
        assert_true(shim_map(WINDOW + i * PAGE, PAGE, PROT_READ, 1) > 0);
    assert_int_equal(shim_vma_count(), 1);
}

static void chosen_addresses_are_free(void **state)
{
    (void)state;
    uint64_t last = USER_TOP;
    for (int i = 0; i < 50; i++) {
        long at = shim_map(0, 3 * PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, 0);
        assert_true(at > 0 && (uint64_t)at % PAGE == 0);
        assert_true((uint64_t)at + 3 * PAGE <= last); // top down, none over another
        last = (uint64_t)at;
    }
    assert_int_equal(shim_unmap(last, 3 * PAGE), 0);
    assert_int_equal(shim_map(0, 2 * PAGE, PROT_READ, 0),
                     (long)(last + PAGE)); // the hole is used again
}

static void refusals(void **state)
{
    (void)state;
    assert_int_equal(shim_map(WINDOW, 0, PROT_READ, 1), -22);
    assert_int_equal(shim_map(WINDOW + 1, PAGE, PROT_READ, 1), -22);
    assert_int_equal(shim_map(0x1000, PAGE, PROT_READ, 1), -12);              // below the guard
    assert_int_equal(shim_map(USER_TOP - PAGE, 2 * PAGE, PROT_READ, 1), -12); // into the kernel
    assert_int_equal(shim_map(USER_TOP + PAGE, PAGE, PROT_READ, 1), -12);
    assert_int_equal(shim_map(0, ~0ull - 8 * PAGE, PROT_READ, 0), -12);
    assert_int_equal(shim_map_flags(WINDOW, PAGE, PROT_READ, MAP_ANONYMOUS, 0), -22); // no type
    assert_int_equal(shim_map_flags(WINDOW, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 5), -22);
    assert_int_equal(shim_unmap(WINDOW, 0), -22);
    assert_int_equal(shim_unmap(WINDOW + 5, PAGE), -22);
    assert_int_equal(shim_protect(WINDOW, PAGE, PROT_READ), -12);
    assert_int_equal(shim_remap(WINDOW, PAGE, 2 * PAGE, 1), -14);
    assert_int_equal(shim_map(WINDOW, PAGE, PROT_READ, 1), (long)WINDOW);
    assert_int_equal(shim_map_flags(WINDOW, PAGE, PROT_READ,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, 0),
                     -17);
}

static void remap_grows_and_moves(void **state)
{
    (void)state;
    assert_int_equal(shim_map(WINDOW, 4 * PAGE, PROT_READ | PROT_WRITE, 1), (long)WINDOW);
    assert_int_equal(shim_remap(WINDOW, 4 * PAGE, 8 * PAGE, 0), (long)WINDOW); // room above
    assert_int_equal(shim_page(WINDOW + 7 * PAGE).prot, PROT_READ | PROT_WRITE);
    assert_int_equal(shim_remap(WINDOW, 8 * PAGE, 2 * PAGE, 0), (long)WINDOW);
    assert_int_equal(shim_page(WINDOW + 2 * PAGE).prot, -1);
    assert_int_equal(shim_map(WINDOW + 2 * PAGE, PAGE, PROT_READ, 1), (long)(WINDOW + 2 * PAGE));
    assert_int_equal(shim_remap(WINDOW, 2 * PAGE, 4 * PAGE, 0), -12); // none above
    long moved = shim_remap(WINDOW, 2 * PAGE, 4 * PAGE, 1);
    assert_true(moved > 0 && (uint64_t)moved != WINDOW);
    assert_int_equal(shim_page((uint64_t)moved + 3 * PAGE).prot, PROT_READ | PROT_WRITE);
    assert_int_equal(shim_page(WINDOW).prot, -1);
}

static void brk_moves_within_its_room(void **state)
{
    (void)state;
    shim_set_brk(WINDOW + 10);
    uint64_t start = shim_brk(0);
    assert_int_equal(start, WINDOW + PAGE); // the next page
    assert_int_equal(shim_brk(start + 100), start + 100);
    assert_int_equal(shim_page(start).prot, PROT_READ | PROT_WRITE);
    assert_int_equal(shim_map(start + 4 * PAGE, PAGE, PROT_READ, 1), (long)(start + 4 * PAGE));
    assert_int_equal(shim_brk(start + 5 * PAGE), start + 100); // something is in the way
    assert_int_equal(shim_brk(start), start);
    assert_int_equal(shim_page(start).prot, -1);
}

static void formats(void **state)
{
    (void)state;
    char text[64];
    assert_int_equal(
        shim_format(text, sizeof text, "%5d|%-5s|%05x|%lu|%c%%", -42, "ab", 255u, ~0ul, 'z'), 41);
    assert_string_equal(text, "  -42|ab   |000ff|18446744073709551615|z%");
    assert_int_equal(shim_format(text, 5, "%s", "longer"), 6);
    assert_string_equal(text, "long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_operations, reset),
        cmocka_unit_test_setup(neighbours_merge, reset),
        cmocka_unit_test_setup(chosen_addresses_are_free, reset),
        cmocka_unit_test_setup(refusals, reset),
        cmocka_unit_test_setup(remap_grows_and_moves, reset),
        cmocka_unit_test_setup(brk_moves_within_its_room, reset),
        cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
