// SPDX-License-Identifier: Apache-2.0
// cloister fspf show
#ifndef CLI_FSPF_SHOW_H
#define CLI_FSPF_SHOW_H

int fspf_show(int argc, char **argv);

#endif
