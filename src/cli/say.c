// SPDX-License-Identifier: Apache-2.0
#include "cli/say.h"

#include <stdio.h>

int say_failure(const char *what, struct result r)
{
    fprintf(stderr, "cloister: %s: %s\n", what, r.why ? r.why : "failed");
    return EXIT_REFUSED;
}

int say_usage(const char *word, const char *what)
{
    fprintf(stderr, "cloister %s: %s; see cloister %s --help\n", word, what, word);
    return EXIT_USAGE;
}

int say_json(json_t *j)
{
    int bad = !j || json_dumpf(j, stdout, JSON_INDENT(2)) || putchar('\n') == EOF || fflush(stdout);
    json_decref(j);
    return bad ? EXIT_REFUSED : EXIT_DONE;
}

void say_name(const char *text)
{
    for (const char *at = text ? text : ""; *at; at++)
        putchar((unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at);
}
