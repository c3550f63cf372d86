/*
 * test_rng.c
 *		Philox against the published known answers, deviates against their
 *		distributions, logarithm and exponential against the C library's.
 */
#include <float.h>

#include "core/rng.h"
#include "unit.h"

static uint64_t
bits_of(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* The file kat_vectors of Random123 1.09, lines "philox4x64 10". */
static void
test_philox_known_answers(void)
{
	static const uint64_t in[3][6] = {
		{ 0, 0, 0, 0, 0, 0 },
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
		{ UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344), UINT64_C(0xa4093822299f31d0),
		  UINT64_C(0x082efa98ec4e6c89), UINT64_C(0x452821e638d01377), UINT64_C(0xbe5466cf34e90c6c) },
	};
	static const uint64_t out[3][4] = {
		{ UINT64_C(0x16554d9eca36314c), UINT64_C(0xdb20fe9d672d0fdc), UINT64_C(0xd7e772cee186176b),
		  UINT64_C(0x7e68b68aec7ba23b) },
		{ UINT64_C(0x87b092c3013fe90b), UINT64_C(0x438c3c67be8d0224), UINT64_C(0x9cc7d7c69cd777b6),
		  UINT64_C(0xa09caebf594f0ba0) },
		{ UINT64_C(0xa528f45403e61d95), UINT64_C(0x38c72dbd566e9788), UINT64_C(0xa5a1610e72fd18b5),
		  UINT64_C(0x57bd43b5e52b7fe6) },
	};

	for (int i = 0; i < 3; i++)
	{
		uint64_t result[4];

		lep_philox(in[i], in[i] + 4, result);
		CHECK_BYTES_EQ(result, out[i], sizeof(result));
	}
}

/* The stream is the generator's blocks, one word after the other. */
static void
test_stream_is_philox(void)
{
	static const uint64_t key[2] = { 11, 22 };
	LepRng rng;

	lep_rng_init(&rng, 11, 22, 33);
	for (uint64_t block = 0; block < 3; block++)
	{
		uint64_t counter[4] = { block, 33, 0, 0 };
		uint64_t expected[4];

		lep_philox(counter, key, expected);
		for (int i = 0; i < 4; i++)
			CHECK(lep_rng_next(&rng) == expected[i]);
	}
}

/* Neighbouring seeds, streams and rows have nothing in common. */
static void
test_streams_differ(void)
{
	for (uint64_t which = 0; which < 3; which++)
	{
		LepRng a;
		LepRng b;
		int n_bits = 0;

		lep_rng_init(&a, 7, 8, 9);
		lep_rng_init(&b, 7 + (which == 0), 8 + (which == 1), 9 + (which == 2));
		for (int i = 0; i < 1000; i++)
			n_bits += __builtin_popcountll(lep_rng_next(&a) ^ lep_rng_next(&b));
		/* binomial(64000, 1/2): 5 standard deviations are 632 */
		CHECK_CLOSE(n_bits, 32000, 632);
	}
}

#define N_BINS 100

/* Chi-square with 99 degrees of freedom, both tails of 0.0005: 58 to 153. */
static void
check_chi_square(const int *count, int n)
{
	double expected = (double) n / N_BINS;
	double sum = 0;

	for (int i = 0; i < N_BINS; i++)
		sum += (count[i] - expected) * (count[i] - expected) / expected;
	CHECK_MSG(sum > 58 && sum < 153, "chi-square %g", sum);
}

static void
test_uniform(void)
{
	enum
	{
		N = 200000
	};
	int count[N_BINS] = { 0 };
	double sum = 0;
	double low = 1;
	double high = 0;
	LepRng rng;

	lep_rng_init(&rng, 1, 2, 3);
	for (int i = 0; i < N; i++)
	{
		double x = lep_rng_uniform(&rng);

		CHECK(x >= 0 && x < 1);
		CHECK(x * 0x1p53 == floor(x * 0x1p53));
		count[(int) (x * N_BINS)]++;
		sum += x;
		low = x < low ? x : low;
		high = x > high ? x : high;
	}
	check_chi_square(count, N);
	CHECK_CLOSE(sum / N, 0.5, 4 * sqrt(1.0 / 12 / N));
	CHECK(low < 1e-4 && high > 1 - 1e-4);
}

static void
test_below(void)
{
	enum
	{
		N = 200000
	};
	int count[N_BINS] = { 0 };
	int n_high = 0;
	LepRng rng;

	lep_rng_init(&rng, 4, 5, 6);
	for (int i = 0; i < N; i++)
	{
		uint64_t x = lep_rng_below(&rng, N_BINS);

		if (CHECK(x < N_BINS))
			count[x]++;
	}
	check_chi_square(count, N);
	for (int i = 0; i < 100; i++)
		CHECK(lep_rng_below(&rng, 1) == 0);

	/* Without rejection the lower half of [0, 2^63 + 2^62) would come up 1/3 too often or too rarely. */
	for (int i = 0; i < N; i++)
	{
		uint64_t n = UINT64_C(3) << 62;
		uint64_t x = lep_rng_below(&rng, n);

		CHECK(x < n);
		n_high += x % 3 == 0;
	}
	CHECK_CLOSE(n_high, N / 3.0, 4 * sqrt(N * 2.0 / 9));
}

