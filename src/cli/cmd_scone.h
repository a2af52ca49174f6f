// SPDX-License-Identifier: Apache-2.0
// scone fspf …: the program under the name `scone`.
#ifndef CLI_CMD_SCONE_H
#define CLI_CMD_SCONE_H

int cmd_scone(int argc, char **argv);

#endif
