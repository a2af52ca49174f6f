// SPDX-License-Identifier: Apache-2.0
#include "cli/protection.h"

#include "image/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct share {
    uint64_t files, bytes;
};

static const char *how(const struct region *r)
{
    static const char authenticated[] = "every block is checked against FSPF_TAG when it is read; "
                                        "nothing can be changed; the host can read it";
    if (!r)
        return authenticated;
    switch (r->kind) {
    case REGION_ENCRYPTED:
        return r->key == REGION_KEY_SEALED ? "AES-256-GCM under a key of this enclave alone; the "
                                             "host can neither read nor change it"
               : r->key == REGION_KEY_SMS
                   ? "AES-256-GCM under a key from the SMS; the host can neither read nor change it"
                   : "AES-256-GCM under a content key from the SMS; the host can neither read nor "
                     "change it";
    case REGION_NOT_PROTECTED:
        return "nothing: the host reads and changes it at will; what the program reads there is "
               "untrusted";
    case REGION_EPHEMERAL:
        return "in the enclave's memory; lost when it ends";
    default:
        return authenticated;
    }
}

static json_t *protection_json(const struct region *r, const struct share *s)
{
    json_t *path = r ? listing_text(r->path) : json_string("/");
    return json_pack("{s:o, s:s, s:s, s:I, s:I}", "path", path, "kind",
                     r ? description_kind(r->kind) : "authenticated", "how", how(r), "files",
                     (json_int_t)s->files, "bytes", (json_int_t)s->bytes);
}

__attribute__((format(printf, 2, 3))) static void say(json_t *list, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (n < 0)
        return;
    json_array_append_new(list, listing_text(SPAN(text, (size_t)n)));
    free(text);
}

#define TEXT(s) (int)(s).size, (const char *)(s).data

// What is true of every image, then what the regions add.
static json_t *host_sees(const struct image *i, const struct description *d)
{
    json_t *list = json_array();
    say(list, "all files of the image that are authenticated: names, sizes, contents");
    say(list,
        "which blocks of the image are read, and when; later reads that the cache inside serves "
        "are not seen");
    for (uint32_t k = 0; k < d->regions.count; k++) {
        const struct region *r = &d->regions.region[k];
        if (r->kind == REGION_NOT_PROTECTED)
            say(list,
                "%.*s is the host's %.*s: names, sizes and contents of what is read and written "
                "there",
                TEXT(r->path), TEXT(r->source));
        if (r->kind == REGION_ENCRYPTED && r->key != REGION_KEY_CONTENT)
            say(list,
                "%.*s is the host's file %.*s: its size, and which of its blocks are read and "
                "written, and when; "
                "no name and no content",
                TEXT(r->path), TEXT(r->source));
        if (r->kind == REGION_ENCRYPTED && r->key == REGION_KEY_CONTENT)
            say(list,
                "%.*s is a file of ciphertext in the image: its size, and which of its blocks are "
                "read, "
                "and when; no name and no content",
                TEXT(r->path));
    }
    say(list, "packets: addresses, ports, sizes and times; contents unless the program encrypts "
              "them (TLS)");
    say(list, "what the program writes to the terminal, and its exit code");
    say(list, "which pages of memory are in use and when they fault; their contents are encrypted "
              "on hardware, and not by the emulator");
    if (i->params->flags & PARAMS_HOST_ARGUMENTS)
        say(list, "the arguments, which the host chooses");
    return list;
}

static struct result put_files(const struct listing *l, const struct description *d, json_t *object)
{
    json_t *list = json_array();
    struct result result = RESULT_OK;
    for (size_t k = 0; is_ok(result) && k < l->count; k++) {
        const struct listing_entry *e = &l->entry[k];
        struct span path = SPAN(e->path, strlen(e->path));
        const struct region *r = regions_find(&d->regions, path);
        json_t *j;
        result = listing_json(l, e, &j);
        if (!is_ok(result))
            break;
        json_object_set_new(j, "path", listing_text(path));
        json_object_set_new(j, "region",
                            json_string(r ? description_kind(r->kind) : "authenticated"));
        json_array_append_new(list, j);
    }
    json_object_set_new(object, "files", list);
    return result;
}

static void count(const struct listing *l, const struct regions *regions,
                  struct share shares[REGIONS_MAX + 1])
{
    for (size_t k = 0; k < l->count; k++) {
        const struct listing_entry *e = &l->entry[k];
        const struct region *r = regions_find(regions, SPAN(e->path, strlen(e->path)));
        struct share *s = &shares[r ? (size_t)(r - regions->region) : regions->count];
        s->files += S_ISREG(e->inode.mode);
        s->bytes += S_ISREG(e->inode.mode) ? e->inode.size : 0;
    }
}

struct result protection_put(const struct image *i, const struct description *d, bool files,
                             json_t *object)
{
    const struct regions *regions = &d->regions;
    struct share shares[REGIONS_MAX + 1] = {0};
    struct listing l;
    GUARD(listing_read(i, &l));
    count(&l, regions, shares);
    json_t *list = json_array();
    if (!regions->count || span_compare(regions->region[0].path, SPAN_STR("/")) != 0)
        json_array_append_new(list, protection_json(NULL, &shares[regions->count]));
    for (uint32_t k = 0; k < regions->count; k++)
        json_array_append_new(list, protection_json(&regions->region[k], &shares[k]));
    json_object_set_new(object, "protection", list);
    json_object_set_new(object, "host_sees", host_sees(i, d));
    struct result result = files ? put_files(&l, d, object) : RESULT_OK;
    listing_done(&l);
    return result;
}
