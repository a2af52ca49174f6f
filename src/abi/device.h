// SPDX-License-Identifier: Apache-2.0
// /dev/cloister: how a program inside the enclave speaks with its kernel about attestation. ioctl(2) with
// the records below; the kernel answers 0 or a negative errno. Types only.
//
// Any program may ask for reports, quotes, keys and the policy. Only init (the first program, before its
// execve of the application) may read hints and open volumes: afterwards these answer EPERM.
#ifndef ABI_DEVICE_H
#define ABI_DEVICE_H

#include <stdint.h>

#define CLOISTER_DEVICE "/dev/cloister"

// A buffer that the caller owns: `address` and `size` in; `size` becomes what was written. Too small:
// ENOSPC, and `size` becomes what is needed.
struct device_buffer {
    uint64_t address;
    uint64_t size;
};

// EREPORT. targetinfo_address: 512 bytes, or 0 for the quoting enclave's.
struct device_report {
    uint64_t targetinfo_address;
    uint8_t reportdata[64];
    uint8_t report[432]; // out
};

// A quote (DCAP format) over reportdata, by way of the host.
struct device_quote {
    uint8_t reportdata[64];
    struct device_buffer quote; // out
};

// A 32-byte key from EGETKEY(SEAL) bound to MRENCLAVE and CONFIGID: HKDF-SHA256 of the hardware's key.
// The same label gives the same key in the same enclave on the same platform.
struct device_key {
    uint8_t label[32];
    uint8_t key[32]; // out
};

// The value of a hint (the host's "NAME=value", untrusted) as text without NUL.
struct device_hint {
    char name[64];              // NUL-terminated
    struct device_buffer value; // out
};

// Opens the encrypted region mounted at `path` (key: sms in the manifest) with this key. With
// VOLUME_CREATE a missing volume file is made; with VOLUME_READ_ONLY it must have been closed by its
// writer (DEVICE_VOLUME is otherwise refused with ESTALE), and *generation says which commit it is.
struct device_volume {
    char path[256]; // NUL-terminated
    uint8_t key[32];
    uint32_t flags;
    uint32_t reserved;
    uint64_t generation; // out
};
#define VOLUME_CREATE    (1u << 0)
#define VOLUME_READ_ONLY (1u << 1)

// What the file system is known by, measured or bound by CONFIGID.
struct device_fspf {
    uint8_t key[32];
    uint8_t tag[32];
    uint8_t task[32]; // that CONFIGID names; zero: none
};

// The numbers; the direction and size bits of Linux's _IOC are not used.
#define DEVICE_POLICY 0xc101u // struct device_buffer: the measured SMS policy (JSON text)
#define DEVICE_PROCESS \
    0xc102u // struct device_buffer: the manifest's process file (docs/formats/image.md)
#define DEVICE_REPORT 0xc103u // struct device_report
#define DEVICE_QUOTE  0xc104u // struct device_quote
#define DEVICE_COLLATERAL \
    0xc105u // struct device_buffer: collateral bundle for our quotes, from the host
#define DEVICE_KEY    0xc106u // struct device_key
#define DEVICE_HINT   0xc107u // struct device_hint
#define DEVICE_VOLUME 0xc108u // struct device_volume
#define DEVICE_FSPF   0xc109u // struct device_fspf, out

#endif
