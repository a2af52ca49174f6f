// SPDX-License-Identifier: Apache-2.0
// dpkg's database of installed packages (deb-control(5), /var/lib/dpkg/status), from an image of anybody.
#ifndef IMAGE_DPKG_STATUS_H
#define IMAGE_DPKG_STATUS_H

#include "base/bytes.h"

#include <stdbool.h>

struct dpkg_package {
    struct span name, version, architecture;
};

// The next installed package; `rest` moves behind it. False at the end. Paragraphs without the three
// fields, with other characters than those fields may have, or not installed are skipped.
bool dpkg_status_next(struct span *rest, struct dpkg_package *ret);

#endif
