/*
 * test_dense.c
 *		Small dense matrices: factors and eigenvectors against what defines them.
 */
#include "unit.h"

#include "core/dense.h"
#include "core/rng.h"

#define N_MAX 70

static double product[N_MAX * N_MAX];

/* X X' of a random n x m matrix: symmetric, of rank min(n, m). */
static void
random_gram(double *a, int n, int m, uint64_t seed)
{
	double x[N_MAX * N_MAX];
	LepRng rng;

	lep_rng_init(&rng, seed, 1, 0);
	for (int e = 0; e < n * m; e++)
		x[e] = lep_rng_normal(&rng);
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
		{
			a[i * n + j] = 0;
			for (int c = 0; c < m; c++)
				a[i * n + j] += x[i * m + c] * x[j * m + c];
		}
	}
}

static void
test_cholesky_multiplies_back(void)
{
	static const int sizes[] = { 1, 2, 3, 17, 64 };

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		int n = sizes[s];
		double a[N_MAX * N_MAX];
		double l[N_MAX * N_MAX];
		double b[N_MAX] = { 0 };
		double x[N_MAX];

		random_gram(a, n, n + 2, 3);
		memcpy(l, a, sizeof(a));
		if (!CHECK(lep_dense_cholesky(l, n)))
			return;
		for (int i = 0; i < n; i++)
		{
			for (int j = 0; j <= i; j++)
			{
				double sum = 0;

				for (int c = 0; c <= j; c++)
					sum += l[i * n + c] * l[j * n + c];
				CHECK_CLOSE(sum, a[i * n + j], 1e-11 * n * n);
			}
			b[i] = 1.0 / (1 + i);
		}
		memcpy(x, b, sizeof(b));
		lep_dense_solve_lower(l, n, x);
		lep_dense_solve_upper(l, n, x);
		for (int i = 0; i < n; i++)
		{
			double sum = 0;

			for (int j = 0; j < n; j++)
				sum += a[i * n + j] * x[j];
			CHECK_CLOSE(sum, b[i], 1e-8);
		}
	}
}

static void
test_cholesky_refuses(void)
{
	double indefinite[4] = { 1, 2, 2, 1 };
	double nan[1] = { NAN };
	double infinite[1] = { INFINITY };

	CHECK(!lep_dense_cholesky(indefinite, 2));
	CHECK(!lep_dense_cholesky(nan, 1));
	CHECK(!lep_dense_cholesky(infinite, 1));
}

/* A z = value z, the vectors orthonormal, the values descending. */
static void
check_eigen(const double *a, int n, double tolerance)
{
	double z[N_MAX * N_MAX];
	double value[N_MAX];
	double scratch[N_MAX];

	memcpy(z, a, (size_t) n * (size_t) n * sizeof(double));
	if (!CHECK(lep_dense_eigen(z, n, value, scratch)))
		return;
	for (int j = 0; j < n; j++)
	{
		if (j > 0)
			CHECK(value[j] <= value[j - 1]);
		for (int i = 0; i < n; i++)
		{
			double az = 0;
			double zz = 0;

			for (int c = 0; c < n; c++)
			{
				az += a[i * n + c] * z[j * n + c];
				zz += z[i * n + c] * z[j * n + c];
			}
			product[i * n + j] = az;
			CHECK_CLOSE(az, value[j] * z[j * n + i], tolerance);
			CHECK_CLOSE(zz, i == j ? 1 : 0, 1e-12 * n);
		}
	}
}

static void
test_eigen_of_random_matrices(void)
{
	static const int sizes[] = { 1, 2, 3, 16, 33, 64 };

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		double a[N_MAX * N_MAX];

		random_gram(a, sizes[s], sizes[s] + 3, 11);
		check_eigen(a, sizes[s], 1e-10);
		/* rank 2: all but two values are 0, many times over */
		random_gram(a, sizes[s], 2, 5);
		check_eigen(a, sizes[s], 1e-10);
	}
}

/* 2 - 2 cos(j pi / (n + 1)): the second difference's eigenvalues. */
static void
test_eigen_of_second_difference(void)
{
	enum
	{
		N = 30
	};
	double a[N * N] = { 0 };
	double value[N];
	double scratch[N];

	for (int i = 0; i < N; i++)
	{
		a[i * N + i] = 2;
		if (i > 0)
			a[i * N + i - 1] = a[(i - 1) * N + i] = -1;
	}
	check_eigen(a, N, 1e-13);
	CHECK(lep_dense_eigen(a, N, value, scratch));
	for (int j = 0; j < N; j++)
		CHECK_CLOSE(value[j], 2 - 2 * cos((N - j) * 3.14159265358979323846 / (N + 1)), 1e-13);
}

