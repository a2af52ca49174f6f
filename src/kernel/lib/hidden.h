// SPDX-License-Identifier: Apache-2.0
// Included before every kernel source by the build: all symbols lie in one image, so that code reaches them
// relative to RIP and needs no GOT.
#pragma GCC visibility push(hidden)
