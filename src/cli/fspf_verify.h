// SPDX-License-Identifier: Apache-2.0
// cloister fspf verify
#ifndef CLI_FSPF_VERIFY_H
#define CLI_FSPF_VERIFY_H

int fspf_verify(int argc, char **argv);

#endif
