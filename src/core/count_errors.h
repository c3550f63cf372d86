/*
 * count_errors.h
 *		How far off predictions are, by how many ratings there were to learn from.
 */
#ifndef LEP_COUNT_ERRORS_H
#define LEP_COUNT_ERRORS_H

#include "core/model.h"
#include "core/ratings.h"

/* Counts of 0, 1, 2 to 3, 4 to 7, ...; the last has no end. */
#define LEP_COUNT_GROUPS 16

typedef struct LepCountErrors
{
	int64_t n[LEP_COUNT_GROUPS];   /* ratings judged */
	double rmse[LEP_COUNT_GROUPS]; /* NaN for n = 0 */
} LepCountErrors;

/* The least count of a group. */
extern int64_t lep_count_group_begin(int group);

/*
 * RMSE of the model on the ratings in `parts`, grouped by the ratings in `learned`
 * of their user, and of their item.  Numbers of the model are those of the ratings.
 * Takes 4 bytes for each user and item.
 */
extern LepStatus
lep_count_errors(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned learned,
				 unsigned parts, LepCountErrors *users, LepCountErrors *items);

#endif /* LEP_COUNT_ERRORS_H */
