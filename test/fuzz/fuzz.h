/*
 * fuzz.h
 *		What every fuzz target has: the entry that libFuzzer and replay.c call, memory
 *		that is there, a claim that ends the process where it does not hold, and
 *		an input as a row of values.
 */
#ifndef LEPTON_FUZZ_H
#define LEPTON_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* An input that is read from its beginning. */
typedef struct FuzzInput
{
	const uint8_t *data;
	size_t left;
} FuzzInput;

static inline uint8_t
fuzz_byte(FuzzInput *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->data++;
}

/* The next bytes as a value; what is not there is zero. */
static inline void
fuzz_take(FuzzInput *input, void *value, size_t size)
{
	size_t n = size < input->left ? size : input->left;

	memset(value, 0, size);
	if (n == 0)
		return;
	memcpy(value, input->data, n);
	input->data += n;
	input->left -= n;
}

#endif /* LEPTON_FUZZ_H */
