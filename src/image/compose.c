// SPDX-License-Identifier: Apache-2.0
#include "image/compose.h"

#include <stdlib.h>
#include <string.h>

#include "image/enclave_build.h"
#include "image/image_write.h"
#include "image/verify.h"

struct result compose_measure(struct span kernel, const struct enclave_params *params,
                              uint8_t ret[SGX_HASH_SIZE])
{
    REQUIRE(params->flags & PARAMS_TAG_PROVIDED, ERR_INVALID, "the parameters name a file system");
    return enclave_measure(kernel, params, ret);
}

static struct result check_filesystem(const struct image *i, const struct compose_input *in,
                                      const char *file, struct image_note *note)
{
    struct fingerprint known;
    image_fspf(i, &known);
    if (i->kernel.size)
        return image_fail(note, ERR_INVALID, "a whole image, not a file-system protection file",
                          "%s", file);
    if (in->expected_tag && !ct_equal(known.fspf_tag, in->expected_tag, sizeof known.fspf_tag))
        return image_fail(note, ERR_INTEGRITY, "the protection file has another tag", "%s", file);
    if (!in->verify)
        return RESULT_OK;
    struct verify_report *report = calloc(1, sizeof *report);
    REQUIRE(report, ERR_MEMORY, "out of memory");
    struct result result = verify_image(i, report);
    if (is_ok(result) && report->count) {
        const struct verify_damage *d = &report->damage[0];
        result = image_fail(note, ERR_INTEGRITY, "a file is not the one that was protected",
                            "%s: %s", d->path[0] ? d->path : d->part, d->why);
    }
    free(report);
    return result;
}

static struct result compose(const struct image *fspf, const struct compose_input *in,
                             struct image_note *note, struct image_output *out)
{
    GUARD(check_filesystem(fspf, in, in->fspf, note));
    struct fingerprint known;
    image_fspf(fspf, &known);
    struct enclave_params *params = malloc(sizeof *params);
    REQUIRE(params, ERR_MEMORY, "out of memory");
    *params = *in->params;
    memcpy(params->fspf_key, in->fspf_key ? in->fspf_key : known.fspf_key, sizeof params->fspf_key);
    const bool with_init = params->flags & PARAMS_SMS;
    const struct image_input input = {
        .filesystem = fspf,
        .kernel = in->kernel,
        .init = with_init ? in->init : SPAN(NULL, 0),
        .params = params,
        .key = in->signer,
        .split = in->split && fspf->trailer.stored_blocks,
    };
    struct result result = image_write(&input, in->output, note, out);
    free(params);
    return result;
}

struct result image_compose(const struct compose_input *in, struct image_note *note,
                            struct compose_report *ret)
{
    struct image fspf;
    struct image_output out;
    REQUIRE(in->params->flags & PARAMS_TAG_PROVIDED, ERR_INVALID,
            "the parameters name a file system");
    GUARD(image_open_split(in->fspf, in->root, note, &fspf));
    struct result result = compose(&fspf, in, note, &out);
    image_close(&fspf);
    if (is_ok(result))
        memcpy(ret->fingerprint, out.fingerprint, sizeof ret->fingerprint);
    return result;
}
