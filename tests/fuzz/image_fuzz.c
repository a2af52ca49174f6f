// SPDX-License-Identifier: Apache-2.0
// Reaches: image_open_split, image_map_files, image_parse, image_trailer_parse, image_layout, enclave_check_params,
// kernel_elf_parse, kernel_elf_enclu_sites, sign_check, description_read, verify_image.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/description.h"
#include "image/enclave_build.h"
#include "image/kernel_elf.h"
#include "image/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[32];

static void remove_root(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    (void)!system(command);
}

// The directory with the files of the split seed: one that is mapped, one that is read, and a link.
static void make_root(void)
{
    char path[64];
    strcpy(root, "/tmp/image_fuzz.XXXXXX");
    if (!mkdtemp(root))
        abort();
    atexit(remove_root);
    for (size_t size = 3000; size <= 300000; size *= 100) {
        snprintf(path, sizeof path, "%s/%zu", root, size);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
            abort();
        close(fd);
    }
    snprintf(path, sizeof path, "%s/link", root);
    if (symlink("/", path) != 0)
        abort();
}

// As a file that is opened, with a root directory.
static void open_file(struct span file)
{
    static struct image_note note;
    struct image image;
    char path[32];
    if (!root[0])
        make_root();
    int fd = memfd_create("image", MFD_CLOEXEC);
    if (fd < 0 || write(fd, file.data, file.size) != (ssize_t)file.size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (is_ok(image_open_split(path, root, &note, &image))) {
        struct fingerprint fingerprint;
        image_fspf(&image, &fingerprint);
        uint8_t sum = 0;
        for (size_t at = 0; at < MIN(image.file.size, (size_t)64 << 20); at += IMAGE_BLOCK_SIZE)
            sum ^= image.file.data[at];
        __asm__ volatile("" : : "r"(sum));
        image_close(&image);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // Images are whole pages; the input is padded with zeroes in front of its last 128 bytes, which
    // begin the trailer.
    static struct verify_report report;
    size_t head = size < 128 ? 0 : size - 128;
    size_t whole = (size_t)align_up(head, IMAGE_BLOCK_SIZE) + IMAGE_TRAILER_SIZE;
    uint8_t *file = calloc(1, whole);
    if (!file)
        return 0;
    memcpy(file, data, head);
    memcpy(file + whole - IMAGE_TRAILER_SIZE, data + head, size - head);
    open_file(SPAN(file, whole));
    struct image image;
    if (is_ok(image_parse(SPAN(file, whole), &image))) {
        struct description d;
        struct kernel_elf elf;
        uint64_t sites[4];
        size_t count;
        (void)!is_ok(kernel_elf_parse(image.kernel, &elf));
        (void)!is_ok(kernel_elf_enclu_sites(image.kernel, sites, ARRAY_COUNT(sites), &count));
        if (is_ok(description_read(&image, &d)))
            description_done(&d);
        if (!image.params ||
            (is_ok(enclave_check_params(image.params)) && image.params->threads < 4))
            (void)!is_ok(verify_image(&image, &report));
    }
    free(file);
    return 0;
}
