// SPDX-License-Identifier: Apache-2.0
// Wallets: named secp256k1 keys in $CLOISTER_HOME/wallets/NAME.json, mode 0600, NOT encrypted.
// Names are 1 … 32 characters of [0-9A-Za-z_-]; NULL means the name in $CLOISTER_WALLET, else
// "default".
#ifndef OS_WALLET_H
#define OS_WALLET_H

#include "crypto/secp256k1.h"

#include <limits.h>

struct wallet {
    struct eth_key key;
    struct address address;
};

struct result wallet_path(const char *name, char ret[PATH_MAX]);
struct result wallet_create(const char *name, struct wallet *ret); // ERR_EXISTS: never overwrites
struct result wallet_load(const char *name, struct wallet *ret);
void wallet_done(struct wallet *w); // wipes

#endif
