// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

int options_read(int argc, char **argv, const struct option_slot *slots, const char *help,
                 bool *ret_done)
{
    struct option longs[OPTION_SLOT_COUNT_MAX + 2] = {0};
    char shorts[2 * OPTION_SLOT_COUNT_MAX + 3] = "h";
    int count = 0;
    size_t short_count = 1;
    *ret_done = false;
    for (; count < OPTION_SLOT_COUNT_MAX && slots[count].name; count++) {
        const struct option_slot *s = &slots[count];
        longs[count] = (struct option){s->name, s->ret_value ? required_argument : no_argument,
                                       NULL, 256 + count};
        if (s->letter) {
            shorts[short_count++] = s->letter;
            if (s->ret_value)
                shorts[short_count++] = ':';
        }
    }
    longs[count] = (struct option){"help", no_argument, NULL, 'h'};
    optind = 0;
    for (;;) {
        int c = getopt_long(argc, argv, shorts, longs, NULL);
        if (c == -1)
            return optind;
        if (c == 'h') {
            fputs(help, stdout);
            *ret_done = true;
            return optind;
        }
        int i = c - 256;
        for (int k = 0; c < 256 && k < count; k++)
            if (slots[k].letter == c)
                i = k;
        if (c == '?' || i < 0)
            return -1;
        if (slots[i].ret_value)
            *slots[i].ret_value = optarg;
        else
            *slots[i].ret_flag = true;
    }
}

int subcommand_run(int argc, char **argv, const struct subcommand *list, const char *help)
{
    if (argc < 2) {
        fputs(help, stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(help, stdout);
        return 0;
    }
    for (; list->word; list++)
        if (strcmp(argv[1], list->word) == 0)
            return list->run(argc - 1, argv + 1);
    fprintf(stderr, "cloister %s: there is no '%s'\n%s", argv[0], argv[1], help);
    return 2;
}
