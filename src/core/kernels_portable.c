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

static inline Lanes
lanes_fma(Lanes a, Lanes b, Lanes c)
{
	for (int l = 0; l < LEP_LANES; l++)
		c.x[l] = fmaf(a.x[l], b.x[l], c.x[l]);
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

static inline float
scalar_fma(float a, float b, float c)
{
	return fmaf(a, b, c);
}

#include "core/kernels_impl.h"
