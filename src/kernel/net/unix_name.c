// SPDX-License-Identifier: Apache-2.0
// AF_UNIX path names as files of type socket.
#include "kernel/net/unix.h"
#include "kernel/vfs/vfs.h"

long unix_path_make(const char *path, struct node **ret)
{
    struct path_last last;
    struct dentry *d;
    long r = path_find_last(AT_FDCWD, path, &last);
    if (r < 0)
        return r;
    if (last.child->node)
        r = -EADDRINUSE;
    else if ((r = path_may_change(&last)) == 0)
        r = vfs_make(&last, S_IFSOCK | 0777, NULL);
    path_last_done(&last);
    if (r == 0)
        r = path_find(AT_FDCWD, path, 0, &d);
    if (r < 0)
        return r;
    *ret = node_ref(d->node);
    dentry_unref(d);
    return 0;
}

long unix_path_find(const char *path, struct node **ret)
{
    struct dentry *d;
    long r = path_find(AT_FDCWD, path, PATH_FOLLOW, &d);
    if (r < 0)
        return r;
    *ret = node_ref(d->node);
    dentry_unref(d);
    return 0;
}

void unix_node_unref(struct node *n)
{
    node_unref(n);
}

void unix_credentials(struct linux_ucred *ret)
{
    *ret = (struct linux_ucred){process_pid(), vfs_uid(), vfs_gid()};
}
