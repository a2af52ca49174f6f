// SPDX-License-Identifier: Apache-2.0
#include "shield/regions.h"

bool region_path_is_normal(struct span path)
{
    if (path.size == 0 || path.size > REGION_PATH_MAX || path.data[0] != '/')
        return false;
    if (path.size == 1)
        return true;
    size_t start = 1;
    for (size_t i = 1; i <= path.size; i++) {
        if (i < path.size && path.data[i] == 0)
            return false;
        if (i < path.size && path.data[i] != '/')
            continue;
        size_t size = i - start;
        bool dots = size <= 2 && (size < 1 || path.data[start] == '.') &&
                    (size < 2 || path.data[start + 1] == '.');
        if (dots)
            return false;
        start = i + 1;
    }
    return true;
}

static struct result region_check(const struct region *r)
{
    REQUIRE(r->kind >= REGION_AUTHENTICATED && r->kind <= REGION_EPHEMERAL, ERR_INVALID,
            "unknown kind of region");
    bool encrypted = r->kind == REGION_ENCRYPTED;
    REQUIRE(encrypted ? r->key >= REGION_KEY_SEALED && r->key <= REGION_KEY_CONTENT
                      : r->key == REGION_KEY_NONE,
            ERR_INVALID, "a region has a key if and only if it is encrypted");
    REQUIRE(region_path_is_normal(r->path), ERR_INVALID, "path of a region is not normal");
    bool volume = encrypted && r->key != REGION_KEY_CONTENT;
    bool has_source = volume || r->kind == REGION_NOT_PROTECTED;
    REQUIRE(has_source || r->source.size == 0, ERR_INVALID, "this kind of region has no source");
    REQUIRE(r->kind != REGION_NOT_PROTECTED || r->source.size > 0, ERR_INVALID,
            "a not-protected region needs a source");
    REQUIRE(r->source.size <= REGION_PATH_MAX, ERR_RANGE, "source of a region is too long");
    for (size_t i = 0; i < r->source.size; i++)
        REQUIRE(r->source.data[i] != 0, ERR_INVALID, "source of a region holds a NUL");
    return RESULT_OK;
}

struct result regions_check(const struct regions *r)
{
    REQUIRE(r->count <= REGIONS_MAX, ERR_RANGE, "too many regions");
    for (uint32_t i = 0; i < r->count; i++) {
        GUARD(region_check(&r->region[i]));
        REQUIRE(i == 0 || span_compare(r->region[i - 1].path, r->region[i].path) < 0, ERR_INVALID,
                "regions are not sorted or one path stands twice");
    }
    return RESULT_OK;
}

struct result regions_decode(struct span plaintext, struct regions *ret)
{
    struct reader r = reader_on(plaintext);
    uint32_t count = take_le32(&r);
    REQUIRE(count <= REGIONS_MAX, ERR_RANGE, "too many regions");
    ret->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct region *region = &ret->region[i];
        region->kind = take_u8(&r);
        region->key = take_u8(&r);
        size_t path_size = take_le16(&r);
        size_t source_size = take_le16(&r);
        region->path = take_span(&r, path_size);
        region->source = take_span(&r, source_size);
    }
    REQUIRE(reader_done(&r), ERR_INVALID, "region table has the wrong size");
    ret->count = count;
    struct result checked = regions_check(ret);
    if (!is_ok(checked))
        ret->count = 0;
    return checked;
}

struct result regions_encode(const struct regions *r, struct writer *w)
{
    GUARD(regions_check(r));
    put_le32(w, r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct region *region = &r->region[i];
        put_u8(w, (uint8_t)region->kind);
        put_u8(w, (uint8_t)region->key);
        put_le16(w, (uint16_t)region->path.size);
        put_le16(w, (uint16_t)region->source.size);
        put_span(w, region->path);
        put_span(w, region->source);
    }
    REQUIRE(!w->failed, ERR_MEMORY, "region table does not fit");
    return RESULT_OK;
}

static bool region_covers(struct span prefix, struct span path)
{
    if (prefix.size == 1)
        return true;
    if (prefix.size > path.size || __builtin_memcmp(prefix.data, path.data, prefix.size) != 0)
        return false;
    return prefix.size == path.size || path.data[prefix.size] == '/';
}

const struct region *regions_find(const struct regions *r, struct span path)
{
    const struct region *best = NULL;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct region *region = &r->region[i];
        if (region_covers(region->path, path) && (!best || best->path.size < region->path.size))
            best = region;
    }
    return best;
}
