// SPDX-License-Identifier: Apache-2.0
#include "image/fspf_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const verbs[] = {"region", "add", "remove"};
static const char *const kinds[] = {NULL, "authenticated", "encrypted", "not-protected",
                                    "ephemeral"};

static bool span_is(struct span s, const char *word)
{
    return s.size == strlen(word) && memcmp(s.data, word, s.size) == 0;
}

enum region_kind draft_kind(struct span word)
{
    for (unsigned i = 1; i < ARRAY_COUNT(kinds); i++) {
        if (span_is(word, kinds[i]))
            return i;
    }
    return 0;
}

const char *draft_kind_name(enum region_kind kind)
{
    return kind > 0 && kind < ARRAY_COUNT(kinds) ? kinds[kind] : "";
}

void draft_done(struct draft *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free(d->entry[i].path);
        free(d->entry[i].source);
    }
    free(d->entry);
    *d = (struct draft){NULL, 0};
}

const struct draft_entry *draft_region(const struct draft *d, const char *path)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->entry[i].verb == DRAFT_REGION && strcmp(d->entry[i].path, path) == 0)
            return &d->entry[i];
    }
    return NULL;
}

const struct draft_entry *draft_region_of(const struct draft *d, const char *path)
{
    const struct draft_entry *best = NULL;
    size_t best_size = 0;
    for (size_t i = 0; i < d->count; i++) {
        const struct draft_entry *e = &d->entry[i];
        size_t size = strcmp(e->path, "/") == 0 ? 0 : strlen(e->path);
        if (e->verb != DRAFT_REGION || strncmp(e->path, path, size) != 0 ||
            (path[size] && path[size] != '/') || (best && size < best_size))
            continue;
        best = e;
        best_size = size;
    }
    return best;
}

struct result draft_drop_region(struct draft *d, const char *path)
{
    REQUIRE(draft_region(d, path), ERR_NOT_FOUND, "there is no such region");
    char *name = strdup(path); // `path` may be the entry's own
    REQUIRE(name, ERR_MEMORY, "out of memory");
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct draft_entry e = d->entry[i];
        if (e.verb != DRAFT_REMOVE && strcmp(e.path, name) == 0) {
            free(e.path);
            free(e.source);
        } else {
            d->entry[kept++] = e;
        }
    }
    d->count = kept;
    free(name);
    return RESULT_OK;
}

static struct result check_add(const struct draft *d, const char *path)
{
    const struct draft_entry *region = draft_region(d, path);
    REQUIRE(region, ERR_NOT_FOUND, "there is no such region: add it with addr first");
    REQUIRE(region->kind == REGION_AUTHENTICATED || region->kind == REGION_ENCRYPTED, ERR_INVALID,
            "files can be added to authenticated and encrypted regions alone");
    return RESULT_OK;
}

static struct result check_entry(const struct draft *d, enum draft_verb verb, enum region_kind kind,
                                 const char *path, const char *source)
{
    size_t regions = 0;
    REQUIRE(d->count < DRAFT_ENTRIES_MAX, ERR_RANGE, "too many entries");
    REQUIRE(region_path_is_normal(SPAN(path, strlen(path))), ERR_INVALID,
            "not an absolute path without '.', '..' and doubled slashes");
    REQUIRE(!source || (source[0] == '/' && strlen(source) <= REGION_PATH_MAX), ERR_INVALID,
            "host path is not absolute or too long");
    switch (verb) {
    case DRAFT_REGION:
        for (size_t i = 0; i < d->count; i++)
            regions += d->entry[i].verb == DRAFT_REGION;
        REQUIRE(draft_kind_name(kind)[0], ERR_INVALID, "unknown kind of region");
        REQUIRE(regions < REGIONS_MAX, ERR_RANGE, "too many regions");
        REQUIRE(!draft_region(d, path), ERR_EXISTS, "there is a region with this path already");
        REQUIRE(kind != REGION_ENCRYPTED || path[1], ERR_INVALID,
                "the root cannot be encrypted: what starts the program is there before any key");
        REQUIRE((kind != REGION_NOT_PROTECTED || source) && (kind != REGION_EPHEMERAL || !source),
                ERR_INVALID, "a host path stands where the kind of region has one");
        return RESULT_OK;
    case DRAFT_ADD:
        REQUIRE(source, ERR_INVALID, "files need a source");
        return check_add(d, path);
    default:
        REQUIRE(!source, ERR_INVALID, "what is removed has no source");
        return RESULT_OK;
    }
}

struct result draft_append(struct draft *d, enum draft_verb verb, enum region_kind kind,
                           const char *path, const char *source)
{
    GUARD(check_entry(d, verb, kind, path, source));
    struct draft_entry *more = realloc(d->entry, (d->count + 1) * sizeof *more);
    REQUIRE(more, ERR_MEMORY, "out of memory");
    d->entry = more;
    struct draft_entry e = {verb, verb == DRAFT_REGION ? kind : 0, strdup(path),
                            source ? strdup(source) : NULL};
    if (!e.path || (source && !e.source)) {
        free(e.path);
        free(e.source);
        return fail(ERR_MEMORY, "out of memory");
    }
    d->entry[d->count++] = e;
    return RESULT_OK;
}

