/*
 * test_linalg.c
 *		Cholesky and solve against a textbook reference in double precision, at
 *		every kernel level that runs here.
 */
#include <float.h>

#include "core/kernels.h"
#include "core/linalg.h"
#include "core/rng.h"
#include "unit.h"

/* Sizes around the panels' edges. */
static const int sizes[] = { 1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 128, 200 };
#define N_SIZES (int) (sizeof(sizes) / sizeof(sizes[0]))
#define MAX_N	200

static float *
new_matrix(int n, int ld)
{
	size_t size = (size_t) (lep_row_stride(n) * ld) * sizeof(float);
	float *a = aligned_alloc(64, size);

	if (a == NULL)
		abort();
	memset(a, 0xFF, size); /* NaN: what is not set must not matter */
	return a;
}

/* Lower triangle of X X' / n + ridge, X of n x n normal deviates. */
static void
fill_positive_definite(float *a, int ld, int n, double ridge, uint64_t seed)
{
	static double x[MAX_N][MAX_N];
	LepRng rng;

	lep_rng_init(&rng, seed, (uint64_t) n, 0);
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
			x[i][j] = lep_rng_normal(&rng);
	}
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j <= i; j++)
		{
			double sum = i == j ? ridge : 0;

			for (int f = 0; f < n; f++)
				sum += x[i][f] * x[j][f] / n;
			a[i * ld + j] = (float) sum;
		}
	}
}

/* Row by row, as textbooks have it. */
static void
reference_cholesky(const float *a, int ld, int n, double l[MAX_N][MAX_N])
{
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j <= i; j++)
		{
			double sum = a[i * ld + j];

			for (int f = 0; f < j; f++)
				sum -= l[i][f] * l[j][f];
			l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
		}
	}
}

static void
reference_solve(double l[MAX_N][MAX_N], int n, double *b)
{
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < i; j++)
			b[i] -= l[i][j] * b[j];
		b[i] /= l[i][i];
	}
	for (int i = n - 1; i >= 0; i--)
	{
		for (int j = i + 1; j < n; j++)
			b[i] -= l[j][i] * b[j];
		b[i] /= l[i][i];
	}
}

/*
 * Condition numbers here are below 50 (ridge 0.1, eigenvalues up to 4), so
 * both the factor and the solution are near those of the reference.
 */
static void
check_against_reference(int n, int ld)
{
	static double l[MAX_N][MAX_N];
	float *a = new_matrix(n, ld);
	float b[MAX_N];
	double x[MAX_N];
	LepRng rng;

	fill_positive_definite(a, ld, n, 0.1, 1);
	reference_cholesky(a, ld, n, l);
	CHECK(lep_cholesky(a, ld, n));
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j <= i; j++)
			CHECK_CLOSE(a[i * ld + j], l[i][j], 50 * sqrt(n) * FLT_EPSILON);
	}

	lep_rng_init(&rng, 2, (uint64_t) n, 0);
	for (int i = 0; i < n; i++)
		x[i] = b[i] = (float) lep_rng_normal(&rng);
	reference_solve(l, n, x);
	lep_cholesky_solve(a, ld, n, b);
	for (int i = 0; i < n; i++)
		CHECK_CLOSE(b[i], x[i], 500 * sqrt(n) * FLT_EPSILON);
	free(a);
}

static void
test_against_reference(void)
{
	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		if (lep_kernels_select(level) != 0)
			continue;
		for (int i = 0; i < N_SIZES; i++)
		{
			check_against_reference(sizes[i], lep_row_stride(sizes[i]));
			check_against_reference(sizes[i], lep_row_stride(sizes[i]) + 32);
		}
	}
}

/* [4 . .; 2 5 .; -2 3 14] = L L' with L = [2; 1 2; -1 2 3]; b = (4, 10, 15) has x = (1, 1, 1). */
static void
test_by_hand(void)
{
	float *a = new_matrix(3, 16);
	float b[3] = { 4, 10, 15 };

	memcpy(a, (float[]){ 4 }, sizeof(float));
	memcpy(a + 16, (float[]){ 2, 5 }, 2 * sizeof(float));
	memcpy(a + 32, (float[]){ -2, 3, 14 }, 3 * sizeof(float));
	CHECK(lep_cholesky(a, 16, 3));
	CHECK_BYTES_EQ(a, ((float[]){ 2 }), sizeof(float));
	CHECK_BYTES_EQ(a + 16, ((float[]){ 1, 2 }), 2 * sizeof(float));
	CHECK_CLOSE(a[32], -1, FLT_EPSILON);
	CHECK_CLOSE(a[33], 2, 2 * FLT_EPSILON);
	CHECK_CLOSE(a[34], 3, 4 * FLT_EPSILON);
	lep_cholesky_solve(a, 16, 3, b);
	for (int i = 0; i < 3; i++)
		CHECK_CLOSE(b[i], 1, 1e-5);
	free(a);
}

