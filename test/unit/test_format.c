/*
 * test_format.c
 *		Stored bytes: golden ones, written out by hand from docs/format.md, and
 *		every way of damaging them.
 */
#include "document.h"
#include "unit.h"

#include "core/format.h"
#include "core/kernels.h"
#include "core/model.h"
#include "core/rng.h"

#define MAX_BYTES 8192

/* 1, -2, 0.125 */
static const uint8_t golden_factors[] = { 'L',	'E',  'P', 'F', 1, 1,	 3, 0, 0, 0,
										  0x80, 0x3F, 0,   0,	0, 0xC0, 0, 0, 0, 0x3E };

/* 0, 1, 130, 20000: differences less one are 0, 0, 128, 19869 */
static const uint8_t golden_seen[] = {
	'L', 'E', 'P', 'S', 1, 4, 0, 0, 0, 0, 0, 0x80, 0x01, 0x9D, 0x9B, 0x01
};

/* the same items with a digest */
static const uint8_t golden_digest[] = { 'L',  'E',	 'P',  'S',	 2, 4, 0, 0, 0, 0, 0, 0x80,
										 0x01, 0x9D, 0x9B, 0x01, 8, 7, 6, 5, 4, 3, 2, 1 };

/* the same items with the weights 1, -2, 0.125, 0.5 */
static const uint8_t golden_neighbors[] = { 'L', 'E',  'P',	 'N',  1,	 1, 4,	  0, 0,	   0,	 0,
											0,	 0x80, 0x01, 0x9D, 0x9B, 1, 0,	  0, 0x80, 0x3F, 0,
											0,	 0,	   0xC0, 0,	   0,	 0, 0x3E, 0, 0,	   0,	 0x3F };

/* 1, -2, 0.125 as halves times 2^-14: 0x7400, 0xF800, 0x6800; and as -127 to 127 scales */
static const uint8_t golden_halves[] = { 'L',  'E',	 'P',  'F',	 1,	   2,	 3,	  0,
										 0xF2, 0x00, 0x74, 0x00, 0xF8, 0x00, 0x68 };
static const uint8_t golden_int8s[] = { 'L',  'E',	'P',  'F',	1,	  3,	3,	 0,
										0x00, 0x03, 0x81, 0x3C, 0x3F, 0x81, 0x08 };

static LepStatus
decode_neighbors(const uint8_t *bytes, size_t len, int32_t n_items, LepError *error)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int64_t n = 0;
	LepStatus status;

	memcpy(copy, bytes, len);
	status = lep_neighbors_count(copy, len, &n, error);
	if (status == LEP_OK)
	{
		int32_t *items = malloc(n > 0 ? (size_t) n * sizeof(int32_t) : 1);
		float *weights = malloc(n > 0 ? (size_t) n * sizeof(float) : 1);

		CHECK(n >= 0 && (size_t) n * 2 + 10 <= len); /* a gap and a weight, at least */
		status = lep_neighbors_decode(copy, len, n_items, items, weights, error);
		free(items);
		free(weights);
	}
	free(copy);
	CHECK(status == LEP_OK || error->status == status);
	return status;
}

static void
test_golden_neighbors(void)
{
	static const int32_t set[] = { 0, 1, 130, 20000 };
	static const float given[] = { 1, -2, 0.125f, 0.5f };
	uint8_t bytes[64];
	int32_t items[4];
	float weights[4];
	LepError error;
	int64_t n = -1;

	CHECK(lep_neighbors_max_size(4) >= sizeof(golden_neighbors) &&
		  lep_neighbors_max_size(4) <= sizeof(bytes));
	CHECK_INT_EQ(lep_neighbors_encode(set, given, 4, bytes), sizeof(golden_neighbors));
	CHECK_BYTES_EQ(bytes, golden_neighbors, sizeof(golden_neighbors));
	CHECK_OK(lep_neighbors_count(golden_neighbors, sizeof(golden_neighbors), &n, &error));
	CHECK_INT_EQ(n, 4);
	CHECK_OK(lep_neighbors_decode(golden_neighbors, sizeof(golden_neighbors), 20001, items, weights, &error));
	CHECK_BYTES_EQ(items, set, sizeof(set));
	CHECK_BYTES_EQ(weights, given, sizeof(given));
}

