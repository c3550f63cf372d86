/*
 * precision.h
 *		Rows of numbers in four bytes each, in two or in one: option `storage`.
 *
 * float16 is IEEE-754's binary16, rounded to nearest, ties to even, with one power
 * of two for the row, so that neither large nor small units of the ratings are
 * lost: the largest number of a row lies in the top binade.  A number that is not
 * much smaller than the row's largest keeps 11 significant bits.
 *
 * int8 is whole numbers from -127 to 127, times a scale of the row: its largest
 * magnitude / 127, rounded up to 16 significant bits, so that every product is
 * exact.  The error is at most half a scale.
 *
 * What comes back is a float32 that is stored as the same bytes again.  By integer
 * arithmetic and exact operations only: the same bits on every machine and at every
 * kernel level.  Nothing allocates; any thread.
 */
#ifndef LEP_PRECISION_H
#define LEP_PRECISION_H

#include "core/env.h"
#include "core/model.h"

/* In the order of option `storage`; one less than the byte that stands for it. */
typedef enum LepPrecision
{
	LEP_PRECISION_FLOAT32,
	LEP_PRECISION_FLOAT16,
	LEP_PRECISION_INT8
} LepPrecision;

#define LEP_N_PRECISIONS 3

/* binary16 as its bits: to nearest, ties to even; beyond 65504 infinity; NaN stays NaN. */
extern uint16_t lep_half_from_float(float value);
extern float lep_half_to_float(uint16_t half);

/* Bytes of a row of n numbers: what the row has in common, and each number's. */
extern size_t lep_precision_row_bytes(LepPrecision precision);
extern size_t lep_precision_number_bytes(LepPrecision precision);

/* Both together; SIZE_MAX on overflow. */
extern size_t lep_precision_size(LepPrecision precision, int64_t n);

/* Write n numbers, finite and at most LEP_MAX_NORM in magnitude. */
extern void lep_precision_put(LepPrecision precision, const float *numbers, int64_t n, uint8_t *bytes);

/*
 * Read n numbers from lep_precision_size() bytes.  LEP_ERR_BYTES_VALUE (row: which)
 * for a number that is not finite or beyond LEP_MAX_NORM, LEP_ERR_BYTES_ORDER (row:
 * -1) for what the row has in common where it is not what lep_precision_put()
 * writes.  what names the bytes, for errors.
 */
extern LepStatus lep_precision_get(LepPrecision precision, const uint8_t *bytes, int64_t n, float *numbers,
								   const char *what, LepError *error);

/* What lep_precision_get() makes of them once they are put; in place. */
extern void lep_precision_round(LepPrecision precision, float *numbers, int64_t n);

/*
 * Round all factors, and the weights of neighbours, row by row, on the pool's
 * threads.  LEP_ERR_STOPPED.  A norm may exceed LEP_MAX_NORM where it was near.
 */
extern LepStatus lep_precision_round_model(LepEnv *env, LepPrecision precision, LepModel *model);

#endif /* LEP_PRECISION_H */
