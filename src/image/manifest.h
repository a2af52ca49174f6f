// SPDX-License-Identifier: Apache-2.0
// cloister.yaml: what an application is made of (docs/formats/manifest.md). Unknown keys, keys that
// stand twice, and values of a wrong form are errors. Paths are kept as written.
#ifndef IMAGE_MANIFEST_H
#define IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "image/note.h"

#define MANIFEST_FILE     "cloister.yaml"
#define MANIFEST_SIZE_MAX (1u << 20)
#define MANIFEST_LIST_MAX 1024u // items of any list

struct manifest_strings {
    char **item;
    size_t count;
};

struct manifest_copy {
    char *from; // relative to the manifest's directory
    char *to;   // absolute path in the image
    uint32_t mode;
};

struct manifest_region {
    char *path;
    char *kind;
    char *source;
    char *key;
    char *content_key; // file with the key that a part of the image is sealed under
};

struct manifest {
    char *name;
    char *root;               // a directory that is copied whole
    char *image, *dockerfile; // an OCI image, or what makes one: the files begin with its own
    struct manifest_strings packages;
    struct manifest_copy *files;
    size_t file_count;
    char *entrypoint;
    struct manifest_strings arguments;   // without argv[0], which is the entrypoint
    struct manifest_strings environment; // NAME=value, in the manifest's order
    char *directory;
    uint64_t heap, stack;
    uint64_t file_cache; // of the image, checked, in memory; 0: the kernel's choice
    uint64_t threads;
    bool host_arguments, debug, service, python_bytecode;
    bool tools;         // an OCI image carries `scone` and launchers, for a Dockerfile on top of it
    bool fspf_provided; // MRENCLAVE does not name the file system
    struct manifest_region *regions;
    size_t region_count;
    char *sms; // file with the identity of the SMS
    char *key; // file with the signer's key
    uint64_t isvprodid, isvsvn, uid, gid, umask;
    char *fspf_key; // 64 hex digits
};

// Parses the text; `ret` is ended by manifest_done().
struct result manifest_parse(struct span text, struct image_note *note, struct manifest *ret);
struct result manifest_load(const char *path, struct image_note *note, struct manifest *ret);
// Of a directory: its cloister.yaml or, without one, what follows from its Dockerfile.
struct result manifest_find(const char *directory, struct image_note *note, struct manifest *ret);
void manifest_done(struct manifest *m);

#endif
