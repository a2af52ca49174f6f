// SPDX-License-Identifier: Apache-2.0
#include "result/zip.h"

#include <string.h>

#include "base/cursor.h"

#define LOCAL_MAGIC   0x04034b50u
#define CENTRAL_MAGIC 0x02014b50u
#define END_MAGIC     0x06054b50u
#define LOCAL_SIZE    30u
#define CENTRAL_SIZE  46u
#define END_SIZE      22u
#define VERSION       20u
#define MADE_BY       (3u << 8 | VERSION) // Unix
#define FLAG_UTF8     0x0800u
#define DATE          0x0021u // 1980-01-01
#define MODE          (0100644u << 16)
#define SIZE_MAX_ZIP  0x7fffffffu

// CRC-32 of APPNOTE 4.4.7, four bits at a time.
static uint32_t crc32_of(struct span s)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t c = ~0u;
    for (size_t i = 0; i < s.size; i++) {
        c ^= s.data[i];
        c = c >> 4 ^ table[c & 15];
        c = c >> 4 ^ table[c & 15];
    }
    return ~c;
}

static bool name_is_fine(struct span name)
{
    size_t begin = 0;
    if (name.size == 0 || name.size > ZIP_NAME_SIZE_MAX)
        return false;
    for (size_t i = 0; i <= name.size; i++) {
        uint8_t c = i < name.size ? name.data[i] : '/';
        if (c == 0 || c == '\\')
            return false;
        if (c != '/')
            continue;
        struct span part = SPAN(name.data + begin, i - begin);
        if (part.size == 0 || (part.size == 1 && part.data[0] == '.') ||
            (part.size == 2 && memcmp(part.data, "..", 2) == 0))
            return false;
        begin = i + 1;
    }
    return true;
}

static struct result check_names(const struct zip_entry *entries, size_t count)
{
    REQUIRE(count <= ZIP_ENTRY_COUNT_MAX, ERR_RANGE, "too many files for an archive");
    for (size_t i = 0; i < count; i++) {
        REQUIRE(name_is_fine(entries[i].name), ERR_INVALID, "a file name does not fit an archive");
        for (size_t k = 0; k < i; k++)
            REQUIRE(entries[k].name.size != entries[i].name.size ||
                        memcmp(entries[k].name.data, entries[i].name.data, entries[i].name.size) !=
                            0,
                    ERR_INVALID, "a file stands twice in an archive");
    }
    return RESULT_OK;
}

size_t zip_size(const struct zip_entry *entries, size_t count)
{
    uint64_t size = END_SIZE;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].data.size > SIZE_MAX_ZIP || entries[i].name.size > ZIP_NAME_SIZE_MAX)
            return 0;
        size += LOCAL_SIZE + CENTRAL_SIZE + 2 * entries[i].name.size + entries[i].data.size;
    }
    return size > SIZE_MAX_ZIP ? 0 : size;
}

// What a local header and a central one share, from "version needed" on.
static void put_common(struct writer *w, const struct zip_entry *e, uint32_t crc)
{
    put_le16(w, VERSION);
    put_le16(w, FLAG_UTF8);
    put_le16(w, 0); // stored
    put_le16(w, 0); // time
    put_le16(w, DATE);
    put_le32(w, crc);
    put_le32(w, (uint32_t)e->data.size);
    put_le32(w, (uint32_t)e->data.size);
    put_le16(w, (uint16_t)e->name.size);
    put_le16(w, 0); // extra field
}

static void put_central(struct writer *w, const struct zip_entry *e, uint32_t crc, uint32_t at)
{
    put_le32(w, CENTRAL_MAGIC);
    put_le16(w, MADE_BY);
    put_common(w, e, crc);
    put_le16(w, 0); // comment
    put_le16(w, 0); // disk
    put_le16(w, 0); // internal attributes
    put_le32(w, MODE);
    put_le32(w, at);
    put_span(w, e->name);
}

