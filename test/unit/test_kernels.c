/*
 * test_kernels.c
 *		Every level that runs here against the definition in kernels.h, spelled
 *		out naively below: bits, edges, memory touched; and the definition
 *		against plain double precision.
 */
#include <float.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/kernels.h"
#include "core/rng.h"
#include "unit.h"

#define MAX_N 130

/* What the numbers of a case look like. */
typedef enum Regime
{
	REGIME_PLAIN,	 /* around 1 */
	REGIME_DENORMAL, /* sums and products that underflow */
	REGIME_WILD,	 /* all magnitudes and zeros of both signs */
	N_REGIMES
} Regime;

/* One level after the other, those that run here. */
static const LepKernels *
next_level(int *level)
{
	for (; *level < LEP_N_KERNEL_LEVELS; ++*level)
	{
		if (lep_kernels_of(*level) != NULL && lep_cpu_supports(*level))
			return lep_kernels_of((*level)++);
	}
	return NULL;
}

static float
deviate(LepRng *rng, Regime regime)
{
	float x = (float) lep_rng_normal(rng);

	switch (regime)
	{
		case REGIME_PLAIN:
			return x;
		case REGIME_DENORMAL:
			return x * ldexpf(1, -60 - (int) lep_rng_below(rng, 88));
		default:
			switch (lep_rng_below(rng, 8))
			{
				case 0:
					return 0.0f;
				case 1:
					return -0.0f;
				default:
					return x * ldexpf(1, (int) lep_rng_below(rng, 60) - 30);
			}
	}
}

static void
fill(float *x, int n, uint64_t seed, Regime regime)
{
	LepRng rng;

	lep_rng_init(&rng, seed, regime, 0);
	for (int i = 0; i < n; i++)
		x[i] = deviate(&rng, regime);
}

/* Room for n floats that end where memory does: one more would be a crash. */
static float *
guarded(size_t n)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	size_t size = (n * sizeof(float) + page - 1) / page * page;
	char *start = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED || mprotect(start + size, page, PROT_NONE) != 0)
		abort();
	return (float *) (start + size) - n;
}

static void
guarded_free(float *x, size_t n)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	size_t size = (n * sizeof(float) + page - 1) / page * page;

	munmap((char *) (x + n) - size, size + page);
}

static float *
aligned(size_t n)
{
	float *x = aligned_alloc(64, (n * sizeof(float) + 64) / 64 * 64);

	if (x == NULL)
		abort();
	return x;
}

