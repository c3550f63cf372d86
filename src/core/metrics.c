/*
 * metrics.c
 *		RMSE, MAE and their standard errors; see metrics.h.
 *
 * Errors are summed by blocks of ratings and the blocks in their order, so
 * that a user with most of the ratings is no task of her own.  A standard error
 * needs the sums of each user; the first and the last user of a block may go on
 * in its neighbours and are kept apart until the blocks are put together.
 *
 * With A_u a user's sum of squared errors over her n_u ratings, n = sum n_u and
 * m = sum A_u / n, the variance of m is that of a ratio (Cochran, Sampling
 * Techniques, 3rd ed., section 2.11)
 *
 *	G / (G - 1) * sum (A_u - m n_u)^2 / n^2
 *
 * over the G users, and the sum is taken as sum A_u^2 - 2 m sum A_u n_u + m^2
 * sum n_u^2.  The root has standard error sqrt(variance) / (2 sqrt(m)).
 */
#include "core/metrics.h"

#include <math.h>

#include "core/interval.h"
#include "core/pool.h"
#include "core/times.h"
#include "core/view.h"

/* Ratings per task: about 1 ms where factors come from memory. */
#define ERROR_CHUNK 8192

/* One user's errors. */
typedef struct UserSum
{
	int32_t user; /* -1: nobody */
	int64_t n;
	double squared;
	double absolute;
} UserSum;

/* Sums over users who are complete. */
typedef struct CrossSum
{
	int64_t n_users;
	double n_n;
	double squared_n;
	double squared_squared;
	double absolute_n;
	double absolute_absolute;
} CrossSum;

typedef struct ErrorSum
{
	int64_t n;
	int64_t n_known;
	double squared;
	double absolute;
	UserSum first; /* the block's first user with a rating in the parts */
	UserSum last;  /* its last, if another */
	CrossSum between;
} ErrorSum;

typedef struct ErrorJob
{
	const LepErrorRequest *request;
	ErrorSum *sums; /* by task */
} ErrorJob;

static const UserSum nobody = { -1, 0, 0, 0 };

/* The number in the model, -1 for none. */
static int32_t
map_row(const int32_t *row_of, int32_t row)
{
	return row_of == NULL ? row : row_of[row];
}

static void
add_error(UserSum *sum, double error)
{
	sum->n++;
	sum->squared += error * error;
	sum->absolute += fabs(error);
}

/* A user is complete. */
static void
add_user(CrossSum *cross, const UserSum *user)
{
	double n = (double) user->n;

	if (user->user < 0)
		return;
	cross->n_users++;
	cross->n_n += n * n;
	cross->squared_n += user->squared * n;
	cross->squared_squared += user->squared * user->squared;
	cross->absolute_n += user->absolute * n;
	cross->absolute_absolute += user->absolute * user->absolute;
}

static void
add_cross(CrossSum *to, const CrossSum *from)
{
	to->n_users += from->n_users;
	to->n_n += from->n_n;
	to->squared_n += from->squared_n;
	to->squared_squared += from->squared_squared;
	to->absolute_n += from->absolute_n;
	to->absolute_absolute += from->absolute_absolute;
}

/* A block's next user begins: who was the last is complete. */
static UserSum *
next_user(ErrorSum *sum, int32_t u)
{
	UserSum *user = sum->first.user < 0 ? &sum->first : &sum->last;

	add_user(&sum->between, &sum->last);
	*user = nobody;
	user->user = u;
	return user;
}

/* The prediction that a score makes. */
static float
shown(const LepErrorRequest *request, float score)
{
	const LepModel *model = request->model;

	return request->levels != NULL ? lep_point(request->levels, score, model->min_score, model->max_score)
								   : lep_clip(score, model->min_score, model->max_score);
}

