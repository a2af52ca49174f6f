// SPDX-License-Identifier: Apache-2.0
// The file side of the kernel as a whole: starting it, mounts, path resolution, the process's directory and
// identity. Files and descriptors: file.h. What file systems provide: node.h.
#ifndef KERNEL_VFS_H
#define KERNEL_VFS_H

#include "abi/enclave.h"
#include "kernel/hostcall/hostcall.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"

// --- mount.c ---
struct vfs_boot {
    struct host_ptr image; // the image file's mapping, outside ELRANGE
    uint64_t image_size;
    const struct enclave_params *params;
};
// Mounts the root, what every program expects (/proc, /dev, /dev/shm, /tmp) and the regions.
long vfs_boot(const struct vfs_boot *boot);
// Opens the encrypted region mounted at `path` (DEVICE_VOLUME). flags: VOLUME_… of abi/device.h.
long vfs_volume_open(const char *path, const uint8_t key[32], unsigned flags,
                     uint64_t *ret_generation);
// Commits every volume; `closing` marks them closed (at exit).
void vfs_sync_all(bool closing);
// Whether a region hangs below this name: without the name, the program would reach what lies under the
// region.
bool vfs_holds_mount(struct dentry *d);
long vfs_sync_fs(struct fs *fs);
// A file of the image by its absolute path, /.cloister included; pages to be freed with vfs_file_free().
long erofs_read_file(const char *path, void **ret_data, size_t *ret_size);
void vfs_file_free(void *data, size_t size);

struct mount {
    struct fs *fs;
    struct dentry *root;
    struct dentry *point; // NULL: the root's
    bool encrypted;       // opened by vfs_volume_open()
    char path[1025];
    char source[1025];
    const char *options;
};
#define MOUNTS_MAX 80u
const struct mount *vfs_mount(unsigned index); // NULL: no more
const struct mount *vfs_mount_of(const struct fs *fs);
// The name in `directory` that is this mount's point or leads to it; NULL: none. Borrowed.
struct dentry *vfs_mount_name(const struct mount *m, const struct dentry *directory);
long vfs_mount_at(const char *path, struct fs *fs, const char *source);
uint64_t vfs_next_device(void); // for fs.device

// --- path.c ---
#define PATH_FOLLOW (1u << 0) // a symbolic link at the end
#define PATH_EMPTY  (1u << 1) // an empty path means dirfd itself (AT_EMPTY_PATH)
// All return with a reference; the node is present.
long path_find(int dirfd, const char *path, unsigned flags, struct dentry **ret);

// The directory and the last name, for making and removing names.
struct path_last {
    struct dentry *dir;
    struct dentry *child; // what the name is now; node NULL: absent
    bool slash;           // the path ended in a slash
};
long path_find_last(int dirfd, const char *path, struct path_last *ret);
void path_last_done(struct path_last *last);
// What changes a directory checks first: EROFS, EACCES, EBUSY for a mount point.
long path_may_change(const struct path_last *last);

#define MAY_EXEC  1u
#define MAY_WRITE 2u
#define MAY_READ  4u
long node_may(struct node *n, unsigned mask); // 0 or -EACCES

long vfs_open_dentry(struct dentry *d, int flags, struct file **ret);
long vfs_make(const struct path_last *last, uint32_t mode, const char *target);
long vfs_file_stat(struct file *f, struct stat *ret);
long vfs_truncate(struct node *n, uint64_t size);
long vfs_set_attr(struct node *n, const struct node_attr *attr);
long vfs_chdir(struct dentry *d);
long vfs_getcwd(char *ret, size_t capacity);
struct dentry *vfs_root(void);
// Files without a name in the tree: memfd, O_TMPFILE.
struct file *vfs_open_node(struct node *n, const char *name,
                           int flags); // takes the node's reference

void vfs_set_identity(uint32_t uid, uint32_t gid);
uint32_t vfs_uid(void);
uint32_t vfs_gid(void);
uint32_t vfs_umask(uint32_t mask); // the old one

// --- file.c ---
extern const struct file_ops directory_ops;
extern const struct file_ops path_ops; // O_PATH
long file_is_path_only(const struct file *f);

// --- fd.c ---
// RLIMIT_NOFILE, soft; at most FD_MAX.
#define FD_MAX 65536u
void fd_set_limit(uint64_t limit);
uint64_t fd_limit(void);

// --- lock.c ---
long lock_flock(struct file *f, int operation);
long lock_ofd(struct file *f, int command, uint64_t user_flock);
void lock_forget(struct file *f);

// --- fs/… ---
struct file *host_stdio(int fd);
struct file *host_terminal(void); // NULL: there is none
long fs_erofs_mount(const struct vfs_boot *boot, struct fs **ret);
struct node *fs_image_root(void); // borrowed
// `lower`: a directory whose content shows until it is changed; takes its reference. NULL: empty.
struct fs *fs_tmp_new(struct node *lower, uint32_t mode, uint64_t limit_bytes);
long tmp_memfd(const char *name, struct node **ret);
struct fs *fs_proc_new(void);
struct fs *fs_dev_new(void);
long fs_host_new(const char *source, struct fs **ret);
// From now on this directory is there, whatever the host says. false: it is no directory.
bool host_hold(struct node *n);

// Pages of an image file, verified, straight into kernel memory for mm; bytes beyond the end are zero.
// -EINVAL when f is no file of the image.
long shield_read_into(struct file *f, uint64_t offset, void *pages, size_t page_count);

#endif
