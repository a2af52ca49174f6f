// SPDX-License-Identifier: Apache-2.0
// The files of `cloister init`: templates/, as bytes. @NAME@ and @BASE@ in them are the application's name and
// the base image's reference.
#ifndef CLI_TEMPLATES_H
#define CLI_TEMPLATES_H

#include <stdint.h>

struct template_file {
    const char *template; // the folder in templates/
    const char *name;
    const uint8_t *data, *end;
};

extern const struct template_file cli_templates[], cli_templates_end[];

#endif
