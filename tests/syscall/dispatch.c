// SPDX-License-Identifier: Apache-2.0
// The image's entry point: becomes the program that its arguments name, so that one image runs them all.
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: dispatch PROGRAM [ARGUMENTS]\n", stderr);
        return 2;
    }
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 126;
}
