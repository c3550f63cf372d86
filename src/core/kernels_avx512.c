/*
 * kernels_avx512.c
 *		The kernels for AVX-512 (F, BW, DQ, VL): 16 lanes are one register.
 */
#include "core/kernels_levels.h"

#ifdef LEP_HAVE_X86

#include <immintrin.h>
#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))),         \
							 apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#define LEP_LEVEL		LEP_KERNELS_AVX512
#define LEP_KERNEL(op)	op##_avx512
#define LEP_SYRK_ROWS	16
#define LEP_GRAM_ROWS	4
#define LEP_SGD_CHUNKS	8
#define LEP_PREFETCH(p) __builtin_prefetch((p), 1)

typedef __m512 Lanes;

/* lanes 0 to 7 and 8 to 15 */
typedef struct Lanes64
{
	__m512d low;
	__m512d high;
} Lanes64;

static inline Lanes
lanes_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

static inline Lanes
lanes_load_n(const float *p, int n)
{
	return _mm512_maskz_loadu_ps((__mmask16) ((1u << n) - 1), p);
}

static inline void
lanes_store(float *p, Lanes v)
{
	_mm512_storeu_ps(p, v);
}

static inline void
lanes_store_n(float *p, Lanes v, int n)
{
	_mm512_mask_storeu_ps(p, (__mmask16) ((1u << n) - 1), v);
}

static inline Lanes
lanes_set1(float x)
{
	return _mm512_set1_ps(x);
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	return _mm512_mul_ps(a, b);
}

static inline Lanes
lanes_fma(Lanes a, Lanes b, Lanes c)
{
	return _mm512_fmadd_ps(a, b, c);
}

static inline float
lanes_sum(Lanes v)
{
	__m256 v8 = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
	__m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
	__m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));

	return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
}

/* The tree of lanes_sum, two and then four rows side by side. */
static inline void
lanes_sum4(const Lanes v[4], float *out)
{
	__m512 a = _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x44), _mm512_shuffle_f32x4(v[0], v[1], 0xEE));
	__m512 b = _mm512_add_ps(_mm512_shuffle_f32x4(v[2], v[3], 0x44), _mm512_shuffle_f32x4(v[2], v[3], 0xEE));
	__m512 c = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
	__m512 d = _mm512_add_ps(c, _mm512_permute_ps(c, 0x4E));
	__m512 e = _mm512_add_ps(d, _mm512_permute_ps(d, 0xB1));

	/* compressed in a register: to memory it takes a hundred cycles on Zen 4 and 5 */
	_mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, e)));
}

static inline Lanes64
lanes64_zero(void)
{
	return (Lanes64){ _mm512_setzero_pd(), _mm512_setzero_pd() };
}

static inline Lanes64
lanes64_fma(Lanes a, Lanes b, Lanes64 c)
{
	c.low = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(a)),
							_mm512_cvtps_pd(_mm512_castps512_ps256(b)), c.low);
	c.high = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)),
							 _mm512_cvtps_pd(_mm512_extractf32x8_ps(b, 1)), c.high);
	return c;
}

static inline double
lanes64_sum(Lanes64 v)
{
	__m512d v8 = _mm512_add_pd(v.low, v.high);
	__m256d v4 = _mm256_add_pd(_mm512_castpd512_pd256(v8), _mm512_extractf64x4_pd(v8, 1));
	__m128d v2 = _mm_add_pd(_mm256_castpd256_pd128(v4), _mm256_extractf128_pd(v4, 1));

	return _mm_cvtsd_f64(_mm_add_sd(v2, _mm_unpackhi_pd(v2, v2)));
}

static inline float
scalar_fma(float a, float b, float c)
{
	return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}