/* Each byte of the header and each way of being too short, too long or out of range. */
static void
test_damaged_neighbors(void)
{
	size_t len = sizeof(golden_neighbors);
	uint8_t bytes[sizeof(golden_neighbors) + 1] = { 0 };
	LepError error;

	for (size_t shorter = 0; shorter < len; shorter++)
		CHECK(decode_neighbors(golden_neighbors, shorter, 20001, &error) != LEP_OK, "%zu bytes", shorter);
	memcpy(bytes, golden_neighbors, len);
	CHECK_STATUS(decode_neighbors(bytes, len + 1, 20001, &error), LEP_ERR_BYTES_LENGTH);
	CHECK_STATUS(decode_neighbors(bytes, len, 20000, &error), LEP_ERR_BYTES_ORDER);
	CHECK_INT_EQ(error.row, 3);
	bytes[3] = 'S';
	CHECK_STATUS(decode_neighbors(bytes, len, 20001, &error), LEP_ERR_BYTES_MAGIC);
	bytes[3] = 'N';
	bytes[4] = 2;
	CHECK_STATUS(decode_neighbors(bytes, len, 20001, &error), LEP_ERR_BYTES_VERSION);
	bytes[4] = 1;
	bytes[5] = 4;
	CHECK_STATUS(decode_neighbors(bytes, len, 20001, &error), LEP_ERR_BYTES_VERSION);
	CHECK_STR_EQ(error.what, "precision");
	bytes[5] = 1;
	bytes[9] = 0xFF; /* four milliards of entries */
	CHECK_STATUS(decode_neighbors(bytes, len, 20001, &error), LEP_ERR_BYTES_LENGTH);
	bytes[9] = 0;
	bytes[len - 1] = 0x7F; /* 0.5 becomes 1.7e38 */
	CHECK_STATUS(decode_neighbors(bytes, len, 20001, &error), LEP_ERR_BYTES_VALUE);
	bytes[len - 2] = 0xC0; /* and NaN */
	CHECK_STATUS(decode_neighbors(bytes, len, 20001, &error), LEP_ERR_BYTES_VALUE);
	CHECK_INT_EQ(error.row, 3);
}

static void
test_golden_factors(void)
{
	static const float row[] = { 1, -2, 0.125f };
	uint8_t bytes[sizeof(golden_factors)];
	float decoded[16];
	LepError error;
	int k = -1;

	CHECK_INT_EQ(lep_factors_size(3), sizeof(golden_factors));
	lep_factors_encode(row, 3, bytes);
	CHECK_BYTES_EQ(bytes, golden_factors, sizeof(golden_factors));

	CHECK_OK(lep_factors_count(golden_factors, sizeof(golden_factors), &k, &error));
	CHECK_INT_EQ(k, 3);
	memset(decoded, 0xFF, sizeof(decoded));
	CHECK_OK(lep_factors_decode(golden_factors, sizeof(golden_factors), 3, decoded, &error));
	CHECK_BYTES_EQ(decoded, row, sizeof(row));
	for (int f = 3; f < 16; f++)
		CHECK(decoded[f] == 0, "padding %d is %g", f, decoded[f]);
}

static void
test_golden_precisions(void)
{
	static const float row[] = { 1, -2, 0.125f };
	uint8_t bytes[sizeof(golden_int8s)];
	float decoded[16];
	LepError error;

	CHECK_INT_EQ(lep_factors_size_as(LEP_PRECISION_FLOAT16, 3), sizeof(golden_halves));
	lep_factors_encode_as(LEP_PRECISION_FLOAT16, row, 3, bytes);
	CHECK_BYTES_EQ(bytes, golden_halves, sizeof(golden_halves));
	CHECK_OK(lep_factors_decode(golden_halves, sizeof(golden_halves), 3, decoded, &error));
	CHECK_BYTES_EQ(decoded, row, sizeof(row));
	CHECK_INT_EQ(lep_factors_size_as(LEP_PRECISION_INT8, 3), sizeof(golden_int8s));
	lep_factors_encode_as(LEP_PRECISION_INT8, row, 3, bytes);
	CHECK_BYTES_EQ(bytes, golden_int8s, sizeof(golden_int8s));
	CHECK_OK(lep_factors_decode(golden_int8s, sizeof(golden_int8s), 3, decoded, &error));
	for (int f = 0; f < 3; f++)
		CHECK_CLOSE(decoded[f], row[f], 0.5 * 2 / 127 * 1.0001);
}

