// SPDX-License-Identifier: Apache-2.0
// The commands of the probe enclave (probe.S): RDI at EENTER. Operands in RSI, RDX, R8, R9; results in RDI…
#ifndef TESTS_ENCLAVE_PROBE_H
#define TESTS_ENCLAVE_PROBE_H

#define PROBE_STATE             0 // -> CSSA, TCS, return address, RSP, FS base
#define PROBE_LOAD              1 // RSI address -> the 8 bytes there
#define PROBE_STORE             2 // RSI address, RDX value
#define PROBE_UD2               3
#define PROBE_DIVIDE            4
#define PROBE_INT3              5
#define PROBE_SYSCALL           6  // getpid -> RAX afterwards
#define PROBE_GP                7  // a non-canonical address
#define PROBE_JUMP              8  // to RSI
#define PROBE_EREPORT           9  // RSI, RDX, R8 to RBX, RCX, RDX -> RAX, RFLAGS
#define PROBE_EGETKEY           10 // so all leaves
#define PROBE_EACCEPT           11
#define PROBE_EMODPE            12
#define PROBE_EACCEPTCOPY       13
#define PROBE_SPIN              14 // until the byte at RSI is not 0
#define PROBE_COPY              15 // RSI to, RDX from, R8 size
#define PROBE_REGISTERS         16 // RSI 512 bytes for YMM0-15, RDX output; UD2 in between
#define PROBE_ADD               17 // RDX to the 8 bytes at RSI
#define PROBE_EXIT_TO           18 // EEXIT to RSI, the return address in RDX
#define PROBE_EACCEPT_RANGE     19 // RSI SECINFO, RDX first page, R8 pages -> the last RAX
#define PROBE_EACCEPTCOPY_RANGE 20 // the same, R9 source page
#define PROBE_EACCEPT_OTHER_GS  21 // EACCEPT with a GS base that no thread has
#define PROBE_NOTHING           22
#define PROBE_TOUCH_RANGE       23 // RSI first page, RDX pages
#define PROBE_ACCEPT_SPIN       24 // RSI SECINFO, RDX page, again until the byte at R8 is not 0
#define PROBE_FSBASE            25 // RSI to FS base; UD2 -> FS base
#define PROBE_LEAF              26 // RSI: leaf by a plain ENCLU
#define PROBE_INT80             27
#define PROBE_EXIT_BAD_RSP      28

#ifndef __ASSEMBLER__
extern const unsigned char probe_begin[], probe_end[];
extern const unsigned long probe_sites[], probe_sites_end[]; // offsets from probe_begin
#endif

#endif
