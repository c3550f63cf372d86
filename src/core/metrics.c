/*
 * metrics.c
 *		RMSE, MAE and exact ranking metrics; see metrics.h.
 *
 * Errors are summed by blocks of ratings and the blocks in their order, so
 * that a user with most of the ratings is no task of her own.
 *
 * Ranking.  With factors, a batch of users meets the items chunk by chunk, each
 * user keeping her list between chunks: one task scores one chunk for one user,
 * and the chunk stays in cache while the batch passes over it.  Without
 * factors all users agree about the order of items but for their own seen
 * ones, so items are sorted once and each list is read off from the top.
 */
#include "core/metrics.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/pool.h"
#include "core/rng.h"
#include "core/view.h"

/* Ratings per task: about 1 ms where factors come from memory. */
#define ERROR_CHUNK 8192

/* Users of a batch, and items that one task scores: under 1 ms. */
#define BATCH_USERS 256
#define BATCH_ITEMS 16384

/* Users per task where lists are read off sorted items. */
#define SORTED_USERS 256

typedef struct ErrorSum
{
	int64_t n;
	double squared;
	double absolute;
} ErrorSum;

typedef struct ErrorJob
{
	const LepModel *model;
	const LepRatings *ratings;
	unsigned parts;
	ErrorSum *sums; /* by task */
} ErrorJob;

static void
sum_errors(void *arg, int64_t task, int thread)
{
	const ErrorJob *job = arg;
	const LepRatings *ratings = job->ratings;
	const LepModel *model = job->model;
	int64_t j = task * ERROR_CHUNK;
	int64_t end = j + ERROR_CHUNK < ratings->n_ratings ? j + ERROR_CHUNK : ratings->n_ratings;
	int32_t u = lep_ratings_user(ratings, j);
	ErrorSum sum = { 0, 0, 0 };

	(void) thread;
	for (; j < end; j++)
	{
		double error;

		if (!lep_part_in(job->parts, ratings->part[j]))
			continue;
		while (j >= ratings->user_start[u + 1])
			u++;
		error = (double) lep_clip(lep_model_score(model, u, ratings->item[j]), model->min_score,
								  model->max_score) -
				(double) ratings->rating[j];
		sum.n++;
		sum.squared += error * error;
		sum.absolute += fabs(error);
	}
	job->sums[task] = sum;
}

LepStatus
lep_metrics_errors(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned parts,
				   LepErrorMetrics *metrics)
{
	int64_t n_tasks = (ratings->n_ratings + ERROR_CHUNK - 1) / ERROR_CHUNK;
	ErrorJob job = { model, ratings, parts, NULL };
	ErrorSum total = { 0, 0, 0 };
	LepArena scratch;
	LepStatus status;

	metrics->n = 0;
	metrics->rmse = NAN;
	metrics->mae = NAN;
	lep_arena_init(&scratch, env);
	job.sums = lep_arena_alloc(&scratch, n_tasks, sizeof(ErrorSum));
	status = job.sums == NULL ? env->error.status : lep_parallel_for(env, n_tasks, sum_errors, &job);
	for (int64_t t = 0; status == LEP_OK && t < n_tasks; t++)
	{
		total.n += job.sums[t].n;
		total.squared += job.sums[t].squared;
		total.absolute += job.sums[t].absolute;
	}
	lep_arena_drop(&scratch);
	if (total.n > 0)
	{
		metrics->n = total.n;
		metrics->rmse = sqrt(total.squared / (double) total.n);
		metrics->mae = total.absolute / (double) total.n;
	}
	return status;
}

/* One user's list, best first. */
typedef struct ListEntry
{
	float score;
	int32_t item;
} ListEntry;

/* Sums over users. */
typedef struct RankingSum
{
	int64_t n_users;
	double precision;
	double recall;
	double ndcg;
} RankingSum;

