// SPDX-License-Identifier: Apache-2.0
#include "image/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX (1u << 16)

struct file_sites {
    char *path; // in the image
    struct scan_sites sites;
};

struct table {
    struct file_sites *file;
    size_t count;
};

static void table_done(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->file[i].path);
        free(t->file[i].sites.site);
    }
    free(t->file);
}

static struct result scan_host_file(const char *path, struct image_note *note,
                                    struct scan_sites *ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return image_fail_errno(note, path, "cannot open");
    }
    char magic[4];
    void *map = MAP_FAILED;
    if (pread(fd, magic, sizeof magic, 0) == sizeof magic && memcmp(magic, "\177ELF", 4) == 0)
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return RESULT_OK;
    struct result result = scan_program(SPAN(map, (size_t)st.st_size), ret);
    munmap(map, (size_t)st.st_size);
    return result;
}

// The sites of one file, none when it is no program.
static struct result scan_file(const struct tree_inode *i, const char *path,
                               struct image_note *note, struct scan_sites *ret)
{
    struct scan_sites sites = {NULL, 0};
    struct result result = RESULT_OK;
    if (i->content == TREE_HOST_FILE)
        result = scan_host_file(i->host_file, note, &sites);
    else if (i->content == TREE_MEMORY && i->size >= 4 && memcmp(i->memory, "\177ELF", 4) == 0)
        result = scan_program(SPAN(i->memory, i->size), &sites);
    if (!is_ok(result) && result.code != ERR_UNSUPPORTED)
        return image_fail(note, result.code, result.why, "%s", path);
    *ret = sites;
    return RESULT_OK;
}

static struct result add_file(struct table *t, const char *path, struct scan_sites sites)
{
    if (sites.count == 0)
        return RESULT_OK;
    char *copy = strdup(path);
    struct file_sites *more =
        t->count < FILES_MAX && copy ? realloc(t->file, (t->count + 1) * sizeof *more) : NULL;
    if (!more) {
        free(copy);
        free(sites.site);
        return fail(ERR_MEMORY, "too many programs");
    }
    t->file = more;
    t->file[t->count++] = (struct file_sites){copy, sites};
    return RESULT_OK;
}

struct scanning {
    struct image_note *note;
    struct table table;
};

static struct result visit(void *context, struct tree_node *n)
{
    struct scanning *s = context;
    struct scan_sites sites = {NULL, 0};
    char path[PATH_MAX];
    if (!S_ISREG(n->inode->mode))
        return RESULT_OK;
    GUARD(tree_path(n, path, sizeof path));
    GUARD(scan_file(n->inode, path, s->note, &sites));
    return add_file(&s->table, path, sites);
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct file_sites *)a)->path, ((const struct file_sites *)b)->path);
}

static void encode(const struct table *t, struct writer *w)
{
    put_bytes(w, SITES_MAGIC, 8);
    put_le32(w, (uint32_t)t->count);
    for (size_t i = 0; i < t->count; i++) {
        const struct file_sites *f = &t->file[i];
        put_le16(w, (uint16_t)strlen(f->path));
        put_bytes(w, f->path, strlen(f->path));
        put_le32(w, (uint32_t)f->sites.count);
        for (size_t k = 0; k < f->sites.count; k++)
            site_put(w, &f->sites.site[k]);
    }
}

static void print_counts(const struct table *t, struct image_note *note)
{
    size_t jumps[3] = {0}, traps[3] = {0};
    for (size_t i = 0; i < t->count; i++) {
        for (size_t k = 0; k < t->file[i].sites.count; k++) {
            const struct site *s = &t->file[i].sites.site[k];
            *(s->window_size == SITE_WINDOW_TRAP ? &traps[s->kind] : &jumps[s->kind]) += 1;
        }
    }
    image_progress(note, "%zu programs: %zu syscall sites to patch, %zu trapped; %zu cpuid sites",
                   t->count, jumps[SITE_SYSCALL], traps[SITE_SYSCALL],
                   jumps[SITE_CPUID] + traps[SITE_CPUID]);
}

static struct result encode_table(struct table *t, uint8_t **ret, size_t *ret_size)
{
    if (t->count)
        qsort(t->file, t->count, sizeof *t->file, compare_files);
    size_t size = 12;
    for (size_t i = 0; i < t->count; i++)
        size += 6 + strlen(t->file[i].path) + t->file[i].sites.count * SITE_SIZE;
    uint8_t *table = malloc(size);
    REQUIRE(table, ERR_MEMORY, "out of memory");
    struct writer w = writer_on(table, size);
    encode(t, &w);
    struct result result = sites_check(writer_span(&w));
    if (!is_ok(result)) {
        free(table);
        return result;
    }
    *ret = table;
    *ret_size = size;
    return RESULT_OK;
}

struct result scan_tree(struct tree *tree, struct image_note *note, uint8_t **ret, size_t *ret_size)
{
    struct scanning s = {.note = note};
    struct result result = tree_walk(tree_root(tree), visit, &s);
    if (is_ok(result)) {
        print_counts(&s.table, note);
        result = encode_table(&s.table, ret, ret_size);
    }
    table_done(&s.table);
    return result;
}
