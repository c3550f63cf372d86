/*
 * precision.c
 *		Rows of numbers as float32, float16 and int8.
 */
#include "core/precision.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/neighbors.h"
#include "core/pool.h"

/* ---- binary16 ---- */

#define HALF_SIGN	  0x8000u
#define HALF_INFINITY 0x7C00u
#define HALF_NAN	  0x7E00u

/* bits of floats */
#define FLOAT_INFINITY	 0x7F800000u
#define FLOAT_TOO_LARGE	 0x47800000u /* 65536 */
#define FLOAT_MIN_NORMAL 0x38800000u /* 2^-14: the least normal half */

static uint32_t
float_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static float
float_of_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* 2^exponent, of a normal float */
static float
power_of_two(int exponent)
{
	return float_of_bits((uint32_t) (exponent + 127) << 23);
}

/* value / 2^shift, ties to even; value < 2^24 */
static uint32_t
shift_to_even(uint32_t value, int shift)
{
	uint32_t half;
	uint32_t rest;

	if (shift > 24)
		return 0;
	half = UINT32_C(1) << (shift - 1);
	rest = value & (2 * half - 1);
	value >>= shift;
	return value + (rest > half || (rest == half && (value & 1) != 0));
}

uint16_t
lep_half_from_float(float value)
{
	uint32_t bits = float_bits(value);
	uint32_t sign = bits >> 16 & HALF_SIGN;
	uint32_t magnitude = bits & 0x7FFFFFFFu;
	uint32_t half;

	if (magnitude > FLOAT_INFINITY)
		half = HALF_NAN;
	else if (magnitude >= FLOAT_TOO_LARGE)
		half = HALF_INFINITY;
	else if (magnitude >= FLOAT_MIN_NORMAL)
		/* the exponent's bias goes from 127 to 15; a carry goes into it, and at last into infinity */
		half = (magnitude - ((127u - 15u) << 23) + 0x0FFFu + (magnitude >> 13 & 1)) >> 13;
	else
	{
		/* multiples of 2^-24 */
		int exponent = (int) (magnitude >> 23);

		half = exponent == 0 ? 0 : shift_to_even((magnitude & 0x7FFFFFu) | 0x800000u, 126 - exponent);
	}
	return (uint16_t) (sign | half);
}

float
lep_half_to_float(uint16_t half)
{
	uint32_t sign = (uint32_t) (half & HALF_SIGN) << 16;
	uint32_t magnitude = half & 0x7FFFu;

	if (magnitude >= HALF_INFINITY)
		return float_of_bits(sign | FLOAT_INFINITY | (magnitude & 0x3FFu) << 13);
	if (magnitude < 0x0400u) /* subnormal: a multiple of 2^-24 */
		return float_of_bits(sign | float_bits((float) magnitude * 0x1p-24f));
	return float_of_bits(sign | ((magnitude << 13) + ((127u - 15u) << 23)));
}

/* ---- what a row has in common ---- */

/* Largest magnitude. */
static float
largest(const float *numbers, int64_t n)
{
	float most = 0;

	for (int64_t j = 0; j < n; j++)
		most = fabsf(numbers[j]) > most ? fabsf(numbers[j]) : most;
	return most;
}

/* Below 2^MIN_EXPONENT times the least half nothing is left of a row. */
#define MIN_EXPONENT (-100)
#define MAX_EXPONENT 100 /* far beyond LEP_MAX_NORM */

/* The power of two that brings a row's largest magnitude, once it is rounded, to [2^15, 2^16). */
static int
half_exponent(float most)
{
	uint32_t bits = float_bits(most);
	int exponent = (int) ((bits + 0x0FFFu + (bits >> 13 & 1)) >> 23) - 127 - 15;

	return exponent < MIN_EXPONENT ? MIN_EXPONENT : exponent;
}

#define INT8_LIMIT 127
#define MIN_SCALE  0x1p-126f