static void
sum_errors(void *arg, int64_t task, int thread)
{
	const ErrorJob *job = arg;
	const LepErrorRequest *request = job->request;
	const LepRatings *ratings = request->ratings;
	const LepModel *model = request->model;
	int64_t j = task * ERROR_CHUNK;
	int64_t end = j + ERROR_CHUNK < ratings->n_ratings ? j + ERROR_CHUNK : ratings->n_ratings;
	int32_t u = lep_ratings_user(ratings, j);
	ErrorSum sum = { 0, 0, 0, 0, nobody, nobody, { 0, 0, 0, 0, 0, 0 } };
	UserSum *user = NULL;

	(void) thread;
	for (; j < end; j++)
	{
		int32_t model_user;
		int32_t model_item;
		double error;

		if (!lep_part_in(request->parts, ratings->part[j]))
			continue;
		while (j >= ratings->user_start[u + 1])
			u++;
		if (user == NULL || user->user != u)
			user = next_user(&sum, u);
		model_user = map_row(request->user_of, u);
		model_item = map_row(request->item_of, ratings->item[j]);
		error = (double) shown(request,
							   lep_times_score(model, model_user, model_item, lep_times_of(ratings, j))) -
				(double) ratings->rating[j];
		add_error(user, error);
		sum.n++;
		sum.n_known += model_user >= 0 && model_item >= 0;
		sum.squared += error * error;
		sum.absolute += fabs(error);
	}
	job->sums[task] = sum;
}

/* Put the next block behind those that are in total; `total->last` may go on. */
static void
join_block(ErrorSum *total, const ErrorSum *block)
{
	total->n += block->n;
	total->n_known += block->n_known;
	total->squared += block->squared;
	total->absolute += block->absolute;
	if (block->first.user < 0)
		return;
	if (block->first.user == total->last.user)
	{
		total->last.n += block->first.n;
		total->last.squared += block->first.squared;
		total->last.absolute += block->first.absolute;
	}
	else
	{
		add_user(&total->between, &total->last);
		total->last = block->first;
	}
	if (block->last.user < 0)
		return;
	add_user(&total->between, &total->last);
	add_cross(&total->between, &block->between);
	total->last = block->last;
}

/* The standard error of m = sum A / n. */
static double
std_error_of_ratio(double m, double aa, double an, const CrossSum *cross, double n)
{
	double groups = (double) cross->n_users;
	double sum = aa - 2 * m * an + m * m * cross->n_n;

	if (cross->n_users < 2)
		return NAN;
	return sum > 0 ? sqrt(groups / (groups - 1) * sum) / n : 0;
}

void
lep_metrics_clear(LepErrorMetrics *metrics)
{
	metrics->n = 0;
	metrics->n_known = 0;
	metrics->n_users = 0;
	metrics->rmse = NAN;
	metrics->mae = NAN;
	metrics->rmse_std_error = NAN;
	metrics->mae_std_error = NAN;
}

static void
set_metrics(const ErrorSum *total, LepErrorMetrics *metrics)
{
	const CrossSum *cross = &total->between;
	double n = (double) total->n;
	double mse = total->squared / n;
	double mse_error;

	metrics->n = total->n;
	metrics->n_known = total->n_known;
	metrics->n_users = cross->n_users;
	metrics->rmse = sqrt(mse);
	metrics->mae = total->absolute / n;
	mse_error = std_error_of_ratio(mse, cross->squared_squared, cross->squared_n, cross, n);
	metrics->rmse_std_error = mse > 0 ? mse_error / (2 * metrics->rmse) : mse_error;
	metrics->mae_std_error =
		std_error_of_ratio(metrics->mae, cross->absolute_absolute, cross->absolute_n, cross, n);
}

LepStatus
lep_metrics_measure(LepEnv *env, const LepErrorRequest *request, LepErrorMetrics *metrics)
{
	int64_t n_tasks = (request->ratings->n_ratings + ERROR_CHUNK - 1) / ERROR_CHUNK;
	ErrorJob job = { request, NULL };
	ErrorSum total = { 0, 0, 0, 0, nobody, nobody, { 0, 0, 0, 0, 0, 0 } };
	LepArena scratch;
	LepStatus status;

	lep_metrics_clear(metrics);
	lep_arena_init(&scratch, env);
	job.sums = lep_arena_alloc(&scratch, n_tasks, sizeof(ErrorSum));
	status = job.sums == NULL ? lep_env_failure(env) : lep_parallel_for(env, n_tasks, sum_errors, &job);
	for (int64_t t = 0; status == LEP_OK && t < n_tasks; t++)
		join_block(&total, &job.sums[t]);
	lep_arena_drop(&scratch);
	if (status == LEP_OK && total.n > 0)
	{
		add_user(&total.between, &total.last);
		set_metrics(&total, metrics);
	}
	return status;
}

LepStatus
lep_metrics_errors(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned parts,
				   LepErrorMetrics *metrics)
{
	LepErrorRequest request = { model, ratings, parts, NULL, NULL, NULL };

	return lep_metrics_measure(env, &request, metrics);
}
