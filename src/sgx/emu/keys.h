// SPDX-License-Identifier: Apache-2.0
// An emulated platform's keys: what the fuses of a CPU hold, in a file of the state directory. Everybody who
// can read that file has every key: reports and quotes of an emulated platform prove nothing, and say so
// by their CPUSVN, which begins with SGX_EMU_CPUSVN_MARK.
//
// Used by the emulator and by the emulated quoting side, which may be another process: a report carries
// its KEYID, so that verifying needs the file alone.
#ifndef SGX_EMU_KEYS_H
#define SGX_EMU_KEYS_H

#include "abi/sgx/arch.h"
#include "base/bytes.h"
#include "base/result.h"

#define SGX_EMU_CPUSVN_MARK      "EMULATED" // bytes 0 to 7 of CPUSVN; the others are security versions
#define SGX_EMU_CPUSVN_MARK_SIZE 8u

struct sgx_emu_platform;

// Opens state_dir/platform.bin; makes directory and file when they are missing.
struct result sgx_emu_platform_open(const char *state_dir, struct sgx_emu_platform **ret);
void sgx_emu_platform_free(struct sgx_emu_platform *p);

void sgx_emu_cpusvn(const struct sgx_emu_platform *p, uint8_t ret[SGX_CPUSVN_SIZE]);

// 32 bytes for another purpose, the same at every start.
void sgx_emu_derive(const struct sgx_emu_platform *p, const char *label, uint8_t ret[32]);

// The MAC of `report` as the enclave `target` would check it with its own report key.
struct result sgx_emu_verify_report(const struct sgx_emu_platform *p,
                                    const struct sgx_targetinfo *target,
                                    const struct sgx_report *report);

// The model of a quoting enclave: its identity, and the REPORT body it would have.
extern const struct sgx_targetinfo sgx_emu_qe_targetinfo;
void sgx_emu_qe_report(const struct sgx_emu_platform *p,
                       const uint8_t reportdata[SGX_REPORTDATA_SIZE], struct sgx_report_body *ret);

// --- for the emulator alone ----------------------------------------------------------------------

// EGETKEY's derivation (SDM volume 3D, "EGETKEY", Key Derivation) for the enclave that `secs` and `ids`
// describe. The request's form has been checked. An SGX error code, or 0 and the key.
struct sgx_emu_ids {
    uint8_t isvextprodid[16];
    uint8_t isvfamilyid[16];
    uint8_t mrpadding[32]; // a hash of SECS.PADDING
};
struct result sgx_emu_egetkey(const struct sgx_emu_platform *p, const struct sgx_secs *secs,
                              const struct sgx_emu_ids *ids, const struct sgx_keyrequest *request,
                              enum sgx_error *ret_error, uint8_t ret[SGX_KEY_SIZE]);

// EREPORT's MAC, into report->mac, with the report key of `target` and report->keyid.
struct result sgx_emu_mac_report(const struct sgx_emu_platform *p,
                                 const struct sgx_targetinfo *target, struct sgx_report *report);

#endif
