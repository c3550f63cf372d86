/*
 * checksum.c
 *		XXH64 with seed 0; names and steps are those of its specification.
 */
#include "core/checksum.h"

#include "core/bytes.h"

#define PRIME_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME_3 UINT64_C(0x165667B19E3779F9)
#define PRIME_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME_5 UINT64_C(0x27D4EB2F165667C5)

#define STRIPE 32 /* bytes that four accumulators take at once */

static inline uint64_t
rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static inline uint64_t
add_lane(uint64_t accumulator, uint64_t lane)
{
	return rotate(accumulator + lane * PRIME_2, 31) * PRIME_1;
}

static inline uint64_t
merge(uint64_t hash, uint64_t accumulator)
{
	return (hash ^ add_lane(0, accumulator)) * PRIME_1 + PRIME_4;
}

/* The whole stripes; *bytes is moved behind them. */
static uint64_t
hash_stripes(const uint8_t **bytes, const uint8_t *end)
{
	uint64_t a = PRIME_1 + PRIME_2;
	uint64_t b = PRIME_2;
	uint64_t c = 0;
	uint64_t d = (uint64_t) 0 - PRIME_1;
	uint64_t hash;

	for (; end - *bytes >= STRIPE; *bytes += STRIPE)
	{
		a = add_lane(a, lep_get_u64(*bytes));
		b = add_lane(b, lep_get_u64(*bytes + 8));
		c = add_lane(c, lep_get_u64(*bytes + 16));
		d = add_lane(d, lep_get_u64(*bytes + 24));
	}
	hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
	return merge(merge(merge(merge(hash, a), b), c), d);
}

uint64_t
lep_checksum(const uint8_t *bytes, size_t len)
{
	const uint8_t *end = bytes + len;
	uint64_t hash = len >= STRIPE ? hash_stripes(&bytes, end) : PRIME_5;

	hash += len;
	for (; end - bytes >= 8; bytes += 8)
		hash = rotate(hash ^ add_lane(0, lep_get_u64(bytes)), 27) * PRIME_1 + PRIME_4;
	if (end - bytes >= 4)
	{
		hash = rotate(hash ^ lep_get_u32(bytes) * PRIME_1, 23) * PRIME_2 + PRIME_3;
		bytes += 4;
	}
	for (; bytes < end; bytes++)
		hash = rotate(hash ^ *bytes * PRIME_5, 11) * PRIME_1;
	hash = (hash ^ hash >> 33) * PRIME_2;
	hash = (hash ^ hash >> 29) * PRIME_3;
	return hash ^ hash >> 32;
}
