/*
 * fuzz.h
 *		What every fuzz target has: the entry that libFuzzer and replay.c call, memory
 *		that is there, and a claim that ends the process where it does not hold.
 */
#ifndef LEPTON_FUZZ_H
#define LEPTON_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
require(int holds)
{
	if (!holds)
		abort();
}

/* Exactly size bytes, so that a sanitizer sees a step outside. */
static inline void *
allocate(size_t size)
{
	void *ptr = malloc(size > 0 ? size : 1);

	require(ptr != NULL);
	return ptr;
}

#endif /* LEPTON_FUZZ_H */
