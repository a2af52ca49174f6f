// SPDX-License-Identifier: Apache-2.0
// The region table (docs/formats/image.md, `/.cloister/regions`): which shield a path has. This is
// the plaintext; sealing it under FSPF_KEY is the caller's. Freestanding; no allocation; no state.
//
// A path belongs to the region with the longest prefix of whole components; without one it is
// authenticated.
#ifndef SHIELD_REGIONS_H
#define SHIELD_REGIONS_H

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/result.h"

#define REGIONS_MAGIC          "CLREGN1"   // and its NUL: 8 bytes
#define REGIONS_SEALED_SIZE(n) (36u + (n)) // magic, nonce, tag, ciphertext
#define REGIONS_MAX            64u
#define REGION_PATH_MAX        1024u
#define REGIONS_SIZE_MAX       (4u + REGIONS_MAX * (6u + 2 * REGION_PATH_MAX)) // of the plaintext

enum region_kind {
    REGION_AUTHENTICATED = 1,
    REGION_ENCRYPTED = 2,
    REGION_NOT_PROTECTED = 3,
    REGION_EPHEMERAL = 4,
};

enum region_key {
    REGION_KEY_NONE = 0,
    REGION_KEY_SEALED = 1,
    REGION_KEY_SMS = 2,
    REGION_KEY_CONTENT =
        3, // a part of the image (encrypted.h), read-only; the key comes from the SMS
};

struct region {
    enum region_kind kind;
    enum region_key key;
    struct span path;
    struct span source; // host path; empty unless the region is not-protected or a volume
};

struct regions {
    uint32_t count;
    struct region region[REGIONS_MAX]; // spans point into what was decoded
};

// Sorted by path, no path twice, paths absolute and normal, key and source where the kind has them.
struct result regions_check(const struct regions *r);
struct result regions_decode(struct span plaintext, struct regions *ret);
// Checks first; `w` fails when it is too small (REGIONS_SIZE_MAX always fits).
struct result regions_encode(const struct regions *r, struct writer *w);

// The region of an absolute normal path; NULL: authenticated.
const struct region *regions_find(const struct regions *r, struct span path);

// Absolute, no empty, "." or ".." component, no slash at the end but for "/", no NUL, not too long.
bool region_path_is_normal(struct span path);

#endif