static void put_end(struct writer *w, size_t count, size_t central, size_t end)
{
    put_le32(w, END_MAGIC);
    put_le32(w, 0); // disks
    put_le16(w, (uint16_t)count);
    put_le16(w, (uint16_t)count);
    put_le32(w, (uint32_t)(end - central));
    put_le32(w, (uint32_t)central);
    put_le16(w, 0); // comment
}

struct result zip_write(const struct zip_entry *entries, size_t count, void *buffer,
                        size_t capacity, size_t *ret_size)
{
    struct writer w = writer_on(buffer, capacity);
    size_t need = zip_size(entries, count), at = 0;
    GUARD(check_names(entries, count));
    REQUIRE(need && need <= capacity, ERR_RANGE, "the archive is too large");
    for (size_t i = 0; i < count; i++) {
        put_le32(&w, LOCAL_MAGIC);
        put_common(&w, &entries[i], crc32_of(entries[i].data));
        put_span(&w, entries[i].name);
        put_span(&w, entries[i].data);
    }
    size_t central = w.size;
    for (size_t i = 0; i < count; i++) {
        // The checksum stands in the local header already.
        put_central(&w, &entries[i], load_le32(w.data + at + 14), (uint32_t)at);
        at += LOCAL_SIZE + entries[i].name.size + entries[i].data.size;
    }
    put_end(&w, count, central, w.size);
    REQUIRE(!w.failed, ERR_RANGE, "the archive is too large");
    *ret_size = w.size;
    return RESULT_OK;
}

// One local header with its data; false: here the entries end.
static bool take_local(struct reader *r, struct zip_entry *ret)
{
    if (r->size - r->at < 4 || load_le32(r->data + r->at) != LOCAL_MAGIC)
        return false;
    struct span head = take_span(r, LOCAL_SIZE);
    if (!head.data)
        return false;
    ret->name = take_span(r, load_le16(head.data + 26));
    ret->data = take_span(r, load_le32(head.data + 22));
    return !r->failed;
}

struct result zip_read(struct span archive, struct zip_entry *ret, size_t capacity,
                       size_t *ret_count)
{
    struct reader r = reader_on(archive);
    struct zip_entry e;
    size_t count = 0, at = 0;
    uint8_t expected[CENTRAL_SIZE + ZIP_NAME_SIZE_MAX];
    while (take_local(&r, &e)) {
        REQUIRE(count < capacity, ERR_RANGE, "the archive has too many files");
        REQUIRE(e.name.size <= ZIP_NAME_SIZE_MAX, ERR_INVALID, "a file name is too long");
        // The one form: the header must be what we would write.
        struct writer w = writer_on(expected, sizeof expected);
        put_le32(&w, LOCAL_MAGIC);
        put_common(&w, &e, crc32_of(e.data));
        REQUIRE(memcmp(expected, archive.data + at, LOCAL_SIZE) == 0, ERR_INVALID,
                "the archive is damaged or has another form");
        ret[count++] = e;
        at = r.at;
    }
    size_t central = r.at;
    at = 0;
    for (size_t i = 0; i < count; i++) {
        struct writer w = writer_on(expected, sizeof expected);
        put_central(&w, &ret[i], load_le32(archive.data + at + 14), (uint32_t)at);
        struct span head = take_span(&r, w.size);
        REQUIRE(head.data && memcmp(head.data, expected, w.size) == 0, ERR_INVALID,
                "the archive's directory is damaged or has another form");
        at += LOCAL_SIZE + ret[i].name.size + ret[i].data.size;
    }
    struct writer w = writer_on(expected, sizeof expected);
    put_end(&w, count, central, r.at);
    struct span end = take_span(&r, w.size);
    REQUIRE(end.data && reader_done(&r) && memcmp(end.data, expected, w.size) == 0, ERR_INVALID,
            "not an archive of the known form");
    GUARD(check_names(ret, count));
    *ret_count = count;
    return RESULT_OK;
}

const struct zip_entry *zip_find(const struct zip_entry *entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].name.size == strlen(name) &&
            memcmp(entries[i].name.data, name, entries[i].name.size) == 0)
            return &entries[i];
    return NULL;
}