static void
test_eigen_of_special_matrices(void)
{
	double zero[9] = { 0 };
	double diagonal[9] = { 1, 0, 0, 0, -5, 0, 0, 0, 3 };
	double tiny[4] = { 1e-300, 1e-301, 1e-301, 2e-300 };
	double nan[4] = { 1, NAN, NAN, 1 };
	double value[3];
	double scratch[3];

	check_eigen(zero, 3, 0);
	check_eigen(diagonal, 3, 1e-15);
	check_eigen(tiny, 2, 1e-315);
	CHECK(!lep_dense_eigen(nan, 2, value, scratch));
}

/* Asked often, with the same bits; and left at once. */
static void
test_eigen_can_be_stopped(void)
{
	double plain[N_MAX * N_MAX];
	double a[N_MAX * N_MAX];
	double plain_value[N_MAX];
	double value[N_MAX];
	double scratch[N_MAX];
	UnitStopper stopper = { 0, INT64_MAX };
	int n = 40;
	int n_asked;
	LepEnv env;

	unit_env_init(&env);
	env.host = &stopper;
	env.should_stop = unit_stop_after;
	random_gram(plain, n, n + 3, 11);
	memcpy(a, plain, sizeof(a));
	CHECK(lep_dense_eigen(plain, n, plain_value, scratch));
	CHECK_OK(lep_dense_eigen_stoppable(&env, a, n, value, scratch));
	CHECK_BYTES_EQ(a, plain, sizeof(double) * (size_t) (n * n));
	CHECK_BYTES_EQ(value, plain_value, sizeof(double) * (size_t) n);
	n_asked = stopper.n_asked;
	CHECK(n_asked > 2 * n);
	for (int limit = 0; limit < n_asked; limit += 7)
	{
		stopper = (UnitStopper){ 0, limit };
		random_gram(a, n, n + 3, 11);
		CHECK_STATUS(lep_dense_eigen_stoppable(&env, a, n, value, scratch), LEP_ERR_STOPPED);
		CHECK_INT_EQ(stopper.n_asked, limit + 1);
	}
	a[3] = INFINITY;
	CHECK_STATUS(lep_dense_eigen_stoppable(&env, a, n, value, scratch), LEP_ERR_DIVERGED);
	unit_env_done(&env);
}

/* Likewise; and what is not positive definite is said. */
static void
test_cholesky_can_be_stopped(void)
{
	double plain[N_MAX * N_MAX];
	double a[N_MAX * N_MAX];
	UnitStopper stopper = { 0, INT64_MAX };
	int n = 40;
	LepEnv env;

	unit_env_init(&env);
	env.host = &stopper;
	env.should_stop = unit_stop_after;
	random_gram(plain, n, n + 3, 12);
	memcpy(a, plain, sizeof(a));
	CHECK(lep_dense_cholesky(plain, n));
	CHECK_OK(lep_dense_cholesky_stoppable(&env, a, n));
	CHECK_BYTES_EQ(a, plain, sizeof(double) * (size_t) (n * n));
	CHECK_INT_EQ(stopper.n_asked, n);
	for (int limit = 0; limit < n; limit += 7)
	{
		stopper = (UnitStopper){ 0, limit };
		random_gram(a, n, n + 3, 12);
		CHECK_STATUS(lep_dense_cholesky_stoppable(&env, a, n), LEP_ERR_STOPPED);
		CHECK_INT_EQ(stopper.n_asked, limit + 1);
	}
	stopper = (UnitStopper){ 0, INT64_MAX };
	random_gram(a, n, n + 3, 12);
	a[0] = 0;
	CHECK_STATUS(lep_dense_cholesky_stoppable(&env, a, n), LEP_ERR_DIVERGED);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_cholesky_multiplies_back);
	TEST(test_cholesky_refuses);
	TEST(test_eigen_of_random_matrices);
	TEST(test_eigen_of_second_difference);
	TEST(test_eigen_of_special_matrices);
	TEST(test_eigen_can_be_stopped);
	TEST(test_cholesky_can_be_stopped);
	return unit_done();
}