/* The weights of neighbours are packed as factors are. */
static void
test_precisions_of_neighbors(void)
{
	static const int32_t set[] = { 0, 1, 130 };
	static const float given[] = { 1, -2, 0.125f };
	uint8_t bytes[64];

	for (int p = 0; p < LEP_N_PRECISIONS; p++)
	{
		LepPrecision precision = (LepPrecision) p;
		size_t row = lep_precision_size(precision, 3);
		size_t len = lep_neighbors_encode_as(precision, set, given, 3, bytes);
		float weights[3];
		float expected[3];
		int32_t items[3];
		uint8_t factors[64];
		LepError error;

		CHECK(len <= lep_neighbors_max_size(3));
		CHECK_INT_EQ(len, 10 + 4 + row);
		lep_factors_encode_as(precision, given, 3, factors);
		CHECK_BYTES_EQ(bytes + 14, factors + 8, row);
		CHECK_OK(lep_neighbors_decode(bytes, len, 131, items, weights, &error));
		CHECK_OK(lep_precision_get(precision, bytes + 14, 3, expected, "row", &error));
		CHECK_BYTES_EQ(weights, expected, sizeof(expected));
		for (size_t shorter = 0; shorter < len; shorter++)
			CHECK(decode_neighbors(bytes, shorter, 131, &error) != LEP_OK, "%zu bytes", shorter);
	}
}

static void
test_golden_seen(void)
{
	static const int32_t set[] = { 0, 1, 130, 20000 };
	uint8_t bytes[64];
	int32_t items[4];
	LepError error;
	int64_t n = -1;

	CHECK(lep_seen_max_size(4) >= sizeof(golden_seen) && lep_seen_max_size(4) <= sizeof(bytes));
	CHECK_INT_EQ(lep_seen_encode(set, 4, bytes), sizeof(golden_seen));
	CHECK_BYTES_EQ(bytes, golden_seen, sizeof(golden_seen));

	CHECK_OK(lep_seen_count(golden_seen, sizeof(golden_seen), &n, &error));
	CHECK_INT_EQ(n, 4);
	CHECK_OK(lep_seen_decode(golden_seen, sizeof(golden_seen), 20001, items, &error));
	CHECK_BYTES_EQ(items, set, sizeof(set));
}

/* A digest is 8 bytes more, the version says so, and no byte may be missing or too many. */
static void
test_golden_digest(void)
{
	static const int32_t set[] = { 0, 1, 130, 20000 };
	uint8_t bytes[64] = { 0 };
	int32_t items[4];
	uint64_t digest = 0;
	LepError error;
	int64_t n = -1;
	size_t size = lep_seen_encode_digest(set, 4, UINT64_C(0x0102030405060708), bytes);

	CHECK_INT_EQ(size, sizeof(golden_digest));
	CHECK_BYTES_EQ(bytes, golden_digest, sizeof(golden_digest));
	CHECK_OK(lep_seen_count(bytes, size, &n, &error));
	CHECK_INT_EQ(n, 4);
	CHECK_OK(lep_seen_decode(bytes, size, 20001, items, &error));
	CHECK_BYTES_EQ(items, set, sizeof(set));
	CHECK(lep_seen_digest(bytes, size, &digest));
	CHECK(digest == UINT64_C(0x0102030405060708));
	CHECK(!lep_seen_digest(golden_seen, sizeof(golden_seen), &digest));
	for (size_t len = 0; len < size; len++)
		CHECK(lep_seen_count(bytes, len, &n, &error) != LEP_OK ||
				  lep_seen_decode(bytes, len, 20001, items, &error) != LEP_OK,
			  "%zu bytes", len);
	CHECK_STATUS(lep_seen_decode(bytes, size + 1, 20001, items, &error), LEP_ERR_BYTES_LENGTH);
	bytes[4] = 3;
	CHECK_STATUS(lep_seen_count(bytes, size, &n, &error), LEP_ERR_BYTES_VERSION);
}

