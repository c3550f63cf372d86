/*
 * interval.c
 *		Quantiles of residuals, and cuts between the values of ratings.
 *
 * Every pass over the ratings goes by blocks of them.  A first pass counts how
 * many of each block are in the parts, so that later ones know where theirs go
 * in an array of just those.
 *
 * Cuts.  |v_l - r| is the sum over the gaps k between l and r of v_(k+1) - v_k, so
 * the error is a sum over gaps, and each cut can be chosen alone: it costs its
 * gap for each rating above the gap whose prediction is below the cut, and the
 * reverse.  With f_k(c) the number of those, f_(k+1)(c) - f_k(c) falls as c grows,
 * and so does |c - m_(k+1)| - |c - m_k| for ascending middles m: the smallest
 * minimisers of (f_k, distance from m_k) ascend by themselves (Topkis's theorem).
 */
#include "core/interval.h"

#include <math.h>
#include <string.h>

#include "core/metrics.h"
#include "core/pool.h"
#include "core/radix.h"
#include "core/times.h"
#include "core/view.h"

/* Ratings per task: about 1 ms where factors come from memory. */
#define BLOCK 8192

/* Elements between two questions whether to stop. */
#define STOP_INTERVAL 4096

/* What one block, or all, of the held-out ratings add up to. */
typedef struct Sums
{
	double squares;			/* of standardised residuals */
	double variance_u;		/* noise + user variance: what remains without an item */
	double variance_i;		/* noise + item variance */
	double squares_no_user; /* of residuals of predictions without the user */
	double squares_no_item;
} Sums;

/* Ratings of some parts, and what a pass makes of them. */
typedef struct Job
{
	const LepModel *model;
	const LepRatings *ratings;
	unsigned parts;
	const LepLevels *levels;
	int64_t n_blocks;
	int64_t *start;	 /* [n_blocks + 1]: where the block's ratings go */
	Sums *sums;		 /* [n_blocks] */
	uint64_t *pairs; /* [n]: an ordered number to sort by, and what goes with it */
} Job;

static int64_t
block_end(const Job *job, int64_t block)
{
	int64_t end = (block + 1) * BLOCK;

	return end < job->ratings->n_ratings ? end : job->ratings->n_ratings;
}

static void
count_block(void *arg, int64_t block, int thread)
{
	const Job *job = arg;
	int64_t end = block_end(job, block);
	int64_t n = 0;

	(void) thread;
	for (int64_t j = block * BLOCK; j < end; j++)
		n += lep_part_in(job->parts, job->ratings->part[j]);
	job->start[block + 1] = n;
}

/* Count, and find where each block's ratings begin. */
static LepStatus
begin_job(LepArena *scratch, Job *job, int64_t *n)
{
	LepEnv *env = scratch->env;
	LepStatus status;

	job->n_blocks = (job->ratings->n_ratings + BLOCK - 1) / BLOCK;
	job->start = lep_arena_alloc(scratch, job->n_blocks + 1, sizeof(int64_t));
	job->sums = lep_arena_calloc(scratch, job->n_blocks, sizeof(Sums));
	if (job->start == NULL || job->sums == NULL)
		return lep_env_failure(env);
	job->start[0] = 0;
	status = lep_parallel_for(env, job->n_blocks, count_block, job);
	for (int64_t b = 0; status == LEP_OK && b < job->n_blocks; b++)
		job->start[b + 1] += job->start[b];
	if (status == LEP_OK)
		*n = job->start[job->n_blocks];
	return status;
}

static Sums
sum_blocks(const Job *job)
{
	Sums total = { 0, 0, 0, 0, 0 };

	for (int64_t b = 0; b < job->n_blocks; b++)
	{
		const Sums *sums = &job->sums[b];

		total.squares += sums->squares;
		total.variance_u += sums->variance_u;
		total.variance_i += sums->variance_i;
		total.squares_no_user += sums->squares_no_user;
		total.squares_no_item += sums->squares_no_item;
	}
	return total;
}

/* The clipped prediction for when it was rated; -1 for an unknown side. */
static float
predict(const LepModel *model, int32_t u, int32_t i, const int64_t *instant)
{
	return lep_clip(lep_times_score(model, u, i, instant), model->min_score, model->max_score);
}

