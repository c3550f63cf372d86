/*
 * count_errors.c
 *		Errors by number of ratings; see count_errors.h.
 */
#include "core/count_errors.h"

#include <math.h>
#include <string.h>

#include "core/interval.h"
#include "core/times.h"
#include "core/view.h"

/* Ratings between two looks whether to stop: a count of an item, or a score, may miss the cache. */
#define STOP_RATINGS (16 * 1024)

int64_t
lep_count_group_begin(int group)
{
	return group == 0 ? 0 : INT64_C(1) << (group - 1);
}

static int
group_of(int32_t count)
{
	int group = 0;

	while (group + 1 < LEP_COUNT_GROUPS && count >= lep_count_group_begin(group + 1))
		group++;
	return group;
}

static inline bool
stop_due(LepEnv *env, int64_t j)
{
	return j % STOP_RATINGS == 0 && lep_env_stopped(env);
}

static LepStatus
count_ratings(LepEnv *env, const LepRatings *ratings, unsigned learned, int32_t *of_user, int32_t *of_item)
{
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (stop_due(env, j))
				return LEP_ERR_STOPPED;
			if (!lep_part_in(learned, ratings->part[j]))
				continue;
			of_user[u]++;
			of_item[ratings->item[j]]++;
		}
	}
	return LEP_OK;
}

static void
add(LepCountErrors *errors, int group, double squared)
{
	errors->n[group]++;
	errors->rmse[group] += squared;
}

static void
finish(LepCountErrors *errors)
{
	for (int g = 0; g < LEP_COUNT_GROUPS; g++)
		errors->rmse[g] = errors->n[g] > 0 ? sqrt(errors->rmse[g] / (double) errors->n[g]) : NAN;
}

/* What is judged, and by how many ratings its user and item were learned. */
typedef struct CountJob
{
	const LepModel *model;
	const LepRatings *ratings;
	unsigned parts;
	int32_t *of_user; /* [n_users] */
	int32_t *of_item; /* [n_items] */
} CountJob;

static LepStatus
sum_errors(LepEnv *env, const CountJob *job, LepCountErrors *users, LepCountErrors *items)
{
	const LepModel *model = job->model;
	const LepRatings *ratings = job->ratings;

	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			int32_t i = ratings->item[j];
			double error;

			if (stop_due(env, j))
				return LEP_ERR_STOPPED;
			if (!lep_part_in(job->parts, ratings->part[j]))
				continue;
			error = (double) lep_clip(lep_times_score(model, u, i, lep_times_of(ratings, j)),
									  model->min_score, model->max_score) -
					(double) ratings->rating[j];
			add(users, group_of(job->of_user[u]), error * error);
			add(items, group_of(job->of_item[i]), error * error);
		}
	}
	return LEP_OK;
}

LepStatus
lep_count_errors(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned learned,
				 unsigned parts, LepCountErrors *users, LepCountErrors *items)
{
	CountJob job = { model, ratings, parts, NULL, NULL };
	LepArena scratch;
	LepStatus status;

	memset(users, 0, sizeof(*users));
	memset(items, 0, sizeof(*items));
	lep_arena_init(&scratch, env);
	job.of_user = lep_arena_calloc(&scratch, ratings->n_users, sizeof(int32_t));
	job.of_item = job.of_user == NULL ? NULL : lep_arena_calloc(&scratch, ratings->n_items, sizeof(int32_t));
	status = job.of_item == NULL ? lep_env_failure(env)
								 : count_ratings(env, ratings, learned, job.of_user, job.of_item);
	if (status == LEP_OK)
		status = sum_errors(env, &job, users, items);
	lep_arena_drop(&scratch);
	finish(users);
	finish(items);
	return status;
}
