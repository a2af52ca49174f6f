// SPDX-License-Identifier: Apache-2.0
// What the CPU fixes: SGX data structures and codes (Intel SDM volume 3D, chapters "Enclave Access
// Control and Data Structures" and "SGX Instruction References"). Types only. Little-endian; packed by
// construction, each size and the telling offsets asserted. Nothing here is our choice.
#ifndef ABI_SGX_ARCH_H
#define ABI_SGX_ARCH_H

#include <stddef.h>
#include <stdint.h>

#define SGX_PAGE_SIZE         4096u
#define SGX_EEXTEND_SIZE      256u
#define SGX_HASH_SIZE         32u
#define SGX_KEY_SIZE          16u
#define SGX_MAC_SIZE          16u
#define SGX_CPUSVN_SIZE       16u
#define SGX_KEYID_SIZE        32u
#define SGX_REPORTDATA_SIZE   64u
#define SGX_CONFIGID_SIZE     64u
#define SGX_MODULUS_SIZE      384u
#define SGX_RSA_EXPONENT      3u
#define SGX_REPORT_MAC_OFFSET 384u // the MAC covers the bytes before KEYID

// ENCLU leaves (EAX).
enum sgx_enclu {
    ENCLU_EREPORT = 0,
    ENCLU_EGETKEY = 1,
    ENCLU_EENTER = 2,
    ENCLU_ERESUME = 3,
    ENCLU_EEXIT = 4,
    ENCLU_EACCEPT = 5,
    ENCLU_EMODPE = 6,
    ENCLU_EACCEPTCOPY = 7,
};

// Error codes that leaves return in RAX.
enum sgx_error {
    SGX_SUCCESS = 0,
    SGX_INVALID_SIG_STRUCT = 1,
    SGX_INVALID_ATTRIBUTE = 2,
    SGX_BLKSTATE = 3,
    SGX_INVALID_MEASUREMENT = 4,
    SGX_INVALID_SIGNATURE = 8,
    SGX_NOT_TRACKED = 11,
    SGX_INVALID_EINITTOKEN = 16,
    SGX_PAGE_ATTRIBUTES_MISMATCH = 19,
    SGX_PAGE_NOT_MODIFIABLE = 20,
    SGX_INVALID_CPUSVN = 32,
    SGX_INVALID_ISVSVN = 64,
    SGX_UNMASKED_EVENT = 128,
    SGX_INVALID_KEYNAME = 256,
};

// ATTRIBUTES.FLAGS
#define SGX_FLAGS_INIT          (1ull << 0)
#define SGX_FLAGS_DEBUG         (1ull << 1)
#define SGX_FLAGS_MODE64BIT     (1ull << 2)
#define SGX_FLAGS_PROVISIONKEY  (1ull << 4)
#define SGX_FLAGS_EINITTOKENKEY (1ull << 5)
#define SGX_FLAGS_CET           (1ull << 6)
#define SGX_FLAGS_KSS           (1ull << 7)
#define SGX_FLAGS_AEXNOTIFY     (1ull << 10)

#define SGX_XFRM_X87            (1ull << 0)
#define SGX_XFRM_SSE            (1ull << 1)
#define SGX_XFRM_AVX            (1ull << 2)
#define SGX_XFRM_AVX512         (7ull << 5)

#define SGX_MISC_EXINFO         (1u << 0)

struct sgx_attributes {
    uint64_t flags;
    uint64_t xfrm;
};
_Static_assert(sizeof(struct sgx_attributes) == 16, "ATTRIBUTES");

struct sgx_secs {
    uint64_t size;
    uint64_t base;
    uint32_t ssa_frame_size; // pages
    uint32_t miscselect;
    uint64_t cet_leg_bitmap_offset;
    uint8_t cet_attributes;
    uint8_t reserved1[15];
    struct sgx_attributes attributes;
    uint8_t mrenclave[SGX_HASH_SIZE];
    uint8_t reserved2[32];
    uint8_t mrsigner[SGX_HASH_SIZE];
    uint8_t reserved3[32];
    uint8_t configid[SGX_CONFIGID_SIZE];
    uint16_t isvprodid;
    uint16_t isvsvn;
    uint16_t configsvn;
    uint8_t reserved4[3834];
};
_Static_assert(sizeof(struct sgx_secs) == 4096, "SECS");
_Static_assert(offsetof(struct sgx_secs, attributes) == 48, "SECS.ATTRIBUTES");
_Static_assert(offsetof(struct sgx_secs, mrsigner) == 128, "SECS.MRSIGNER");
_Static_assert(offsetof(struct sgx_secs, configid) == 192, "SECS.CONFIGID");

#define SGX_TCS_DBGOPTIN  (1ull << 0)
#define SGX_TCS_AEXNOTIFY (1ull << 1)

struct sgx_tcs {
    uint64_t state;
    uint64_t flags;
    uint64_t ossa;
    uint32_t cssa;
    uint32_t nssa;
    uint64_t oentry;
    uint64_t aep;
    uint64_t ofsbase;
    uint64_t ogsbase;
    uint32_t fslimit;
    uint32_t gslimit;
    uint8_t reserved[4024];
};
_Static_assert(sizeof(struct sgx_tcs) == 4096, "TCS");
_Static_assert(offsetof(struct sgx_tcs, oentry) == 32, "TCS.OENTRY");