static void
test_examples_of_the_document(void)
{
	uint8_t bytes[64];

	if (CHECK_INT_EQ(document_example("```hex factors", bytes, sizeof(bytes)), sizeof(golden_factors)))
		CHECK_BYTES_EQ(bytes, golden_factors, sizeof(golden_factors));
	if (CHECK_INT_EQ(document_example("```hex float16", bytes, sizeof(bytes)), sizeof(golden_halves)))
		CHECK_BYTES_EQ(bytes, golden_halves, sizeof(golden_halves));
	if (CHECK_INT_EQ(document_example("```hex int8", bytes, sizeof(bytes)), sizeof(golden_int8s)))
		CHECK_BYTES_EQ(bytes, golden_int8s, sizeof(golden_int8s));
	if (CHECK_INT_EQ(document_example("```hex seen", bytes, sizeof(bytes)), sizeof(golden_seen)))
		CHECK_BYTES_EQ(bytes, golden_seen, sizeof(golden_seen));
	if (CHECK_INT_EQ(document_example("```hex digest", bytes, sizeof(bytes)), sizeof(golden_digest)))
		CHECK_BYTES_EQ(bytes, golden_digest, sizeof(golden_digest));
	if (CHECK_INT_EQ(document_example("```hex neighbors", bytes, sizeof(bytes)), sizeof(golden_neighbors)))
		CHECK_BYTES_EQ(bytes, golden_neighbors, sizeof(golden_neighbors));
}

/* Every number of factors, from bytes at an odd address. */
static void
test_factors_come_back(void)
{
	static const float special[] = { 0, -0.0f, 1e-45f, -1e-40f, 1e13f, -1e13f, 1.17549435e-38f };
	float row[LEP_MAX_FACTORS];
	float decoded[LEP_MAX_FACTORS];
	uint8_t *bytes = malloc(MAX_BYTES);
	LepError error;
	LepRng rng;

	lep_rng_init(&rng, 1, 2, 3);
	for (int k = 0; k <= LEP_MAX_FACTORS; k++)
	{
		int stride = lep_row_stride(k);
		int count = -1;

		memset(row, 0, sizeof(row));
		for (int f = 0; f < k; f++)
			row[f] = f % 9 < 7 && k % 2 ? special[f % 9] : (float) lep_rng_normal(&rng);
		lep_factors_encode(row, k, bytes + 1);
		CHECK_OK(lep_factors_count(bytes + 1, lep_factors_size(k), &count, &error));
		CHECK_INT_EQ(count, k);
		memset(decoded, 0xFF, sizeof(decoded));
		CHECK_OK(lep_factors_decode(bytes + 1, lep_factors_size(k), k, decoded, &error));
		CHECK_BYTES_EQ(decoded, row, (size_t) stride * sizeof(float));
		CHECK(stride == LEP_MAX_FACTORS || isnan(decoded[stride]), "wrote behind the padding");
	}
	free(bytes);
}

/* A copy of exactly len bytes, so that a sanitizer sees a read past the end. */
static uint8_t *
copy_of(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	memcpy(copy, bytes, len);
	return copy;
}

static LepStatus
decode_factors(const uint8_t *bytes, size_t len, int k, LepError *error)
{
	uint8_t *copy = copy_of(bytes, len);
	float row[LEP_MAX_FACTORS];
	LepStatus status = lep_factors_decode(copy, len, k, row, error);

	free(copy);
	CHECK(status == LEP_OK || error->status == status);
	CHECK(status == LEP_OK || error->what != NULL);
	return status;
}

static LepStatus
decode_seen(const uint8_t *bytes, size_t len, int32_t n_items, LepError *error)
{
	uint8_t *copy = copy_of(bytes, len);
	int64_t n = 0;
	LepStatus status = lep_seen_count(copy, len, &n, error);

	if (status == LEP_OK)
	{
		int32_t *items = malloc(n > 0 ? (size_t) n * sizeof(int32_t) : 1);

		CHECK(n >= 0 && (size_t) n <= len);
		status = lep_seen_decode(copy, len, n_items, items, error);
		free(items);
	}
	free(copy);
	CHECK(status == LEP_OK || error->status == status);
	CHECK(status == LEP_OK || strcmp(error->what, "seen") == 0);
	return status;
}

