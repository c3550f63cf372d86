/*
 * kernels_portable.c
 *		The kernels in plain C: the definition of all other levels' bits.
 */
#include <math.h>
#include <string.h>

#include "core/kernels_levels.h"

#define LEP_LEVEL		LEP_KERNELS_PORTABLE
#define LEP_KERNEL(op)	op##_portable
#define LEP_SYRK_ROWS	1
#define LEP_GRAM_ROWS	2
#define LEP_SGD_CHUNKS	0
#define LEP_PREFETCH(p) ((void) (p))

typedef struct Lanes
{
	float x[LEP_LANES];
} Lanes;

typedef struct Lanes64
{
	double x[LEP_LANES];
} Lanes64;

static inline Lanes
lanes_load(const float *p)
{
	Lanes v;

	memcpy(v.x, p, sizeof(v.x));
	return v;
}

static inline Lanes
lanes_load_n(const float *p, int n)
{
	Lanes v = { { 0 } };

	memcpy(v.x, p, (size_t) n * sizeof(float));
	return v;
}

static inline void
lanes_store(float *p, Lanes v)
{
	memcpy(p, v.x, sizeof(v.x));
}

static inline void
lanes_store_n(float *p, Lanes v, int n)
{
	memcpy(p, v.x, (size_t) n * sizeof(float));
}

static inline Lanes
lanes_set1(float x)
{
	Lanes v;

	for (int l = 0; l < LEP_LANES; l++)
		v.x[l] = x;
	return v;
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	for (int l = 0; l < LEP_LANES; l++)
		a.x[l] *= b.x[l];
	return a;
}

/*
 * fmaf, which C libraries do without the instruction in some 30 ns.  The
 * product is exact in double; its sum with c, rounded to odd (inexact results
 * get their last bit set), has more than two bits beyond a float's, so that the
 * second rounding, to float, gives what one alone would.  S. Boldo, G.
 * Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms
 * using rounding to odd", IEEE Trans. Computers 57 (2008), doi
 * 10.1109/TC.2007.70819, theorem 3; the error of the sum is Knuth's TwoSum.
 * Where the sum is infinite or no number, so is the error no number, and
 * nothing is adjusted.
 */
static inline float
scalar_fma(float a, float b, float c)
{
#ifdef __FP_FAST_FMAF
	return fmaf(a, b, c);
#else
	double product = (double) a * b;
	double sum = product + c;
	double added = sum - product;
	double error = (product - (sum - added)) + (c - added);
	int64_t direction = (error > 0) - (error < 0);
	int64_t bits;

	memcpy(&bits, &sum, sizeof(bits));
	/* Away from zero is up in the bits, which are sign and magnitude. */
	direction = sum > 0 ? direction : -direction;
	bits += direction & -(~bits & 1);
	memcpy(&sum, &bits, sizeof(sum));
	return (float) sum;
#endif
}

static inline Lanes
lanes_fma(Lanes a, Lanes b, Lanes c)
{
	for (int l = 0; l < LEP_LANES; l++)
		c.x[l] = scalar_fma(a.x[l], b.x[l], c.x[l]);
	return c;
}

static inline float
lanes_sum(Lanes v)
{
	for (int half = LEP_LANES / 2; half > 0; half /= 2)
	{
		for (int l = 0; l < half; l++)
			v.x[l] += v.x[l + half];
	}
	return v.x[0];
}

static inline void
lanes_sum4(const Lanes v[4], float *out)
{
	for (int j = 0; j < 4; j++)
		out[j] = lanes_sum(v[j]);
}

static inline Lanes64
lanes64_zero(void)
{
	return (Lanes64){ { 0 } };
}

static inline Lanes64
lanes64_fma(Lanes a, Lanes b, Lanes64 c)
{
	for (int l = 0; l < LEP_LANES; l++)
		c.x[l] += (double) a.x[l] * b.x[l];
	return c;
}

static inline double
lanes64_sum(Lanes64 v)
{
	for (int half = LEP_LANES / 2; half > 0; half /= 2)
	{
		for (int l = 0; l < half; l++)
			v.x[l] += v.x[l + half];
	}
	return v.x[0];
}

static uint64_t
codes_above_portable(const LepCodeScan *scan)
{
	int32_t sums[LEP_BLOCK_ITEMS] = { 0 };
	const uint8_t *codes = scan->codes;
	uint64_t above = 0;

	for (int g = 0; g < scan->n_groups; g++)
	{
		const int8_t *query = scan->query + g * LEP_CODE_GROUP;

		for (int i = 0; i < LEP_BLOCK_ITEMS; i++, codes += LEP_CODE_GROUP)
			sums[i] += codes[0] * query[0] + codes[1] * query[1] + codes[2] * query[2] + codes[3] * query[3];
	}
	for (int i = 0; i < LEP_BLOCK_ITEMS; i++)
	{
		float dot = (float) (sums[i] - LEP_CODE_ZERO * scan->query_sum);
		float score = scalar_fma(scan->scale[i], scan->query_scale * dot, scan->bias[i]);

		above |= (uint64_t) !(score < scan->cut) << i;
	}
	return above;
}

#include "core/kernels_impl.h"