/* A number that orders as the float does, and back; not for NaN. */
static uint32_t
ordered_key(float value)
{
	uint32_t bits;

	value += 0; /* -0 is 0 */
	memcpy(&bits, &value, sizeof(bits));
	return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float
float_of_key(uint32_t key)
{
	uint32_t bits = key & 0x80000000u ? key & 0x7FFFFFFFu : ~key;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The float that a pair is sorted by. */
static float
key_of(uint64_t pair)
{
	return float_of_key((uint32_t) (pair >> 32));
}

/* By the upper halves, the others going along. */
static LepStatus
sort_pairs(LepArena *scratch, uint64_t *pairs, int64_t n)
{
	uint64_t *spare = lep_arena_alloc(scratch, n, sizeof(uint64_t));
	LepStatus status;

	if (spare == NULL)
		return lep_env_failure(scratch->env);
	status = lep_radix_sort(scratch->env, pairs, spare, n, 32, 64);
	lep_arena_free(scratch, spare);
	return status;
}

/* --------------------------------------------------------------------- intervals */

size_t
lep_intervals_size(int64_t m)
{
	/* what is sorted, and as much to sort it with */
	return lep_mul_size(2 * (size_t) m, sizeof(uint64_t));
}

double
lep_interval_noise(const LepModel *model)
{
	return model->user_variance != NULL ? model->noise : 1;
}

static double
square(double x)
{
	return x * x;
}

/* Residuals of a block, standardised, and the sums. */
static void
measure_block(void *arg, int64_t block, int thread)
{
	const Job *job = arg;
	const LepModel *model = job->model;
	const LepRatings *ratings = job->ratings;
	double noise = lep_interval_noise(model);
	int64_t end = block_end(job, block);
	int64_t to = job->start[block];
	int32_t u = lep_ratings_user(ratings, block * BLOCK);
	Sums sums = { 0, 0, 0, 0, 0 };

	(void) thread;
	for (int64_t j = block * BLOCK; j < end; j++)
	{
		int32_t i = ratings->item[j];
		const int64_t *instant = lep_times_of(ratings, j);
		double rating = ratings->rating[j];
		double user_variance;
		double item_variance;
		double variance;
		double residual;

		if (!lep_part_in(job->parts, ratings->part[j]))
			continue;
		while (j >= ratings->user_start[u + 1])
			u++;
		user_variance = model->user_variance != NULL ? model->user_variance[u] : 0;
		item_variance = model->user_variance != NULL ? model->item_variance[i] : 0;
		variance = noise + user_variance + item_variance;
		residual = rating - (double) predict(model, u, i, instant);
		/* a model that is certain must be right: anything else is beyond all quantiles */
		residual = residual == 0 ? 0 : fabs(residual) / sqrt(variance);
		if (!(residual <= LEP_MAX_NORM))
			residual = LEP_MAX_NORM;
		job->pairs[to++] = (uint64_t) ordered_key((float) residual) << 32;
		sums.squares += square(residual);
		sums.variance_u += noise + user_variance;
		sums.variance_i += noise + item_variance;
		sums.squares_no_user += square(rating - (double) predict(model, -1, i, instant));
		sums.squares_no_item += square(rating - (double) predict(model, u, -1, instant));
	}
	job->sums[block] = sums;
}

/* The quantile at q of ascending numbers, linear between them (Hazen's positions). */
static float
quantile_of(const uint64_t *pairs, int64_t n, double q)
{
	double position = q * (double) n - 0.5;
	int64_t low;
	double below;
	double above;

	if (position <= 0)
		return key_of(pairs[0]);
	if (position >= (double) (n - 1))
		return key_of(pairs[n - 1]);
	low = (int64_t) position;
	below = key_of(pairs[low]);
	above = key_of(pairs[low + 1]);
	return (float) (below + (position - (double) low) * (above - below));
}

/* max(0, squares / spread^2 - variance): see lep_intervals_measure */
static double
prior_of(double squares, double standardised, double n, double variance)
{
	double prior = standardised > 0 ? (squares / standardised) - variance / n : 0;

	return prior > 0 ? prior : 0;
}

static void
describe(const Job *job, int64_t n, LepIntervals *intervals)
{
	Sums sums = sum_blocks(job);

	intervals->n = n;
	intervals->spread = sqrt(sums.squares / (double) n);
	intervals->user_prior = prior_of(sums.squares_no_user, sums.squares, (double) n, sums.variance_i);
	intervals->item_prior = prior_of(sums.squares_no_item, sums.squares, (double) n, sums.variance_u);
	for (int j = 0; j < LEP_N_QUANTILES; j++)
		intervals->quantile[j] = quantile_of(job->pairs, n, (j + 0.5) / LEP_N_QUANTILES);
}

LepStatus
lep_intervals_measure(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned parts,
					  LepIntervals *intervals)
{
	Job job = { .model = model, .ratings = ratings, .parts = parts };
	LepArena scratch;
	LepStatus status;
	int64_t n = 0;

	memset(intervals, 0, sizeof(*intervals));
	lep_arena_init(&scratch, env);
	status = begin_job(&scratch, &job, &n);
	if (status == LEP_OK && n > 0)
	{
		job.pairs = lep_arena_alloc(&scratch, n, sizeof(uint64_t));
		status = job.pairs == NULL ? lep_env_failure(env)
								   : lep_parallel_for(env, job.n_blocks, measure_block, &job);
		if (status == LEP_OK)
			status = sort_pairs(&scratch, job.pairs, n);
		if (status == LEP_OK)
			describe(&job, n, intervals);
	}
	lep_arena_drop(&scratch);
	return status;
}

double
lep_interval_width(const LepIntervals *intervals, double level)
{
	double position = level * LEP_N_QUANTILES - 0.5;
	int low;

	if (position <= 0) /* level 0 is half a step before the first */
		return intervals->quantile[0] * (2 * (position + 0.5));
	if (position >= LEP_N_QUANTILES - 1)
		return intervals->quantile[LEP_N_QUANTILES - 1];
	low = (int) position;
	return intervals->quantile[low] +
		   (position - low) * ((double) intervals->quantile[low + 1] - intervals->quantile[low]);
}

/* ------------------------------------------------------------------------ levels */

/* The distinct values of a block, ascending; more than can be used ends the search. */
typedef struct Values
{
	int n;
	float value[LEP_MAX_LEVELS + 1];
} Values;

/* Where the value is or belongs. */
static int
find_value(const float *values, int n, float value)
{
	int low = 0;
	int high = n;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (values[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
add_value(Values *values, float value)
{
	int place = find_value(values->value, values->n, value);

	if (values->n > LEP_MAX_LEVELS || (place < values->n && values->value[place] == value))
		return;
	for (int v = values->n; v > place; v--)
		values->value[v] = values->value[v - 1];
	values->value[place] = value;
	values->n++;
}

typedef struct ValuesJob
{
	const LepRatings *ratings;
	Values *values; /* by block of VALUES_BLOCK ratings */
} ValuesJob;

/* Larger than BLOCK: the blocks' lists have to be merged, and take memory. */
#define VALUES_BLOCK 65536

static void
find_values(void *arg, int64_t block, int thread)
{
	const ValuesJob *job = arg;
	Values *values = &job->values[block];
	int64_t end = (block + 1) * VALUES_BLOCK;

	(void) thread;
	values->n = 0;
	if (end > job->ratings->n_ratings)
		end = job->ratings->n_ratings;
	for (int64_t j = block * VALUES_BLOCK; j < end && values->n <= LEP_MAX_LEVELS; j++)
		add_value(values, job->ratings->rating[j]);
}

static LepStatus
find_levels(LepArena *scratch, const LepRatings *ratings, LepLevels *levels)
{
	int64_t n_blocks = (ratings->n_ratings + VALUES_BLOCK - 1) / VALUES_BLOCK;
	ValuesJob job = { ratings, lep_arena_alloc(scratch, n_blocks, sizeof(Values)) };
	Values all = { 0, { 0 } };
	LepStatus status;

	if (job.values == NULL)
		return lep_env_failure(scratch->env);
	status = lep_parallel_for(scratch->env, n_blocks, find_values, &job);
	for (int64_t b = 0; status == LEP_OK && b < n_blocks; b++)
	{
		for (int v = 0; v < job.values[b].n; v++)
			add_value(&all, job.values[b].value[v]);
	}
	lep_arena_free(scratch, job.values);
	if (status != LEP_OK || all.n < 2 || all.n > LEP_MAX_LEVELS)
		return status;
	levels->n = all.n;
	memcpy(levels->value, all.value, (size_t) all.n * sizeof(float));
	return LEP_OK;
}

/* Predictions of a block, each with the level of its rating. */
static void
pair_block(void *arg, int64_t block, int thread)
{
	const Job *job = arg;
	const LepRatings *ratings = job->ratings;
	const LepLevels *levels = job->levels;
	int64_t end = block_end(job, block);
	int64_t to = job->start[block];
	int32_t u = lep_ratings_user(ratings, block * BLOCK);

	(void) thread;
	for (int64_t j = block * BLOCK; j < end; j++)
	{
		if (!lep_part_in(job->parts, ratings->part[j]))
			continue;
		while (j >= ratings->user_start[u + 1])
			u++;
		job->pairs[to++] =
			(uint64_t) ordered_key(predict(job->model, u, ratings->item[j], lep_times_of(ratings, j))) << 32 |
			(uint64_t) find_value(levels->value, levels->n, ratings->rating[j]);
	}
}

/* The cuts as they are being found. */
typedef struct CutSearch
{
	LepLevels *levels;
	float middle[LEP_MAX_LEVELS];	 /* between value k and k + 1 */
	int64_t cost[LEP_MAX_LEVELS];	 /* of a cut here, but for a constant */
	int64_t least[LEP_MAX_LEVELS];	 /* of all cuts so far */
	double distance[LEP_MAX_LEVELS]; /* of the best of these from the middle */
} CutSearch;

/*
 * Offer the cuts in [low, high] to every gap: all cost the same, and the one
 * nearest to the middle of the gap is what it would take.
 */
static void
offer_cuts(CutSearch *search, float low, float high)
{
	for (int k = 0; k < search->levels->n - 1; k++)
	{
		float cut;
		double distance;

		if (search->cost[k] > search->least[k])
			continue;
		cut = lep_clip(search->middle[k], low, high);
		distance = fabs((double) cut - (double) search->middle[k]);
		if (search->cost[k] == search->least[k] && distance >= search->distance[k])
			continue;
		search->least[k] = search->cost[k];
		search->distance[k] = distance;
		search->levels->cut[k] = cut;
	}
}

/* Walk up the sorted predictions, past which the cuts move one after the other. */
static LepStatus
search_cuts(LepEnv *env, CutSearch *search, const uint64_t *pairs, int64_t n)
{
	int n_gaps = search->levels->n - 1;
	float low = -INFINITY;

	for (int64_t j = 0; j < n; j++)
	{
		uint32_t key = (uint32_t) (pairs[j] >> 32);
		int level = (int) (pairs[j] & 0xFFFFFFFFu);

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (j == 0 || key != (uint32_t) (pairs[j - 1] >> 32))
			offer_cuts(search, low, float_of_key(key));
		/* the next float above: scores are finite, so there is one */
		low = float_of_key(key + 1);
		for (int k = 0; k < n_gaps; k++)
			search->cost[k] += k < level ? 1 : -1;
	}
	offer_cuts(search, low, INFINITY);
	return LEP_OK;
}

static LepStatus
find_cuts(LepEnv *env, const uint64_t *pairs, int64_t n, LepLevels *levels)
{
	CutSearch search = { .levels = levels };

	for (int k = 0; k < levels->n - 1; k++)
	{
		search.middle[k] = (float) (((double) levels->value[k] + (double) levels->value[k + 1]) / 2);
		search.least[k] = INT64_MAX;
	}
	return search_cuts(env, &search, pairs, n);
}

LepStatus
lep_levels_measure(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned parts,
				   LepLevels *levels)
{
	Job job = { .model = model, .ratings = ratings, .parts = parts, .levels = levels };
	LepArena scratch;
	LepStatus status;
	int64_t n = 0;

	memset(levels, 0, sizeof(*levels));
	lep_arena_init(&scratch, env);
	status = find_levels(&scratch, ratings, levels);
	if (status == LEP_OK && levels->n > 0)
	{
		status = begin_job(&scratch, &job, &n);
		if (status == LEP_OK)
			job.pairs = lep_arena_alloc(&scratch, n, sizeof(uint64_t));
		if (status == LEP_OK)
			status = job.pairs == NULL ? lep_env_failure(env)
									   : lep_parallel_for(env, job.n_blocks, pair_block, &job);
		if (status == LEP_OK)
			status = sort_pairs(&scratch, job.pairs, n);
		if (status == LEP_OK)
			status = find_cuts(env, job.pairs, n, levels);
	}
	lep_arena_drop(&scratch);
	if (status != LEP_OK)
		levels->n = 0;
	return status;
}

float
lep_median(const LepLevels *levels, float prediction)
{
	int low = 0;
	int high = levels->n - 1;

	if (levels->n == 0)
		return prediction;
	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (prediction >= levels->cut[middle])
			low = middle + 1;
		else
			high = middle;
	}
	return levels->value[low];
}

float
lep_point(const LepLevels *levels, float score, float min_score, float max_score)
{
	return lep_clip(lep_median(levels, lep_clip(score, min_score, max_score)), min_score, max_score);
}

LepStatus
lep_levels_error(LepEnv *env, const LepModel *model, const LepRatings *ratings, unsigned parts,
				 const LepLevels *levels, double *mae)
{
	LepErrorRequest request = { model, ratings, parts, NULL, NULL, levels };
	LepErrorMetrics metrics;
	LepStatus status = lep_metrics_measure(env, &request, &metrics);

	*mae = metrics.mae;
	return status;
}