static void
test_factors_of_wrong_length(void)
{
	uint8_t bytes[64] = { 0 };
	LepError error;

	memcpy(bytes, golden_factors, sizeof(golden_factors));
	for (size_t len = 0; len < sizeof(bytes); len++)
	{
		if (len == sizeof(golden_factors))
			continue;
		CHECK_STATUS(decode_factors(bytes, len, 3, &error), LEP_ERR_BYTES_LENGTH);
		CHECK_CLOSE(error.value, len, 0);
		CHECK_CLOSE(error.min, len < 8 ? 8 : sizeof(golden_factors), 0);
		CHECK_STR_EQ(error.what, "factors");
	}
	/* good bytes, but of another model */
	CHECK_STATUS(decode_factors(bytes, sizeof(golden_factors), 4, &error), LEP_ERR_BYTES_LENGTH);
	CHECK_CLOSE(error.value, 20, 0);
	CHECK_CLOSE(error.min, 24, 0);
	CHECK_STATUS(decode_factors(bytes, sizeof(golden_factors), 0, &error), LEP_ERR_BYTES_LENGTH);
}

static void
test_too_many_factors(void)
{
	uint8_t *bytes = calloc(1, MAX_BYTES);
	LepError error;
	int k = -1;

	memcpy(bytes, golden_factors, 8);
	bytes[6] = 0x01; /* 1025 */
	bytes[7] = 0x04;
	CHECK_STATUS(lep_factors_count(bytes, lep_factors_size(1025), &k, &error), LEP_ERR_BYTES_LENGTH);
	CHECK_INT_EQ(k, -1);
	CHECK_CLOSE(error.max, lep_factors_size(1024), 0);
	bytes[6] = 0x00; /* 1024 */
	CHECK_OK(lep_factors_count(bytes, lep_factors_size(1024), &k, &error));
	CHECK_INT_EQ(k, 1024);
	free(bytes);
}

static void
test_wrong_headers(void)
{
	uint8_t bytes[sizeof(golden_factors)];
	LepError error;

	for (int at = 0; at < 6; at++)
		for (int value = 0; value < 256; value++)
		{
			LepStatus expected = at < 4 ? LEP_ERR_BYTES_MAGIC : LEP_ERR_BYTES_VERSION;

			memcpy(bytes, golden_factors, sizeof(bytes));
			bytes[at] = (uint8_t) value;
			if (value == golden_factors[at] || (at == 5 && (value == 2 || value == 3)))
				continue; /* other precisions: their length is wrong, and tested elsewhere */
			CHECK_STATUS(decode_factors(bytes, sizeof(bytes), 3, &error), expected);
			CHECK_STR_EQ(error.what, at == 5 ? "precision" : "factors");
			if (expected == LEP_ERR_BYTES_VERSION)
			{
				CHECK_CLOSE(error.value, value, 0);
				CHECK_CLOSE(error.max, at == 5 ? 3 : 1, 0);
			}
		}
	for (int at = 0; at < 5; at++)
	{
		memcpy(bytes, golden_seen, sizeof(golden_seen));
		bytes[at] += 2; /* version 2 is another's, too */
		CHECK_STATUS(decode_seen(bytes, sizeof(golden_seen), 30000, &error),
					 at < 4 ? LEP_ERR_BYTES_MAGIC : LEP_ERR_BYTES_VERSION);
	}
	/* one kind is not the other */
	CHECK_STATUS(decode_seen(golden_factors, sizeof(golden_factors), 30000, &error), LEP_ERR_BYTES_MAGIC);
	CHECK_STATUS(decode_factors(golden_seen, sizeof(golden_seen), 3, &error), LEP_ERR_BYTES_MAGIC);
}

/* Decode k factors, all 0 but the last, which is value. */
static LepStatus
decode_value(float value, int k, LepError *error)
{
	float row[LEP_MAX_FACTORS] = { 0 };
	uint8_t bytes[MAX_BYTES];

	row[k - 1] = value;
	lep_factors_encode(row, k, bytes);
	return decode_factors(bytes, lep_factors_size(k), k, error);
}

static void
test_values_out_of_range(void)
{
	static const float bad[] = { NAN, INFINITY, -INFINITY, 3.4e38f, -1.1e15f, 1.0000001e15f };
	const float limit = 1e15f; /* rounded down: the largest float within LEP_MAX_NORM */
	LepError error;

	for (int i = 0; i < 6; i++)
		for (int k = 1; k <= 33; k += 16)
		{
			CHECK_STATUS(decode_value(bad[i], k, &error), LEP_ERR_BYTES_VALUE);
			CHECK_INT_EQ(error.row, k - 1);
			CHECK(isnan(bad[i]) ? isnan(error.value) : error.value == bad[i]);
			CHECK_CLOSE(error.max, LEP_MAX_NORM, 0);
		}
	CHECK((double) limit <= LEP_MAX_NORM && (double) nextafterf(limit, INFINITY) > LEP_MAX_NORM);
	CHECK_OK(decode_value(limit, 5, &error));
	CHECK_OK(decode_value(-limit, 5, &error));
}