typedef struct RankingJob
{
	const LepModel *model;
	const LepRatings *ratings;
	unsigned seen_parts;
	unsigned parts;
	int k;		   /* as asked: the divisor of precision */
	int max_len;   /* of a list: min(k, n_items) */
	double *gains; /* [max_len + 1]: discount of place p; ideal[] sums them */
	double *ideal;

	ListEntry *lists; /* max_len entries per user of a batch, or per thread */
	int *lens;		  /* entries in each list of a batch */

	int32_t first_user; /* the batch at work */
	int64_t first_item; /* the chunk at work */

	int32_t *order;	  /* items, best first: no factors */
	RankingSum *sums; /* by task: no factors */
} RankingJob;

/* Does (score, item) come before the entry? */
static bool
beats(float score, int32_t item, const ListEntry *entry)
{
	return score > entry->score || (score == entry->score && item < entry->item);
}

/* Put an item where it belongs in a list of at most max_len; returns its length. */
static int
list_offer(ListEntry *list, int len, int max_len, float score, int32_t item)
{
	int place;

	if (len == max_len && !beats(score, item, &list[len - 1]))
		return len;
	place = len < max_len ? len : max_len - 1;
	for (; place > 0 && beats(score, item, &list[place - 1]); place--)
		list[place] = list[place - 1];
	list[place].score = score;
	list[place].item = item;
	return len < max_len ? len + 1 : len;
}