/* The definition: 16 lanes, zeros beyond n, the tree. */
static float
naive_dot_f32(const float *a, const float *b, int n)
{
	float lane[16] = { 0 };

	for (int i = 0; i < (n + 15) / 16 * 16; i++)
		lane[i % 16] = i < n ? fmaf(a[i], b[i], lane[i % 16]) : fmaf(0, 0, lane[i % 16]);
	for (int l = 0; l < 8; l++)
		lane[l] = lane[l] + lane[l + 8];
	for (int l = 0; l < 4; l++)
		lane[l] = lane[l] + lane[l + 4];
	return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

static double
naive_dot_f64(const float *a, const float *b, int n)
{
	double lane[16] = { 0 };

	for (int i = 0; i < (n + 15) / 16 * 16; i++)
		lane[i % 16] += i < n ? (double) a[i] * (double) b[i] : 0.0;
	for (int l = 0; l < 8; l++)
		lane[l] = lane[l] + lane[l + 8];
	for (int l = 0; l < 4; l++)
		lane[l] = lane[l] + lane[l + 4];
	return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

static void
test_levels(void)
{
	int best = -1;

	CHECK_STR_EQ(lep_kernel_level_name(LEP_KERNELS_PORTABLE), "portable");
	CHECK_STR_EQ(lep_kernel_level_name(LEP_KERNELS_NEON), "neon");
	CHECK_STR_EQ(lep_kernel_level_name(LEP_KERNELS_AVX2), "avx2");
	CHECK_STR_EQ(lep_kernel_level_name(LEP_KERNELS_AVX512), "avx512");
	CHECK(lep_cpu_supports(LEP_KERNELS_PORTABLE));
	CHECK(lep_kernels_of(LEP_KERNELS_PORTABLE) != NULL);
	CHECK(lep_kernels_of(LEP_N_KERNEL_LEVELS) == NULL);
	CHECK(lep_kernels_of((LepKernelLevel) -1) == NULL);

	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		const LepKernels *before = lep_kernels;
		bool runs = lep_kernels_of(level) != NULL && lep_cpu_supports(level);

		CHECK_INT_EQ(lep_kernels_select(level), runs ? 0 : -1);
		CHECK(lep_kernels == (runs ? lep_kernels_of(level) : before));
		if (runs)
		{
			best = level;
			CHECK_INT_EQ(lep_kernels->level, level);
		}
	}
	lep_kernels_select(LEP_KERNELS_PORTABLE);
	lep_kernels_choose();
	CHECK_INT_EQ(lep_kernels->level, best);
	CHECK_INT_EQ(lep_kernels_select(LEP_N_KERNEL_LEVELS), -1);
	CHECK_INT_EQ(lep_kernels->level, best);
}

/* cpu.c's own reading of cpuid against the compiler's run-time library. */
static void
test_cpu_features(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	CHECK_INT_EQ(lep_cpu_supports(LEP_KERNELS_AVX2),
				 __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
	CHECK_INT_EQ(lep_cpu_supports(LEP_KERNELS_AVX512),
				 __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
					 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
	CHECK(!lep_cpu_supports(LEP_KERNELS_NEON));
#elif defined(__aarch64__)
	CHECK(lep_cpu_supports(LEP_KERNELS_NEON));
	CHECK(!lep_cpu_supports(LEP_KERNELS_AVX2));
#else
	SKIP("no features to detect here");
#endif
}

/* Bits of both dot products, at every length and offset, up to the end of memory. */
static void
check_dots(const LepKernels *kernels, Regime regime)
{
	for (int n = 0; n <= MAX_N; n++)
	{
		for (size_t offset = 0; offset < 4; offset++)
		{
			size_t room = (size_t) n + offset; /* the offset behind moves the start */
			float *a = guarded(room) + (offset > 2 ? offset : 0);
			float *b = guarded((size_t) n);
			float f32;
			float f32_naive;
			double f64;
			double f64_naive;

			fill(a, n, (uint64_t) n, regime);
			fill(b, n, (uint64_t) n + 1000, regime);
			f32 = kernels->dot_f32(a, b, n);
			f32_naive = naive_dot_f32(a, b, n);
			f64 = kernels->dot_f64(a, b, n);
			f64_naive = naive_dot_f64(a, b, n);
			CHECK_BYTES_EQ(&f32, &f32_naive, sizeof(f32));
			CHECK_BYTES_EQ(&f64, &f64_naive, sizeof(f64));
			guarded_free(a - (offset > 2 ? offset : 0), room);
			guarded_free(b, (size_t) n);
		}
	}
}

static void
test_dots(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int regime = 0; regime < N_REGIMES; regime++)
			check_dots(kernels, regime);
	}
}

/* A row of k factors gives the same bits whether its zeros are counted or not. */
static void
test_dot_of_padded_row(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int k = 1; k <= 40; k++)
		{
			float a[48] = { 0 };
			float b[48] = { 0 };
			float short_sum;
			float long_sum;

			fill(a, k, (uint64_t) k, REGIME_WILD);
			fill(b, k, (uint64_t) k + 77, REGIME_WILD);
			short_sum = kernels->dot_f32(a, b, k);
			long_sum = kernels->dot_f32(a, b, lep_row_stride(k));
			CHECK_BYTES_EQ(&short_sum, &long_sum, sizeof(short_sum));
		}
	}
}

/* A sum that underflows to -0 in a lane becomes +0 by the zeros beyond n, at every level. */
static void
test_dot_negative_zero(void)
{
	const LepKernels *kernels;
	float a[17] = { -FLT_MIN };
	float b[17] = { FLT_MIN };

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		CHECK(!signbit(kernels->dot_f32(a, b, 17)));
		CHECK(!signbit(kernels->dot_f32(a, b, 16))); /* the other lanes' +0 in the tree */
	}
	for (int i = 0; i < 17; i++)
	{
		a[i] = -FLT_MIN;
		b[i] = FLT_MIN;
	}
	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		CHECK(signbit(kernels->dot_f32(a, b, 16)));
		CHECK(!signbit(kernels->dot_f32(a, b, 15)));
	}
}

