/*
 * radix.c
 *		Radix sort; see radix.h.
 */
#include "core/radix.h"

#include <string.h>

#define DIGIT_BITS 11
#define DIGITS	   (1 << DIGIT_BITS)

/* Keys between two questions for a stop: a scattered key costs a cache miss. */
#define STOP_INTERVAL 4096

/* And between two where they are copied. */
#define COPY_CHUNK (1024 * 1024)

static bool
stop_due(LepEnv *env, int64_t k)
{
	return k % STOP_INTERVAL == 0 && lep_env_stopped(env);
}

/* Sort by one digit into `to`; *moved = false where all keys have the same. */
static LepStatus
sort_digit(LepEnv *env, const uint64_t *from, uint64_t *to, int64_t n, int shift, uint64_t mask, bool *moved)
{
	int64_t next[DIGITS] = { 0 };
	int64_t sum = 0;

	for (int64_t k = 0; k < n; k++)
	{
		if (stop_due(env, k))
			return LEP_ERR_STOPPED;
		next[from[k] >> shift & mask]++;
	}
	*moved = next[from[0] >> shift & mask] < n;
	if (!*moved)
		return LEP_OK;
	for (int d = 0; d < DIGITS; d++)
	{
		int64_t count = next[d];

		next[d] = sum;
		sum += count;
	}
	for (int64_t k = 0; k < n; k++)
	{
		if (stop_due(env, k))
			return LEP_ERR_STOPPED;
		to[next[from[k] >> shift & mask]++] = from[k];
	}
	return LEP_OK;
}

LepStatus
lep_radix_sort(LepEnv *env, uint64_t *keys, uint64_t *spare, int64_t n, int low_bit, int high_bit)
{
	uint64_t *from = keys;
	uint64_t *to = spare;

	for (int shift = low_bit; shift < high_bit && n > 1; shift += DIGIT_BITS)
	{
		int bits = high_bit - shift < DIGIT_BITS ? high_bit - shift : DIGIT_BITS;
		bool moved;
		LepStatus status = sort_digit(env, from, to, n, shift, (UINT64_C(1) << bits) - 1, &moved);

		if (status != LEP_OK)
			return status;
		if (moved)
		{
			uint64_t *sorted = to;

			to = from;
			from = sorted;
		}
	}
	for (int64_t k = 0; from != keys && k < n; k += COPY_CHUNK)
	{
		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		memcpy(keys + k, from + k, (size_t) (n - k < COPY_CHUNK ? n - k : COPY_CHUNK) * sizeof(uint64_t));
	}
	return LEP_OK;
}