// EXITINFO of an SSA frame: [7:0] vector, [10:8] type, [31] valid.
#define SGX_EXITINFO_VALID     (1u << 31)
#define SGX_EXIT_TYPE_HARDWARE 3u
#define SGX_EXIT_TYPE_SOFTWARE 6u

enum sgx_vector {
    SGX_VECTOR_DE = 0,
    SGX_VECTOR_DB = 1,
    SGX_VECTOR_BP = 3,
    SGX_VECTOR_BR = 5,
    SGX_VECTOR_UD = 6,
    SGX_VECTOR_GP = 13,
    SGX_VECTOR_PF = 14,
    SGX_VECTOR_MF = 16,
    SGX_VECTOR_AC = 17,
    SGX_VECTOR_XM = 19,
};

// #PF error code bits.
#define SGX_PFEC_P   (1u << 0)
#define SGX_PFEC_W   (1u << 1)
#define SGX_PFEC_U   (1u << 2)
#define SGX_PFEC_I   (1u << 4)
#define SGX_PFEC_SGX (1u << 15)

// The last 184 bytes of an SSA frame.
struct sgx_gprsgx {
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rflags;
    uint64_t rip;
    uint64_t ursp;
    uint64_t urbp;
    uint32_t exitinfo;
    uint8_t reserved[3];
    uint8_t aexnotify;
    uint64_t fsbase;
    uint64_t gsbase;
};
_Static_assert(sizeof(struct sgx_gprsgx) == 184, "GPRSGX");
_Static_assert(offsetof(struct sgx_gprsgx, rflags) == 128, "GPRSGX.RFLAGS");
_Static_assert(offsetof(struct sgx_gprsgx, exitinfo) == 160, "GPRSGX.EXITINFO");
_Static_assert(offsetof(struct sgx_gprsgx, fsbase) == 168, "GPRSGX.FSBASE");

// Immediately below GPRSGX when MISCSELECT.EXINFO is set.
struct sgx_exinfo {
    uint64_t maddr;
    uint32_t errcd;
    uint32_t reserved;
};
_Static_assert(sizeof(struct sgx_exinfo) == 16, "EXINFO");

// SECINFO.FLAGS
#define SGX_SECINFO_R          (1ull << 0)
#define SGX_SECINFO_W          (1ull << 1)
#define SGX_SECINFO_X          (1ull << 2)
#define SGX_SECINFO_RWX        7ull
#define SGX_SECINFO_PENDING    (1ull << 3)
#define SGX_SECINFO_MODIFIED   (1ull << 4)
#define SGX_SECINFO_PR         (1ull << 5)
#define SGX_SECINFO_TYPE_SHIFT 8
#define SGX_SECINFO_TYPE_MASK  (0xffull << SGX_SECINFO_TYPE_SHIFT)
#define SGX_SECINFO_SECS       (0ull << SGX_SECINFO_TYPE_SHIFT)
#define SGX_SECINFO_TCS        (1ull << SGX_SECINFO_TYPE_SHIFT)
#define SGX_SECINFO_REG        (2ull << SGX_SECINFO_TYPE_SHIFT)
#define SGX_SECINFO_VA         (3ull << SGX_SECINFO_TYPE_SHIFT)
#define SGX_SECINFO_TRIM       (4ull << SGX_SECINFO_TYPE_SHIFT)

struct sgx_secinfo {
    uint64_t flags;
    uint8_t reserved[56];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct sgx_secinfo) == 64, "SECINFO");

struct sgx_sigstruct {
    uint8_t header[16];
    uint32_t vendor;
    uint32_t date; // BCD yyyymmdd
    uint8_t header2[16];
    uint32_t swdefined;
    uint8_t reserved1[84];
    uint8_t modulus[SGX_MODULUS_SIZE]; // little-endian integers, all four
    uint32_t exponent;
    uint8_t signature[SGX_MODULUS_SIZE];
    uint32_t miscselect;
    uint32_t miscmask;
    uint8_t cet_attributes;
    uint8_t cet_attributes_mask;
    uint8_t reserved2[2];
    uint8_t isvfamilyid[16];
    struct sgx_attributes attributes;
    struct sgx_attributes attributemask;
    uint8_t enclavehash[SGX_HASH_SIZE];
    uint8_t reserved3[16];
    uint8_t isvextprodid[16];
    uint16_t isvprodid;
    uint16_t isvsvn;
    uint8_t reserved4[12];
    uint8_t q1[SGX_MODULUS_SIZE];
    uint8_t q2[SGX_MODULUS_SIZE];
};
_Static_assert(sizeof(struct sgx_sigstruct) == 1808, "SIGSTRUCT");
_Static_assert(offsetof(struct sgx_sigstruct, modulus) == 128, "SIGSTRUCT.MODULUS");
_Static_assert(offsetof(struct sgx_sigstruct, miscselect) == 900, "SIGSTRUCT.MISCSELECT");
_Static_assert(offsetof(struct sgx_sigstruct, attributes) == 928, "SIGSTRUCT.ATTRIBUTES");
_Static_assert(offsetof(struct sgx_sigstruct, isvprodid) == 1024, "SIGSTRUCT.ISVPRODID");
_Static_assert(offsetof(struct sgx_sigstruct, q1) == 1040, "SIGSTRUCT.Q1");

