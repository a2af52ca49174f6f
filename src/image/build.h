// SPDX-License-Identifier: Apache-2.0
// `cloister build`: from cloister.yaml and its lock file to a protected image. The image depends on
// the manifest, the locked packages, the copied files, kernel.elf and init alone; SIGSTRUCT also on
// the signer's key.
#ifndef IMAGE_BUILD_H
#define IMAGE_BUILD_H

#include "image/image.h"
#include "image/note.h"

struct build_options {
    const char *directory;
    const char *output; // NULL: directory/name.cloister
    const char *sms;    // file with the SMS identity; NULL: the manifest's, if any
    const char
        *key; // the signer's RSA-3072 key; NULL: the manifest's, or $CLOISTER_HOME/signer.pem
    const char *kernel; // NULL: beside the program, lib/cloister/kernel.elf
    const char *init;   // NULL: beside the program, lib/cloister/init
    bool update_lock;
};

struct build_report {
    char output[4096];
    char fingerprint[IMAGE_FINGERPRINT_SIZE];
    uint64_t size;
};

struct result image_build(const struct build_options *options, struct image_note *note,
                          struct build_report *ret);

#endif
