// SPDX-License-Identifier: Apache-2.0
#include "cli/fspf_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "crypto/sha256.h"
#include "image/fspf_encrypt.h"
#include "image/listing.h"
#include "image/sealed_regions.h"

static const char help[] =
    "Usage: cloister fspf show FILE [--files] [--key KEY] [--root DIR]\n"
    "Prints the regions of a draft or of an encrypted protection file, which needs the key that\n"
    "encrypt printed. --files: also the files, with SHA-256 digests of their content, that which\n"
    "is not in FILE itself read below --root (default /). Nothing is verified: see fspf verify.\n";

static void show_draft(const struct draft *d)
{
    static const char *const words[] = {"", "add", "remove"};
    for (size_t i = 0; i < d->count; i++) {
        const struct draft_entry *e = &d->entry[i];
        printf("%-13s %s%s%s\n",
               e->verb == DRAFT_REGION ? draft_kind_name(e->kind) : words[e->verb], e->path,
               e->source ? (e->verb == DRAFT_ADD ? " <- " : " = ") : "",
               e->source ? e->source : "");
    }
}

static struct result read_regions(const struct image *i, const struct listing *l,
                                  const char *key_text, uint8_t buffer[REGIONS_SIZE_MAX],
                                  struct regions *ret)
{
    struct fingerprint known;
    struct erofs_inode inode;
    uint8_t *sealed;
    size_t size;
    image_fspf(i, &known);
    if (key_text)
        GUARD(hex_decode(SPAN(key_text, strlen(key_text)), known.fspf_key, sizeof known.fspf_key));
    else if (is_zero(known.fspf_key, sizeof known.fspf_key))
        return fail(ERR_DENIED,
                    "the regions are encrypted: give the key that encrypt printed (--key)");
    GUARD(erofs_lookup(&l->fs, IMAGE_REGIONS, &inode));
    GUARD(erofs_read(&l->fs, &inode, REGIONS_SEALED_SIZE(REGIONS_SIZE_MAX), &sealed));
    struct result r = fail(ERR_RANGE, "region table is too large");
    if (inode.size <= REGIONS_SIZE_MAX)
        r = sealed_regions_open(known.fspf_key, SPAN(sealed, inode.size), buffer, &size);
    free(sealed);
    GUARD(r);
    return regions_decode(SPAN(buffer, size), ret);
}

static void print_regions(const struct regions *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        const struct region *region = &r->region[i];
        printf("%-13s %.*s%s%.*s\n", draft_kind_name(region->kind), (int)region->path.size,
               (const char *)region->path.data, region->source.size ? " = " : "",
               (int)region->source.size, (const char *)region->source.data);
    }
}

static struct result print_files(const struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct listing_entry *e = &l->entry[i];
        char hex[HEX_SIZE(32)];
        uint8_t hash[32], *memory;
        struct span content;
        if (!S_ISREG(e->inode.mode))
            continue;
        GUARD(listing_content(l, e, &memory, &content));
        sha256(content, hash);
        free(memory);
        hex_encode(hash, sizeof hash, hex);
        printf("%s  %s\n", hex, e->path);
    }
    return RESULT_OK;
}

static struct result show_image(const char *file, const char *root, const char *key, bool files,
                                struct image_note *note)
{
    struct image image;
    struct listing l;
    GUARD(image_open_split(file, root ? root : "/", note, &image));
    struct result r = listing_read(&image, &l);
    if (is_ok(r)) {
        uint8_t *buffer = malloc(REGIONS_SIZE_MAX);
        struct regions *regions = malloc(sizeof *regions);
        r = buffer && regions ? read_regions(&image, &l, key, buffer, regions)
                              : fail(ERR_MEMORY, "out of memory");
        if (is_ok(r))
            print_regions(regions);
        free(regions);
        free(buffer);
        if (is_ok(r) && files)
            r = print_files(&l);
        listing_done(&l);
    }
    image_close(&image);
    return r;
}

int fspf_show(int argc, char **argv)
{
    const char *root = NULL, *key = NULL;
    bool files = false, done;
    const struct option_slot slots[] = {
        {"files", NULL, &files, 0}, {"key", &key, NULL, 0}, {"root", &root, NULL, 0}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0)
        return EXIT_USAGE;
    if (done)
        return EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("fspf show", "one file is needed");
    struct image_note note = {0};
    struct draft d;
    struct result r = fspf_load(argv[at], &note, &d);
    if (is_ok(r)) {
        show_draft(&d);
        draft_done(&d);
        return EXIT_DONE;
    }
    if (r.code == ERR_EXISTS || r.code == ERR_RANGE) // an image, which may be larger than any draft
        r = show_image(argv[at], root, key, files, &note);
    return is_ok(r) ? EXIT_DONE : say_failure(argv[at], r);
}
