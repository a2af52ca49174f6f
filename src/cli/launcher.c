// SPDX-License-Identifier: Apache-2.0
#include "cli/launcher.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/version.h"
#include "cli/cli.h"
#include "image/compose.h"
#include "image/erofs.h"
#include "image/runtime_params.h"
#include "image/tool.h"
#include "os/file.h"
#include "os/home.h"

#define FSPF_DEFAULT "/fspf.pb"
#define ROOT         "/"
#define STATUS       125 // nothing was started, as `cloister run` says it

struct launch {
    const char *name; // the program's
    struct runtime runtime;
    struct image_note note;
    struct enclave_params *params;
    uint8_t *kernel, *init, *sms;
    size_t kernel_size, init_size, sms_size;
    uint8_t mrenclave[SGX_HASH_SIZE];
    uint8_t fspf_key[32], fspf_tag[32];
    bool has_key, has_tag;
    char program[PATH_MAX]; // empty: the protection file or the SMS says it
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool launcher_is_name(const char *argv0)
{
    static const char *const own[] = {"tool", "scone", "runtime"};
    const char *name = base_name(argv0);
    for (size_t i = 0; i < ARRAY_COUNT(own); i++) {
        if (strcmp(name, own[i]) == 0)
            return false;
    }
    return *name && strncmp(name, "cloister", sizeof "cloister" - 1) != 0;
}

static const char *get(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

// A text of the environment under CLOISTER_… or SCONE_…; NULL: not set.
static const char *get_either(const char *own, const char *scone)
{
    const char *text = getenv(own);
    if (!text || !*text)
        text = getenv(scone);
    return text && *text ? text : NULL;
}

static struct result load_part(const char *name, size_t max, struct image_note *note, uint8_t **ret,
                               size_t *ret_size)
{
    char path[PATH_MAX];
    struct result found = home_part(name, path);
    if (!is_ok(found))
        return image_fail(note, found.code, found.why, "lib/cloister/%s", name);
    return tool_read(note, path, max, ret, ret_size);
}

static struct result load(struct launch *l)
{
    struct image_note *note = &l->note;
    GUARD(runtime_read(get, NULL, note, &l->runtime));
    GUARD(load_part("kernel.elf", IMAGE_KERNEL_SIZE_MAX, note, &l->kernel, &l->kernel_size));
    struct result r = file_read(RUNTIME_SMS_FILE, sizeof l->params->policy, &l->sms, &l->sms_size);
    if (!is_ok(r) && r.code != ERR_NOT_FOUND)
        return image_fail(note, r.code, r.why, "%s", RUNTIME_SMS_FILE);
    if (is_ok(r))
        GUARD(load_part("init", IMAGE_INIT_SIZE_MAX, note, &l->init, &l->init_size));
    GUARD(runtime_params(&l->runtime, SPAN(l->sms, l->sms_size), SPAN(l->init, l->init_size), note,
                         l->params));
    return compose_measure(SPAN(l->kernel, l->kernel_size), l->params, l->mrenclave);
}

static struct result take_hash(struct launch *l, const char *own, const char *scone,
                               uint8_t ret[32], bool *ret_given)
{
    const char *text = get_either(own, scone);
    *ret_given = text != NULL;
    if (!text)
        return RESULT_OK;
    struct result r = hex_decode(SPAN(text, strlen(text)), ret, 32);
    return is_ok(r) ? r : image_fail(&l->note, r.code, "not 64 hex digits", "%s", own);
}

// The program with the launcher's name in the protection file, which is not the launcher itself.
static struct result find_program(struct launch *l, const struct erofs *fs)
{
    static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};
    char self[PATH_MAX], real[PATH_MAX];
    struct erofs_inode inode;
    if (!realpath("/proc/self/exe", self))
        self[0] = 0;
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        if (snprintf(l->program, sizeof l->program, "%s/%s", folders[i], l->name) >=
            (int)sizeof l->program)
            break;
        if (realpath(l->program, real) && strcmp(real, self) == 0)
            continue;
        if (is_ok(erofs_lookup(fs, l->program, &inode)))
            return RESULT_OK;
    }
    return image_fail(&l->note, ERR_NOT_FOUND,
                      "the protection file has no program of this name in /usr/local/bin, /usr/bin "
                      "or /bin",
                      "%s", l->name);
}

// With an SMS the command comes from the ledger; a protection file may bring its own; else the name says it.
static struct result choose_program(struct launch *l, const char *fspf)
{
    struct image image;
    struct erofs fs;
    struct erofs_inode inode;
    if (l->params->flags & PARAMS_SMS)
        return RESULT_OK;
    GUARD(image_open_split(fspf, ROOT, &l->note, &image));
    struct result r = erofs_open(image.filesystem, &fs);
    if (is_ok(r) && !is_ok(erofs_lookup(&fs, IMAGE_PROCESS, &inode)))
        r = find_program(l, &fs);
    image_close(&image);
    return r;
}