/* Moments within four standard errors, and the share beyond 1, 2 and 3. */
static void
test_normal(void)
{
	enum
	{
		N = 400000
	};
	static const double beyond[3] = { 0.31731050786291415, 0.04550026389635842, 0.0026997960632601866 };
	double sum[5] = { 0 };
	int n_beyond[3] = { 0 };
	double product = 0;
	double last = 0;
	LepRng rng;

	lep_rng_init(&rng, 7, 8, 9);
	for (int i = 0; i < N; i++)
	{
		double x = lep_rng_normal(&rng);
		double power = 1;

		for (int moment = 1; moment <= 4; moment++)
		{
			power *= x;
			sum[moment] += power;
		}
		for (int k = 0; k < 3; k++)
			n_beyond[k] += fabs(x) > k + 1;
		product += x * last;
		last = x;
	}
	/* variances of x, x^2, x^3, x^4: 1, 2, 15, 96 */
	CHECK_CLOSE(sum[1] / N, 0, 4 * sqrt(1.0 / N));
	CHECK_CLOSE(sum[2] / N, 1, 4 * sqrt(2.0 / N));
	CHECK_CLOSE(sum[3] / N, 0, 4 * sqrt(15.0 / N));
	CHECK_CLOSE(sum[4] / N, 3, 4 * sqrt(96.0 / N));
	CHECK_CLOSE(product / N, 0, 4 * sqrt(1.0 / N)); /* the two of a pair */
	for (int k = 0; k < 3; k++)
		CHECK_CLOSE((double) n_beyond[k] / N, beyond[k], 4 * sqrt(beyond[k] / N));
}

/*
 * Fixed for ever: models are told by their seed.  Worked out from the answers
 * of Philox by the formulas of the header, in Python with 50 digits, then
 * rounded.
 */
static void
test_fixed_values(void)
{
	LepRng rng;

	lep_rng_init(&rng, 0, 0, 0);
	CHECK(lep_rng_next(&rng) == UINT64_C(0x16554d9eca36314c));
	lep_rng_init(&rng, 0, 0, 0);
	CHECK_CLOSE(lep_rng_uniform(&rng), 0.08723912359911234, 1e-16);
	lep_rng_init(&rng, 0, 0, 0);
	CHECK_INT_EQ(lep_rng_below(&rng, 1000), 87);
	/* The first pair is outside the circle, the second one is taken. */
	lep_rng_init(&rng, 0, 0, 0);
	CHECK_CLOSE(lep_rng_normal(&rng), 1.2255563760820546528, 1e-15);
	CHECK_CLOSE(lep_rng_normal(&rng), -0.02218118303924405589, 1e-16);
}

/* Units in the last place between x and the true value. */
static double
ulps(double x, long double truth)
{
	int exponent;

	frexpl(truth, &exponent);
	return (double) (fabsl((long double) x - truth) / ldexpl(1, exponent - DBL_MANT_DIG));
}

static void
test_log(void)
{
	double worst = 0;
	LepRng rng;

	lep_rng_init(&rng, 1, 1, 1);
	for (int i = 0; i < 200000; i++)
	{
		/* near 1, in (0, 2), all magnitudes, denormals */
		double u = lep_rng_uniform(&rng);
		double x[4] = { 1 + (u - 0.5) * 0x1p-6, 2 * u, ldexp(1 + u, (int) lep_rng_below(&rng, 2040) - 1020),
						u * 0x1p-1022 };

		for (int j = 0; j < 4; j++)
		{
			double error = x[j] > 0 && x[j] != 1 ? ulps(lep_log(x[j]), logl((long double) x[j])) : 0;

			worst = error > worst ? error : worst;
		}
	}
	CHECK_MSG(worst < 1, "%g ulp", worst);
	CHECK(lep_log(1) == 0);
	CHECK(lep_log(0) == -INFINITY);
	CHECK(lep_log(-0.0) == -INFINITY);
	CHECK(lep_log(INFINITY) == INFINITY);
	CHECK(isnan(lep_log(-1)));
	CHECK(isnan(lep_log(-INFINITY)));
	CHECK(isnan(lep_log(NAN)));
}