/* Round up to 16 significant bits: then a scale times 127 is exact. */
static float
int8_scale(float most)
{
	double scale = (double) most / INT8_LIMIT;
	uint64_t bits;

	if (most == 0)
		return 0;
	if (scale < (double) MIN_SCALE)
		/* at half a scale or less all would be 0, and the scale no longer known */
		return (double) most > 0.5 * (double) MIN_SCALE ? MIN_SCALE : 0;
	memcpy(&bits, &scale, sizeof(bits));
	bits = (bits + (UINT64_C(1) << 37) - 1) >> 37 << 37;
	memcpy(&scale, &bits, sizeof(scale));
	return (float) scale;
}

/* The nearest whole number of scales, ties to even. */
static int8_t
int8_of(float number, float scale)
{
	return scale > 0 ? (int8_t) nearbyint((double) number / (double) scale) : 0;
}

size_t
lep_precision_row_bytes(LepPrecision precision)
{
	static const uint8_t sizes[LEP_N_PRECISIONS] = { 0, 1, 4 };

	return sizes[precision];
}

size_t
lep_precision_number_bytes(LepPrecision precision)
{
	static const uint8_t sizes[LEP_N_PRECISIONS] = { 4, 2, 1 };

	return sizes[precision];
}

size_t
lep_precision_size(LepPrecision precision, int64_t n)
{
	return n < 0 ? SIZE_MAX
				 : lep_add_size(lep_precision_row_bytes(precision),
								lep_mul_size((size_t) n, lep_precision_number_bytes(precision)));
}

/* ---- writing ---- */

static void
put_halves(const float *numbers, int64_t n, uint8_t *bytes)
{
	int exponent = half_exponent(largest(numbers, n));
	float factor = power_of_two(-exponent);

	*bytes++ = (uint8_t) exponent;
	for (int64_t j = 0; j < n; j++, bytes += 2)
	{
		uint16_t half = lep_half_from_float(numbers[j] * factor);

		bytes[0] = (uint8_t) half;
		bytes[1] = (uint8_t) (half >> 8);
	}
}

static void
put_int8s(const float *numbers, int64_t n, uint8_t *bytes)
{
	float scale = int8_scale(largest(numbers, n));

	lep_put_f32(bytes, scale);
	for (int64_t j = 0; j < n; j++)
		bytes[4 + j] = (uint8_t) int8_of(numbers[j], scale);
}

void
lep_precision_put(LepPrecision precision, const float *numbers, int64_t n, uint8_t *bytes)
{
	switch (precision)
	{
		case LEP_PRECISION_FLOAT32:
			for (int64_t j = 0; j < n; j++)
				lep_put_f32(bytes + 4 * j, numbers[j]);
			break;
		case LEP_PRECISION_FLOAT16:
			put_halves(numbers, n, bytes);
			break;
		case LEP_PRECISION_INT8:
			put_int8s(numbers, n, bytes);
			break;
	}
}

/* ---- reading ---- */

static LepStatus
check_numbers(const float *numbers, int64_t n, const char *what, LepError *error)
{
	int outside = 0;

	/* NaN too; without a branch, so that many are compared at once */
	for (int64_t j = 0; j < n; j++)
		outside |= !(fabsf(numbers[j]) <= (float) LEP_MAX_NORM);
	for (int64_t j = 0; outside && j < n; j++)
	{
		if (!(fabs((double) numbers[j]) <= LEP_MAX_NORM))
		{
			lep_fail(error, LEP_ERR_BYTES_VALUE, what, numbers[j], -LEP_MAX_NORM, LEP_MAX_NORM);
			error->row = j;
			return error->status;
		}
	}
	return LEP_OK;
}

/* Not the exponent or scale that belongs to the numbers. */
static LepStatus
fail_common(const char *what, double value, LepError *error)
{
	lep_fail(error, LEP_ERR_BYTES_ORDER, what, value, 0, 0);
	error->row = -1;
	return error->status;
}

static LepStatus
get_halves(const uint8_t *bytes, int64_t n, float *numbers, const char *what, LepError *error)
{
	int exponent = bytes[0] < 128 ? bytes[0] : bytes[0] - 256; /* two's complement */
	float factor;
	LepStatus status;

	if (exponent < MIN_EXPONENT || exponent > MAX_EXPONENT)
		return fail_common(what, exponent, error);
	factor = power_of_two(exponent);
	for (int64_t j = 0; j < n; j++)
	{
		const uint8_t *at = bytes + 1 + 2 * j;

		numbers[j] = lep_half_to_float((uint16_t) (at[0] | at[1] << 8)) * factor;
	}
	status = check_numbers(numbers, n, what, error);
	if (status == LEP_OK && half_exponent(largest(numbers, n)) != exponent)
		return fail_common(what, exponent, error);
	return status;
}

