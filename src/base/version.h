// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define CLOISTER_VERSION "0.1.0"

#endif