/* What is not finite shows in the result, wherever it stands. */
static void
test_dot_not_finite(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int n = 1; n <= 50; n++)
		{
			float a[50];
			float b[50];

			fill(a, n, 1, REGIME_PLAIN);
			for (int i = 0; i < n; i++)
				b[i] = 1;
			a[n / 2] = INFINITY;
			CHECK(kernels->dot_f32(a, b, n) == INFINITY);
			CHECK(kernels->dot_f64(a, b, n) == (double) INFINITY);
			a[n / 2] = NAN;
			CHECK(isnan(kernels->dot_f32(a, b, n)));
			CHECK(isnan(kernels->dot_f64(a, b, n)));
			a[n / 2] = INFINITY;
			b[n / 2] = 0;
			CHECK(isnan(kernels->dot_f32(a, b, n)));
		}
	}
}

/* Against sums in long double, by the usual bounds: n/16 + 5 roundings of the sum of magnitudes. */
static void
test_dot_accuracy(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int n = 1; n <= MAX_N; n++)
		{
			float a[MAX_N];
			float b[MAX_N];
			long double sum = 0;
			long double magnitude = 0;
			double roundings = n / 16 + 5;

			fill(a, n, (uint64_t) n, REGIME_PLAIN);
			fill(b, n, (uint64_t) n + 500, REGIME_PLAIN);
			for (int i = 0; i < n; i++)
			{
				sum += (long double) a[i] * b[i];
				magnitude += fabsl((long double) a[i] * b[i]);
			}
			CHECK_CLOSE(kernels->dot_f32(a, b, n), sum, roundings * FLT_EPSILON / 2 * (double) magnitude);
			CHECK_CLOSE(kernels->dot_f64(a, b, n), sum, roundings * DBL_EPSILON / 2 * (double) magnitude);
		}
	}
}

static void
check_axpy(const LepKernels *kernels, Regime regime)
{
	for (int n = 0; n <= MAX_N; n++)
	{
		float *x = guarded((size_t) n);
		float *y = guarded((size_t) n + 3) + n % 4;
		float expected[MAX_N];
		float before = 42;

		fill(x, n, (uint64_t) n, regime);
		fill(y, n, (uint64_t) n + 1000, regime);
		for (int i = n; i < n + 3 - n % 4; i++)
			y[i] = before;
		for (int i = 0; i < n; i++)
			expected[i] = fmaf(1.7f, x[i], y[i]);
		kernels->axpy_f32(1.7f, x, y, n);
		CHECK_BYTES_EQ(y, expected, (size_t) n * sizeof(float));
		for (int i = n; i < n + 3 - n % 4; i++)
			CHECK(y[i] == before);
		guarded_free(x, (size_t) n);
		guarded_free(y - n % 4, (size_t) n + 3);
	}
}

static void
test_axpy(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int regime = 0; regime < N_REGIMES; regime++)
			check_axpy(kernels, regime);
	}
}

/*
 * Sums a hair off the middle between two floats, by less than a double holds:
 * rounded to double first they would be at the middle, and go to the wrong side.
 * 2^-24 (1 + 2^-23) (1 - 2^-23) = 2^-24 - 2^-70.
 */
static void
test_fma_rounds_once(void)
{
	const float odd = 1 + 0x1p-23f;
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		float w = 0x1p-24f * (1 + 0x1p-23f);
		float x[4] = { 1 - 0x1p-23f, -(1 - 0x1p-23f), -(1 - 0x1p-23f), 1 - 0x1p-23f };
		float y[4] = { odd, -odd, odd, -odd };

		kernels->axpy_f32(w, x, y, 4);
		for (int i = 0; i < 4; i++)
			CHECK_CLOSE(fabsf(y[i]), odd, 0);
	}
}

static void
test_dot_rows(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int stride = 0; stride <= 144; stride += 16)
		{
			float *rows = aligned((size_t) (11 * stride));
			float *b = aligned((size_t) stride);

			fill(rows, 11 * stride, 5, REGIME_WILD);
			fill(b, stride, 6, REGIME_WILD);
			for (int n_rows = 0; n_rows <= 11; n_rows++)
			{
				float *out = guarded((size_t) n_rows);

				kernels->dot_rows_f32(rows, n_rows, stride, b, out);
				for (int j = 0; j < n_rows; j++)
				{
					float expected = naive_dot_f32(rows + j * stride, b, stride);

					CHECK_BYTES_EQ(&out[j], &expected, sizeof(float));
				}
				guarded_free(out, (size_t) n_rows);
			}
			free(rows);
			free(b);
		}
	}
}

