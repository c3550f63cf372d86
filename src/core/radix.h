/*
 * radix.h
 *		Sorting 64-bit keys: radix sort by digits of 11 bits, from the lowest.
 */
#ifndef LEP_RADIX_H
#define LEP_RADIX_H

#include "core/env.h"

/*
 * Sort n keys ascending by their bits from low_bit up to, not including,
 * high_bit; stable, so what stands in the bits below goes along in the order it
 * had.  spare: n keys of scratch.  The result is in keys.  O(n) for each digit in
 * which keys differ.  Asks should_stop often; LEP_ERR_STOPPED leaves both arrays
 * without meaning.
 */
extern LepStatus
lep_radix_sort(LepEnv *env, uint64_t *keys, uint64_t *spare, int64_t n, int low_bit, int high_bit);

/* A signed number as a key of the same order. */
static inline uint64_t
lep_radix_key(int64_t value)
{
	return (uint64_t) value ^ UINT64_C(1) << 63;
}

/* And back. */
static inline int64_t
lep_radix_value(uint64_t key)
{
	return (int64_t) (key ^ UINT64_C(1) << 63);
}

#endif /* LEP_RADIX_H */
