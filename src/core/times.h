/*
 * times.h
 *		What a user was like in an earlier stretch of time; see LepTimes in
 *		model.h.
 */
#ifndef LEP_TIMES_H
#define LEP_TIMES_H

#include "core/model.h"
#include "core/ratings.h"

/* The bin that holds this instant: the last that begins at or before it, else the oldest. */
extern int lep_times_find(const LepTimes *times, int64_t instant);

/*
 * A user's bias and factors in a bin.  row: her factors as they are now, stride
 * floats, NULL for an unknown user (whose bias is 0) or for stride 0.  moved:
 * stride floats, which may be row; not touched for stride 0.  The answer is her
 * bias in the bin.
 */
extern float
lep_times_move(const LepTimes *times, int bin, float bias, const float *row, int stride, float *moved);

/*
 * The score of user u and item i, -1 for unknown, at an instant; NULL, or a
 * model without times: the score of now.
 */
extern float lep_times_score(const LepModel *model, int32_t u, int32_t i, const int64_t *instant);

/* When rating j was given, where that is known. */
static inline const int64_t *
lep_times_of(const LepRatings *ratings, int64_t j)
{
	return ratings->time != NULL ? &ratings->time[j] : NULL;
}

#endif /* LEP_TIMES_H */
