// SPDX-License-Identifier: Apache-2.0
// Copies standard input to standard output, then writes much: the host's pipes, short writes, end of file.
#include <unistd.h>

#include "show.h"

int main(void)
{
    char buffer[7000];
    long total = 0;
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, stdin)) > 0; total += (long)n)
        fwrite(buffer, 1, n, stdout);
    show("copied", total);
    show("end of file", read(0, buffer, 1));
    show("isatty", isatty(1) ? 0 : -1);
    show("lseek of a pipe", lseek(1, 0, SEEK_CUR));
    for (int i = 0; i < 100000; i++)
        printf("line %d of the large output\n", i);
    return ferror(stdout) != 0;
}
