// SPDX-License-Identifier: Apache-2.0
#include "oci/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/tool.h"
#include "oci/config.h"

struct result oci_scratch(struct image_note *note, char ret[PATH_MAX])
{
    const char *temporary = getenv("TMPDIR");
    int n = snprintf(ret, PATH_MAX, "%s/cloister-oci.XXXXXX",
                     temporary && *temporary == '/' ? temporary : "/tmp");
    REQUIRE(n < PATH_MAX, ERR_RANGE, "path is too long");
    return mkdtemp(ret) ? RESULT_OK : image_fail_errno(note, ret, "cannot make directory");
}

struct result oci_source_open(const char *layout, const char *tag, struct image_note *note,
                              struct oci_source *ret)
{
    struct oci_source s = {.config = NULL};
    REQUIRE(strlen(layout) < sizeof s.layout, ERR_RANGE, "path is too long");
    memcpy(s.layout, layout, strlen(layout) + 1);
    GUARD(oci_layout_find(layout, tag, note, &s.manifest));
    struct result r = oci_blob_json(layout, &s.manifest.config, note, &s.config);
    if (is_ok(r))
        r = oci_config_check(s.config, s.manifest.layer_count, note);
    if (!is_ok(r)) {
        oci_source_done(&s);
        return r;
    }
    *ret = s;
    return RESULT_OK;
}

void oci_source_done(struct oci_source *s)
{
    oci_manifest_done(&s->manifest);
    json_decref(s->config);
    s->config = NULL;
}

struct result oci_source_apply(const struct oci_source *s, const char *scratch, struct tree *t,
                               struct image_note *note)
{
    char spool[PATH_MAX];
    GUARD(tool_path(note, scratch, "files", spool));
    if (mkdir(spool, 0700) != 0)
        return image_fail_errno(note, spool, "cannot make directory");
    struct oci_unpack u = {.tree = t, .spool = spool, .note = note};
    for (size_t i = 0; i < s->manifest.layer_count; i++)
        GUARD(oci_layer_apply(&u, s->layout, &s->manifest.layers[i],
                              oci_config_diff_id(s->config, i)));
    if (u.skipped)
        image_progress(note, "left out %" PRIu64 " devices, pipes and sockets of the source image",
                       u.skipped);
    if (u.attributes)
        image_progress(note,
                       "extended attributes and capabilities of %" PRIu64
                       " files of the source image do not count in the enclave",
                       u.attributes);
    return RESULT_OK;
}
