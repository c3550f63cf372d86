/*
 * judge.c
 *		Figures of errors and lists, put together; see judge.h.
 */
#include "core/judge.h"

#include <math.h>
#include <string.h>

/* Ratings between two looks at should_stop: well under a millisecond. */
#define STOP_RATINGS (64 * 1024)

static const char *const error_names[] = {
	[LEP_METRIC_RMSE] = "rmse",
	[LEP_METRIC_MAE] = "mae",
	[LEP_METRIC_KNOWN] = "coverage",
};

#define AUC_METRIC (1u << (LEP_METRIC_RANKING + LEP_RANKING_AUC))

/* Of the hash that draws users; any number would do. */
#define SAMPLE_SEED UINT64_C(0x617563)

#define ERROR_METRICS ((1u << LEP_METRIC_RMSE) | (1u << LEP_METRIC_MAE) | (1u << LEP_METRIC_KNOWN))

const char *
lep_metric_name(int metric)
{
	if (metric < LEP_METRIC_RANKING)
		return error_names[metric];
	return lep_ranking_name((LepRankingMetric) (metric - LEP_METRIC_RANKING));
}

int
lep_metric_find(const char *name)
{
	for (int metric = 0; metric < LEP_N_METRICS; metric++)
	{
		if (strcmp(lep_metric_name(metric), name) == 0)
			return metric;
	}
	return -1;
}

bool
lep_metric_falls(int metric)
{
	return metric == LEP_METRIC_RMSE || metric == LEP_METRIC_MAE ||
		   metric == LEP_METRIC_RANKING + LEP_RANKING_GINI;
}

void
lep_judge_clear(LepJudgement *judgement)
{
	static const LepFigure nothing = { NAN, NAN, 0 };

	for (int metric = 0; metric < LEP_N_METRICS; metric++)
		judgement->figure[metric] = nothing;
}

/* Rows with something relevant. */
static int64_t
count_rows(const LepJudging *judging)
{
	int64_t n = 0;

	for (int32_t u = 0; u < judging->relevant.n_rows; u++)
		n += judging->relevant.start[u] < judging->relevant.start[u + 1] || judging->n_unlisted[u] > 0;
	return n;
}

/* What is relevant to some of the users, and nothing to the others. */
static LepStatus
sample_users(LepArena *arena, LepJudging *judging, double share)
{
	const LepView *all = &judging->relevant;
	int64_t *start = lep_arena_alloc(arena, (int64_t) all->n_rows + 1, sizeof(int64_t));
	int32_t *column = lep_arena_alloc(arena, all->n, sizeof(int32_t));
	int32_t *unlisted = lep_arena_calloc(arena, all->n_rows, sizeof(int32_t));
	int64_t n = 0;

	if (start == NULL || column == NULL || unlisted == NULL)
		return lep_env_failure(arena->env);
	start[0] = 0;
	for (int32_t u = 0; u < all->n_rows; u++)
	{
		if (u % STOP_RATINGS == 0 && lep_env_stopped(arena->env))
			return LEP_ERR_STOPPED;
		if (lep_ratings_in_sample(judging->ratings, u, SAMPLE_SEED, share))
		{
			unlisted[u] = judging->n_unlisted[u];
			for (int64_t j = all->start[u]; j < all->start[u + 1]; j++)
				column[n++] = all->column[j];
		}
		start[u + 1] = n;
	}
	judging->sampled = true;
	judging->auc_relevant = (LepView){ all->n_rows, n, start, column, NULL };
	judging->auc_unlisted = unlisted;
	return LEP_OK;
}

LepStatus
lep_judge_prepare(LepArena *arena, LepJudging *judging)
{
	LepRelevance relevance = { judging->ratings, judging->parts, judging->min_rating, judging->item_of, 0 };
	LepStatus status = lep_ranking_relevant(arena, &relevance, &judging->relevant, &judging->n_unlisted);
	double max_scores = judging->max_auc_scores > 0 ? judging->max_auc_scores : LEP_JUDGE_AUC_SCORES;
	double n_scores;

	judging->sampled = false;
	if (status != LEP_OK || (judging->wanted & AUC_METRIC) == 0)
		return status;
	n_scores = (double) count_rows(judging) * judging->n_items;
	if (n_scores <= max_scores)
		return LEP_OK;
	return sample_users(arena, judging, max_scores / n_scores);
}

/* Errors of predictions. */
static LepStatus
judge_errors(LepEnv *env, const LepJudging *judging, const LepModel *model, LepJudgement *judgement)
{
	LepErrorRequest request = {
		model, judging->ratings, judging->parts, judging->user_of, judging->item_of, judging->levels
	};
	LepErrorMetrics metrics;
	LepFigure *figure = judgement->figure;
	LepStatus status = lep_metrics_measure(env, &request, &metrics);

	if (status != LEP_OK || metrics.n == 0)
		return status;
	if (judging->wanted >> LEP_METRIC_RMSE & 1)
		figure[LEP_METRIC_RMSE] = (LepFigure){ metrics.rmse, metrics.rmse_std_error, metrics.n };
	if (judging->wanted >> LEP_METRIC_MAE & 1)
		figure[LEP_METRIC_MAE] = (LepFigure){ metrics.mae, metrics.mae_std_error, metrics.n };
	figure[LEP_METRIC_KNOWN] = (LepFigure){ (double) metrics.n_known / (double) metrics.n, NAN, metrics.n };
	return LEP_OK;
}

