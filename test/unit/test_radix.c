/*
 * test_radix.c
 *		Radix sort against insertion: order, stability, bits that do not count,
 *		stops.
 */
#include "sample.h"

#include "core/radix.h"

#define N 700

/* By the bits [low, high) of the key, equal ones in their order: insertion. */
static void
insertion_sort(uint64_t *keys, int n, int low, int high)
{
	uint64_t mask = (high == 64 ? UINT64_MAX : (UINT64_C(1) << high) - 1) >> low;

	for (int i = 1; i < n; i++)
	{
		uint64_t key = keys[i];
		int j = i;

		for (; j > 0 && (keys[j - 1] >> low & mask) > (key >> low & mask); j--)
			keys[j] = keys[j - 1];
		keys[j] = key;
	}
}

static void
test_sorts_as_insertion_does(void)
{
	static const int ranges[][2] = { { 0, 64 }, { 32, 64 }, { 0, 5 }, { 3, 25 }, { 60, 64 }, { 7, 7 } };
	static const int sizes[] = { 0, 1, 2, 3, 63, N };
	uint64_t keys[N];
	uint64_t expected[N];
	uint64_t spare[N];
	LepEnv env;

	unit_env_init(&env);
	for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++)
	{
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		{
			uint64_t seed = r * 10 + s;

			/* few values in the upper half, so that many are equal there */
			for (int k = 0; k < sizes[s]; k++)
				keys[k] = expected[k] =
					(sample_next(&seed) % 40) * UINT64_C(0x0400010000400001) << 32 | (uint64_t) k;
			insertion_sort(expected, sizes[s], ranges[r][0], ranges[r][1]);
			CHECK_STATUS(lep_radix_sort(&env, keys, spare, sizes[s], ranges[r][0], ranges[r][1]), LEP_OK);
			CHECK_BYTES_EQ(keys, expected, (size_t) sizes[s] * sizeof(uint64_t));
		}
	}
	unit_env_done(&env);
}

static void
test_signed_keys(void)
{
	static const int64_t ascending[] = { INT64_MIN, -5, -1, 0, 1, 1000, INT64_MAX };

	for (int k = 1; k < 7; k++)
		CHECK(lep_radix_key(ascending[k - 1]) < lep_radix_key(ascending[k]));
	CHECK_INT_EQ(lep_radix_value(lep_radix_key(-7)), -7);
}

static bool
stop_at_once(void *host)
{
	(void) host;
	return true;
}

static void
test_stops(void)
{
	uint64_t keys[2] = { 2, 1 };
	uint64_t spare[2];
	LepEnv env;

	unit_env_init(&env);
	env.should_stop = stop_at_once;
	CHECK_STATUS(lep_radix_sort(&env, keys, spare, 2, 0, 64), LEP_ERR_STOPPED);
	unit_env_done(&env);
}

static bool
count_question(void *host)
{
	++*(int64_t *) host;
	return false;
}

/* An odd number of digits leaves the keys in the spare: 16 MB come back in parts. */
static void
test_asks_while_it_copies(void)
{
	const int64_t n = 2 * 1024 * 1024;
	uint64_t *keys = malloc(2 * (size_t) n * sizeof(uint64_t));
	int64_t asked = 0;
	LepEnv env;

	unit_env_init(&env);
	for (int64_t k = 0; k < n; k++)
		keys[k] = (uint64_t) (n - k) & 1;
	env.host = &asked;
	env.should_stop = count_question;
	CHECK_STATUS(lep_radix_sort(&env, keys, keys + n, n, 0, 11), LEP_OK);
	CHECK_INT_EQ(keys[n / 2 - 1], 0);
	CHECK_INT_EQ(keys[n / 2], 1);
	/* twice through all keys, 4096 at a time, and then */
	CHECK(asked >= 2 * (n / 4096) + 2, "%d", (int) asked);
	unit_env_done(&env);
	free(keys);
}

int
main(void)
{
	TEST(test_sorts_as_insertion_does);
	TEST(test_signed_keys);
	TEST(test_stops);
	TEST(test_asks_while_it_copies);
	return unit_done();
}
