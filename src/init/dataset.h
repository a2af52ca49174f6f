// SPDX-License-Identifier: Apache-2.0
// The dataset on its way into the enclave: the host's file is copied once, its SHA-256 is compared with the
// ledger's on that copy, and only then is the copy decrypted.
#ifndef INIT_DATASET_H
#define INIT_DATASET_H

#include "proto/provision.h"

#define DATASET_FOLDER   "/cloister_in" // not-protected: the host offers the ciphertext here
#define DATASET_TARGET   "/iexec_in"    // ephemeral
#define DATASET_SIZE_MAX ((size_t)8 << 30)

// `file`: the host's name for the ciphertext, inside `folder`. Writes `target`/<address>.
struct result dataset_install(const struct proto_app_grant *grant, const char *folder,
                              const char *file, const char *target);

#endif
