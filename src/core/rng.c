/*
 * rng.c
 *		Counter-based random numbers, hashes, logarithm and exponential.
 *
 * The generator is Philox4x64-10: J. K. Salmon, M. A. Moraes, R. O. Dror,
 * D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi
 * 10.1145/2063384.2063405, section 4.3.  Key: seed and stream; counter: block
 * number, row, 0, 0.  So streams never overlap, and no hash can make two of
 * them collide.
 *
 * Every function is pure but for the LepRng it is given: any thread may call.
 */
#include "core/rng.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Deviates would differ where intermediate results have more bits (x87). */
_Static_assert(FLT_EVAL_METHOD == 0, "floating-point types must be evaluated as they are declared");

#define PHILOX_ROUNDS 10

/* high and low half of a product */
static inline uint64_t
multiply_wide(uint64_t a, uint64_t b, uint64_t *low)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128) a * b;

	*low = (uint64_t) product;
	return (uint64_t) (product >> 64);
#else
	uint64_t a0 = (uint32_t) a;
	uint64_t a1 = a >> 32;
	uint64_t b0 = (uint32_t) b;
	uint64_t b1 = b >> 32;
	uint64_t middle = a1 * b0 + ((a0 * b0) >> 32);
	uint64_t middle2 = a0 * b1 + (uint32_t) middle;

	*low = a * b;
	return a1 * b1 + (middle >> 32) + (middle2 >> 32);
#endif
}