/* Each number within the limit, but not all together. */
static void
test_norm_out_of_range(void)
{
	float row[] = { 6e14f, -7.9e14f, 0 };
	uint8_t bytes[64];
	LepError error;

	lep_factors_encode(row, 3, bytes);
	CHECK_OK(decode_factors(bytes, lep_factors_size(3), 3, &error));
	row[1] = -8.1e14f;
	lep_factors_encode(row, 3, bytes);
	CHECK_STATUS(decode_factors(bytes, lep_factors_size(3), 3, &error), LEP_ERR_BYTES_VALUE);
	CHECK_INT_EQ(error.row, -1);
	CHECK_CLOSE(error.value, 1.00801e15, 1e10);
}

static void
test_seen_comes_back(void)
{
	const int64_t n_max = 3000;
	int32_t *set = malloc((size_t) n_max * sizeof(int32_t));
	int32_t *items = malloc((size_t) n_max * sizeof(int32_t));
	uint8_t *bytes = malloc(lep_seen_max_size(n_max));
	LepError error;
	LepRng rng;

	lep_rng_init(&rng, 4, 5, 6);
	for (int64_t n = 0; n <= n_max; n = n * 2 + 1)
		for (int spread = 1; spread <= 100000; spread *= 10)
		{
			int64_t n_claimed = -1;
			int32_t last = -1;
			size_t size;

			for (int64_t j = 0; j < n; j++)
				set[j] = last += 1 + (int32_t) lep_rng_below(&rng, (uint64_t) spread);
			size = lep_seen_encode(set, n, bytes);
			CHECK(size <= lep_seen_max_size(n), "%zu bytes for %" PRId64, size, n);
			CHECK_INT_EQ(lep_seen_size(set, n), size);
			CHECK_OK(lep_seen_count(bytes, size, &n_claimed, &error));
			CHECK_INT_EQ(n_claimed, n);
			CHECK_OK(lep_seen_decode(bytes, size, last + 1, items, &error));
			CHECK_BYTES_EQ(items, set, (size_t) n * sizeof(int32_t));
		}
	set[0] = INT32_MAX - 1; /* the largest that can be in range */
	CHECK_OK(lep_seen_decode(bytes, lep_seen_encode(set, 1, bytes), INT32_MAX, items, &error));
	CHECK_INT_EQ(items[0], INT32_MAX - 1);
	CHECK(lep_seen_max_size(-1) == SIZE_MAX && lep_seen_max_size(INT64_MAX) == SIZE_MAX);
	free(set);
	free(items);
	free(bytes);
}

/* Models as values have place for so many bytes and no more: where a number takes one more, too. */
static void
test_sizes_of_gaps(void)
{
	uint8_t bytes[32];

	CHECK(lep_seen_max_size(1) <= sizeof(bytes));
	for (int bits = 7; bits <= 28; bits += 7)
		for (int64_t item = (INT64_C(1) << bits) - 1; item <= (INT64_C(1) << bits) + 1; item++)
		{
			int32_t set = (int32_t) item;

			CHECK_INT_EQ(lep_seen_size(&set, 1), lep_seen_encode(&set, 1, bytes));
		}
}

static void
test_seen_of_wrong_length(void)
{
	uint8_t bytes[64] = { 0 };
	LepError error;

	memcpy(bytes, golden_seen, sizeof(golden_seen));
	for (size_t len = 0; len < sizeof(bytes); len++)
	{
		if (len == sizeof(golden_seen))
			continue;
		CHECK_STATUS(decode_seen(bytes, len, 30000, &error), LEP_ERR_BYTES_LENGTH);
		CHECK_CLOSE(error.value, len, 0);
		if (len < sizeof(golden_seen))
			CHECK(error.min > error.value && error.min <= sizeof(golden_seen), "%zu: needs %g", len,
				  error.min);
		else
			CHECK_CLOSE(error.max, sizeof(golden_seen), 0);
	}
	/* counts that the bytes cannot hold; nobody may allocate for them */
	for (int at = 5; at < 9; at++)
	{
		memcpy(bytes, golden_seen, sizeof(golden_seen));
		bytes[at] = 0xFF;
		CHECK_STATUS(decode_seen(bytes, sizeof(golden_seen), 30000, &error), LEP_ERR_BYTES_LENGTH);
	}
}