static void
test_exp(void)
{
	double worst = 0;
	LepRng rng;

	lep_rng_init(&rng, 2, 2, 2);
	for (int i = 0; i < 200000; i++)
	{
		double u = lep_rng_uniform(&rng) - 0.5;
		double x[3] = { u, u * 40, u * 1416 };

		for (int j = 0; j < 3; j++)
		{
			double error = ulps(lep_exp(x[j]), expl((long double) x[j]));

			worst = error > worst ? error : worst;
		}
	}
	CHECK_MSG(worst < 1, "%g ulp", worst);
	/* Denormal results: one of their units, which is the least number there is. */
	for (double x = -708.5; x > -746; x -= 0.37)
		CHECK_CLOSE(lep_exp(x), exp(x), 0x1p-1074);
	CHECK(lep_exp(0) == 1);
	CHECK(lep_exp(-0.0) == 1);
	CHECK(lep_exp(1e308) == INFINITY);
	CHECK(lep_exp(INFINITY) == INFINITY);
	CHECK(lep_exp(709.79) == INFINITY);
	CHECK(lep_exp(709.78) < INFINITY);
	CHECK(lep_exp(-1e308) == 0);
	CHECK(lep_exp(-INFINITY) == 0);
	CHECK(lep_exp(-745.14) == 0);
	CHECK(lep_exp(-745.13) > 0);
	CHECK(isnan(lep_exp(NAN)));
}

/* Bits that must not depend on compiler, machine or version. */
static void
test_bits(void)
{
	uint64_t hash = 0;
	LepRng rng;

	lep_rng_init(&rng, 3, 3, 3);
	for (int i = 1; i <= 1000; i++)
	{
		hash = lep_hash_combine(hash, bits_of(lep_log(i * 0.37)));
		hash = lep_hash_combine(hash, bits_of(lep_exp(i * 0.37 - 185)));
		hash = lep_hash_combine(hash, bits_of(lep_rng_normal(&rng)));
	}
	CHECK_MSG(hash == UINT64_C(0x02e588e82f22d490), "%" PRIx64, hash);
}

/* One bit of the input changes half of the output's, each with probability 1/2. */
static void
check_avalanche(const int flipped[64], int n)
{
	double deviation = sqrt(n) / 2;

	for (int bit = 0; bit < 64; bit++)
		CHECK_CLOSE(flipped[bit], n / 2.0, 5 * deviation);
}

static void
test_hash_combine_avalanche(void)
{
	enum
	{
		N = 2000
	};

	for (int in_bit = 0; in_bit < 128; in_bit++)
	{
		int flipped[64] = { 0 };

		for (uint64_t i = 0; i < N; i++)
		{
			uint64_t a = i % 50; /* small numbers, as ids are */
			uint64_t b = i / 50;
			uint64_t a2 = in_bit < 64 ? a ^ (UINT64_C(1) << in_bit) : a;
			uint64_t b2 = in_bit < 64 ? b : b ^ (UINT64_C(1) << (in_bit - 64));
			uint64_t difference = lep_hash_combine(a, b) ^ lep_hash_combine(a2, b2);

			for (int bit = 0; bit < 64; bit++)
				flipped[bit] += (difference >> bit) & 1;
		}
		check_avalanche(flipped, N);
	}
	CHECK(lep_hash_combine(1, 2) != lep_hash_combine(2, 1));
	CHECK(lep_hash_combine(0, 0) != 0);
}

static void
test_hash_bytes(void)
{
	unsigned char bytes[64];
	uint64_t seen[3 * 64];
	int n_seen = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char) (i * 37 + 1);
	/* Lengths, a changed byte, zeros at the end, alignment. */
	for (int len = 0; len < 40; len++)
	{
		unsigned char copy[65];

		memcpy(copy + 1, bytes, sizeof(bytes));
		CHECK(lep_hash_bytes(copy + 1, len) == lep_hash_bytes(bytes, len));
		seen[n_seen++] = lep_hash_bytes(bytes, len);
		if (len > 0)
		{
			copy[len] ^= 2;
			seen[n_seen++] = lep_hash_bytes(copy + 1, len);
			copy[len] = 0;
			seen[n_seen++] = lep_hash_bytes(copy + 1, len);
		}
	}
	for (int i = 0; i < n_seen; i++)
	{
		for (int j = 0; j < i; j++)
			CHECK(seen[i] != seen[j]);
	}
}

/* Little-endian words whatever the machine: values fixed for ever. */
static void
test_hash_fixed_values(void)
{
	CHECK_MSG(lep_hash_bytes("", 0) == UINT64_C(0xe220a8397b1dcdaf), "%" PRIx64, lep_hash_bytes("", 0));
	CHECK_MSG(lep_hash_bytes("lepton", 6) == UINT64_C(0x6406c69ef5fea4d1), "%" PRIx64,
			  lep_hash_bytes("lepton", 6));
	CHECK_MSG(lep_hash_bytes("twelve bytes", 12) == UINT64_C(0xed19258c963446ab), "%" PRIx64,
			  lep_hash_bytes("twelve bytes", 12));
	CHECK_MSG(lep_hash_combine(1, 2) == UINT64_C(0x081a5c1377856b73), "%" PRIx64, lep_hash_combine(1, 2));
}

int
main(void)
{
	TEST(test_philox_known_answers);
	TEST(test_stream_is_philox);
	TEST(test_streams_differ);
	TEST(test_uniform);
	TEST(test_below);
	TEST(test_normal);
	TEST(test_fixed_values);
	TEST(test_log);
	TEST(test_exp);
	TEST(test_bits);
	TEST(test_hash_combine_avalanche);
	TEST(test_hash_bytes);
	TEST(test_hash_fixed_values);
	return unit_done();
}
