// SPDX-License-Identifier: Apache-2.0
// The shape of every Cloister enclave (docs/ABI.md): where things lie in ELRANGE and what the measured
// parameter pages say. Constants of the format; a change needs a new ENCLAVE_VERSION.
#ifndef ABI_ENCLAVE_H
#define ABI_ENCLAVE_H

#include <stddef.h>
#include <stdint.h>

#define ENCLAVE_VERSION 1u
#define ENCLAVE_BASE    0ull
#define ENCLAVE_SIZE    (1ull << 36)
#define ENCLAVE_GUARD   0x10000ull // the first 64 KiB stay unmapped

// [ENCLAVE_GUARD, USER_END) programs; [USER_END, KERNEL_BASE) the kernel's dynamic memory;
// [KERNEL_BASE, ENCLAVE_SIZE) what is added and measured at the build.
#define USER_END      0xc00000000ull // 48 GiB
#define KERNEL_HEAP   USER_END
#define KERNEL_BASE   0xfc0000000ull // 63 GiB: kernel.elf is linked here
#define PARAMS_BASE   0xff0000000ull // struct enclave_params, PARAMS_SIZE bytes, R, measured
#define PARAMS_SIZE   0x4000ull
#define THREADS_BASE  0xff8000000ull // thread slot i at THREADS_BASE + i * THREAD_STRIDE
#define THREAD_STRIDE 0x40000ull
#define THREADS_MAX   256u

// Inside one thread slot.
#define THREAD_TCS         0x0000ull // 1 page, PT_TCS
#define THREAD_SSA         0x1000ull // SSA_FRAMES * SSA_FRAME_PAGES pages, RW, measured (zero)
#define SSA_FRAMES         3u
#define SSA_FRAME_PAGES    1u         // XSAVE area of ENCLAVE_XFRM, EXINFO and GPRSGX: some 1 KiB
#define THREAD_LOCAL       0x10000ull // 1 page, RW, zero: GS base of the kernel (struct percpu)
#define THREAD_STACK       0x20000ull // kernel stack, grows down from its end; a guard page lies below
#define THREAD_STACK_SIZE  0x10000ull // RW, added unmeasured: the kernel clears it

#define ENCLAVE_ATTRIBUTES 0x84ull // MODE64BIT | KSS
#define ENCLAVE_XFRM       0x07ull // x87, SSE, AVX
#define ENCLAVE_MISCSELECT 0x01u   // EXINFO

#define PARAMS_MAGIC       0x31534d4152504c43ull // "CLPRAMS1"

// enclave_params.flags
#define PARAMS_HOST_ARGUMENTS (1u << 0) // the host's arguments replace those of the manifest
#define PARAMS_SMS            (1u << 2) // run init first: nothing starts without an SMS's answer
#define PARAMS_SMS_ENCLAVE    (1u << 3) // this is a service enclave that may keep sealed volumes
// fspf_key, fspf_tag, data_blocks and hash_offset here are zero: boot_info says them, and CONFIGID says that
// boot_info is right (shield/configid.h). MRENCLAVE is then one for all file systems.
#define PARAMS_TAG_PROVIDED (1u << 4)

// The measured parameters, at PARAMS_BASE; unused bytes are zero. A changed value is another MRENCLAVE.
struct enclave_params {
    uint64_t magic;
    uint32_t version; // ENCLAVE_VERSION
    uint32_t flags;
    uint64_t heap_max;   // bytes of dynamic memory, the program's and the kernel's
    uint64_t stack_size; // of the program's first thread
    uint32_t threads;    // number of TCS
    uint32_t
        cache_pages; // of the image, checked, kept inside; 0: an eighth of heap_max, at most 64 MiB
    uint64_t data_blocks; // of the file system, 4096 bytes each
    uint64_t
        hash_offset; // in the image file: the verity superblock; the tree begins one block later
    uint8_t fspf_key[32];
    uint8_t fspf_tag[32];  // dm-verity root hash
    uint8_t init_hash[32]; // SHA-256 of the init program; zero: none
    uint64_t init_size;
    uint32_t
        sms_policy_size; // bytes of policy[] (JSON, docs/formats/sms-policy.md): which SMS is accepted
    uint32_t reserved2;
    uint8_t policy[PARAMS_SIZE - 168];
};
_Static_assert(sizeof(struct enclave_params) == PARAMS_SIZE, "enclave_params");

#endif
