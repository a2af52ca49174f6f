// SPDX-License-Identifier: Apache-2.0
#include "shield/process.h"

static bool has_byte(struct span s, uint8_t byte)
{
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] == byte)
            return true;
    }
    return false;
}

struct span process_next(struct reader *r)
{
    size_t size = take_le32(r);
    if (size > PROCESS_STRING_MAX)
        r->failed = true;
    struct span s = take_span(r, size);
    if (has_byte(s, 0))
        r->failed = true;
    return r->failed ? SPAN(NULL, 0) : s;
}

// `count` strings as one span; each a NAME=value when `named`.
static struct result take_strings(struct reader *r, uint32_t count, bool named, struct span *ret)
{
    REQUIRE(count <= PROCESS_STRINGS_MAX, ERR_RANGE, "too many arguments or variables");
    size_t start = r->at;
    for (uint32_t i = 0; i < count; i++) {
        struct span s = process_next(r);
        REQUIRE(!r->failed, ERR_INVALID, "process file is cut short or a string is wrong");
        REQUIRE(!named || (s.size > 0 && s.data[0] != '=' && has_byte(s, '=')), ERR_INVALID,
                "a variable is not NAME=value");
    }
    *ret = SPAN(r->data + start, r->at - start);
    return RESULT_OK;
}

struct result process_decode(struct span file, struct process *ret)
{
    REQUIRE(file.size <= PROCESS_SIZE_MAX, ERR_RANGE, "process file is too large");
    struct reader r = reader_on(file);
    char magic[8];
    take_bytes(&r, magic, sizeof magic);
    REQUIRE(__builtin_memcmp(magic, PROCESS_MAGIC, sizeof magic) == 0, ERR_INVALID,
            "not a process file");
    struct process p = {
        .uid = take_le32(&r),
        .gid = take_le32(&r),
        .umask = take_le32(&r),
        .argument_count = take_le32(&r),
        .environment_count = take_le32(&r),
    };
    p.executable = process_next(&r);
    p.directory = process_next(&r);
    REQUIRE(!r.failed, ERR_INVALID, "process file is cut short or a string is wrong");
    REQUIRE(p.umask <= 0777, ERR_RANGE, "umask is outside its limits");
    REQUIRE(p.executable.size > 0 && p.executable.data[0] == '/', ERR_INVALID,
            "executable path is not absolute");
    REQUIRE(p.directory.size > 0 && p.directory.data[0] == '/', ERR_INVALID,
            "working directory is not absolute");
    REQUIRE(p.argument_count > 0, ERR_INVALID, "argv[0] is missing");
    GUARD(take_strings(&r, p.argument_count, false, &p.arguments));
    GUARD(take_strings(&r, p.environment_count, true, &p.environment));
    REQUIRE(reader_done(&r), ERR_INVALID, "process file has the wrong size");
    *ret = p;
    return RESULT_OK;
}

void process_put_head(struct writer *w, const struct process *p)
{
    put_bytes(w, PROCESS_MAGIC, 8);
    put_le32(w, p->uid);
    put_le32(w, p->gid);
    put_le32(w, p->umask);
    put_le32(w, p->argument_count);
    put_le32(w, p->environment_count);
}

void process_put(struct writer *w, struct span string)
{
    put_le32(w, (uint32_t)string.size);
    put_span(w, string);
}
