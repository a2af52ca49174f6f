// SPDX-License-Identifier: Apache-2.0
// Locks on files: records (fcntl), open file descriptions, flock. One process, so only OFD and flock
// can conflict.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "show.h"

static long lock(int fd, int command, short type, off_t start, off_t length)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    long r = fcntl(fd, command, &l);
    return r < 0 ? r : command == F_GETLK || command == F_OFD_GETLK ? l.l_type : 0;
}

int main(void)
{
    int a = open("/tmp/locks", O_RDWR | O_CREAT, 0600), b = open("/tmp/locks", O_RDWR);
    int r = open("/tmp/locks", O_RDONLY);
    show("write lock", lock(a, F_SETLK, F_WRLCK, 0, 10));
    show("own lock is no conflict", lock(b, F_SETLK, F_WRLCK, 5, 10));
    show("F_GETLK", lock(b, F_GETLK, F_WRLCK, 0, 0) == F_UNLCK);
    show("write lock of read-only", lock(r, F_SETLK, F_WRLCK, 0, 1));
    show("read lock", lock(r, F_SETLK, F_RDLCK, 100, 1));
    show("bad type", lock(a, F_SETLK, 9, 0, 1));
    show("negative start", lock(a, F_SETLK, F_WRLCK, -1, 1));
    show("unlock", lock(a, F_SETLK, F_UNLCK, 0, 0));
    show("OFD write lock", lock(a, F_OFD_SETLK, F_WRLCK, 0, 10));
    show("OFD conflict", lock(b, F_OFD_SETLK, F_WRLCK, 5, 10));
    show("OFD read conflict", lock(r, F_OFD_SETLK, F_RDLCK, 9, 1));
    show("OFD behind", lock(b, F_OFD_SETLK, F_WRLCK, 10, 10));
    show("OFD F_GETLK", lock(b, F_OFD_GETLK, F_WRLCK, 0, 5) == F_WRLCK);
    show("OFD downgrade", lock(a, F_OFD_SETLK, F_RDLCK, 0, 10));
    show("OFD shared", lock(r, F_OFD_SETLK, F_RDLCK, 9, 1));
    show("OFD split", lock(a, F_OFD_SETLK, F_UNLCK, 3, 2));
    show("OFD in the gap", lock(b, F_OFD_SETLK, F_WRLCK, 3, 2));
    show("flock shared", flock(a, LOCK_SH));
    show("flock shared too", flock(b, LOCK_SH));
    show("flock conflict", flock(r, LOCK_EX | LOCK_NB));
    show("flock unlock", flock(a, LOCK_UN) | flock(b, LOCK_UN));
    show("flock exclusive", flock(r, LOCK_EX | LOCK_NB));
    int copy = dup(r);
    show("dup shares it", flock(copy, LOCK_EX | LOCK_NB));
    close(r);
    show("still held", flock(a, LOCK_EX | LOCK_NB));
    close(copy);
    show("free", flock(a, LOCK_EX | LOCK_NB));
    close(a);
    show("closing frees OFD", lock(b, F_OFD_SETLK, F_WRLCK, 0, 3));
    return 0;
}
