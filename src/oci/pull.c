// SPDX-License-Identifier: Apache-2.0
#include "oci/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image_write.h"
#include "image/tool.h"
#include "oci/compose.h"
#include "oci/config.h"
#include "oci/source.h"

struct pull {
    const struct oci_pull_options *options;
    struct image_note *note;
    char scratch[PATH_MAX], layout[PATH_MAX], uri[PATH_MAX]; // the URI with its digest
    struct oci_source source;
    bool is_open;
    struct tree *tree;
};

// The tree as files below a private directory. Parents come first and are directories of the tree, so that no link
// is ever on the way; contents are links to the spooled files.
struct export
{
    int fd;
    struct image_note *note;
};

static struct result export_node(void *context, struct tree_node *node)
{
    const struct export *e = context;
    const struct tree_inode *inode = node->inode;
    char path[PATH_MAX];
    int status = 0;
    GUARD(tree_path(node, path, sizeof path));
    const char *name = path + 1;
    if (S_ISDIR(inode->mode))
        status = mkdirat(e->fd, name, 0700);
    else if (S_ISLNK(inode->mode))
        status = symlinkat((const char *)inode->memory, e->fd, name);
    else if (inode->content == TREE_HOST_FILE)
        status = linkat(AT_FDCWD, inode->host_file, e->fd, name, 0);
    else
        status = mknodat(e->fd, name, S_IFREG | 0600, 0);
    return status == 0 ? RESULT_OK : image_fail_errno(e->note, path, "cannot write");
}

static struct result export_tree(struct pull *p, char ret[PATH_MAX])
{
    GUARD(tool_path(p->note, p->scratch, "root", ret));
    if (mkdir(ret, 0700) != 0)
        return image_fail_errno(p->note, ret, "cannot make directory");
    struct export e = {open(ret, O_DIRECTORY | O_RDONLY | O_CLOEXEC), p->note};
    if (e.fd < 0)
        return image_fail_errno(p->note, ret, "cannot open");
    struct result r = tree_walk(tree_root(p->tree), export_node, &e);
    close(e.fd);
    return r;
}

// --- the source ----------------------------------------------------------------------------------------

static bool is_layout(const char *uri)
{
    return strncmp(uri, "oci:", 4) == 0;
}

// The URI that names exactly what is asked for: docker://HOST/NAME@DIGEST has no tag beside.
static struct result pin_uri(struct pull *p)
{
    const struct oci_pull_options *o = p->options;
    const char *own = oci_uri_digest(o->uri), *digest = o->digest ? o->digest : own;
    size_t size = own ? (size_t)(own - 1 - o->uri) : strlen(o->uri);
    REQUIRE(size + OCI_DIGEST_SIZE + 1 < sizeof p->uri, ERR_RANGE, "URI is too long");
    REQUIRE(!digest || oci_digest_is_good(digest), ERR_INVALID, "digest is not a sha256");
    REQUIRE(!own || strcmp(own, digest) == 0, ERR_INVALID, "URI names another digest");
    memcpy(p->uri, o->uri, size);
    p->uri[size] = 0;
    if (!digest || is_layout(o->uri))
        return RESULT_OK;
    char *slash = strrchr(p->uri, '/'), *colon = slash ? strchr(slash, ':') : NULL;
    if (colon)
        *colon = 0;
    size = strlen(p->uri);
    snprintf(p->uri + size, sizeof p->uri - size, "@%s", digest);
    return RESULT_OK;
}

static struct result open_source(struct pull *p)
{
    const struct oci_pull_options *o = p->options;
    const char *tag = OCI_TAG, *base = o->base ? o->base : ".", *digest = o->digest;
    GUARD(pin_uri(p));
    GUARD(tool_path(p->note, p->scratch, "source", p->layout));
    if (is_layout(o->uri))
        GUARD(oci_uri_layout(p->uri, base, p->note, p->layout, sizeof p->layout, &tag));
    else
        GUARD(oci_fetch(p->uri, base, &o->tls, p->layout, p->note));
    GUARD(oci_source_open(p->layout, tag, p->note, &p->source));
    p->is_open = true;
    digest = digest ? digest : oci_uri_digest(o->uri);
    // For a registry oci_fetch() has compared it, perhaps with an index that names the manifest.
    if (digest && is_layout(o->uri) && strcmp(digest, p->source.manifest.self.digest) != 0)
        return image_fail(p->note, ERR_INTEGRITY, "layout holds another image than asked for", "%s",
                          p->source.manifest.self.digest);
    return RESULT_OK;
}

