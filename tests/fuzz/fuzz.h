/* SPDX-License-Identifier: MIT */
/* What libFuzzer calls, what it offers, and how a fuzzer says that a promise was broken. */
#ifndef VGPU_FUZZ_H
#define VGPU_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
				 uint8_t *out, size_t max, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* Ends the process, which is how libFuzzer learns of it, unless holds is true. */
void fuzz_check(bool holds, const char *promise);

#endif
