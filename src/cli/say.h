// SPDX-License-Identifier: Apache-2.0
// How commands speak: results on stdout, everything else on stderr; exit codes 0 done, 1 refused
// or failed, 2 usage.
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include "base/result.h"

#include <jansson.h>

#define EXIT_DONE    0
#define EXIT_REFUSED 1
#define EXIT_USAGE   2

// "cloister: what: why"; gives EXIT_REFUSED.
int say_failure(const char *what, struct result r);
// "cloister WORD: what; see cloister WORD --help"; gives EXIT_USAGE.
int say_usage(const char *word, const char *what);
// One JSON object on stdout; frees it. Gives EXIT_DONE.
int say_json(json_t *j);
// A text of somebody else on stdout: control characters, which a terminal would obey, as '?'.
void say_name(const char *text);

#endif