/* A well-known ill-conditioned matrix: the backward error stays small all the same. */
static void
test_hilbert(void)
{
	enum
	{
		N = 6
	};
	float *a = new_matrix(N, 16);

	for (int i = 0; i < N; i++)
	{
		for (int j = 0; j <= i; j++)
			a[i * 16 + j] = 1.0f / (float) (i + j + 1);
	}
	CHECK(lep_cholesky(a, 16, N));
	for (int i = 0; i < N; i++)
	{
		for (int j = 0; j <= i; j++)
		{
			double sum = 0;

			for (int f = 0; f <= j; f++)
				sum += (double) a[i * 16 + f] * a[j * 16 + f];
			CHECK_CLOSE(sum, 1.0 / (i + j + 1), 2 * N * FLT_EPSILON);
		}
	}
	free(a);
}

/* Lower triangle and solution, as bits, of each level. */
static void
test_same_bits(void)
{
	for (int i = 0; i < N_SIZES; i++)
	{
		int n = sizes[i];
		int ld = lep_row_stride(n);
		float *first = new_matrix(n, ld);
		float first_b[MAX_N];

		for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
		{
			float *a = new_matrix(n, ld);
			float b[MAX_N];
			bool is_first = level == LEP_KERNELS_PORTABLE;

			if (lep_kernels_select(level) == 0)
			{
				fill_positive_definite(a, ld, n, 0.01, 3);
				for (int j = 0; j < n; j++)
					b[j] = (float) j - 3.3f;
				CHECK(lep_cholesky(a, ld, n));
				lep_cholesky_solve(a, ld, n, b);
				if (is_first)
				{
					memcpy(first, a, (size_t) (n * ld) * sizeof(float));
					memcpy(first_b, b, sizeof(b));
				}
				for (int j = 0; j < n; j++)
					CHECK_BYTES_EQ(a + j * ld, first + j * ld, (size_t) (j + 1) * sizeof(float));
				CHECK_BYTES_EQ(b, first_b, (size_t) n * sizeof(float));
			}
			free(a);
		}
		free(first);
	}
}

/* The pivot of every position, made bad in every way. */
static void
test_not_positive_definite(void)
{
	static const float bad[] = { 0, -1, -1e30f, INFINITY, -INFINITY, NAN };

	for (int i = 0; i < N_SIZES; i++)
	{
		int n = sizes[i];
		int ld = lep_row_stride(n);
		float *a = new_matrix(n, ld);

		for (int at = 0; at < n; at += n < 40 ? 1 : 13)
		{
			for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
			{
				fill_positive_definite(a, ld, n, 0.1, 4);
				a[at * ld + at] = bad[k];
				CHECK_MSG(!lep_cholesky(a, ld, n), "n %d, pivot %d is %g", n, at, (double) bad[k]);
			}
		}
		free(a);
	}
}

/* Off the diagonal a NaN or an infinity comes to a pivot too. */
static void
test_not_finite(void)
{
	float *a = new_matrix(40, 48);

	for (int row = 1; row < 40; row++)
	{
		fill_positive_definite(a, 48, 40, 0.1, 5);
		a[row * 48 + row / 2] = NAN;
		CHECK(!lep_cholesky(a, 48, 40));
		fill_positive_definite(a, 48, 40, 0.1, 5);
		a[row * 48 + row / 2] = INFINITY;
		CHECK(!lep_cholesky(a, 48, 40));
	}
	free(a);
}

static void
test_limits(void)
{
	const int n = LEP_LINALG_MAX;
	float *a = new_matrix(n, n);
	float b = 5;

	CHECK(lep_cholesky(a, n, 0));
	lep_cholesky_solve(a, n, 0, &b);
	CHECK(b == 5);
	CHECK(!lep_cholesky(a, n + 16, n + 1));
	/* tridiagonal, 2 and -1: pivots are (i + 2) / (i + 1) */
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j <= i; j++)
			a[i * n + j] = i == j ? 2 : j == i - 1 ? -1 : 0;
	}
	CHECK(lep_cholesky(a, n, n));
	for (int i = 0; i < n; i++)
		CHECK_CLOSE(a[i * n + i], sqrt((i + 2.0) / (i + 1)), 1e-4);
	free(a);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_against_reference);
	TEST(test_by_hand);
	TEST(test_hilbert);
	TEST(test_same_bits);
	lep_kernels_choose();
	TEST(test_not_positive_definite);
	TEST(test_not_finite);
	TEST(test_limits);
	return unit_done();
}
