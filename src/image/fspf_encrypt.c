// SPDX-License-Identifier: Apache-2.0
#include "image/fspf_encrypt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "image/erofs_write.h"
#include "image/fspf_tree.h"
#include "image/image_write.h"
#include "image/runtime_params.h"
#include "image/scan.h"
#include "image/sealed_regions.h"
#include "image/tool.h"
#include "os/file.h"
#include "shield/encrypted.h"
#include "shield/process.h"

#define WORDS_MAX        64u
#define CONTENT_FILE_MAX 256u

struct encrypting {
    const struct fspf_options *options;
    struct image_note *note;
    struct fspf_tree files;
    struct fspf_result *out;
};

// -- the draft's file ----------------------------------------------------------------------------

struct result fspf_load(const char *file, struct image_note *note, struct draft *ret)
{
    uint8_t *text;
    size_t size;
    struct result result = file_read(file, DRAFT_SIZE_MAX, &text, &size);
    if (!is_ok(result))
        return image_fail(note, result.code, result.why, "%s", file);
    struct image_trailer trailer;
    bool image = size >= IMAGE_TRAILER_SIZE &&
                 is_ok(image_trailer_parse(
                     SPAN(text + size - IMAGE_TRAILER_SIZE, IMAGE_TRAILER_SIZE), &trailer));
    result = image ? fail(ERR_EXISTS, "encrypted already: begin anew with fspf create")
                   : draft_parse(SPAN(text, size), ret);
    free(text);
    return is_ok(result) ? result : image_fail(note, result.code, result.why, "%s", file);
}

struct result fspf_save(const char *file, const struct draft *d, struct image_note *note)
{
    char *text;
    size_t size;
    GUARD(draft_format(d, &text, &size));
    struct result result = file_write(file, SPAN(text, size), 0644, FILE_REPLACE);
    free(text);
    return is_ok(result) ? result : image_fail(note, result.code, result.why, "%s", file);
}

// -- the description -----------------------------------------------------------------------------

static int compare_regions(const void *a, const void *b)
{
    return span_compare(((const struct region *)a)->path, ((const struct region *)b)->path);
}

// What a task's application finds (docs/formats/fspf.md): in an image that names an SMS, unless the draft says
// otherwise.
static struct result add_task_regions(struct encrypting *e, struct regions *r)
{
    static const struct {
        const char *path, *source;
        enum region_kind kind;
        enum region_key key;
    } list[] = {
        {"/cloister_in", "cloister_in", REGION_NOT_PROTECTED, REGION_KEY_NONE},
        {"/iexec_in", "", REGION_EPHEMERAL, REGION_KEY_NONE},
        {"/iexec_out", "iexec_out.volume", REGION_ENCRYPTED, REGION_KEY_SMS},
    };
    const struct tree_inode directory = {.mode = S_IFDIR | 0755};
    char sms[PATH_MAX];
    if (snprintf(sms, sizeof sms, "%s%s", e->files.root, RUNTIME_SMS_FILE) >= (int)sizeof sms ||
        access(sms, F_OK) != 0)
        return RESULT_OK;
    for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
        if (draft_region(e->files.draft, list[i].path))
            continue;
        REQUIRE(r->count < REGIONS_MAX, ERR_RANGE, "too many regions");
        r->region[r->count++] =
            (struct region){.kind = list[i].kind,
                            .key = list[i].key,
                            .path = SPAN(list[i].path, strlen(list[i].path)),
                            .source = SPAN(list[i].source, strlen(list[i].source))};
        if (!tree_find(e->files.outer, list[i].path, false))
            GUARD(tree_put(e->files.outer, list[i].path, &directory, NULL));
        image_progress(e->note, "added: region %s of a task", list[i].path);
    }
    return RESULT_OK;
}

static struct result encode_regions(struct encrypting *e, struct regions *r, struct writer *w)
{
    const struct draft *d = e->files.draft;
    r->count = 0;
    for (size_t i = 0; i < d->count; i++) {
        const struct draft_entry *entry = &d->entry[i];
        if (entry->verb != DRAFT_REGION)
            continue;
        REQUIRE(r->count < REGIONS_MAX, ERR_RANGE, "too many regions");
        struct region *region = &r->region[r->count++];
        *region =
            (struct region){.kind = entry->kind, .path = SPAN(entry->path, strlen(entry->path))};
        if (entry->kind == REGION_ENCRYPTED)
            region->key = REGION_KEY_CONTENT;
        if (entry->kind == REGION_NOT_PROTECTED)
            region->source = SPAN(entry->source, strlen(entry->source));
    }
    GUARD(add_task_regions(e, r));
    qsort(r->region, r->count, sizeof r->region[0], compare_regions);
    return regions_encode(r, w);
}

