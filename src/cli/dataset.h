// SPDX-License-Identifier: Apache-2.0
// The subcommands of `cloister dataset`, one per file.
#ifndef CLI_DATASET_H
#define CLI_DATASET_H

int dataset_encrypt(int argc, char **argv);
int dataset_publish(int argc, char **argv);

#endif
