// SPDX-License-Identifier: Apache-2.0
// cloister quote make --emulated: a quote and its collateral of a platform that exists for this once, good or
// with a flaw, for tests of verifiers. Its root's key is random and thrown away: what pins another root
// refuses it.
#ifndef CLI_QUOTE_MAKE_H
#define CLI_QUOTE_MAKE_H

int quote_make(int argc, char **argv);

#endif