void
lep_philox(const uint64_t counter[4], const uint64_t key[2], uint64_t out[4])
{
	uint64_t c0 = counter[0];
	uint64_t c1 = counter[1];
	uint64_t c2 = counter[2];
	uint64_t c3 = counter[3];
	uint64_t k0 = key[0];
	uint64_t k1 = key[1];

	for (int round = 0; round < PHILOX_ROUNDS; round++)
	{
		uint64_t low0;
		uint64_t low2;
		uint64_t high0 = multiply_wide(UINT64_C(0xD2E7470EE14C6C93), c0, &low0);
		uint64_t high2 = multiply_wide(UINT64_C(0xCA5A826395121157), c2, &low2);

		c0 = high2 ^ c1 ^ k0;
		c1 = low2;
		c2 = high0 ^ c3 ^ k1;
		c3 = low0;
		k0 += UINT64_C(0x9E3779B97F4A7C15); /* golden ratio */
		k1 += UINT64_C(0xBB67AE8584CAA73B); /* sqrt(3) - 1 */
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

void
lep_rng_init(LepRng *rng, uint64_t seed, uint64_t stream, uint64_t row)
{
	memset(rng, 0, sizeof(*rng));
	rng->key[0] = seed;
	rng->key[1] = stream;
	rng->row = row;
}

uint64_t
lep_rng_next(LepRng *rng)
{
	if (rng->n_words == 0)
	{
		uint64_t counter[4] = { rng->counter++, rng->row, 0, 0 };

		lep_philox(counter, rng->key, rng->word);
		rng->n_words = LEP_RNG_WORDS;
	}
	return rng->word[LEP_RNG_WORDS - rng->n_words--];
}

double
lep_rng_uniform(LepRng *rng)
{
	return (double) (lep_rng_next(rng) >> 11) * 0x1p-53;
}

/*
 * D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29
 * (2019), doi 10.1145/3230636, algorithm 5.
 */
uint64_t
lep_rng_below(LepRng *rng, uint64_t n)
{
	uint64_t low;
	uint64_t high = multiply_wide(lep_rng_next(rng), n, &low);

	if (low < n)
	{
		uint64_t threshold = (0 - n) % n; /* 2^64 mod n */

		while (low < threshold)
			high = multiply_wide(lep_rng_next(rng), n, &low);
	}
	return high;
}

/*
 * The polar method: G. Marsaglia, T. A. Bray, "A convenient method for
 * generating normal variables", SIAM Review 6 (1964), doi 10.1137/1006063.
 */
double
lep_rng_normal(LepRng *rng)
{
	double x;
	double y;
	double s;
	double factor;

	if (rng->has_normal)
	{
		rng->has_normal = false;
		return rng->normal;
	}
	do
	{
		x = 2 * lep_rng_uniform(rng) - 1;
		y = 2 * lep_rng_uniform(rng) - 1;
		s = x * x + y * y;
	} while (s >= 1 || s == 0);
	factor = sqrt(-2 * lep_log(s) / s);
	rng->normal = y * factor;
	rng->has_normal = true;
	return x * factor;
}

/*
 * G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables",
 * ACM TOMS 26 (2000), doi 10.1145/358407.358414: d (1 + c x)^3 of a normal x,
 * accepted by comparison with a uniform; for shape < 1 the deviate of shape + 1
 * times U^(1 / shape).
 */
double
lep_rng_gamma(LepRng *rng, double shape)
{
	double boost = 1;
	double d;
	double c;

	if (shape < 1)
	{
		boost = lep_exp(lep_log(1 - lep_rng_uniform(rng)) / shape);
		shape += 1;
	}
	d = shape - 1.0 / 3;
	c = 1 / sqrt(9 * d);
	for (;;)
	{
		double x = lep_rng_normal(rng);
		double v = 1 + c * x;
		double u;

		if (v <= 0)
			continue;
		v = v * v * v;
		u = 1 - lep_rng_uniform(rng);
		if (lep_log(u) < 0.5 * x * x + d - d * v + d * lep_log(v))
			return boost * d * v;
	}
}

/*
 * A bijection of 64 bits in which each bit of x changes each bit of the result
 * half of the time: variant 13 of D. Stafford's finalisers for MurmurHash3, as
 * used by SplitMix64.
 */
static inline uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

uint64_t
lep_hash_combine(uint64_t a, uint64_t b)
{
	return mix(mix(a + UINT64_C(0x9E3779B97F4A7C15)) + b);
}

/* the first n <= 8 bytes as a little-endian number */
static inline uint64_t
load_bytes(const unsigned char *p, int n)
{
	uint64_t x = 0;

	for (int i = 0; i < n; i++)
		x |= (uint64_t) p[i] << (8 * i);
	return x;
}

/* Words of 8 bytes, the last one filled with zeros; the length tells them apart. */
uint64_t
lep_hash_bytes(const void *bytes, int64_t len)
{
	const unsigned char *p = bytes;
	uint64_t hash = mix((uint64_t) len + UINT64_C(0x9E3779B97F4A7C15));

	for (; len >= 8; len -= 8, p += 8)
		hash = mix((hash ^ load_bytes(p, 8)) + UINT64_C(0x9E3779B97F4A7C15));
	if (len > 0)
		hash = mix((hash ^ load_bytes(p, (int) len)) + UINT64_C(0x9E3779B97F4A7C15));
	return hash;
}

/* ln 2 in two parts: the first has 32 bits, so that its product with an exponent is exact */
#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW	 0x1.a39ef35793c76p-33

static inline uint64_t
bits_of(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static inline double
double_of(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/*
 * x = 2^k m with m in [sqrt(1/2), sqrt(2)); with f = m - 1 and s = f / (2 + f),
 * ln m = 2 atanh s = 2 s + s r, where r = 2 (s^2/3 + s^4/5 + ...), and since
 * 2 s = f - s f this is f - s (f - r), in which the leading term is exact.
 * s^2 < 0.0295, so that the term left out is below 2^-56 of the sum.
 */
double
lep_log(double x)
{
	static const double term[] = { 2.0 / 3,	 2.0 / 5,  2.0 / 7,	 2.0 / 9,  2.0 / 11,
								   2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21 };
	int k = 0;
	uint64_t bits;
	double f;
	double s;
	double z;
	double r = 0;

	if (!(x > 0) || x > DBL_MAX)
		return x == 0 ? -INFINITY : x < 0 ? NAN : x;
	if (x < DBL_MIN)
	{
		x *= 0x1p54;
		k = -54;
	}
	/* Adding 1 - sqrt(1/2) to the exponent's bits carries where m would reach sqrt(2). */
	bits = bits_of(x) + (bits_of(1.0) - bits_of(0x1.6a09e667f3bcdp-1));
	k += (int) (bits >> 52) - 1023;
	bits = (bits & UINT64_C(0x000FFFFFFFFFFFFF)) + bits_of(0x1.6a09e667f3bcdp-1);

	f = double_of(bits) - 1;
	s = f / (2 + f);
	z = s * s;
	for (int i = (int) (sizeof(term) / sizeof(term[0])) - 1; i >= 0; i--)
		r = z * (term[i] + r);
	return k * LN2_HIGH + (f - (s * (f - r) - k * LN2_LOW));
}

/*
 * x = k ln 2 + r with |r| <= ln 2 / 2; exp r by its Taylor series to r^13, the
 * term left out being below 2^-57; r in two parts, high + low.
 */
double
lep_exp(double x)
{
	static const double term[] = { 1.0 / 2,		  1.0 / 6,		  1.0 / 24,		   1.0 / 120,
								   1.0 / 720,	  1.0 / 5040,	  1.0 / 40320,	   1.0 / 362880,
								   1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800 };
	double k;
	double high;
	double low;
	double r;
	double sum = 0;
	int k1;
	int k2;

	if (x != x)
		return x;
	if (x > 709.8)
		return INFINITY;
	if (x < -745.2)
		return 0;
	k = floor(x * 0x1.71547652b82fep+0 + 0.5); /* x / ln 2 to the nearest */
	high = x - k * LN2_HIGH;
	low = k * LN2_LOW;
	r = high - low;
	low = (high - r) - low;
	for (int i = (int) (sizeof(term) / sizeof(term[0])) - 1; i >= 0; i--)
		sum = r * (term[i] + sum);
	sum = 1 + (r + (low + r * sum));

	/* 2^k in two factors, each a normal number, so that only the last product rounds */
	k1 = (int) k / 2;
	k2 = (int) k - k1;
	return sum * double_of((uint64_t) (k1 + 1023) << 52) * double_of((uint64_t) (k2 + 1023) << 52);
}