static void
test_seen_out_of_range(void)
{
	LepError error;

	CHECK_OK(decode_seen(golden_seen, sizeof(golden_seen), 20001, &error));
	CHECK_STATUS(decode_seen(golden_seen, sizeof(golden_seen), 20000, &error), LEP_ERR_BYTES_ORDER);
	CHECK_INT_EQ(error.row, 3);
	CHECK_CLOSE(error.value, 20000, 0);
	CHECK_CLOSE(error.max, 19999, 0);
	CHECK_STATUS(decode_seen(golden_seen, sizeof(golden_seen), 130, &error), LEP_ERR_BYTES_ORDER);
	CHECK_INT_EQ(error.row, 2);
	CHECK_STATUS(decode_seen(golden_seen, sizeof(golden_seen), 0, &error), LEP_ERR_BYTES_ORDER);
	CHECK_INT_EQ(error.row, 0);
}

/* A set of one number, whose varint is given. */
static LepStatus
decode_varint(const uint8_t *varint, size_t len, int32_t n_items, LepError *error)
{
	uint8_t bytes[32] = { 'L', 'E', 'P', 'S', 1, 1 };

	memcpy(bytes + 9, varint, len);
	return decode_seen(bytes, 9 + len, n_items, error);
}

static void
test_varints(void)
{
	LepError error;

	/* all of two bytes: the first says that a second follows, which is not 0 */
	for (int low = 0; low < 256; low++)
		for (int high = 0; high < 256; high++)
		{
			uint8_t varint[] = { (uint8_t) low, (uint8_t) high };
			LepStatus expected = low < 0x80	   ? LEP_ERR_BYTES_LENGTH /* something trails */
								 : high == 0   ? LEP_ERR_BYTES_ORDER  /* longer than need be */
								 : high < 0x80 ? LEP_OK
											   : LEP_ERR_BYTES_LENGTH; /* a third is missing */

			CHECK_STATUS(decode_varint(varint, 2, 1 << 20, &error), expected);
		}
	CHECK_OK(decode_varint((const uint8_t *) "\xFE\xFF\xFF\xFF\x07", 5, INT32_MAX, &error));
	/* INT32_MAX itself, 2^32 - 1, 2^35 - 1, ten bytes, and 0 in five */
	CHECK_STATUS(decode_varint((const uint8_t *) "\xFF\xFF\xFF\xFF\x07", 5, INT32_MAX, &error),
				 LEP_ERR_BYTES_ORDER);
	CHECK_STATUS(decode_varint((const uint8_t *) "\xFF\xFF\xFF\xFF\x0F", 5, INT32_MAX, &error),
				 LEP_ERR_BYTES_ORDER);
	CHECK_STATUS(decode_varint((const uint8_t *) "\xFF\xFF\xFF\xFF\x7F", 5, INT32_MAX, &error),
				 LEP_ERR_BYTES_ORDER);
	CHECK_STATUS(
		decode_varint((const uint8_t *) "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10, INT32_MAX, &error),
		LEP_ERR_BYTES_ORDER);
	CHECK_STATUS(decode_varint((const uint8_t *) "\x80\x80\x80\x80\x00", 5, INT32_MAX, &error),
				 LEP_ERR_BYTES_ORDER);
	CHECK_INT_EQ(error.row, 0);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_golden_neighbors);
	TEST(test_damaged_neighbors);
	TEST(test_golden_factors);
	TEST(test_golden_precisions);
	TEST(test_precisions_of_neighbors);
	TEST(test_golden_seen);
	TEST(test_golden_digest);
	TEST(test_examples_of_the_document);
	TEST(test_factors_come_back);
	TEST(test_factors_of_wrong_length);
	TEST(test_too_many_factors);
	TEST(test_wrong_headers);
	TEST(test_values_out_of_range);
	TEST(test_norm_out_of_range);
	TEST(test_seen_comes_back);
	TEST(test_sizes_of_gaps);
	TEST(test_seen_of_wrong_length);
	TEST(test_seen_out_of_range);
	TEST(test_varints);
	return unit_done();
}
