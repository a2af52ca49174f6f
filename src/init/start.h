// SPDX-License-Identifier: Apache-2.0
// Starting the application: the image's process file, completed by what the SMS granted.
#ifndef INIT_START_H
#define INIT_START_H

#include "proto/provision.h"
#include "shield/process.h"

// What execve() takes. The texts are copies, all in one block.
struct start {
    char *executable;
    char *directory;
    char **arguments;
    char **environment;
    uint32_t umask;
    char *block;
    size_t block_size;
};

// The grant's variables replace those of the same name in the image. A granted name that does not begin
// with IEXEC_ is refused. `grant` may be NULL. The grant's command, where there is one, replaces the image's
// program and arguments. `process` NULL: the image has none; then the command must be granted, and the rest is
// "/", umask 022, PATH and HOME.
struct result start_make(const struct process *process, const struct proto_app_grant *grant,
                         struct start *ret);
void start_done(struct start *s); // wipes

// The program that a command names: an absolute path, or a name that is looked for in START_PATH.
#define START_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
struct result start_find(struct span name, char *ret, size_t capacity);

#endif
