// SPDX-License-Identifier: Apache-2.0
// The TD report body as a quote carries it (Intel "TDX DCAP Quote Generation Library", appendix A:
// TD Quote Body of TDX 1.0 and of TDX 1.5). Types only; little-endian.
#ifndef ABI_TDX_REPORT_H
#define ABI_TDX_REPORT_H

#include <stddef.h>
#include <stdint.h>

#define TDX_SVN_SIZE         16u
#define TDX_HASH_SIZE        48u // SHA-384
#define TDX_RTMR_COUNT       4u
#define TDX_REPORTDATA_SIZE  64u

#define TDX_QUOTE_TEE_TYPE   0x81u // of the quote's header
#define TDX_QUOTE_VERSION_4  4u
#define TDX_QUOTE_VERSION_5  5u
#define TDX_QUOTE_BODY_TD10  2u // body types of version 5
#define TDX_QUOTE_BODY_TD15  3u
#define TDX_REPORT_SIZE_TD10 584u
#define TDX_REPORT_SIZE_TD15 648u

// TDATTRIBUTES ("Intel TDX Module Base Architecture Specification", ATTRIBUTES)
#define TDX_ATTRIBUTES_DEBUG           (UINT64_C(1) << 0)
#define TDX_ATTRIBUTES_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define TDX_ATTRIBUTES_MIGRATABLE      (UINT64_C(1) << 29)
#define TDX_ATTRIBUTES_PKS             (UINT64_C(1) << 30)
#define TDX_ATTRIBUTES_KL              (UINT64_C(1) << 31)
#define TDX_ATTRIBUTES_PERFMON         (UINT64_C(1) << 63)

// TDX 1.0 ends behind reportdata.
struct tdx_report_body {
    uint8_t tee_tcb_svn[TDX_SVN_SIZE]; // 0: module ISVSVN, 1: module version, 2: SEAM loader
    uint8_t mrseam[TDX_HASH_SIZE];
    uint8_t mrsignerseam[TDX_HASH_SIZE];
    uint64_t seamattributes;
    uint64_t tdattributes;
    uint64_t xfam;
    uint8_t mrtd[TDX_HASH_SIZE];
    uint8_t mrconfigid[TDX_HASH_SIZE];
    uint8_t mrowner[TDX_HASH_SIZE];
    uint8_t mrownerconfig[TDX_HASH_SIZE];
    uint8_t rtmr[TDX_RTMR_COUNT][TDX_HASH_SIZE];
    uint8_t reportdata[TDX_REPORTDATA_SIZE];
    uint8_t tee_tcb_svn2[TDX_SVN_SIZE]; // what runs now, after updates since the TD's launch
    uint8_t mrservicetd[TDX_HASH_SIZE];
};
_Static_assert(offsetof(struct tdx_report_body, tee_tcb_svn2) == TDX_REPORT_SIZE_TD10, "TDX 1.0");
_Static_assert(sizeof(struct tdx_report_body) == TDX_REPORT_SIZE_TD15, "TDX 1.5");

#endif