/* The first of the user's ratings whose item is not below `item`. */
static int64_t
find_item(const LepRatings *ratings, int32_t u, int64_t item)
{
	int64_t low = ratings->user_start[u];
	int64_t high = ratings->user_start[u + 1];

	while (low < high)
	{
		int64_t middle = low + (high - low) / 2;

		if (ratings->item[middle] < item)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Has the user rated the item, in one of these parts? */
static bool
has_item(const LepRatings *ratings, int32_t u, int32_t item, unsigned parts)
{
	int64_t j = find_item(ratings, u, item);

	return j < ratings->user_start[u + 1] && ratings->item[j] == item && lep_part_in(parts, ratings->part[j]);
}

static int64_t
count_relevant(const RankingJob *job, int32_t u)
{
	const LepRatings *ratings = job->ratings;
	int64_t n = 0;

	for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		n += lep_part_in(job->parts, ratings->part[j]);
	return n;
}

/* Add what the list is worth to the sums. */
static void
judge_list(const RankingJob *job, int32_t u, int64_t n_relevant, const ListEntry *list, int len,
		   RankingSum *sum)
{
	int n_hits = 0;
	double gain = 0;
	int ideal_len = n_relevant < job->max_len ? (int) n_relevant : job->max_len;

	for (int place = 0; place < len; place++)
	{
		if (!has_item(job->ratings, u, list[place].item, job->parts))
			continue;
		n_hits++;
		gain += job->gains[place];
	}
	sum->n_users++;
	sum->precision += (double) n_hits / job->k;
	sum->recall += (double) n_hits / (double) n_relevant;
	sum->ndcg += gain / job->ideal[ideal_len];
}

/* One user of the batch meets one chunk of items. */
static void
score_chunk(void *arg, int64_t task, int thread)
{
	RankingJob *job = arg;
	const LepRatings *ratings = job->ratings;
	int32_t u = job->first_user + (int32_t) task;
	int64_t end = job->first_item + BATCH_ITEMS;
	int64_t seen = find_item(ratings, u, job->first_item);
	ListEntry *list = job->lists + task * job->max_len;
	int len = job->lens[task];

	(void) thread;
	if (len < 0)
		return;
	if (end > ratings->n_items)
		end = ratings->n_items;
	for (int32_t i = (int32_t) job->first_item; i < end; i++)
	{
		if (seen < ratings->user_start[u + 1] && ratings->item[seen] == i)
		{
			if (lep_part_in(job->seen_parts, ratings->part[seen++]))
				continue;
		}
		len = list_offer(list, len, job->max_len, lep_model_score(job->model, u, i), i);
	}
	job->lens[task] = len;
}

/* All items for users [first_user, first_user + n). */
static LepStatus
rank_batch(LepEnv *env, RankingJob *job, int n, RankingSum *total)
{
	for (int t = 0; t < n; t++)
		job->lens[t] = count_relevant(job, job->first_user + t) > 0 ? 0 : -1;
	for (job->first_item = 0; job->first_item < job->ratings->n_items; job->first_item += BATCH_ITEMS)
	{
		LepStatus status = lep_parallel_for(env, n, score_chunk, job);

		if (status != LEP_OK)
			return status;
	}
	for (int t = 0; t < n; t++)
	{
		int32_t u = job->first_user + t;

		if (job->lens[t] >= 0)
			judge_list(job, u, count_relevant(job, u), job->lists + (int64_t) t * job->max_len, job->lens[t],
					   total);
	}
	return LEP_OK;
}

static LepStatus
rank_by_batches(LepEnv *env, LepArena *scratch, RankingJob *job, RankingSum *total)
{
	int32_t n_users = job->ratings->n_users;

	job->lists = lep_arena_alloc(scratch, (int64_t) BATCH_USERS * job->max_len, sizeof(ListEntry));
	job->lens = lep_arena_alloc(scratch, BATCH_USERS, sizeof(int));
	if (job->lists == NULL || job->lens == NULL)
		return env->error.status;
	for (int64_t first = 0; first < n_users; first += BATCH_USERS)
	{
		int n = n_users - first < BATCH_USERS ? (int) (n_users - first) : BATCH_USERS;
		LepStatus status;

		job->first_user = (int32_t) first;
		status = rank_batch(env, job, n, total);
		if (status != LEP_OK)
			return status;
	}
	return LEP_OK;
}

/* The last place in job->order whose item has the bias of the item at o. */
static int64_t
last_of_bias(const RankingJob *job, int64_t o)
{
	const float *bias = job->model->item_bias;
	float b = bias[job->order[o]];
	int64_t low = o;
	int64_t high = job->ratings->n_items - 1;

	while (low < high)
	{
		int64_t middle = low + (high - low + 1) / 2;

		if (bias[job->order[middle]] == b)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/*
 * Lists without factors: scores fall (or stay) along job->order, so reading may
 * end at the first item that is strictly below a full list.  Not at the first
 * that does not enter: rounding can make scores of different biases equal, and
 * then the lower item number wins.
 */
static int
read_list(const RankingJob *job, int32_t u, ListEntry *list)
{
	int len = 0;

	for (int64_t o = 0; o < job->ratings->n_items; o++)
	{
		int32_t i = job->order[o];
		float score = lep_model_score(job->model, u, i);

		if (len == job->max_len && score < list[len - 1].score)
			break;
		if (len == job->max_len && !beats(score, i, &list[len - 1]))
		{
			/* the rest of this bias has higher numbers: ties en masse must not be walked */
			o = last_of_bias(job, o);
			continue;
		}
		if (!has_item(job->ratings, u, i, job->seen_parts))
			len = list_offer(list, len, job->max_len, score, i);
	}
	return len;
}

static void
rank_sorted(void *arg, int64_t task, int thread)
{
	RankingJob *job = arg;
	int64_t end = (task + 1) * SORTED_USERS;
	ListEntry *list = job->lists + (int64_t) thread * job->max_len;
	RankingSum sum = { 0, 0, 0, 0 };

	if (end > job->ratings->n_users)
		end = job->ratings->n_users;
	for (int32_t u = (int32_t) (task * SORTED_USERS); u < end; u++)
	{
		int64_t n_relevant = count_relevant(job, u);

		if (n_relevant > 0)
			judge_list(job, u, n_relevant, list, read_list(job, u, list), &sum);
	}
	job->sums[task] = sum;
}

/* Does item a come before item b, by bias? */
static bool
comes_before(const float *bias, int32_t a, int32_t b)
{
	return bias[a] > bias[b] || (bias[a] == bias[b] && a < b);
}

/* Restore the heap below `node`, whose root is the item that comes last. */
static void
sift_down(int32_t *order, int64_t node, int64_t n, const float *bias)
{
	int32_t item = order[node];

	for (int64_t child = 2 * node + 1; child < n; child = 2 * node + 1)
	{
		if (child + 1 < n && comes_before(bias, order[child], order[child + 1]))
			child++;
		if (!comes_before(bias, item, order[child]))
			break;
		order[node] = order[child];
		node = child;
	}
	order[node] = item;
}

/* Heap sort: no memory, no recursion, stoppable. */
static LepStatus
sort_items(LepEnv *env, const float *bias, int32_t *order, int32_t n_items)
{
	for (int32_t i = 0; i < n_items; i++)
		order[i] = i;
	for (int64_t node = (int64_t) n_items / 2 - 1; node >= 0; node--)
	{
		if (node % 8192 == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		sift_down(order, node, n_items, bias);
	}
	for (int64_t n = (int64_t) n_items - 1; n > 0; n--)
	{
		int32_t last = order[0];

		if (n % 8192 == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		order[0] = order[n];
		order[n] = last;
		sift_down(order, 0, n, bias);
	}
	return LEP_OK;
}

static LepStatus
rank_by_order(LepEnv *env, LepArena *scratch, RankingJob *job, RankingSum *total)
{
	int32_t n_items = job->ratings->n_items;
	int64_t n_tasks = ((int64_t) job->ratings->n_users + SORTED_USERS - 1) / SORTED_USERS;
	LepStatus status;

	job->order = lep_arena_alloc(scratch, n_items, sizeof(int32_t));
	job->lists = lep_arena_alloc(scratch, (int64_t) lep_pool_threads(env) * job->max_len, sizeof(ListEntry));
	job->sums = lep_arena_alloc(scratch, n_tasks, sizeof(RankingSum));
	if (job->order == NULL || job->lists == NULL || job->sums == NULL)
		return env->error.status;
	status = sort_items(env, job->model->item_bias, job->order, n_items);
	if (status == LEP_OK)
		status = lep_parallel_for(env, n_tasks, rank_sorted, job);
	for (int64_t t = 0; status == LEP_OK && t < n_tasks; t++)
	{
		total->n_users += job->sums[t].n_users;
		total->precision += job->sums[t].precision;
		total->recall += job->sums[t].recall;
		total->ndcg += job->sums[t].ndcg;
	}
	return status;
}

/* Discounts 1 / log2(place + 2), and their sums: what an ideal list gains. */
static LepStatus
make_gains(LepArena *scratch, RankingJob *job)
{
	job->gains = lep_arena_alloc(scratch, job->max_len, sizeof(double));
	job->ideal = lep_arena_alloc(scratch, (int64_t) job->max_len + 1, sizeof(double));
	if (job->gains == NULL || job->ideal == NULL)
		return scratch->env->error.status;
	job->ideal[0] = 0;
	for (int place = 0; place < job->max_len; place++)
	{
		job->gains[place] = lep_log(2.0) / lep_log(place + 2.0);
		job->ideal[place + 1] = job->ideal[place] + job->gains[place];
	}
	return LEP_OK;
}

LepStatus
lep_metrics_ranking(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned seen_parts,
					unsigned parts, int k, LepRankingMetrics *metrics)
{
	RankingJob job;
	RankingSum total = { 0, 0, 0, 0 };
	LepArena scratch;
	LepStatus status;

	memset(&job, 0, sizeof(job));
	job.model = model;
	job.ratings = ratings;
	job.seen_parts = seen_parts;
	job.parts = parts;
	job.k = k;
	job.max_len = k < ratings->n_items ? k : ratings->n_items;

	lep_arena_init(&scratch, env);
	status = make_gains(&scratch, &job);
	if (status == LEP_OK && model->n_factors > 0)
		status = rank_by_batches(env, &scratch, &job, &total);
	else if (status == LEP_OK)
		status = rank_by_order(env, &scratch, &job, &total);
	lep_arena_drop(&scratch);

	metrics->k = k;
	metrics->n_users = total.n_users;
	metrics->precision = total.n_users > 0 ? total.precision / (double) total.n_users : NAN;
	metrics->recall = total.n_users > 0 ? total.recall / (double) total.n_users : NAN;
	metrics->ndcg = total.n_users > 0 ? total.ndcg / (double) total.n_users : NAN;
	return status;
}
