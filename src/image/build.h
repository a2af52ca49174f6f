// SPDX-License-Identifier: Apache-2.0
// `cloister build`: from cloister.yaml and its lock file to a protected image. The image depends on
// the manifest, the locked packages, the copied files, kernel.elf and init alone; SIGSTRUCT also on
// the signer's key.
#ifndef IMAGE_BUILD_H
#define IMAGE_BUILD_H

#include "image/image_write.h"
#include "image/manifest.h"
#include "image/note.h"

// Where the files come from, and what else is made of them, when it is not packages and directories.
struct build_hooks {
    void *context;
    // Before the manifest's own files: fills the tree, and completes the manifest.
    struct result (*fill)(void *context, struct manifest *m, struct tree *t,
                          struct image_note *note);
    // After the image was written, from the same input.
    struct result (*finish)(void *context, const struct manifest *m, const struct image_input *in,
                            const struct image_output *out, struct image_note *note);
};

struct build_options {
    const struct build_hooks *hooks; // NULL: none
    const char *directory;
    const char *output; // NULL: directory/name.cloister
    const char *sms;    // file with the SMS identity; NULL: the manifest's, if any
    const char
        *key; // the signer's RSA-3072 key; NULL: the manifest's, or $CLOISTER_HOME/signer.pem
    const char *kernel; // NULL: beside the program, lib/cloister/kernel.elf
    const char *init;   // NULL: beside the program, lib/cloister/init
    bool update_lock;
    bool sbom;  // NAME.spdx.json and NAME.provenance.json beside the image
    bool split; // the split form: files other than the builder's own stay out
};

struct build_report {
    char output[4096];
    char fingerprint[IMAGE_FINGERPRINT_SIZE];
    uint64_t size;
};

struct result image_build(const struct build_options *options, struct image_note *note,
                          struct build_report *ret);

#endif