// The program's absolute path in the tree, as a shell would find it.
static struct result find_program(struct encrypting *e, const char *word, char ret[PATH_MAX])
{
    static const char *const folders[] = {
        "", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
    for (size_t i = word[0] == '/' ? 0 : 1; i < ARRAY_COUNT(folders); i++) {
        if (snprintf(ret, PATH_MAX, i ? "%s/%s" : "%s%s", folders[i], word) >= PATH_MAX)
            break;
        const struct tree_node *n = tree_find(e->files.outer, ret, true);
        if (n && S_ISREG(n->inode->mode) && (n->inode->mode & 0111))
            return RESULT_OK;
        if (word[0] == '/')
            break;
    }
    return image_fail(e->note, ERR_NOT_FOUND, "the entrypoint is in no authenticated region", "%s",
                      word);
}

static struct result encode_process(struct encrypting *e, struct writer *w)
{
    char words[PATH_MAX], program[PATH_MAX], *word[WORDS_MAX], *rest = words;
    uint32_t count = 0;
    if (snprintf(words, sizeof words, "%s", e->options->entrypoint) >= (int)sizeof words)
        return fail(ERR_RANGE, "the entrypoint is too long");
    for (char *at; (at = strtok_r(rest, " ", &rest));) {
        REQUIRE(count < WORDS_MAX, ERR_RANGE, "the entrypoint has too many words");
        word[count++] = at;
    }
    REQUIRE(count > 0, ERR_INVALID, "the entrypoint is empty");
    GUARD(find_program(e, word[0], program));
    const struct process p = {.umask = 022, .argument_count = count, .environment_count = 1};
    process_put_head(w, &p);
    process_put(w, SPAN(program, strlen(program)));
    process_put(w, SPAN_STR("/"));
    for (uint32_t i = 0; i < count; i++)
        process_put(w, SPAN(word[i], strlen(word[i])));
    process_put(w, SPAN_STR("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    REQUIRE(!w->failed, ERR_RANGE, "the entrypoint is too long");
    struct process checked;
    return process_decode(writer_span(w), &checked);
}

static void derive_key(struct span regions, struct span process, uint8_t ret[32])
{
    static const char label[] = "cloister fspf key v1";
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, label, sizeof label - 1);
    sha256_update(&hash, regions.data, regions.size);
    sha256_update(&hash, process.data, process.size);
    sha256_final(&hash, ret);
}

// -- encrypted regions ---------------------------------------------------------------------------

static struct result read_content_key(struct encrypting *e, uint8_t ret[ENCRYPTED_KEY_SIZE])
{
    const char *path = e->options->content_key;
    if (!path)
        return image_fail(e->note, ERR_NOT_FOUND,
                          "encrypted regions need a content key, which the SMS then gives to the "
                          "app alone",
                          "--content-key FILE or $CLOISTER_CONTENT_KEY_FILE, 64 hex digits");
    uint8_t *text;
    size_t size;
    GUARD(tool_read(e->note, path, CONTENT_FILE_MAX, &text, &size));
    size_t end = size;
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r'))
        end--;
    struct result result = hex_decode(SPAN(text, end), ret, ENCRYPTED_KEY_SIZE);
    wipe(text, size);
    free(text);
    return is_ok(result)
               ? result
               : image_fail(e->note, result.code, "not a key of 64 hex digits", "%s", path);
}

// Into /.cloister/encrypted/N, N being the region's number in the sorted table.
static struct result seal_tree(struct encrypting *e, struct tree *tree, struct span path,
                               uint32_t number, const uint8_t key[ENCRYPTED_KEY_SIZE])
{
    struct erofs_plan plan;
    char name[64];
    GUARD(erofs_plan(tree, &plan));
    uint64_t blocks = encrypted_blocks(plan.blocks);
    REQUIRE(blocks > 0, ERR_RANGE, "an encrypted region is too large");
    uint8_t *plain = calloc(plan.blocks, ENCRYPTED_BLOCK);
    uint8_t *sealed = calloc(blocks, ENCRYPTED_BLOCK);
    struct result result = plain && sealed ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    if (is_ok(result))
        result = erofs_write(tree, &plan, e->note, plain);
    if (is_ok(result))
        result =
            encrypted_region_seal(key, path, SPAN(plain, plan.blocks * ENCRYPTED_BLOCK), sealed);
    snprintf(name, sizeof name, IMAGE_DIRECTORY "/encrypted/%u", number);
    if (is_ok(result))
        result = tree_write(e->files.outer, name, SPAN(sealed, blocks * ENCRYPTED_BLOCK), 0444);
    if (plain)
        wipe(plain, plan.blocks * ENCRYPTED_BLOCK);
    free(plain);
    free(sealed);
    return result;
}

static struct result seal_regions(struct encrypting *e, const struct regions *r)
{
    const struct draft *d = e->files.draft;
    uint8_t key[ENCRYPTED_KEY_SIZE];
    size_t index = 0, encrypted = 0;
    for (uint32_t i = 0; i < r->count; i++)
        encrypted += r->region[i].key == REGION_KEY_CONTENT;
    if (encrypted == 0)
        return RESULT_OK;
    GUARD(read_content_key(e, key));
    struct result result = RESULT_OK;
    for (size_t i = 0; is_ok(result) && i < d->count; i++) {
        if (d->entry[i].verb != DRAFT_REGION)
            continue;
        struct tree *tree = e->files.inner[index++];
        if (!tree)
            continue;
        struct span path = SPAN(d->entry[i].path, strlen(d->entry[i].path));
        uint32_t number = 0;
        while (span_compare(r->region[number].path, path) != 0)
            number++;
        result = seal_tree(e, tree, path, number, key);
    }
    wipe(key, sizeof key);
    return result;
}

// -- the whole -----------------------------------------------------------------------------------

static struct result describe(struct encrypting *e, uint8_t *buffer)
{
    struct tree *t = e->files.outer;
    struct regions regions;
    uint8_t plaintext[REGIONS_SIZE_MAX], *sealed = buffer;
    struct writer table = writer_on(plaintext, sizeof plaintext);
    struct writer process = writer_on(buffer, PROCESS_SIZE_MAX);
    uint8_t *sites;
    size_t sites_size;
    // Sites first: the table lists the files that the application brings.
    GUARD(scan_tree(t, e->note, &sites, &sites_size));
    struct result result = tree_write(t, IMAGE_SITES, SPAN(sites, sites_size), 0444);
    free(sites);
    GUARD(result);
    GUARD(encode_regions(e, &regions, &table));
    if (e->options->entrypoint) {
        GUARD(encode_process(e, &process));
        GUARD(tree_write(t, IMAGE_PROCESS, writer_span(&process), 0444));
    }
    derive_key(writer_span(&table), writer_span(&process), e->out->key);
    GUARD(sealed_regions_seal(e->out->key, writer_span(&table), sealed));
    GUARD(tree_write(t, IMAGE_REGIONS, SPAN(sealed, REGIONS_SEALED_SIZE(table.size)), 0444));
    return seal_regions(e, &regions);
}

static void skip_files(struct encrypting *e)
{
    struct fspf_tree *f = &e->files;
    if (stat(e->options->file, &f->skip[f->skip_count]) == 0)
        f->skip_count++;
    if (e->options->output_fd >= 0 && fstat(e->options->output_fd, &f->skip[f->skip_count]) == 0 &&
        S_ISREG(f->skip[f->skip_count].st_mode))
        f->skip_count++;
}

static struct result encrypt(struct encrypting *e)
{
    struct image_output out;
    skip_files(e);
    GUARD(fspf_tree_fill(&e->files, e->note));
    uint8_t *buffer = malloc(MAX(PROCESS_SIZE_MAX, REGIONS_SEALED_SIZE(REGIONS_SIZE_MAX)));
    REQUIRE(buffer, ERR_MEMORY, "out of memory");
    struct result result = describe(e, buffer);
    free(buffer);
    GUARD(result);
    const struct image_input in = {.tree = e->files.outer, .split = true};
    GUARD(image_write(&in, e->options->file, e->note, &out));
    memcpy(e->out->tag, out.fspf_tag, sizeof e->out->tag);
    return RESULT_OK;
}

struct result fspf_encrypt(const struct fspf_options *options, struct image_note *note,
                           struct fspf_result *ret)
{
    struct draft draft = {NULL, 0};
    struct fspf_result out;
    struct encrypting *e = calloc(1, sizeof *e);
    REQUIRE(e, ERR_MEMORY, "out of memory");
    *e = (struct encrypting){.options = options, .note = note, .out = &out};
    e->files.draft = &draft;
    e->files.root = options->root && strcmp(options->root, "/") != 0 ? options->root : "";
    struct result result = fspf_load(options->file, note, &draft);
    if (is_ok(result))
        result = encrypt(e);
    fspf_tree_done(&e->files);
    draft_done(&draft);
    free(e);
    if (is_ok(result))
        *ret = out;
    return result;
}
