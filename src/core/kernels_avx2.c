/*
 * kernels_avx2.c
 *		The kernels for AVX2 and FMA: 16 lanes are two registers.
 */
#include "core/kernels_levels.h"

#ifdef LEP_HAVE_X86

#include <immintrin.h>
#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define LEP_LEVEL		LEP_KERNELS_AVX2
#define LEP_KERNEL(op)	op##_avx2
#define LEP_SYRK_ROWS	4
#define LEP_GRAM_ROWS	2
#define LEP_SGD_CHUNKS	8
#define LEP_PREFETCH(p) __builtin_prefetch((p), 1)

/* lanes 0 to 7 and 8 to 15 */
typedef struct Lanes
{
	__m256 low;
	__m256 high;
} Lanes;

/* four lanes each */
typedef struct Lanes64
{
	__m256d v0;
	__m256d v4;
	__m256d v8;
	__m256d v12;
} Lanes64;

static inline Lanes
lanes_load(const float *p)
{
	return (Lanes){ _mm256_loadu_ps(p), _mm256_loadu_ps(p + 8) };
}

/* all bits set in the lanes below n, of those from first on */
static inline __m256i
lanes_mask(int first, int n)
{
	__m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first));

	return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
}

static inline Lanes
lanes_load_n(const float *p, int n)
{
	return (Lanes){ _mm256_maskload_ps(p, lanes_mask(0, n)), _mm256_maskload_ps(p + 8, lanes_mask(8, n)) };
}

static inline void
lanes_store(float *p, Lanes v)
{
	_mm256_storeu_ps(p, v.low);
	_mm256_storeu_ps(p + 8, v.high);
}

static inline void
lanes_store_n(float *p, Lanes v, int n)
{
	_mm256_maskstore_ps(p, lanes_mask(0, n), v.low);
	_mm256_maskstore_ps(p + 8, lanes_mask(8, n), v.high);
}

static inline Lanes
lanes_set1(float x)
{
	return (Lanes){ _mm256_set1_ps(x), _mm256_set1_ps(x) };
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	return (Lanes){ _mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high) };
}

static inline Lanes
lanes_fma(Lanes a, Lanes b, Lanes c)
{
	return (Lanes){ _mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high) };
}

static inline float
lanes_sum(Lanes v)
{
	__m256 v8 = _mm256_add_ps(v.low, v.high);
	__m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
	__m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));

	return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
}

/* The tree of lanes_sum, two and then four rows side by side. */
static inline void
lanes_sum4(const Lanes v[4], float *out)
{
	__m256 a = _mm256_add_ps(v[0].low, v[0].high);
	__m256 b = _mm256_add_ps(v[1].low, v[1].high);
	__m256 c = _mm256_add_ps(v[2].low, v[2].high);
	__m256 d = _mm256_add_ps(v[3].low, v[3].high);
	__m256 ab = _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
	__m256 cd = _mm256_add_ps(_mm256_permute2f128_ps(c, d, 0x20), _mm256_permute2f128_ps(c, d, 0x31));
	/* pairs of a, c, b, d */
	__m256 acbd = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xEE));
	__m256 sums = _mm256_add_ps(acbd, _mm256_permute_ps(acbd, 0xB1));

	/* a c in elements 0 and 2 of the low half, b d of the high half */
	_mm_storeu_ps(out, _mm_blend_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1), 0xA));
}

static inline Lanes64
lanes64_zero(void)
{
	return (Lanes64){ _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd() };
}

static inline __m256d
fma_pd(__m128 a, __m128 b, __m256d c)
{
	return _mm256_fmadd_pd(_mm256_cvtps_pd(a), _mm256_cvtps_pd(b), c);
}

static inline Lanes64
lanes64_fma(Lanes a, Lanes b, Lanes64 c)
{
	c.v0 = fma_pd(_mm256_castps256_ps128(a.low), _mm256_castps256_ps128(b.low), c.v0);
	c.v4 = fma_pd(_mm256_extractf128_ps(a.low, 1), _mm256_extractf128_ps(b.low, 1), c.v4);
	c.v8 = fma_pd(_mm256_castps256_ps128(a.high), _mm256_castps256_ps128(b.high), c.v8);
	c.v12 = fma_pd(_mm256_extractf128_ps(a.high, 1), _mm256_extractf128_ps(b.high, 1), c.v12);
	return c;
}

static inline double
lanes64_sum(Lanes64 v)
{
	__m256d v4 = _mm256_add_pd(_mm256_add_pd(v.v0, v.v8), _mm256_add_pd(v.v4, v.v12));
	__m128d v2 = _mm_add_pd(_mm256_castpd256_pd128(v4), _mm256_extractf128_pd(v4, 1));

	return _mm_cvtsd_f64(_mm_add_sd(v2, _mm_unpackhi_pd(v2, v2)));
}

static inline float
scalar_fma(float a, float b, float c)
{
	return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}

/*
 * sums += codes times query, of 8 items.  By 16 bits, even and odd factors
 * apart: pairs of 8-bit products, which one instruction would add, do not fit
 * 16 bits.
 */
static inline __m256i
add_codes(__m256i sums, const uint8_t *codes, __m256i even_query, __m256i odd_query)
{
	__m256i v = _mm256_load_si256((const __m256i *) codes);
	__m256i even = _mm256_and_si256(v, _mm256_set1_epi16(0xFF));
	__m256i odd = _mm256_srli_epi16(v, 8);

	sums = _mm256_add_epi32(sums, _mm256_madd_epi16(even, even_query));
	return _mm256_add_epi32(sums, _mm256_madd_epi16(odd, odd_query));
}

/* The items of 8 whose score is not below the cut. */
static inline uint64_t
sums_above(const LepCodeScan *scan, __m256i sums, int first)
{
	__m256i dot = _mm256_sub_epi32(sums, _mm256_set1_epi32(LEP_CODE_ZERO * scan->query_sum));
	__m256 product = _mm256_mul_ps(_mm256_set1_ps(scan->query_scale), _mm256_cvtepi32_ps(dot));
	__m256 score =
		_mm256_fmadd_ps(_mm256_load_ps(scan->scale + first), product, _mm256_load_ps(scan->bias + first));

	return (uint64_t) _mm256_movemask_ps(_mm256_cmp_ps(score, _mm256_set1_ps(scan->cut), _CMP_NLT_UQ));
}

/* 32 items at a time, whose sums are four registers. */
static uint64_t
codes_above_avx2(const LepCodeScan *scan)
{
	uint64_t above = 0;

	for (int half = 0; half < LEP_BLOCK_ITEMS; half += 32)
	{
		const uint8_t *codes = scan->codes + half * LEP_CODE_GROUP;
		__m256i sums[4] = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
							_mm256_setzero_si256() };

		for (int g = 0; g < scan->n_groups; g++, codes += LEP_BLOCK_ITEMS * LEP_CODE_GROUP)
		{
			int32_t group;
			__m256i query;
			__m256i even;

			memcpy(&group, scan->query + g * LEP_CODE_GROUP, sizeof(group));
			query = _mm256_set1_epi32(group);
			even = _mm256_srai_epi16(_mm256_slli_epi16(query, 8), 8);
			query = _mm256_srai_epi16(query, 8);
			UNROLL for (int i = 0; i < 4; i++) sums[i] = add_codes(sums[i], codes + 32 * i, even, query);
		}
		for (int i = 0; i < 4; i++)
			above |= sums_above(scan, sums[i], half + 8 * i) << (half + 8 * i);
	}
	return above;
}

#include "core/kernels_impl.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif /* LEP_HAVE_X86 */