static LepStatus
get_int8s(const uint8_t *bytes, int64_t n, float *numbers, const char *what, LepError *error)
{
	float scale = lep_get_f32(bytes);
	LepStatus status;

	if (!(scale >= 0 && (double) scale <= LEP_MAX_NORM) || signbit(scale))
		return fail_common(what, scale, error);
	for (int64_t j = 0; j < n; j++)
	{
		int8_t number = (int8_t) bytes[4 + j];

		if (number < -INT8_LIMIT || (scale == 0 && number != 0))
			return fail_common(what, scale, error);
		numbers[j] = number == 0 ? 0 : (float) number * scale;
	}
	status = check_numbers(numbers, n, what, error);
	if (status == LEP_OK && int8_scale(largest(numbers, n)) != scale)
		return fail_common(what, scale, error);
	return status;
}

LepStatus
lep_precision_get(LepPrecision precision, const uint8_t *bytes, int64_t n, float *numbers, const char *what,
				  LepError *error)
{
	switch (precision)
	{
		case LEP_PRECISION_FLOAT16:
			return get_halves(bytes, n, numbers, what, error);
		case LEP_PRECISION_INT8:
			return get_int8s(bytes, n, numbers, what, error);
		case LEP_PRECISION_FLOAT32:
			break;
	}
	lep_get_f32s(bytes, n, numbers);
	return check_numbers(numbers, n, what, error);
}

/* ---- models ---- */

void
lep_precision_round(LepPrecision precision, float *numbers, int64_t n)
{
	float most;

	if (precision == LEP_PRECISION_FLOAT32)
		return;
	most = largest(numbers, n);
	if (precision == LEP_PRECISION_FLOAT16)
	{
		float down = power_of_two(-half_exponent(most));
		float up = power_of_two(half_exponent(most));

		for (int64_t j = 0; j < n; j++)
			numbers[j] = lep_half_to_float(lep_half_from_float(numbers[j] * down)) * up;
	}
	else
	{
		float scale = int8_scale(most);

		for (int64_t j = 0; j < n; j++)
		{
			int8_t number = int8_of(numbers[j], scale);

			numbers[j] = number == 0 ? 0 : (float) number * scale;
		}
	}
}

/* Rows of a task: a millisecond or so of 1024 factors or 1000 neighbours. */
#define ROUND_CHUNK 64

typedef struct RoundJob
{
	LepModel *model;
	LepPrecision precision;
	int64_t n_user_tasks; /* the tasks after these round items */
} RoundJob;

static void
round_task(void *arg, int64_t task, int thread)
{
	RoundJob *job = arg;
	LepModel *model = job->model;
	bool users = task < job->n_user_tasks;
	int64_t first = (users ? task : task - job->n_user_tasks) * ROUND_CHUNK;
	int64_t n_rows = users ? model->n_users : model->n_items;
	float *factors = users ? model->user_factors : model->item_factors;
	LepNeighbors *neighbors = users ? NULL : model->neighbors;

	(void) thread;
	for (int64_t r = first; r < first + ROUND_CHUNK && r < n_rows; r++)
	{
		if (model->n_factors > 0)
			lep_precision_round(job->precision, factors + r * model->stride, model->n_factors);
		if (neighbors != NULL)
			lep_precision_round(job->precision, neighbors->weight + neighbors->start[r],
								neighbors->start[r + 1] - neighbors->start[r]);
	}
}

LepStatus
lep_precision_round_model(LepEnv *env, LepPrecision precision, LepModel *model)
{
	RoundJob job = { model, precision, ((int64_t) model->n_users + ROUND_CHUNK - 1) / ROUND_CHUNK };

	if (precision == LEP_PRECISION_FLOAT32)
		return LEP_OK;
	return lep_parallel_for(
		env, job.n_user_tasks + ((int64_t) model->n_items + ROUND_CHUNK - 1) / ROUND_CHUNK, round_task, &job);
}