struct sgx_targetinfo {
    uint8_t mrenclave[SGX_HASH_SIZE];
    struct sgx_attributes attributes;
    uint8_t cet_attributes;
    uint8_t reserved1;
    uint16_t configsvn;
    uint32_t miscselect;
    uint8_t reserved2[8];
    uint8_t configid[SGX_CONFIGID_SIZE];
    uint8_t reserved3[384];
} __attribute__((aligned(512)));
_Static_assert(sizeof(struct sgx_targetinfo) == 512, "TARGETINFO");
_Static_assert(offsetof(struct sgx_targetinfo, configid) == 64, "TARGETINFO.CONFIGID");

struct sgx_report_body {
    uint8_t cpusvn[SGX_CPUSVN_SIZE];
    uint32_t miscselect;
    uint8_t cet_attributes;
    uint8_t reserved1[11];
    uint8_t isvextprodid[16];
    struct sgx_attributes attributes;
    uint8_t mrenclave[SGX_HASH_SIZE];
    uint8_t reserved2[32];
    uint8_t mrsigner[SGX_HASH_SIZE];
    uint8_t reserved3[32];
    uint8_t configid[SGX_CONFIGID_SIZE];
    uint16_t isvprodid;
    uint16_t isvsvn;
    uint16_t configsvn;
    uint8_t reserved4[42];
    uint8_t isvfamilyid[16];
    uint8_t reportdata[SGX_REPORTDATA_SIZE];
};
_Static_assert(sizeof(struct sgx_report_body) == 384, "REPORT body");
_Static_assert(offsetof(struct sgx_report_body, isvprodid) == 256, "REPORT.ISVPRODID");
_Static_assert(offsetof(struct sgx_report_body, reportdata) == 320, "REPORT.REPORTDATA");

struct sgx_report {
    struct sgx_report_body body;
    uint8_t keyid[SGX_KEYID_SIZE];
    uint8_t mac[SGX_MAC_SIZE];
};
_Static_assert(sizeof(struct sgx_report) == 432, "REPORT");

enum sgx_keyname {
    SGX_KEYNAME_EINITTOKEN = 0,
    SGX_KEYNAME_PROVISION = 1,
    SGX_KEYNAME_PROVISION_SEAL = 2,
    SGX_KEYNAME_REPORT = 3,
    SGX_KEYNAME_SEAL = 4,
};

#define SGX_KEYPOLICY_MRENCLAVE    (1u << 0)
#define SGX_KEYPOLICY_MRSIGNER     (1u << 1)
#define SGX_KEYPOLICY_NOISVPRODID  (1u << 2)
#define SGX_KEYPOLICY_CONFIGID     (1u << 3)
#define SGX_KEYPOLICY_ISVFAMILYID  (1u << 4)
#define SGX_KEYPOLICY_ISVEXTPRODID (1u << 5)

struct sgx_keyrequest {
    uint16_t keyname;
    uint16_t keypolicy;
    uint16_t isvsvn;
    uint8_t cet_attributes_mask;
    uint8_t reserved1;
    uint8_t cpusvn[SGX_CPUSVN_SIZE];
    struct sgx_attributes attributemask;
    uint8_t keyid[SGX_KEYID_SIZE];
    uint32_t miscmask;
    uint16_t configsvn;
    uint8_t reserved2[434];
} __attribute__((aligned(512)));
_Static_assert(sizeof(struct sgx_keyrequest) == 512, "KEYREQUEST");
_Static_assert(offsetof(struct sgx_keyrequest, keyid) == 40, "KEYREQUEST.KEYID");
_Static_assert(offsetof(struct sgx_keyrequest, configsvn) == 76, "KEYREQUEST.CONFIGSVN");

struct sgx_einittoken {
    uint32_t valid;
    uint8_t reserved1[44];
    struct sgx_attributes attributes;
    uint8_t mrenclave[SGX_HASH_SIZE];
    uint8_t reserved2[32];
    uint8_t mrsigner[SGX_HASH_SIZE];
    uint8_t reserved3[32];
    uint8_t cpusvnle[SGX_CPUSVN_SIZE];
    uint16_t isvprodidle;
    uint16_t isvsvnle;
    uint8_t cet_masked_attributes_le;
    uint8_t reserved4[23];
    uint32_t maskedmiscselectle;
    struct sgx_attributes maskedattributesle;
    uint8_t keyid[SGX_KEYID_SIZE];
    uint8_t mac[SGX_MAC_SIZE];
};
_Static_assert(sizeof(struct sgx_einittoken) == 304, "EINITTOKEN");

#endif
