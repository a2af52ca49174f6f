// SPDX-License-Identifier: Apache-2.0
// The program under another program's name (python, node, java …): runs that program in an enclave over the
// container's protection file, as the environment says (docs/SCONE.md).
#ifndef CLI_LAUNCHER_H
#define CLI_LAUNCHER_H

#include <stdbool.h>

// Whether argv[0] is a name under which this is a launcher, and not the command line itself.
bool launcher_is_name(const char *argv0);
int launcher_main(int argc, char **argv);

#endif
