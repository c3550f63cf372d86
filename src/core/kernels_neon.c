/*
 * kernels_neon.c
 *		The kernels for 64-bit ARM: 16 lanes are four registers.
 */
#include "core/kernels_levels.h"

#ifdef LEP_HAVE_NEON

#include <arm_neon.h>
#include <math.h>
#include <string.h>

#define LEP_LEVEL		LEP_KERNELS_NEON
#define LEP_KERNEL(op)	op##_neon
#define LEP_SYRK_ROWS	4
#define LEP_GRAM_ROWS	2
#define LEP_SGD_CHUNKS	4
#define LEP_PREFETCH(p) __builtin_prefetch((p), 1)

/* four lanes each */
typedef struct Lanes
{
	float32x4_t v0;
	float32x4_t v4;
	float32x4_t v8;
	float32x4_t v12;
} Lanes;

/* lanes 2 i and 2 i + 1 */
typedef struct Lanes64
{
	float64x2_t v[8];
} Lanes64;

static inline Lanes
lanes_load(const float *p)
{
	return (Lanes){ vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12) };
}

static inline void
lanes_store(float *p, Lanes v)
{
	vst1q_f32(p, v.v0);
	vst1q_f32(p + 4, v.v4);
	vst1q_f32(p + 8, v.v8);
	vst1q_f32(p + 12, v.v12);
}

static inline Lanes
lanes_load_n(const float *p, int n)
{
	float x[LEP_LANES] = { 0 };

	memcpy(x, p, (size_t) n * sizeof(float));
	return lanes_load(x);
}

static inline void
lanes_store_n(float *p, Lanes v, int n)
{
	float x[LEP_LANES];

	lanes_store(x, v);
	memcpy(p, x, (size_t) n * sizeof(float));
}

static inline Lanes
lanes_set1(float x)
{
	float32x4_t v = vdupq_n_f32(x);

	return (Lanes){ v, v, v, v };
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	return (Lanes){ vmulq_f32(a.v0, b.v0), vmulq_f32(a.v4, b.v4), vmulq_f32(a.v8, b.v8),
					vmulq_f32(a.v12, b.v12) };
}

static inline Lanes
lanes_fma(Lanes a, Lanes b, Lanes c)
{
	return (Lanes){ vfmaq_f32(c.v0, a.v0, b.v0), vfmaq_f32(c.v4, a.v4, b.v4), vfmaq_f32(c.v8, a.v8, b.v8),
					vfmaq_f32(c.v12, a.v12, b.v12) };
}

/* lanes l, l + 8, l + 4, l + 12 of the tree, for l = 0 to 3 */
static inline float32x4_t
lanes_sum_to_4(Lanes v)
{
	return vaddq_f32(vaddq_f32(v.v0, v.v8), vaddq_f32(v.v4, v.v12));
}

static inline float
lanes_sum(Lanes v)
{
	float32x4_t v4 = lanes_sum_to_4(v);
	float32x2_t v2 = vadd_f32(vget_low_f32(v4), vget_high_f32(v4));

	return vget_lane_f32(v2, 0) + vget_lane_f32(v2, 1);
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
	float64x2_t zero = vdupq_n_f64(0);

	return (Lanes64){ { zero, zero, zero, zero, zero, zero, zero, zero } };
}

static inline Lanes64
lanes64_fma(Lanes a, Lanes b, Lanes64 c)
{
	float32x4_t av[4] = { a.v0, a.v4, a.v8, a.v12 };
	float32x4_t bv[4] = { b.v0, b.v4, b.v8, b.v12 };

	for (int i = 0; i < 4; i++)
	{
		c.v[2 * i] =
			vfmaq_f64(c.v[2 * i], vcvt_f64_f32(vget_low_f32(av[i])), vcvt_f64_f32(vget_low_f32(bv[i])));
		c.v[2 * i + 1] = vfmaq_f64(c.v[2 * i + 1], vcvt_high_f64_f32(av[i]), vcvt_high_f64_f32(bv[i]));
	}
	return c;
}

static inline double
lanes64_sum(Lanes64 v)
{
	for (int half = 4; half > 0; half /= 2)
	{
		for (int i = 0; i < half; i++)
			v.v[i] = vaddq_f64(v.v[i], v.v[i + half]);
	}
	return vgetq_lane_f64(v.v[0], 0) + vgetq_lane_f64(v.v[0], 1);
}

static inline float
scalar_fma(float a, float b, float c)
{
	return fmaf(a, b, c);
}

/* A query's group, for each of two items. */
static inline int8x8_t
load_group(const int8_t *query)
{
	int32_t group;

	memcpy(&group, query, sizeof(group));
	return vreinterpret_s8_s32(vdup_n_s32(group));
}

/* Products of the codes of four items with a group, added up by item. */
static inline int32x4_t
add_codes(int32x4_t sums, const uint8_t *codes, int8x8_t group)
{
	int8x16_t v = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(codes), vdupq_n_u8(LEP_CODE_ZERO)));
	int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(v), group));
	int32x4_t high = vpaddlq_s16(vmull_s8(vget_high_s8(v), group));

	return vaddq_s32(sums, vpaddq_s32(low, high));
}

/* Without the zero of codes: they are signed again when they are multiplied. */
static uint64_t
codes_above_neon(const LepCodeScan *scan)
{
	static const uint32_t bit[4] = { 1, 2, 4, 8 };
	uint64_t above = 0;

	for (int first = 0; first < LEP_BLOCK_ITEMS; first += 16)
	{
		const uint8_t *codes = scan->codes + first * LEP_CODE_GROUP;
		int32x4_t sums[4] = { vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0) };

		for (int g = 0; g < scan->n_groups; g++, codes += LEP_BLOCK_ITEMS * LEP_CODE_GROUP)
		{
			int8x8_t group = load_group(scan->query + g * LEP_CODE_GROUP);

			UNROLL for (int i = 0; i < 4; i++) sums[i] = add_codes(sums[i], codes + 16 * i, group);
		}
		for (int i = 0; i < 4; i++)
		{
			int at = first + 4 * i;
			float32x4_t product = vmulq_n_f32(vcvtq_f32_s32(sums[i]), scan->query_scale);
			float32x4_t score = vfmaq_f32(vld1q_f32(scan->bias + at), vld1q_f32(scan->scale + at), product);
			uint32x4_t not_below = vmvnq_u32(vcltq_f32(score, vdupq_n_f32(scan->cut)));

			above |= (uint64_t) vaddvq_u32(vandq_u32(not_below, vld1q_u32(bit))) << at;
		}
	}
	return above;
}

#include "core/kernels_impl.h"

#endif /* LEP_HAVE_NEON */
