// SPDX-License-Identifier: Apache-2.0
// EROFS on disk, as Linux's Documentation/filesystems/erofs.rst and mkfs.erofs 1.5 have it: uncompressed
// images of 4096-byte blocks. Offsets into little-endian records.
#ifndef KERNEL_EROFS_FORMAT_H
#define KERNEL_EROFS_FORMAT_H

#define EROFS_BLOCK           4096u
#define EROFS_BLOCK_BITS      12u
#define EROFS_SUPER_OFFSET    1024u
#define EROFS_SUPER_SIZE      128u
#define EROFS_MAGIC           0xe0f5e1e2u

#define SB_MAGIC              0u
#define SB_BLOCK_BITS         12u
#define SB_ROOT               14u
#define SB_BUILD_TIME         24u
#define SB_BUILD_NSEC         32u
#define SB_BLOCKS             36u
#define SB_META               40u
#define SB_INCOMPAT           80u
#define SB_EXTRA_DEVICES      86u
#define INCOMPAT_ZERO_PADDING 1u // says something about compressed data alone

#define INODE_SLOT            32u
#define INODE_COMPACT_SIZE    32u
#define INODE_EXTENDED_SIZE   64u
#define I_FORMAT              0u
#define I_XATTR_COUNT         2u
#define I_MODE                4u
#define I_NLINK               6u // compact
#define I_SIZE                8u
#define I_DATA                16u // first block, or device number
#define I_UID                 24u
#define I_GID_COMPACT         26u
#define I_GID_EXTENDED        28u
#define I_MTIME               32u
#define I_MTIME_NSEC          40u
#define I_NLINK_EXTENDED      44u
#define LAYOUT_PLAIN          0u
#define LAYOUT_INLINE         2u
#define XATTR_HEADER_SIZE     12u
#define XATTR_SLOT            4u

#define DIRENT_SIZE           12u
#define DE_NID                0u
#define DE_NAME               8u
#define DE_TYPE               10u

#endif
