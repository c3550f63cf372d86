/*
 * test_precision.c
 *		float16 against the values that binary16 has by definition, int8 against its
 *		bound, and rows that are stored as the same bytes again.
 */
#include "unit.h"

#include <float.h>

#include "core/precision.h"
#include "core/rng.h"

#define MAX_NUMBERS 100

/* The value of a finite half by IEEE-754's definition, in double precision. */
static double
half_value(unsigned half)
{
	int exponent = (int) (half >> 10 & 31);
	double fraction = (double) (half & 1023);
	double value = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);

	return half & 0x8000 ? -value : value;
}

static void
test_every_half(void)
{
	for (unsigned half = 0; half < 65536; half++)
	{
		float value = lep_half_to_float((uint16_t) half);

		if ((half & 0x7FFF) > 0x7C00)
		{
			CHECK(isnan(value));
			CHECK(isnan(lep_half_to_float(lep_half_from_float(value))));
			continue;
		}
		if ((half & 0x7FFF) == 0x7C00)
			CHECK(isinf(value));
		else
			CHECK(value == half_value(half), "%04x is %g", half, value);
		CHECK_INT_EQ(signbit(value) != 0, half >> 15);
		CHECK_INT_EQ(lep_half_from_float(value), half);
	}
}

/* Midpoints go to the even neighbour, a float beside them to the nearer one. */
static void
test_halves_round_to_even(void)
{
	for (unsigned half = 0; half < 0x7BFF; half++)
	{
		float middle = (float) ((half_value(half) + half_value(half + 1)) / 2); /* exact */
		unsigned even = half & 1 ? half + 1 : half;

		CHECK_INT_EQ(lep_half_from_float(middle), even);
		CHECK_INT_EQ(lep_half_from_float(-middle), even | 0x8000);
		CHECK_INT_EQ(lep_half_from_float(nextafterf(middle, 0)), half);
		CHECK_INT_EQ(lep_half_from_float(nextafterf(middle, FLT_MAX)), half + 1);
	}
	CHECK_INT_EQ(lep_half_from_float(65519.996f), 0x7BFF);
	CHECK_INT_EQ(lep_half_from_float(65520), 0x7C00);
	CHECK_INT_EQ(lep_half_from_float(FLT_MAX), 0x7C00);
	CHECK_INT_EQ(lep_half_from_float(FLT_TRUE_MIN), 0);
	CHECK_INT_EQ(lep_half_from_float(-FLT_TRUE_MIN), 0x8000);
}

/* The compiler's own conversion, where it has one. */
static void
test_halves_of_the_compiler(void)
{
#ifdef __FLT16_MAX__
	LepRng rng;

	lep_rng_init(&rng, 5, 0, 0);
	for (int j = 0; j < 200000; j++)
	{
		uint32_t bits = (uint32_t) lep_rng_next(&rng);
		float value;
		_Float16 theirs;
		uint16_t half;

		if (j % 2) /* near the range of halves */
			bits = (bits & 0x8FFFFFFFu) | 0x30000000u;
		memcpy(&value, &bits, sizeof(value));
		if (isnan(value))
			continue;
		theirs = (_Float16) value;
		memcpy(&half, &theirs, sizeof(half));
		CHECK(lep_half_from_float(value) == half, "%a gives %04x, theirs %04x", value,
			  lep_half_from_float(value), half);
	}
#else
	SKIP("the compiler has no _Float16");
#endif
}

/* A row of numbers of about this size, some much smaller. */
static void
draw_row(LepRng *rng, double size, float *row, int n)
{
	for (int j = 0; j < n; j++)
	{
		row[j] = (float) (lep_rng_normal(rng) * size);
		if (lep_rng_below(rng, 8) == 0)
			row[j] *= 1e-6f;
		if (lep_rng_below(rng, 20) == 0)
			row[j] = 0;
	}
}

/* Bytes, their numbers, the numbers' bytes: the same; and rounding gives the same numbers. */
static void
check_row(LepPrecision precision, const float *row, int n, float *read)
{
	uint8_t bytes[4 + 4 * MAX_NUMBERS];
	uint8_t again[4 + 4 * MAX_NUMBERS];
	float rounded[MAX_NUMBERS];
	size_t size = lep_precision_size(precision, n);
	LepError error = { 0 };

	lep_precision_put(precision, row, n, bytes);
	if (!CHECK(lep_precision_get(precision, bytes, n, read, "row", &error) == LEP_OK,
			   "precision %d, value %g", precision, error.value))
		return;
	lep_precision_put(precision, read, n, again);
	CHECK_BYTES_EQ(again, bytes, size);
	memcpy(rounded, row, (size_t) n * sizeof(float));
	lep_precision_round(precision, rounded, n);
	CHECK_BYTES_EQ(rounded, read, (size_t) n * sizeof(float));
}

