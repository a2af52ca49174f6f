// SPDX-License-Identifier: Apache-2.0
// cloister ledger serve: the embedded ledger's HTTP face (docs/formats/ledger.md).
#ifndef CLI_LEDGER_SERVE_H
#define CLI_LEDGER_SERVE_H

int ledger_serve(int argc, char **argv, const char *help);

#endif
