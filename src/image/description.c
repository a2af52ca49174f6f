// SPDX-License-Identifier: Apache-2.0
#include "image/description.h"

#include <stdlib.h>

#include "image/erofs.h"
#include "image/sealed_regions.h"

static struct result read_file(const struct erofs *fs, const char *path, size_t max, uint8_t **ret,
                               struct span *ret_span)
{
    struct erofs_inode inode;
    GUARD(erofs_lookup(fs, path, &inode));
    GUARD(erofs_read(fs, &inode, max, ret));
    *ret_span = SPAN(*ret, inode.size);
    return RESULT_OK;
}

static struct result read_all(const struct image *i, struct description *d)
{
    struct erofs fs;
    struct span process, regions;
    struct fingerprint known;
    size_t size;
    image_fspf(i, &known);
    GUARD(erofs_open(i->filesystem, &fs));
    GUARD(read_file(&fs, IMAGE_PROCESS, PROCESS_SIZE_MAX, &d->memory[0], &process));
    GUARD(process_decode(process, &d->process));
    GUARD(read_file(&fs, IMAGE_REGIONS, REGIONS_SEALED_SIZE(REGIONS_SIZE_MAX), &d->memory[1],
                    &regions));
    GUARD(
        sealed_regions_open(known.fspf_key, regions, d->memory[1] + REGIONS_SEALED_SIZE(0), &size));
    GUARD(regions_decode(SPAN(d->memory[1] + REGIONS_SEALED_SIZE(0), size), &d->regions));
    GUARD(read_file(&fs, IMAGE_SITES, SITES_SIZE_MAX, &d->memory[2], &d->sites));
    return sites_check(d->sites);
}

struct result description_read(const struct image *i, struct description *ret)
{
    for (size_t k = 0; k < ARRAY_COUNT(ret->memory); k++)
        ret->memory[k] = NULL;
    struct result result = read_all(i, ret);
    if (!is_ok(result))
        description_done(ret);
    return result;
}

void description_done(struct description *d)
{
    for (size_t k = 0; k < ARRAY_COUNT(d->memory); k++) {
        free(d->memory[k]);
        d->memory[k] = NULL;
    }
}

const char *description_kind(enum region_kind kind)
{
    static const char *const names[] = {"", "authenticated", "encrypted", "not-protected",
                                        "ephemeral"};
    return (unsigned)kind < ARRAY_COUNT(names) ? names[kind] : "";
}

const char *description_key(enum region_key key)
{
    static const char *const names[] = {"", "sealed", "sms", "content"};
    return (unsigned)key < ARRAY_COUNT(names) ? names[key] : "";
}