/* Rows of every size that a number can have: what comes back is near, and is stored as it was. */
static void
test_rows(void)
{
	float row[MAX_NUMBERS];
	float read[MAX_NUMBERS];
	LepRng rng;

	lep_rng_init(&rng, 6, 0, 0);
	for (int exponent = -149; exponent <= 44; exponent++)
	{
		for (int n = 0; n <= MAX_NUMBERS; n += n < 4 ? 1 : 24)
		{
			double most = 0;

			draw_row(&rng, ldexp(1, exponent), row, n);
			for (int j = 0; j < n; j++)
				most = fmax(most, fabs((double) row[j]));
			check_row(LEP_PRECISION_FLOAT32, row, n, read);
			CHECK_BYTES_EQ(read, row, (size_t) n * sizeof(float));
			check_row(LEP_PRECISION_FLOAT16, row, n, read);
			/* 11 bits of each number, or the 25th binade below the largest one's */
			for (int j = 0; j < n; j++)
				CHECK_CLOSE(read[j], row[j],
							fmax(fabs((double) row[j]) / 2048, fmax(most * 0x1p-39, 0x1p-125)));
			check_row(LEP_PRECISION_INT8, row, n, read);
			for (int j = 0; j < n; j++)
				CHECK_CLOSE(read[j], row[j], fmax(most / 127 * (1 + 0x1p-15), 0x1p-126) / 2);
		}
	}
}

/* Just below a power of two the largest number is rounded up to it. */
static void
test_largest_number(void)
{
	static const float largest[] = { 0x1.ffffffp3f,	  0x1.ffdffep3f, 0x1.ffep3f,  1,	 0x1p-84f,
									 0x1.ffffffp-85f, 127,			 126.99999f,  5e14f, 0x1p-126f,
									 0x1.fcp-120f,	  0x1p-127f,	 FLT_TRUE_MIN };
	float row[3];
	float read[3];

	for (size_t i = 0; i < sizeof(largest) / sizeof(largest[0]); i++)
	{
		row[0] = largest[i];
		row[1] = -0.0f;
		row[2] = -largest[i] / 3;
		check_row(LEP_PRECISION_FLOAT16, row, 3, read);
		check_row(LEP_PRECISION_INT8, row, 3, read);
	}
}

/* Bytes that no row is stored as. */
static void
test_other_bytes(void)
{
	static const uint8_t halves[][5] = {
		{ 0xF2, 0x00, 0x78, 0x00, 0x7C }, /* infinity */
		{ 0xF2, 0x00, 0x78, 0x01, 0x7C }, /* NaN */
		{ 0xF2, 0x00, 0x74, 0x00, 0x70 }, /* nothing in the top binade */
		{ 0x80, 0x00, 0x00, 0x00, 0x00 }, /* an exponent below all */
		{ 0x00, 0x00, 0x00, 0x00, 0x00 }, /* zeros with another exponent than theirs */
		{ 0x7F, 0x00, 0x78, 0x00, 0x00 }, /* beyond all */
		{ 0x28, 0x00, 0x78, 0x00, 0x00 }  /* beyond LEP_MAX_NORM */
	};
	static const uint8_t int8s[][6] = {
		{ 0x00, 0x00, 0x80, 0x3F, 0x7E, 0x00 }, /* no 127 */
		{ 0x00, 0x00, 0x80, 0x3F, 0x80, 0x7F }, /* -128 */
		{ 0x00, 0x00, 0x80, 0xBF, 0x7F, 0x00 }, /* below 0 */
		{ 0x00, 0x00, 0x00, 0x80, 0x00, 0x00 }, /* negative zero */
		{ 0x00, 0x00, 0x00, 0x00, 0x7F, 0x00 }, /* zero, but not the numbers */
		{ 0x01, 0x00, 0x80, 0x3F, 0x7F, 0x00 }, /* 24 significant bits */
		{ 0x00, 0x00, 0xC0, 0x7F, 0x7F, 0x00 }, /* NaN */
		{ 0x00, 0x00, 0x80, 0x3F, 0x00, 0x00 }, /* zeros with a scale */
		{ 0x00, 0x00, 0x00, 0x58, 0x7F, 0x00 }	/* beyond LEP_MAX_NORM */
	};
	float numbers[2];
	LepError error;

	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++)
	{
		LepStatus status = lep_precision_get(LEP_PRECISION_FLOAT16, halves[i], 2, numbers, "row", &error);

		CHECK(status == LEP_ERR_BYTES_VALUE || status == LEP_ERR_BYTES_ORDER, "halves %zu: %d", i, status);
		CHECK_STR_EQ(error.what, "row");
	}
	for (size_t i = 0; i < sizeof(int8s) / sizeof(int8s[0]); i++)
	{
		LepStatus status = lep_precision_get(LEP_PRECISION_INT8, int8s[i], 2, numbers, "row", &error);

		CHECK(status == LEP_ERR_BYTES_VALUE || status == LEP_ERR_BYTES_ORDER, "int8s %zu: %d", i, status);
	}
}

int
main(void)
{
	TEST(test_every_half);
	TEST(test_halves_round_to_even);
	TEST(test_halves_of_the_compiler);
	TEST(test_rows);
	TEST(test_largest_number);
	TEST(test_other_bytes);
	return unit_done();
}
