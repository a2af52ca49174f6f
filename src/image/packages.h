// SPDX-License-Identifier: Apache-2.0
// Debian packages under a lock file (docs/formats/manifest.md). The lock lists every .deb that goes
// into the image, closed under Depends and Pre-Depends: one line each, `package version
// architecture sha256`, sorted. apt resolves as if nothing were installed, and without
// recommendations; dpkg's state of the host plays no part.
#ifndef IMAGE_PACKAGES_H
#define IMAGE_PACKAGES_H

#include "base/bytes.h"
#include "image/manifest.h"
#include "image/note.h"

#define LOCK_FILE     "cloister.lock"
#define LOCK_MAX      2048u // packages
#define LOCK_SIZE_MAX (1u << 20)

struct lock_entry {
    char name[128];
    char version[128];
    char architecture[16];
    uint8_t sha256[32];
};

struct lock {
    struct lock_entry *entry;
    size_t count;
};

// Strict; sorted by name, no name twice.
struct result lock_parse(struct span text, struct image_note *note, struct lock *ret);
// The text, freed by the caller.
struct result lock_format(const struct lock *l, char **ret);
void lock_done(struct lock *l);

// Asks apt for the closure of `packages`, downloads what it says into the cache and fills the
// hashes in.
struct result packages_resolve(const struct manifest_strings *packages, struct image_note *note,
                               struct lock *ret);
// Brings every package of the lock into the cache, each with the hash that the lock says.
struct result packages_fetch(const struct lock *l, struct image_note *note);
// Where the cache has a package.
struct result packages_path(const struct lock_entry *e, char ret[4096]);

#endif