/* Lists of a ranker. */
static LepStatus
judge_lists(LepEnv *env, const LepJudging *judging, const LepRanker *ranker, LepJudgement *judgement)
{
	LepRankingRequest request;
	LepRankingMetrics metrics;
	LepStatus status;

	memset(&request, 0, sizeof(request));
	request.ranker = ranker;
	request.k = judging->k;
	request.wanted = judging->wanted >> LEP_METRIC_RANKING;
	request.user_of = judging->user_of;
	request.relevant = &judging->relevant;
	request.n_unlisted = judging->n_unlisted;
	request.exclude = judging->exclude;
	request.item_count = judging->item_count;
	request.n_count_users = judging->n_count_users;
	if (judging->rows_of != NULL && judging->rows_of->n_factors > 0)
	{
		request.item_rows = judging->rows_of->item_factors;
		request.stride = judging->rows_of->stride;
	}
	if (judging->sampled)
		request.wanted &= ~(1u << LEP_RANKING_AUC);
	status = lep_ranking_measure(env, &request, &metrics);
	if (status != LEP_OK)
		return status;
	memcpy(judgement->figure + LEP_METRIC_RANKING, metrics.figure, sizeof(metrics.figure));
	if (!judging->sampled)
		return LEP_OK;
	request.wanted = 1u << LEP_RANKING_AUC;
	request.relevant = &judging->auc_relevant;
	request.n_unlisted = judging->auc_unlisted;
	status = lep_ranking_measure(env, &request, &metrics);
	if (status == LEP_OK)
		judgement->figure[LEP_METRIC_RANKING + LEP_RANKING_AUC] = metrics.figure[LEP_RANKING_AUC];
	return status;
}

LepStatus
lep_judge_model(LepEnv *env, const LepJudging *judging, const LepModel *model, LepJudgement *judgement)
{
	LepArena scratch;
	LepRanker ranker;
	LepStatus status = LEP_OK;

	lep_judge_clear(judgement);
	if (judging->wanted & ERROR_METRICS)
		status = judge_errors(env, judging, model, judgement);
	if (status != LEP_OK || judging->wanted >> LEP_METRIC_RANKING == 0)
		return status;
	lep_arena_init(&scratch, env);
	status = lep_ranker_of_model(&scratch, model, &ranker);
	if (status == LEP_OK)
		status = judge_lists(env, judging, &ranker, judgement);
	lep_arena_drop(&scratch);
	return status;
}

LepStatus
lep_judge_popular(LepEnv *env, const LepJudging *judging, LepJudgement *judgement)
{
	LepArena scratch;
	LepRanker ranker;
	LepStatus status;

	lep_judge_clear(judgement);
	if (judging->wanted >> LEP_METRIC_RANKING == 0)
		return LEP_OK;
	lep_arena_init(&scratch, env);
	status = lep_ranker_of_popularity(&scratch, judging->item_count, judging->ratings->n_users,
									  judging->n_items, &ranker);
	if (status == LEP_OK)
		status = judge_lists(env, judging, &ranker, judgement);
	lep_arena_drop(&scratch);
	return status;
}

/* ---------------------------------------------------------------- what was seen */

/*
 * The user's seen items that are not among her ratings, into out (NULL: only
 * counted); how many.  Both lists ascend.
 */
static int64_t
subtract_ratings(const LepRatings *ratings, const int32_t *item_of, int32_t u, const LepSeen *seen,
				 int32_t *out)
{
	int64_t j = ratings->user_start[u];
	int64_t n = 0;

	for (int64_t s = 0; s < seen->n[u]; s++)
	{
		int32_t item = seen->items[u][s];

		while (j < ratings->user_start[u + 1] && item_of[ratings->item[j]] < item)
			j++;
		if (j < ratings->user_start[u + 1] && item_of[ratings->item[j]] == item)
			continue;
		if (out != NULL)
			out[n] = item;
		n++;
	}
	return n;
}

LepStatus
lep_judge_exclude(LepArena *arena, const LepRatings *ratings, const int32_t *item_of, const LepSeen *seen,
				  LepView *exclude, int64_t *n_overlap)
{
	LepEnv *env = arena->env;
	int64_t *start = lep_arena_alloc(arena, (int64_t) ratings->n_users + 1, sizeof(int64_t));
	int64_t n_steps = 0;
	int32_t *column;

	if (start == NULL)
		return lep_env_failure(env);
	*n_overlap = 0;
	start[0] = 0;
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		n_steps += 1 + seen->n[u] + ratings->user_start[u + 1] - ratings->user_start[u];
		if (n_steps >= STOP_RATINGS)
		{
			n_steps = 0;
			if (lep_env_stopped(env))
				return LEP_ERR_STOPPED;
		}
		start[u + 1] = start[u] + subtract_ratings(ratings, item_of, u, seen, NULL);
		*n_overlap += seen->n[u] - (start[u + 1] - start[u]);
	}
	column = lep_arena_alloc(arena, start[ratings->n_users], sizeof(int32_t));
	if (column == NULL)
		return lep_env_failure(env);
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		n_steps += 1 + seen->n[u] + ratings->user_start[u + 1] - ratings->user_start[u];
		if (n_steps >= STOP_RATINGS)
		{
			n_steps = 0;
			if (lep_env_stopped(env))
				return LEP_ERR_STOPPED;
		}
		(void) subtract_ratings(ratings, item_of, u, seen, column + start[u]);
	}
	*exclude = (LepView){ ratings->n_users, start[ratings->n_users], start, column, NULL };
	return LEP_OK;
}
