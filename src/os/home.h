// SPDX-License-Identifier: Apache-2.0
// Where Cloister keeps its state: $CLOISTER_HOME, else $XDG_DATA_HOME/cloister, else
// ~/.local/share/cloister.
#ifndef OS_HOME_H
#define OS_HOME_H

#include "base/result.h"

#include <limits.h>

// The path of `relative` ("wallets/default.json") below the home; "" gives the home itself. Makes
// the home and the folders in between, mode 0700.
struct result home_path(const char *relative, char ret[PATH_MAX]);

// The file lib/cloister/NAME of this installation, found from where this program is: in the build
// folder, in PREFIX/bin, or in lib/cloister itself.
struct result home_part(const char *name, char ret[PATH_MAX]);

#endif