/* The items of 16 whose score is not below the cut. */
static inline uint64_t
sums_above(const LepCodeScan *scan, __m512i sums, int first)
{
	__m512i dot = _mm512_sub_epi32(sums, _mm512_set1_epi32(LEP_CODE_ZERO * scan->query_sum));
	__m512 product = _mm512_mul_ps(_mm512_set1_ps(scan->query_scale), _mm512_cvtepi32_ps(dot));
	__m512 score =
		_mm512_fmadd_ps(_mm512_load_ps(scan->scale + first), product, _mm512_load_ps(scan->bias + first));

	return (uint64_t) _mm512_cmp_ps_mask(score, _mm512_set1_ps(scan->cut), _CMP_NLT_UQ) << first;
}

static inline __m512i
load_group(const int8_t *query)
{
	int32_t group;

	memcpy(&group, query, sizeof(group));
	return _mm512_set1_epi32(group);
}

/*
 * sums += codes times query, of 16 items.  By 16 bits, even and odd factors
 * apart: pairs of 8-bit products, which one instruction would add, do not fit
 * 16 bits.
 */
static inline __m512i
add_codes(__m512i sums, const uint8_t *codes, __m512i even_query, __m512i odd_query)
{
	__m512i v = _mm512_load_si512(codes);
	__m512i even = _mm512_and_si512(v, _mm512_set1_epi16(0xFF));
	__m512i odd = _mm512_srli_epi16(v, 8);

	sums = _mm512_add_epi32(sums, _mm512_madd_epi16(even, even_query));
	return _mm512_add_epi32(sums, _mm512_madd_epi16(odd, odd_query));
}

static uint64_t
codes_above_avx512(const LepCodeScan *scan)
{
	const uint8_t *codes = scan->codes;
	__m512i sums[4] = { _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
						_mm512_setzero_si512() };

	for (int g = 0; g < scan->n_groups; g++, codes += LEP_BLOCK_ITEMS * LEP_CODE_GROUP)
	{
		__m512i query = load_group(scan->query + g * LEP_CODE_GROUP);
		__m512i even = _mm512_srai_epi16(_mm512_slli_epi16(query, 8), 8);
		__m512i odd = _mm512_srai_epi16(query, 8);

		UNROLL for (int i = 0; i < 4; i++) sums[i] = add_codes(sums[i], codes + 64 * i, even, odd);
	}
	return sums_above(scan, sums[0], 0) | sums_above(scan, sums[1], 16) | sums_above(scan, sums[2], 32) |
		   sums_above(scan, sums[3], 48);
}

#include "core/kernels_impl.h"

/*
 * ------------------------------------------------------------------ VNNI
 *
 * One instruction multiplies four pairs of codes and adds them up in 32 bits.
 */
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512vnni"))), apply_to = function)
#else
#pragma GCC target("avx512vnni")
#endif

static uint64_t
codes_above_vnni(const LepCodeScan *scan)
{
	const uint8_t *codes = scan->codes;
	__m512i sum0 = _mm512_setzero_si512();
	__m512i sum16 = _mm512_setzero_si512();
	__m512i sum32 = _mm512_setzero_si512();
	__m512i sum48 = _mm512_setzero_si512();

	for (int g = 0; g < scan->n_groups; g++, codes += LEP_BLOCK_ITEMS * LEP_CODE_GROUP)
	{
		__m512i query = load_group(scan->query + g * LEP_CODE_GROUP);

		sum0 = _mm512_dpbusd_epi32(sum0, _mm512_load_si512(codes), query);
		sum16 = _mm512_dpbusd_epi32(sum16, _mm512_load_si512(codes + 64), query);
		sum32 = _mm512_dpbusd_epi32(sum32, _mm512_load_si512(codes + 128), query);
		sum48 = _mm512_dpbusd_epi32(sum48, _mm512_load_si512(codes + 192), query);
	}
	return sums_above(scan, sum0, 0) | sums_above(scan, sum16, 16) | sums_above(scan, sum32, 32) |
		   sums_above(scan, sum48, 48);
}

const LepKernels lep_kernels_avx512_vnni = { LEP_KERNEL_TABLE, .codes_above = codes_above_vnni };

#ifdef __clang__
#pragma clang attribute pop
#endif

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif /* LEP_HAVE_X86 */
