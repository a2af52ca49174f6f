// SPDX-License-Identifier: Apache-2.0
// The files of a split image, from a directory into the image's place in memory.
#ifndef IMAGE_IMAGE_SPLIT_H
#define IMAGE_IMAGE_SPLIT_H

#include "image/image.h"

// `i` is mapped, with zeros where the file leaves data out: large files are mapped over them, small ones are read.
// Fails when the image's metadata is malformed or the directory cannot be opened; not for a file that is missing.
struct result image_map_files(const struct image *i, const char *root);

#endif