static void
check_mul(const LepKernels *kernels, int n)
{
	float *a = guarded((size_t) n);
	float *b = guarded((size_t) n);
	float *out = guarded((size_t) n + 3) + n % 4;
	float expected[MAX_N];
	float before = 42;

	fill(a, n, (uint64_t) n, REGIME_WILD);
	fill(b, n, (uint64_t) n + 1000, REGIME_WILD);
	for (int i = n; i < n + 3 - n % 4; i++)
		out[i] = before;
	for (int i = 0; i < n; i++)
		expected[i] = a[i] * b[i];
	kernels->mul_f32(a, b, out, n);
	CHECK_BYTES_EQ(out, expected, (size_t) n * sizeof(float));
	for (int i = n; i < n + 3 - n % 4; i++)
		CHECK(out[i] == before);
	guarded_free(a, (size_t) n);
	guarded_free(b, (size_t) n);
	guarded_free(out - n % 4, (size_t) n + 3);
}

static void
test_mul(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int n = 0; n <= MAX_N; n++)
			check_mul(kernels, n);
	}
}

/* Every element of the lower triangle; what is in the upper one stays, or is in a tile of the diagonal. */
static void
check_gram(const LepKernels *kernels, int n, int stride)
{
	int ld = n + 3;
	float *rows = aligned((size_t) (n * stride));
	float *out = guarded((size_t) (n * ld));

	fill(rows, n * stride, 7, REGIME_WILD);
	for (int e = 0; e < n * ld; e++)
		out[e] = 42;
	kernels->gram_f32(rows, n, stride, out, ld);
	for (int a = 0; a < n; a++)
	{
		for (int b = 0; b <= a; b++)
		{
			float expected = naive_dot_f32(rows + a * stride, rows + b * stride, stride);

			CHECK_BYTES_EQ(&out[a * ld + b], &expected, sizeof(float));
		}
		for (int b = (a / 4 + 1) * 4; b < ld; b++)
			CHECK(out[a * ld + b] == 42);
	}
	free(rows);
	guarded_free(out, (size_t) (n * ld));
}

static void
test_gram(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int stride = 0; stride <= 80; stride += 16)
		{
			for (int n = 0; n <= 13; n++)
				check_gram(kernels, n, stride);
		}
	}
}

static void
test_axpy_rows(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int stride = 0; stride <= 144; stride += 16)
		{
			float *rows = aligned((size_t) (5 * stride));
			float *y = aligned((size_t) stride);
			float expected[144];
			float w[5];

			fill(rows, 5 * stride, 7, REGIME_WILD);
			fill(w, 5, 9, REGIME_PLAIN);
			for (int n_rows = 0; n_rows <= 5; n_rows++)
			{
				fill(y, stride, 8, REGIME_PLAIN);
				memcpy(expected, y, (size_t) stride * sizeof(float));
				for (int j = 0; j < n_rows; j++)
				{
					for (int i = 0; i < stride; i++)
						expected[i] = fmaf(w[j], rows[j * stride + i], expected[i]);
				}
				kernels->axpy_rows_f32(w, rows, n_rows, stride, y);
				CHECK_BYTES_EQ(y, expected, (size_t) stride * sizeof(float));
			}
			free(rows);
			free(y);
		}
	}
}

/* c lower += sum w x x', then everything of c that must have stayed. */
static void
check_syrk(const LepKernels *kernels, int stride, int n, bool weighted)
{
	int ld = stride + 16;
	float *x = aligned((size_t) (n * stride));
	float *c = aligned((size_t) (stride * ld));
	float *before = aligned((size_t) (stride * ld));
	float w[200];

	fill(x, n * stride, (uint64_t) stride, REGIME_WILD);
	fill(c, stride * ld, (uint64_t) n, REGIME_PLAIN);
	fill(w, n, 3, REGIME_PLAIN);
	memcpy(before, c, (size_t) (stride * ld) * sizeof(float));
	kernels->syrk_f32(c, ld, x, stride, weighted ? w : NULL, n);
	for (int a = 0; a < stride; a++)
	{
		for (int b = 0; b < ld; b++)
		{
			float expected = before[a * ld + b];

			if (b > a && b < (a + 16) / 16 * 16)
				continue; /* anything */
			for (int j = 0; b <= a && j < n; j++)
				expected = fmaf(weighted ? w[j] * x[j * stride + a] : x[j * stride + a], x[j * stride + b],
								expected);
			CHECK_BYTES_EQ(&c[a * ld + b], &expected, sizeof(float));
		}
	}
	free(x);
	free(c);
	free(before);
}

