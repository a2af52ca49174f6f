// SPDX-License-Identifier: Apache-2.0
// Advisory locks between open files: flock(2) and open file description locks (fcntl(2)). Record locks of
// a process never conflict with its own, and there is one process.
#include "kernel/vfs/vfs.h"

struct lock {
    struct list node;
    struct file *file; // the owner
    struct node *on;
    bool whole; // flock: apart from record locks
    bool exclusive;
    uint64_t start, end; // end is inclusive
};

static struct list locks = LIST_INIT(locks);
static struct waitq released = {LIST_INIT(released.waiters)};

static bool overlaps(const struct lock *a, const struct lock *b)
{
    return a->on == b->on && a->whole == b->whole && a->start <= b->end && b->start <= a->end;
}

static struct lock *conflict(const struct lock *want)
{
    list_for_each(l, &locks, struct lock, node) if (l->file != want->file && overlaps(l, want) &&
                                                    (l->exclusive || want->exclusive)) return l;
    return NULL;
}

static void drop(struct lock *l)
{
    list_remove(&l->node);
    kfree(l);
}

// Takes [start, end] out of what the owner holds; a lock that it splits needs a second one.
static long release_range(const struct lock *want)
{
    list_for_each_safe(l, &locks, struct lock, node)
    {
        if (l->file != want->file || !overlaps(l, want))
            continue;
        if (l->start < want->start && l->end > want->end) {
            struct lock *tail = kzalloc(sizeof *tail);
            if (!tail)
                return -ENOLCK;
            *tail = *l;
            tail->start = want->end + 1;
            l->end = want->start - 1;
            list_add(&l->node, &tail->node);
            break;
        }
        if (l->start < want->start)
            l->end = want->start - 1;
        else if (l->end > want->end)
            l->start = want->end + 1;
        else
            drop(l);
    }
    waitq_wake(&released, ~0u);
    return 0;
}

static long acquire(const struct lock *want, bool wait)
{
    struct lock *l = kzalloc(sizeof *l);
    if (!l)
        return -ENOLCK;
    long err = 0;
    file_ref(want->file);
    while (conflict(want) && err == 0)
        err = wait ? waitq_sleep(&released, NEVER) : -EAGAIN;
    if (err == 0)
        err = release_range(want);
    if (err == 0) {
        *l = *want;
        list_add_tail(&locks, &l->node);
    } else {
        kfree(l);
    }
    file_unref(want->file);
    return err == -EINTR ? -ERESTARTSYS : err;
}

long lock_flock(struct file *f, int operation)
{
    struct lock want = {.file = f, .on = f->node, .whole = true, .end = ~0ull};
    int kind = operation & ~LOCK_NB;
    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
        return -EINVAL;
    if (!f->node)
        return 0;
    if (kind == LOCK_UN)
        return release_range(&want);
    want.exclusive = kind == LOCK_EX;
    return acquire(&want, !(operation & LOCK_NB));
}

static long range_of(struct file *f, const struct flock *fl, struct lock *ret)
{
    uint64_t base = 0, size = 0;
    if (fl->l_whence == 1 /* SEEK_CUR */)
        base = f->pos;
    else if (fl->l_whence == 2 /* SEEK_END */ && f->ops->size && f->ops->size(f, &size) == 0)
        base = size;
    else if (fl->l_whence != 0)
        return -EINVAL;
    int64_t start, end = INT64_MAX;
    if (add_overflows((int64_t)base, (int64_t)fl->l_start, &start) || start < 0)
        return -EINVAL;
    if (fl->l_len > 0 && add_overflows(start, (int64_t)fl->l_len - 1, &end))
        return -EOVERFLOW;
    if (fl->l_len < 0) {
        end = start - 1;
        start += fl->l_len;
        if (start < 0)
            return -EINVAL;
    }
    ret->start = (uint64_t)start;
    ret->end = (uint64_t)end;
    return 0;
}

long lock_ofd(struct file *f, int command, uint64_t user_flock)
{
    struct flock fl;
    long err = copy_from_user(&fl, user_flock, sizeof fl);
    if (err < 0)
        return err;
    struct lock want = {.file = f, .on = f->node, .exclusive = fl.l_type == F_WRLCK};
    err = range_of(f, &fl, &want);
    if (err < 0)
        return err;
    if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && fl.l_type != F_UNLCK)
        return -EINVAL;
    bool ofd = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    int mode = f->flags & O_ACCMODE;
    if (command == F_GETLK || command == F_OFD_GETLK) {
        struct lock *other = ofd && f->node ? conflict(&want) : NULL;
        fl.l_type = F_UNLCK;
        if (other) {
            fl.l_type = other->exclusive ? F_WRLCK : F_RDLCK;
            fl.l_whence = 0;
            fl.l_start = (long)other->start;
            fl.l_len = other->end == INT64_MAX ? 0 : (long)(other->end - other->start + 1);
            fl.l_pid = -1;
        }
        return copy_to_user(user_flock, &fl, sizeof fl);
    }
    if ((fl.l_type == F_RDLCK && mode == O_WRONLY) || (fl.l_type == F_WRLCK && mode == O_RDONLY))
        return -EBADF;
    if (!ofd || !f->node)
        return 0;
    if (fl.l_type == F_UNLCK)
        return release_range(&want);
    return acquire(&want, command == F_OFD_SETLKW);
}

void lock_forget(struct file *f)
{
    bool any = false;
    list_for_each_safe(l, &locks, struct lock, node)
    {
        if (l->file == f) {
            drop(l);
            any = true;
        }
    }
    if (any)
        waitq_wake(&released, ~0u);
}
