/*
 * rng.h
 *		Counter-based random streams: a number is a pure function of (seed,
 *		stream, row, counter), so that threads and order of work do not matter.
 *
 * All transcendental functions used here are our own, built from IEEE-754
 * additions, multiplications, divisions and square roots, so that deviates have
 * the same bits on every machine.
 *
 * Nothing here is for secrets.
 */
#ifndef LEP_RNG_H
#define LEP_RNG_H

#include <stdbool.h>
#include <stdint.h>

#define LEP_RNG_WORDS 4 /* numbers that one counter gives */

typedef struct LepRng
{
	uint64_t key[2]; /* seed, stream */
	uint64_t row;
	uint64_t counter;			  /* of the next block */
	uint64_t word[LEP_RNG_WORDS]; /* the current block */
	int n_words;				  /* of it not yet given out, its last ones */
	bool has_normal;
	double normal; /* the second of a pair, if has_normal */
} LepRng;

/* The stream of one row in one use: e.g. (seed, epoch, user). */
extern void lep_rng_init(LepRng *rng, uint64_t seed, uint64_t stream, uint64_t row);

extern uint64_t lep_rng_next(LepRng *rng);

/* uniform in [0, 1), 53 bits */
extern double lep_rng_uniform(LepRng *rng);

/* uniform integer in [0, n), without bias; n > 0 */
extern uint64_t lep_rng_below(LepRng *rng, uint64_t n);

/* standard normal deviate */
extern double lep_rng_normal(LepRng *rng);

/* gamma deviate of this shape and scale 1; shape > 0 */
extern double lep_rng_gamma(LepRng *rng, double shape);

/* The generator itself: the block at a counter under a key. */
extern void lep_philox(const uint64_t counter[4], const uint64_t key[2], uint64_t out[4]);

/* A 64-bit hash of two: well mixed, for split and streams; fixed for ever. */
extern uint64_t lep_hash_combine(uint64_t a, uint64_t b);

/* A 64-bit hash of bytes: fixed for ever, the same on every machine. */
extern uint64_t lep_hash_bytes(const void *bytes, int64_t len);

/*
 * Natural logarithm and exponential with fixed bits, within one unit in the
 * last place of the true value where that is no denormal.  Infinities, NaN and
 * zero as in C's log and exp; negative x for lep_log gives NaN.
 */
extern double lep_log(double x);
extern double lep_exp(double x);

#endif /* LEP_RNG_H */
