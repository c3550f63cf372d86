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

/* Users between two looks whether to stop. */
#define USERS_PER_LOOK 64

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

static void
count_ratings(const LepRatings *ratings, unsigned learned, int32_t *of_user, int32_t *of_item)
{
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (!lep_part_in(learned, ratings->part[j]))
				continue;
			of_user[u]++;
			of_item[ratings->item[j]]++;
		}
	}
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

LepStatus
lep_count_errors(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned learned,
				 unsigned parts, LepCountErrors *users, LepCountErrors *items)
{
	LepArena scratch;
	int32_t *of_user;
	int32_t *of_item;
	LepStatus status = LEP_OK;

	memset(users, 0, sizeof(*users));
	memset(items, 0, sizeof(*items));
	lep_arena_init(&scratch, env);
	of_user = lep_arena_calloc(&scratch, ratings->n_users, sizeof(int32_t));
	of_item = of_user == NULL ? NULL : lep_arena_calloc(&scratch, ratings->n_items, sizeof(int32_t));
	if (of_item == NULL)
	{
		lep_arena_drop(&scratch);
		return lep_env_failure(env);
	}
	count_ratings(ratings, learned, of_user, of_item);
	for (int32_t u = 0; status == LEP_OK && u < ratings->n_users; u++)
	{
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			double error;

			if (!lep_part_in(parts, ratings->part[j]))
				continue;
			error = (double) lep_clip(lep_times_score(model, u, ratings->item[j], lep_times_of(ratings, j)),
									  model->min_score, model->max_score) -
					(double) ratings->rating[j];
			add(users, group_of(of_user[u]), error * error);
			add(items, group_of(of_item[ratings->item[j]]), error * error);
		}
		if (u % USERS_PER_LOOK == 0 && lep_env_stopped(env))
			status = lep_env_failure(env);
	}
	lep_arena_drop(&scratch);
	finish(users);
	finish(items);
	return status;
}