static void
test_syrk(void)
{
	static const int n_rows[] = { 0, 1, 7, 63, 64, 65, 200 };
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int stride = 16; stride <= 144; stride += 32)
		{
			for (size_t i = 0; i < sizeof(n_rows) / sizeof(n_rows[0]); i++)
			{
				check_syrk(kernels, stride, n_rows[i], false);
				check_syrk(kernels, stride, n_rows[i], true);
			}
		}
	}
}

#define SGD_USERS	5
#define SGD_ITEMS	7
#define SGD_RATINGS 60

/* All that one SGD block reads and writes. */
typedef struct SgdCase
{
	uint16_t user[SGD_RATINGS];
	uint16_t item[SGD_RATINGS];
	float rating[SGD_RATINGS];
	float user_bias[SGD_USERS];
	float item_bias[SGD_ITEMS];
	float *user_factors;
	float *item_factors;
	LepSgdBlock block;
} SgdCase;

static void
sgd_case_init(SgdCase *sgd, int stride, Regime regime)
{
	LepRng rng;

	lep_rng_init(&rng, (uint64_t) stride, 1, 2);
	sgd->user_factors = aligned((size_t) (SGD_USERS * stride));
	sgd->item_factors = aligned((size_t) (SGD_ITEMS * stride));
	fill(sgd->user_factors, SGD_USERS * stride, 1, regime);
	fill(sgd->item_factors, SGD_ITEMS * stride, 2, regime);
	fill(sgd->user_bias, SGD_USERS, 3, REGIME_PLAIN);
	fill(sgd->item_bias, SGD_ITEMS, 4, REGIME_PLAIN);
	fill(sgd->rating, SGD_RATINGS, 5, REGIME_PLAIN);
	for (int j = 0; j < SGD_RATINGS; j++)
	{
		sgd->user[j] = (uint16_t) lep_rng_below(&rng, SGD_USERS);
		sgd->item[j] = (uint16_t) lep_rng_below(&rng, SGD_ITEMS);
	}
	sgd->block = (LepSgdBlock){
		.n = SGD_RATINGS,
		.user = sgd->user,
		.item = sgd->item,
		.rating = sgd->rating,
		.user_factors = sgd->user_factors,
		.item_factors = sgd->item_factors,
		.user_bias = sgd->user_bias,
		.item_bias = sgd->item_bias,
		.stride = stride,
		.learning_rate = 0.013f,
		.regularization = 0.07f,
		.bias_regularization = 0.03f,
		.loss = 12345, /* to be overwritten */
	};
}

static void
sgd_case_free(SgdCase *sgd)
{
	free(sgd->user_factors);
	free(sgd->item_factors);
}

/* The formula of kernels.h. */
static void
naive_sgd(LepSgdBlock *block)
{
	float shrink = fmaf(-block->learning_rate, block->regularization, 1);
	float bias_shrink = fmaf(-block->learning_rate, block->bias_regularization, 1);

	block->loss = 0;
	for (int64_t j = 0; j < block->n; j++)
	{
		float *p = block->user_factors + block->user[j] * block->stride;
		float *q = block->item_factors + block->item[j] * block->stride;
		float *bu = &block->user_bias[block->user[j]];
		float *bi = &block->item_bias[block->item[j]];
		float e = block->rating[j] - ((*bu + *bi) + naive_dot_f32(p, q, block->stride));
		float step = block->learning_rate * e;

		block->loss += (double) e * (double) e;
		*bu = fmaf(bias_shrink, *bu, step);
		*bi = fmaf(bias_shrink, *bi, step);
		for (int f = 0; f < block->stride; f++)
		{
			float old = p[f];

			p[f] = fmaf(step, q[f], shrink * p[f]);
			q[f] = fmaf(step, old, shrink * q[f]);
		}
	}
}

