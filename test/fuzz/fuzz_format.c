/*
 * fuzz_format.c
 *		Any bytes as stored factors and as a stored seen set: they are refused,
 *		or they encode again to the very same bytes.
 *
 * Each input is tried as both kinds.  The decoders are given buffers of exactly
 * the size that the counts ask for, so that a write past the end is seen.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/kernels.h"
#include "fuzz.h"

/* A catalogue small enough that damaged numbers fall out of it. */
#define N_ITEMS 100000

static void
try_factors(const uint8_t *data, size_t size)
{
	LepError error;
	int k;
	float *row;
	uint8_t *again;

	if (lep_factors_count(data, size, &k, &error) != LEP_OK)
		return;
	require(k >= 0 && k <= LEP_MAX_FACTORS);
	row = allocate((size_t) lep_row_stride(k) * sizeof(float));
	if (lep_factors_decode(data, size, k, row, &error) == LEP_OK)
	{
		LepPrecision precision = (LepPrecision) (data[5] - 1);

		require(lep_factors_size_as(precision, k) == size);
		again = allocate(size);
		lep_factors_encode_as(precision, row, k, again);
		require(memcmp(again, data, size) == 0);
		free(again);
	}
	free(row);
}

static void
try_seen(const uint8_t *data, size_t size)
{
	LepError error;
	int64_t n;
	int32_t *items;
	uint8_t *again;
	uint64_t digest;

	if (lep_seen_count(data, size, &n, &error) != LEP_OK)
		return;
	require(n >= 0 && (size_t) n <= size);
	items = allocate((size_t) n * sizeof(int32_t));
	if (lep_seen_decode(data, size, N_ITEMS, items, &error) == LEP_OK)
	{
		for (int64_t i = 0; i < n; i++)
			require(items[i] >= 0 && items[i] < N_ITEMS && (i == 0 || items[i] > items[i - 1]));
		again = allocate(lep_seen_max_size(n));
		if (lep_seen_digest(data, size, &digest))
			require(lep_seen_encode_digest(items, n, digest, again) == size);
		else
			require(lep_seen_encode(items, n, again) == size);
		require(memcmp(again, data, size) == 0);
		free(again);
	}
	free(items);
}

static void
try_neighbors(const uint8_t *data, size_t size)
{
	LepError error;
	int64_t n;
	int32_t *items;
	float *weights;
	uint8_t *again;

	if (lep_neighbors_count(data, size, &n, &error) != LEP_OK)
		return;
	require(n >= 0 && (size_t) n <= size);
	items = allocate((size_t) n * sizeof(int32_t));
	weights = allocate((size_t) n * sizeof(float));
	if (lep_neighbors_decode(data, size, N_ITEMS, items, weights, &error) == LEP_OK)
	{
		for (int64_t i = 0; i < n; i++)
			require(items[i] >= 0 && items[i] < N_ITEMS && (i == 0 || items[i] > items[i - 1]));
		again = allocate(lep_neighbors_max_size(n));
		require(lep_neighbors_encode_as((LepPrecision) (data[5] - 1), items, weights, n, again) == size);
		require(memcmp(again, data, size) == 0);
		free(again);
	}
	free(items);
	free(weights);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_factors(data, size);
	try_seen(data, size);
	try_neighbors(data, size);
	return 0;
}