static struct result make_image(struct launch *l, const char *fspf, const char *output)
{
    const struct compose_input in = {
        .fspf = fspf,
        .root = ROOT,
        .output = output,
        .params = l->params,
        .kernel = SPAN(l->kernel, l->kernel_size),
        .init = SPAN(l->init, l->init_size),
        .fspf_key = l->has_key ? l->fspf_key : NULL,
        .expected_tag = l->has_tag ? l->fspf_tag : NULL,
        .split = true,
    };
    struct compose_report report;
    return image_compose(&in, &l->note, &report);
}

// The image as a file without a name: *ret_fd.
static struct result compose(struct launch *l, int *ret_fd)
{
    char directory[] = "/tmp/cloister.XXXXXX", output[sizeof directory + 8];
    const char *fspf = get_either("CLOISTER_FSPF", "SCONE_FSPF");
    if (!fspf)
        fspf = FSPF_DEFAULT;
    GUARD(take_hash(l, "CLOISTER_FSPF_KEY", "SCONE_FSPF_KEY", l->fspf_key, &l->has_key));
    GUARD(take_hash(l, "CLOISTER_FSPF_TAG", "SCONE_FSPF_TAG", l->fspf_tag, &l->has_tag));
    GUARD(choose_program(l, fspf));
    if (!mkdtemp(directory))
        return image_fail_errno(&l->note, directory, "cannot make a temporary directory");
    snprintf(output, sizeof output, "%s/image", directory);
    struct result r = make_image(l, fspf, output);
    if (is_ok(r)) {
        *ret_fd = open(output, O_RDONLY); // stays open for `cloister run` in this process
        if (*ret_fd < 0)
            r = image_fail_errno(&l->note, output, "cannot open");
    }
    unlink(output);
    rmdir(directory);
    return r;
}

// What `cloister run` is told; the array lives until the process ends.
static int run(struct launch *l, int fd, int argc, char **argv)
{
    static const char *const platforms[] = {
        [RUNTIME_AUTO] = NULL, [RUNTIME_HW] = "sgx", [RUNTIME_SIM] = "emulated"};
    const char *platform = platforms[l->runtime.mode];
    char path[64], **list = calloc((size_t)argc + 10, sizeof *list);
    int count = 0;
    if (!list)
        return STATUS;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    list[count++] = "run";
    list[count++] = "--root";
    list[count++] = ROOT;
    if (platform) {
        list[count++] = "--platform";
        list[count++] = (char *)platform;
    }
    if (l->runtime.quiet)
        list[count++] = "--quiet";
    list[count++] = path;
    list[count++] = "--";
    if (l->program[0])
        list[count++] = l->program;
    for (int i = 1; i < argc && !(l->params->flags & PARAMS_SMS); i++)
        list[count++] = argv[i];
    return cmd_run(count, list);
}

static void print_version(const struct launch *l)
{
    char hex[HEX_SIZE(SGX_HASH_SIZE)];
    hex_encode(l->mrenclave, sizeof l->mrenclave, hex);
    fprintf(stderr,
            "export SCONE_HEAP=%llu\nexport SCONE_STACK=%llu\nexport SCONE_QUEUES=%llu\n"
            "Cloister version: " CLOISTER_VERSION "\nEnclave hash: %s\n",
            (unsigned long long)l->runtime.heap, (unsigned long long)l->runtime.stack,
            (unsigned long long)l->runtime.threads, hex);
}

static int fail_launch(const struct launch *l, struct result r)
{
    fprintf(stderr, "cloister: %s: %s%s%s\n", l->name, r.why, l->note.text[0] ? ": " : "",
            l->note.text);
    return STATUS;
}

int launcher_main(int argc, char **argv)
{
    struct launch *l = calloc(1, sizeof *l);
    struct enclave_params *params = calloc(1, sizeof *params);
    if (!l || !params)
        return STATUS;
    l->params = params;
    l->name = base_name(argv[0]);
    struct result r = load(l);
    if (!is_ok(r))
        return fail_launch(l, r);
    if (l->runtime.hash) {
        char hex[HEX_SIZE(SGX_HASH_SIZE)];
        hex_encode(l->mrenclave, sizeof l->mrenclave, hex);
        puts(hex);
        return 0;
    }
    if (l->runtime.version)
        print_version(l);
    int fd = -1;
    r = compose(l, &fd);
    return is_ok(r) ? run(l, fd, argc, argv) : fail_launch(l, r);
}
