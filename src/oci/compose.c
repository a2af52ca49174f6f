// SPDX-License-Identifier: Apache-2.0
#include "oci/compose.h"

#include <stdlib.h>
#include <string.h>

#include "image/compose.h"
#include "image/runtime_params.h"
#include "oci/config.h"

#define FSPF_DEFAULT "/fspf.pb"
#define RUNTIME      "/.cloister/lib/cloister/"

// A variable of the configuration's Env; the last of a name counts, as for execve. NULL: not set.
static const char *get(void *context, const char *name)
{
    const json_t *list = json_object_get(json_object_get((const json_t *)context, "config"), "Env");
    const char *found = NULL;
    size_t size = strlen(name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text && strncmp(text, name, size) == 0 && text[size] == '=')
            found = text + size + 1;
    }
    return found;
}

const struct tree_node *oci_fspf(struct tree *t, const json_t *config)
{
    if (oci_config_runs_image(config))
        return NULL;
    const char *path = get((void *)config, "CLOISTER_FSPF");
    if (!path || !*path)
        path = get((void *)config, "SCONE_FSPF");
    const struct tree_node *n = tree_find(t, path && *path ? path : FSPF_DEFAULT, true);
    return n && S_ISREG(n->inode->mode) && n->inode->content == TREE_HOST_FILE ? n : NULL;
}

struct result oci_fspf_command(const json_t *config, char *ret, size_t capacity)
{
    const char *own = get((void *)config, "CLOISTER_ENTRYPOINT");
    if ((own && *own) || oci_config_runs_image(config)) {
        *ret = 0;
        return RESULT_OK;
    }
    return oci_config_command(config, ret, capacity);
}

// What the program is made of besides its files.
struct parts {
    struct runtime runtime;
    struct enclave_params params;
    uint8_t *kernel, *init, *sms;
    size_t kernel_size, init_size, sms_size;
};

static struct result read_part(struct tree *t, const char *path, size_t max,
                               struct image_note *note, uint8_t **ret, size_t *ret_size)
{
    const struct tree_node *n = tree_find(t, path, false);
    if (!n || !S_ISREG(n->inode->mode))
        return image_fail(note, ERR_NOT_FOUND, "image lacks a file of Cloister's runtime layer",
                          "%s", path);
    struct result r = tree_read(n, max, ret, ret_size);
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s", path);
}

static struct result load(struct tree *t, const json_t *config, struct image_note *note,
                          struct parts *p)
{
    GUARD(runtime_read(get, (void *)config, note, &p->runtime));
    GUARD(read_part(t, RUNTIME "kernel.elf", IMAGE_KERNEL_SIZE_MAX, note, &p->kernel,
                    &p->kernel_size));
    if (tree_find(t, RUNTIME_SMS_FILE, false)) {
        GUARD(read_part(t, RUNTIME_SMS_FILE, sizeof p->params.policy, note, &p->sms, &p->sms_size));
        GUARD(read_part(t, RUNTIME "init", IMAGE_INIT_SIZE_MAX, note, &p->init, &p->init_size));
    }
    return runtime_params(&p->runtime, SPAN(p->sms, p->sms_size), SPAN(p->init, p->init_size), note,
                          &p->params);
}

struct result oci_compose(struct tree *t, const json_t *config, const char *root,
                          const char *output, struct image_note *note)
{
    const struct tree_node *fspf = oci_fspf(t, config);
    REQUIRE(fspf, ERR_NOT_FOUND, "image has no file-system protection file");
    struct parts *p = calloc(1, sizeof *p);
    REQUIRE(p, ERR_MEMORY, "out of memory");
    struct result r = load(t, config, note, p);
    if (is_ok(r)) {
        const struct compose_input in = {
            .fspf = fspf->inode->host_file,
            .root = root,
            .output = output,
            .params = &p->params,
            .kernel = SPAN(p->kernel, p->kernel_size),
            .init = SPAN(p->init, p->init_size),
            .verify = true,
        };
        struct compose_report report;
        r = image_compose(&in, note, &report);
    }
    free(p->kernel);
    free(p->init);
    free(p->sms);
    free(p);
    return r;
}
