// SPDX-License-Identifier: Apache-2.0
#include "image/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/provenance.h"
#include "image/sbom.h"
#include "image/tool.h"
#include "os/file.h"

#define DPKG_STATUS          "/var/lib/dpkg/status"
#define DPKG_STATUS_SIZE_MAX (64u << 20)
#define IMAGE_SUFFIX         ".cloister"

// IMAGE's path without ".cloister", and the suffix.
static struct result write_beside(const char *image, const char *suffix, char *text,
                                  struct image_note *note)
{
    char path[PATH_MAX];
    size_t size = strlen(image), end = strlen(IMAGE_SUFFIX);
    if (size > end && strcmp(image + size - end, IMAGE_SUFFIX) == 0)
        size -= end;
    int n = snprintf(path, sizeof path, "%.*s%s", (int)size, image, suffix);
    struct result r = n < (int)sizeof path
                          ? file_write(path, SPAN(text, strlen(text)), 0644, FILE_REPLACE)
                          : fail(ERR_RANGE, "path is too long");
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s%s", image, suffix);
}

static struct result write_both(const struct image_origin *o, const char *image,
                                struct image_note *note)
{
    char *text;
    GUARD(sbom_write(o, note, &text));
    struct result r = write_beside(image, ".spdx.json", text, note);
    free(text);
    GUARD(r);
    GUARD(provenance_write(o, note, &text));
    r = write_beside(image, ".provenance.json", text, note);
    free(text);
    return r;
}

struct result origin_write_beside(const struct image_origin *o, struct tree *t, const char *image,
                                  struct image_note *note)
{
    struct image_origin with = *o;
    uint8_t *status = NULL;
    const struct tree_node *node = tree_find(t, DPKG_STATUS, true);
    if (node && S_ISREG(node->inode->mode))
        GUARD(tree_read(node, DPKG_STATUS_SIZE_MAX, &status, &with.dpkg_status.size));
    with.dpkg_status.data = status;
    struct result r = write_both(&with, image, note);
    free(status);
    return r;
}
