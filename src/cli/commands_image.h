// SPDX-License-Identifier: Apache-2.0
// The commands on images: cmd_build.c, cmd_image.c, cmd_init.c, cmd_diff.c and cmd_sign.c. argv[0] is the
// word; each gives an exit code.
#ifndef CLI_COMMANDS_IMAGE_H
#define CLI_COMMANDS_IMAGE_H

int cmd_build(int argc, char **argv);
int cmd_fingerprint(int argc, char **argv);
int cmd_mrenclave(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_fspf(int argc, char **argv); // cmd_fspf.c
int cmd_init(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_push(int argc, char **argv);
int cmd_pull(int argc, char **argv);

#endif
