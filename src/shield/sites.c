// SPDX-License-Identifier: Apache-2.0
#include "shield/sites.h"

static struct site take_site(struct reader *r, uint8_t *ret_zero)
{
    struct site s = {.offset = take_le64(r)};
    s.kind = take_u8(r);
    s.window_size = take_u8(r);
    s.instruction = take_u8(r);
    *ret_zero = take_u8(r);
    return s;
}

static struct result site_check(const struct site *s, uint8_t zero, uint64_t free_from)
{
    REQUIRE(s->kind == SITE_SYSCALL || s->kind == SITE_CPUID, ERR_INVALID, "unknown kind of site");
    bool trap = s->window_size == SITE_WINDOW_TRAP;
    REQUIRE(trap || (s->window_size >= SITE_WINDOW_MIN && s->window_size <= SITE_WINDOW_MAX),
            ERR_RANGE, "window of a site is outside its limits");
    REQUIRE(trap || s->offset % SITE_PAGE_SIZE + s->window_size <= SITE_PAGE_SIZE, ERR_INVALID,
            "window of a site crosses a page");
    REQUIRE(s->instruction + SITE_INSTRUCTION_SIZE <= s->window_size, ERR_RANGE,
            "instruction of a site is outside its window");
    REQUIRE(zero == 0, ERR_INVALID, "reserved byte of a site is not zero");
    REQUIRE(s->offset >= free_from, ERR_INVALID, "sites are not sorted or overlap");
    REQUIRE(s->offset <= INT64_MAX, ERR_RANGE, "offset of a site is too large");
    return RESULT_OK;
}

struct result sites_check(struct span table)
{
    REQUIRE(table.size <= SITES_SIZE_MAX, ERR_RANGE, "table of sites is too large");
    struct reader r = reader_on(table);
    char magic[8];
    take_bytes(&r, magic, sizeof magic);
    REQUIRE(__builtin_memcmp(magic, SITES_MAGIC, sizeof magic) == 0, ERR_INVALID,
            "not a table of sites");
    uint32_t files = take_le32(&r);
    struct span before = SPAN("", 0);
    for (uint32_t i = 0; i < files; i++) {
        size_t path_size = take_le16(&r);
        struct span path = take_span(&r, path_size);
        uint32_t count = take_le32(&r);
        REQUIRE(!r.failed && path.size > 0 && path.size <= SITES_PATH_MAX && path.data[0] == '/',
                ERR_INVALID, "table of sites is cut short or a path is wrong");
        REQUIRE(span_compare(before, path) < 0, ERR_INVALID, "files of sites are not sorted");
        before = path;
        uint64_t free_from = 0;
        for (uint32_t k = 0; k < count; k++) {
            uint8_t zero;
            struct site s = take_site(&r, &zero);
            REQUIRE(!r.failed, ERR_INVALID, "table of sites is cut short");
            GUARD(site_check(&s, zero, free_from));
            free_from = s.offset + s.window_size;
        }
    }
    REQUIRE(reader_done(&r), ERR_INVALID, "table of sites has the wrong size");
    return RESULT_OK;
}

uint32_t sites_file_count(struct span table)
{
    return load_le32(table.data + 8);
}

struct reader sites_first(struct span table)
{
    struct reader r = reader_on(table);
    (void)take_span(&r, 12);
    return r;
}

bool sites_next(struct reader *r, struct site_file *ret)
{
    if (reader_left(r) == 0)
        return false;
    struct site_file f;
    size_t path_size = take_le16(r);
    f.path = take_span(r, path_size);
    f.count = take_le32(r);
    f.sites = take_span(r, (size_t)f.count * SITE_SIZE);
    if (r->failed)
        return false;
    *ret = f;
    return true;
}

bool sites_find(struct span table, struct span path, struct site_file *ret)
{
    struct reader r = sites_first(table);
    struct site_file f;
    while (sites_next(&r, &f)) {
        if (span_compare(f.path, path) == 0) {
            *ret = f;
            return true;
        }
    }
    return false;
}

struct site site_at(const struct site_file *f, uint32_t index)
{
    struct reader r = reader_on(f->sites);
    (void)take_span(&r, (size_t)index * SITE_SIZE);
    uint8_t zero;
    return take_site(&r, &zero);
}

void site_put(struct writer *w, const struct site *s)
{
    put_le64(w, s->offset);
    put_u8(w, s->kind);
    put_u8(w, s->window_size);
    put_u8(w, s->instruction);
    put_u8(w, 0);
}
