#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is docs/SYSCALLS.md what the kernel's table says?
exec "$(dirname "$0")/../../tools/gen-syscall-page" --check
