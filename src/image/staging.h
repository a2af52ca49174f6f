// SPDX-License-Identifier: Apache-2.0
// The directory in which an image's file system is put together, in a temporary place. All paths
// are resolved inside it as in a chroot (openat2, RESOLVE_IN_ROOT): no archive and no link leads
// out.
//
// Owners are not kept (the image has root everywhere), times are not kept. Modes are kept from
// packages; what comes from the user's directories gets 0755 or 0644 by its owner's execute bit, so
// that a umask does not change the image.
#ifndef IMAGE_STAGING_H
#define IMAGE_STAGING_H

#include <limits.h>

#include "base/bytes.h"
#include "image/note.h"

struct staging {
    int fd; // of the root
    char base[PATH_MAX];
    char root[PATH_MAX]; // base/root
};

struct result staging_init(struct image_note *note, struct staging *ret);
// Removes it all.
void staging_done(struct staging *s);

// bin, lib, lib64, sbin as links into usr, as a merged Debian has them.
struct result staging_merge_usr(struct staging *s, struct image_note *note);
// The data of a .deb. Its maintainer scripts are not run.
struct result staging_unpack_deb(struct staging *s, struct image_note *note, const char *deb);
// The content of a directory of the user's, or one file of it to the path `to`. mode UINT32_MAX: by
// the rule above.
struct result staging_copy_tree(struct staging *s, struct image_note *note, const char *from,
                                const char *to);
struct result staging_copy_file(struct staging *s, struct image_note *note, const char *from,
                                const char *to, uint32_t mode);
struct result staging_write(struct staging *s, struct image_note *note, const char *path,
                            struct span content, uint32_t mode);
struct result staging_make_directory(struct staging *s, struct image_note *note, const char *path,
                                     uint32_t mode);
// Follows links inside the staging; the descriptor is O_RDONLY.
struct result staging_open(const struct staging *s, struct image_note *note, const char *path,
                           int *ret_fd);
bool staging_exists(const struct staging *s, const char *path);

#endif