// --- pulling -------------------------------------------------------------------------------------------

static struct result assemble(struct pull *p)
{
    char root[PATH_MAX];
    const struct tree_node *split = tree_find(p->tree, OCI_IMAGE_PATH, false);
    if (oci_fspf(p->tree, p->source.config)) {
        GUARD(export_tree(p, root));
        return oci_compose(p->tree, p->source.config, root, p->options->output, p->note);
    }
    if (!split || !S_ISREG(split->inode->mode) || split->inode->content != TREE_HOST_FILE)
        return image_fail(p->note, ERR_NOT_FOUND,
                          "image is not protected: it has no " OCI_IMAGE_PATH, "%.900s",
                          p->options->uri);
    GUARD(export_tree(p, root));
    return image_assemble(split->inode->host_file, root, p->options->output, p->note);
}

static const char *own_label(const struct pull *p)
{
    return oci_config_runs_image(p->source.config)
               ? oci_config_label(p->source.config, OCI_LABEL_FINGERPRINT)
               : NULL;
}

// What the label says must be what the image is: a label alone is nobody's word. An image on top of a protected one
// inherits the label, which says nothing of it.
static struct result read_fingerprint(const struct pull *p, char ret[IMAGE_FINGERPRINT_SIZE])
{
    struct image image;
    GUARD(image_open(p->options->output, p->note, &image));
    struct result r = image_fingerprint(&image, ret);
    image_close(&image);
    const char *label = own_label(p);
    if (is_ok(r) && label && strcmp(label, ret) != 0)
        r = image_fail(p->note, ERR_INTEGRITY, "image's label names another fingerprint", "%.300s",
                       label);
    if (!is_ok(r))
        unlink(p->options->output);
    return r;
}

static struct result run(struct pull *p, bool whole, struct oci_pull_report *ret)
{
    GUARD(oci_scratch(p->note, p->scratch));
    GUARD(open_source(p));
    memcpy(ret->digest, p->source.manifest.self.digest, sizeof ret->digest);
    if (!whole) {
        const char *label = own_label(p);
        snprintf(ret->fingerprint, sizeof ret->fingerprint, "%s", label ? label : "");
        ret->command[0] = 0;
        if (p->options->command)
            return oci_fspf_command(p->source.config, ret->command, sizeof ret->command);
        return RESULT_OK;
    }
    GUARD(tree_new(&p->tree));
    image_progress(p->note, "unpacking %zu layers", p->source.manifest.layer_count);
    GUARD(oci_source_apply(&p->source, p->scratch, p->tree, p->note));
    GUARD(assemble(p));
    return read_fingerprint(p, ret->fingerprint);
}

static struct result pull(const struct oci_pull_options *o, bool whole, struct image_note *note,
                          struct oci_pull_report *ret)
{
    struct pull *p = calloc(1, sizeof *p);
    REQUIRE(p, ERR_MEMORY, "out of memory");
    struct oci_pull_report report;
    p->options = o;
    p->note = note;
    struct result r = run(p, whole, &report);
    if (p->is_open)
        oci_source_done(&p->source);
    tree_free(p->tree);
    if (p->scratch[0])
        tool_remove_tree(p->scratch);
    free(p);
    if (is_ok(r))
        *ret = report;
    return r;
}

struct result oci_pull(const struct oci_pull_options *o, struct image_note *note,
                       struct oci_pull_report *ret)
{
    return pull(o, true, note, ret);
}

struct result oci_look(const struct oci_pull_options *o, struct image_note *note,
                       struct oci_pull_report *ret)
{
    return pull(o, false, note, ret);
}