// -- text ----------------------------------------------------------------------------------------

// In a path, what is no printable ASCII, the space and '%' stand as %XX.
static bool is_plain(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '%';
}

static int hex_digit(uint8_t c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static struct result decode(struct span word, char ret[REGION_PATH_MAX + 1])
{
    struct reader r = reader_on(word);
    size_t size = 0;
    while (reader_left(&r)) {
        uint8_t c = take_u8(&r);
        if (c == '%') {
            int high = hex_digit(take_u8(&r)), low = hex_digit(take_u8(&r));
            REQUIRE(!r.failed && high >= 0 && low >= 0, ERR_INVALID, "wrong escape in a path");
            c = (uint8_t)(high << 4 | low);
            REQUIRE(c && !is_plain(c), ERR_INVALID, "needless escape in a path");
        } else {
            REQUIRE(is_plain(c), ERR_INVALID, "a character of a path is not escaped");
        }
        REQUIRE(size < REGION_PATH_MAX, ERR_RANGE, "path is too long");
        ret[size++] = (char)c;
    }
    REQUIRE(size > 0, ERR_INVALID, "a path is missing");
    ret[size] = 0;
    return RESULT_OK;
}

// Up to the separator, which is taken as well; the end of the text is none.
static struct span take_word(struct reader *r, uint8_t separator)
{
    struct reader ahead = *r;
    size_t size = 0;
    while (reader_left(&ahead) && take_u8(&ahead) != separator)
        size++;
    struct span word = take_span(r, size);
    if (take_u8(r) != separator)
        r->failed = true;
    return word;
}

static struct span split_word(struct span *line)
{
    const uint8_t *space = line->size ? memchr(line->data, ' ', line->size) : NULL;
    size_t size = space ? (size_t)(space - line->data) : line->size;
    struct span word = SPAN(line->data, size);
    size_t taken = space ? size + 1 : size;
    *line = SPAN(line->data + taken, line->size - taken);
    return word;
}

static struct result parse_line(struct span line, struct draft *d)
{
    char path[REGION_PATH_MAX + 1], source[REGION_PATH_MAX + 1];
    REQUIRE(line.size && line.data[line.size - 1] != ' ', ERR_INVALID, "empty field");
    struct span word = split_word(&line);
    unsigned verb = 0;
    while (verb < ARRAY_COUNT(verbs) && !span_is(word, verbs[verb]))
        verb++;
    REQUIRE(verb < ARRAY_COUNT(verbs), ERR_INVALID, "unknown word");
    enum region_kind kind = 0;
    if (verb == DRAFT_REGION) {
        kind = draft_kind(split_word(&line));
        REQUIRE(kind, ERR_INVALID, "unknown kind of region");
    }
    GUARD(decode(split_word(&line), path));
    bool has_source = line.size > 0;
    if (has_source)
        GUARD(decode(split_word(&line), source));
    REQUIRE(line.size == 0, ERR_INVALID, "too many fields");
    return draft_append(d, verb, kind, path, has_source ? source : NULL);
}

struct result draft_parse(struct span text, struct draft *ret)
{
    struct reader r = reader_on(text);
    struct draft d = {NULL, 0};
    struct span magic = take_span(&r, sizeof DRAFT_MAGIC - 1);
    REQUIRE(!r.failed && memcmp(magic.data, DRAFT_MAGIC, magic.size) == 0, ERR_INVALID,
            "not a draft of a file-system protection file");
    REQUIRE(text.size <= DRAFT_SIZE_MAX, ERR_RANGE, "draft is too large");
    struct result result = RESULT_OK;
    while (is_ok(result) && reader_left(&r)) {
        struct span line = take_word(&r, '\n');
        result = r.failed ? fail(ERR_INVALID, "the last line has no end") : parse_line(line, &d);
    }
    if (is_ok(result))
        *ret = d;
    else
        draft_done(&d);
    return result;
}

static void put_text(FILE *out, const char *text)
{
    fputc(' ', out);
    for (const uint8_t *c = (const uint8_t *)text; *c; c++)
        fprintf(out, is_plain(*c) ? "%c" : "%%%02X", *c);
}

struct result draft_format(const struct draft *d, char **ret, size_t *ret_size)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    REQUIRE(out, ERR_MEMORY, "out of memory");
    fputs(DRAFT_MAGIC, out);
    for (size_t i = 0; i < d->count; i++) {
        const struct draft_entry *e = &d->entry[i];
        fputs(verbs[e->verb], out);
        if (e->verb == DRAFT_REGION)
            fprintf(out, " %s", draft_kind_name(e->kind));
        put_text(out, e->path);
        if (e->source)
            put_text(out, e->source);
        fputc('\n', out);
    }
    if (fclose(out) != 0) {
        free(text);
        return fail(ERR_MEMORY, "out of memory");
    }
    *ret = text;
    *ret_size = size;
    return RESULT_OK;
}