static void
test_sgd_block(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int stride = 0; stride <= 176; stride += 16)
		{
			SgdCase actual;
			SgdCase expected;

			sgd_case_init(&actual, stride, stride % 32 == 0 ? REGIME_PLAIN : REGIME_DENORMAL);
			sgd_case_init(&expected, stride, stride % 32 == 0 ? REGIME_PLAIN : REGIME_DENORMAL);
			kernels->sgd_block(&actual.block);
			naive_sgd(&expected.block);
			CHECK_BYTES_EQ(&actual.block.loss, &expected.block.loss, sizeof(double));
			CHECK_BYTES_EQ(actual.user_bias, expected.user_bias, sizeof(actual.user_bias));
			CHECK_BYTES_EQ(actual.item_bias, expected.item_bias, sizeof(actual.item_bias));
			CHECK_BYTES_EQ(actual.user_factors, expected.user_factors,
						   (size_t) (SGD_USERS * stride) * sizeof(float));
			CHECK_BYTES_EQ(actual.item_factors, expected.item_factors,
						   (size_t) (SGD_ITEMS * stride) * sizeof(float));
			sgd_case_free(&actual);
			sgd_case_free(&expected);
		}
	}
}

static void
test_sgd_block_of_nothing(void)
{
	const LepKernels *kernels;

	for (int level = 0; (kernels = next_level(&level)) != NULL;)
	{
		for (int stride = 0; stride <= 144; stride += 48)
		{
			LepSgdBlock block = { .n = 0, .stride = stride, .loss = 7 };

			kernels->sgd_block(&block);
			CHECK(block.loss == 0);
		}
	}
}

/*
 * One rating's update is a step down the gradient of
 * 1/2 (e^2 + reg (p'p + q'q) + bias_reg (bu^2 + bi^2)), taken by differences.
 */
static double
sgd_objective(const float *p, const float *q, double bu, double bi, double rating)
{
	double e = rating - bu - bi;
	double norm = 0;

	for (int f = 0; f < 16; f++)
	{
		e -= (double) p[f] * q[f];
		norm += (double) p[f] * p[f] + (double) q[f] * q[f];
	}
	return 0.5 * (e * e + 0.07 * norm + 0.03 * (bu * bu + bi * bi));
}

static void
test_sgd_follows_gradient(void)
{
	float p[16];
	float q[16];
	SgdCase sgd;
	double bu;
	double bi;
	double slope;

	sgd_case_init(&sgd, 16, REGIME_PLAIN);
	sgd.block.n = 1;
	memcpy(p, sgd.user_factors + sgd.user[0] * 16, sizeof(p));
	memcpy(q, sgd.item_factors + sgd.item[0] * 16, sizeof(q));
	bu = sgd.user_bias[sgd.user[0]];
	bi = sgd.item_bias[sgd.item[0]];
	lep_kernels->sgd_block(&sgd.block);
	for (int f = 0; f < 16; f++)
	{
		float up[16];
		float down[16];

		memcpy(up, p, sizeof(p));
		memcpy(down, p, sizeof(p));
		up[f] += 0.0078125f;
		down[f] -= 0.0078125f;
		slope =
			(sgd_objective(up, q, bu, bi, sgd.rating[0]) - sgd_objective(down, q, bu, bi, sgd.rating[0])) /
			((double) up[f] - down[f]);
		CHECK_CLOSE(sgd.user_factors[sgd.user[0] * 16 + f], p[f] - 0.013 * slope, 2e-6);
	}
	slope = (sgd_objective(p, q, bu + 0.01, bi, sgd.rating[0]) -
			 sgd_objective(p, q, bu - 0.01, bi, sgd.rating[0])) /
			0.02;
	CHECK_CLOSE(sgd.user_bias[sgd.user[0]], bu - 0.013 * slope, 2e-6);
	sgd_case_free(&sgd);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_levels);
	TEST(test_cpu_features);
	TEST(test_dots);
	TEST(test_dot_of_padded_row);
	TEST(test_dot_negative_zero);
	TEST(test_dot_not_finite);
	TEST(test_dot_accuracy);
	TEST(test_axpy);
	TEST(test_fma_rounds_once);
	TEST(test_mul);
	TEST(test_dot_rows);
	TEST(test_gram);
	TEST(test_axpy_rows);
	TEST(test_syrk);
	TEST(test_sgd_block);
	TEST(test_sgd_block_of_nothing);
	TEST(test_sgd_follows_gradient);
	return unit_done();
}
