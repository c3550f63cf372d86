/*
 * gibbs_blocks.c
 *		Gibbs sampling one coordinate at a time, with implicit information of
 *		both sides and an effect of time.
 *
 * Model, over standardised ratings z of user u, item i and bin of time t:
 *
 *	z = b_u + b_i + b_t + (P_u + V_t) . Q_i + noise (gibbs_noise.h)
 *	P_u = p_u + n_u^(-1/2) sum of y_j over the items j that u rated
 *	Q_i = q_i + n_i^(-1/2) sum of x_v over the users v who rated i
 *
 * and b_u, b_i likewise: a bias is one more coordinate.  V_t is what the people
 * of a time like.  This is SVD++ and its flip with time, the Bayesian model of
 * S. Rendle, L. Zhang, Y. Koren, "On the difficulty of evaluating baselines",
 * 2019, arXiv:1905.01395, section 3.2, without the products of features of one
 * row with each other, which are biases by another name, and without those of
 * users and times: whoever rated in one stretch of time only would be said to be
 * another person in the next.
 *
 * Priors: each coordinate of each of the five kinds of unknowns is normal with
 * a precision of its own, p and q with a mean too; precisions have a gamma
 * prior of (1/2, PRIOR_RATE / 2), means are normal around 0 with the precision
 * of one row: S. Rendle, "Factorization machines with libFM", ACM TIST 3(3),
 * 2012, doi:10.1145/2168752.2168771, section 5.3.3 and figure 5.
 *
 * Cost.  Residuals e are kept, so that a coordinate of a row is drawn from two
 * sums over its ratings, of e x and x x, where x is what the coordinate is
 * multiplied by.  The unknowns y of the implicit part are drawn from sums over
 * rows, not over ratings: the sums of a row's ratings are taken once, and a
 * change of y moves them in closed form.  These are relation blocks: S. Rendle,
 * "Scaling factorization machines to relational data", PVLDB 6(5), 2013,
 * doi:10.14778/2535573.2535577, section 4.  So a sweep costs a constant times
 * ratings times factors.
 *
 * Walks over the ratings run in LEP_BLOCKS_STRIPES fixed ranges of users, draws of rows
 * in fixed chunks, implicit unknowns on one thread: the same bits with any
 * number of threads.
 *
 * Memory: residual 4 bytes a rating beside the views, and 6 floats per row and
 * coordinate.
 */
#include "core/gibbs_blocks.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"
#include "core/rng.h"

/* Ratings summed in single precision before they are added to a double. */
#define SUM_CHUNK 1024

/* Ratings between two questions for a stop, on the calling thread. */
#define STOP_RATINGS 65536

/* Rate of the gamma prior of a precision, twice. */
#define PRIOR_RATE 0.02

/* Random streams: of a kind of draw; row = sweep, coordinate and chunk. */
enum
{
	STREAM_OWN = 0x474201,	   /* + side */
	STREAM_IMPLIED = 0x474203, /* + side */
	STREAM_BIN = 0x474205,
	STREAM_PRIOR = 0x474206
};

/* Row of a random stream: what is drawn in this sweep for this coordinate. */
static uint64_t
stream_row(const LepBlocks *b, int64_t chunk)
{
	return ((uint64_t) b->sweep << 40) + ((uint64_t) b->f << 28) + (uint64_t) chunk;
}

/* ------------------------------------------------------------------------- walks */

static inline void
add_to_sums(LepBlocksSums *sums, float e, float x, float weight)
{
	sums->ex += weight * (e * x);
	sums->xx += weight * (x * x);
}

/* A user's sums, from four lanes: of a draw, or of the squares of residuals. */
static inline void
finish_user(LepBlocks *b, int32_t u, LepBlocksKind sum, const double *ex, const double *xx)
{
	LepBlocksSums *sums = &b->sums[LEP_GIBBS_USERS][u];

	if (sum == LEP_KIND_USERS)
	{
		sums->ex = b->noise.weight[u] * (float) ((ex[0] + ex[1]) + (ex[2] + ex[3]));
		sums->xx = b->noise.weight[u] * (float) ((xx[0] + xx[1]) + (xx[2] + xx[3]));
	}
	else if (sum == LEP_KIND_NONE)
		b->noise.squares[u] = (ex[0] + ex[1]) + (ex[2] + ex[3]);
}

/*
 * One user's ratings: take `update`'s change out of the residuals, and sum
 * them up for `sum`.  Users and bins are multiplied by the item, items by the
 * user and the bin.  update, sum and timed are constants where this is called,
 * so that each pair has a loop of its own.
 */
static inline __attribute__((always_inline)) void
walk_user(LepBlocks *b, int32_t u, int stripe, LepBlocksKind update, LepBlocksKind sum, bool timed)
{
	const LepView *users = &b->data->view[LEP_GIBBS_USERS];
	const int32_t *column = users->column;
	const uint16_t *bin = b->data->bin;
	float *residual = b->residual;
	const float *old_item = b->updated.item;
	const float *old_bin = b->updated.bin;
	const float *new_item = b->summed.item;
	const float *new_bin = b->summed.bin;
	const float *item_change = b->change[LEP_GIBBS_ITEMS];
	const float *bin_change = b->bin_change;
	LepBlocksSums *item_sums = b->sums[LEP_GIBBS_ITEMS] + (int64_t) stripe * b->n_rows[LEP_GIBBS_ITEMS];
	LepBlocksSums *bin_sums = b->bin_sums + (int64_t) stripe * b->data->n_bins;
	float old_user = update == LEP_KIND_NONE ? 0 : b->updated.user[u];
	float new_user = sum == LEP_KIND_NONE ? 0 : b->summed.user[u];
	float weight = b->noise.weight[u];
	float user_change = b->change[LEP_GIBBS_USERS][u];
	double ex[4] = { 0, 0, 0, 0 };
	double xx[4] = { 0, 0, 0, 0 };
	int64_t end = users->start[u + 1];

	for (int64_t j = users->start[u]; j < end; j++)
	{
		int32_t i = column[j];
		int t = timed ? bin[j] : 0;
		float e = residual[j];

		if (update == LEP_KIND_USERS)
			e -= user_change * old_item[i];
		else if (update == LEP_KIND_ITEMS)
			e -= item_change[i] * (timed ? old_user + old_bin[t] : old_user);
		else if (update == LEP_KIND_BINS)
			e -= bin_change[t] * old_item[i];
		if (update != LEP_KIND_NONE)
			residual[j] = e;

		if (sum == LEP_KIND_USERS)
		{
			float x = new_item[i];

			ex[j & 3] += (double) (e * x);
			xx[j & 3] += (double) (x * x);
		}
		else if (sum == LEP_KIND_ITEMS)
			add_to_sums(&item_sums[i], e, timed ? new_user + new_bin[t] : new_user, weight);
		else if (sum == LEP_KIND_BINS)
			add_to_sums(&bin_sums[t], e, new_item[i], weight);
		else
			ex[j & 3] += (double) (e * e);
	}
	finish_user(b, u, sum, ex, xx);
}

#define WALK(update, sum, timed)                                                                             \
	for (int32_t u = first; u < end; u++)                                                                    \
	walk_user(b, u, stripe, update, sum, timed)

static void
walk_stripe(void *arg, int64_t task, int thread)
{
	LepBlocks *b = arg;
	int stripe = (int) task;
	int32_t first = b->stripe[task];
	int32_t end = b->stripe[task + 1];
	bool timed = b->data->n_bins > 0;

	(void) thread;
	if (b->sum == LEP_KIND_ITEMS)
		memset(b->sums[LEP_GIBBS_ITEMS] + task * b->n_rows[LEP_GIBBS_ITEMS], 0,
			   (size_t) b->n_rows[LEP_GIBBS_ITEMS] * sizeof(LepBlocksSums));
	if (b->sum == LEP_KIND_BINS)
		memset(b->bin_sums + task * b->data->n_bins, 0, (size_t) b->data->n_bins * sizeof(LepBlocksSums));

	if (b->update == LEP_KIND_NONE && timed)
		WALK(LEP_KIND_NONE, LEP_KIND_USERS, true);
	else if (b->update == LEP_KIND_NONE)
		WALK(LEP_KIND_NONE, LEP_KIND_USERS, false);
	else if (b->update == LEP_KIND_USERS && timed)
		WALK(LEP_KIND_USERS, LEP_KIND_ITEMS, true);
	else if (b->update == LEP_KIND_USERS)
		WALK(LEP_KIND_USERS, LEP_KIND_ITEMS, false);
	else if (b->update == LEP_KIND_ITEMS && timed)
		WALK(LEP_KIND_ITEMS, LEP_KIND_BINS, true);
	else if (b->update == LEP_KIND_ITEMS && b->sum == LEP_KIND_USERS)
		WALK(LEP_KIND_ITEMS, LEP_KIND_USERS, false);
	else if (b->update == LEP_KIND_ITEMS)
		WALK(LEP_KIND_ITEMS, LEP_KIND_NONE, false);
	else if (b->sum == LEP_KIND_USERS)
		WALK(LEP_KIND_BINS, LEP_KIND_USERS, true);
	else
		WALK(LEP_KIND_BINS, LEP_KIND_NONE, true);
}

/* LepCoordinate f as the residuals know it: biases are multiplied by 1. */
static LepCoordinate
coordinate_of(const LepBlocks *b, int f)
{
	LepCoordinate c = { b->ones, b->ones, b->zeros };

	if (f == b->data->n_factors)
		return c;
	c.user = b->total[LEP_GIBBS_USERS] + (int64_t) f * b->n_rows[LEP_GIBBS_USERS];
	c.item = b->total[LEP_GIBBS_ITEMS] + (int64_t) f * b->n_rows[LEP_GIBBS_ITEMS];
	c.bin = b->bins + (int64_t) f * b->data->n_bins;
	return c;
}

/* Update for coordinate f, sum for the next draw, which is of coordinate `next`. */
static LepStatus
walk(LepEnv *env, LepBlocks *b, LepBlocksKind update, LepBlocksKind sum, int next)
{
	b->update = update;
	b->sum = sum;
	b->updated = coordinate_of(b, b->f);
	b->summed = coordinate_of(b, next);
	return lep_parallel_for(env, LEP_BLOCKS_STRIPES, walk_stripe, b);
}

/* ------------------------------------------------------------------------- draws */

/* Precision, then mean, of n values whose sum is given, and their squares around the old mean. */
static void
draw_prior(const LepBlocks *b, int kind, const float *value, int side, bool has_mean, LepNormalPrior *prior)
{
	int64_t n = 0;
	double sum = 0;
	double squares = PRIOR_RATE;
	LepRng rng;

	lep_rng_init(&rng, b->data->seed, STREAM_PRIOR + (uint64_t) kind, stream_row(b, 0));
	for (int32_t row = 0; row < b->n_rows[side]; row++)
	{
		double d = (double) value[row] - prior->mean;

		if (!lep_blocks_rated(b, side, row))
			continue;
		n++;
		sum += (double) value[row];
		squares += d * d;
	}
	if (has_mean)
		squares += prior->mean * prior->mean;
	prior->precision = lep_rng_gamma(&rng, (1 + (double) n + (has_mean ? 1 : 0)) / 2) / (squares / 2);
	if (has_mean)
		prior->mean =
			(sum + lep_rng_normal(&rng) * sqrt(((double) n + 1) / prior->precision)) / ((double) n + 1);
}

/* Mean and precision of a value's conditional distribution, given its sums. */
static LepNormalPrior
conditional(const LepBlocks *b, double ex, double xx, float old, const LepNormalPrior *prior)
{
	LepNormalPrior c;

	c.precision = b->noise.precision * xx + prior->precision;
	c.mean = (b->noise.precision * (ex + xx * (double) old) + prior->precision * prior->mean) / c.precision;
	return c;
}

static float
draw_value(LepRng *rng, const LepNormalPrior *distribution)
{
	return (float) (distribution->mean + lep_rng_normal(rng) / sqrt(distribution->precision));
}

/* The own unknowns of a chunk of rows; leaves the sums as they are afterwards. */
static void
draw_own_rows(void *arg, int64_t task, int thread)
{
	LepBlocks *b = arg;
	int side = b->side;
	int64_t n = b->n_rows[side];
	int64_t end = (task + 1) * LEP_BLOCKS_ROWS < n ? (task + 1) * LEP_BLOCKS_ROWS : n;
	int n_stripes = side == LEP_GIBBS_ITEMS ? LEP_BLOCKS_STRIPES : 1;
	const LepNormalPrior *prior = &b->own_prior[side][b->f];
	float *own = b->own[side] + b->f * n;
	float *total = b->total[side] + b->f * n;
	LepRng rng;

	(void) thread;
	lep_rng_init(&rng, b->data->seed, STREAM_OWN + (uint64_t) side, stream_row(b, task));
	for (int64_t row = task * LEP_BLOCKS_ROWS; row < end; row++)
	{
		float root = b->root[side][row];
		double ex = 0;
		double xx = 0;
		LepNormalPrior drawn;
		float value;
		float change;

		for (int s = 0; s < n_stripes; s++)
		{
			ex += (double) b->sums[side][s * n + row].ex;
			xx += (double) b->sums[side][s * n + row].xx;
		}
		drawn = conditional(b, ex, xx, own[row], prior);
		value = root > 0 ? draw_value(&rng, &drawn) : (float) prior->mean;
		change = value - own[row];
		own[row] = value;
		total[row] += change;
		b->change[side][row] = change;
		b->work[row][LEP_IMPLIED_EX] = (float) ((ex - (double) change * xx) * (double) root);
		b->work[row][LEP_IMPLIED_XX] = (float) (xx * (double) root * (double) root);
		b->work[row][LEP_IMPLIED_CHANGE] = 0;
	}
}

/* Sums over the rows that have a feature. */
static void
sum_rows(const LepImplied4 *work, const int32_t *row, int64_t n, double *ex, double *xx)
{
	*ex = 0;
	*xx = 0;
	for (int64_t begin = 0; begin < n; begin += SUM_CHUNK)
	{
		int64_t end = begin + SUM_CHUNK < n ? begin + SUM_CHUNK : n;
		LepImplied4 even = { 0, 0, 0, 0 };
		LepImplied4 odd = { 0, 0, 0, 0 };
		int64_t j = begin;

		for (; j + 1 < end; j += 2)
		{
			even += work[row[j]];
			odd += work[row[j + 1]];
		}
		if (j < end)
			even += work[row[j]];
		even += odd;
		*ex += (double) even[LEP_IMPLIED_EX];
		*xx += (double) even[LEP_IMPLIED_XX];
	}
}

/* What a change of a feature does to the rows that have it. */
static void
move_rows(LepImplied4 *work, const int32_t *row, int64_t n, float change)
{
	const LepImplied4 times = { -change, 0, 0, 0 };
	const LepImplied4 plus = { 0, 0, change, 0 };

	for (int64_t j = 0; j < n; j++)
	{
		LepImplied4 *moved = &work[row[j]];
		LepImplied4 xx = __builtin_shufflevector(*moved, *moved, LEP_IMPLIED_XX, LEP_IMPLIED_XX,
												 LEP_IMPLIED_XX, LEP_IMPLIED_XX);

		*moved += xx * times + plus;
	}
}

/* The implicit unknowns of a side: one after the other, since each moves the sums of rows. */
static LepStatus
draw_implied(LepEnv *env, LepBlocks *b)
{
	int side = b->side;
	const LepView *features = &b->data->view[1 - side];
	float *implied = b->implied[side] + (int64_t) b->f * features->n_rows;
	LepNormalPrior *prior = &b->implied_prior[side][b->f];
	LepImplied4 *work = b->work;
	int64_t since_stop = 0;
	LepRng rng;

	draw_prior(b, 1 + side, implied, 1 - side, false, prior);
	lep_rng_init(&rng, b->data->seed, STREAM_IMPLIED + (uint64_t) side, stream_row(b, 0));
	for (int32_t feature = 0; feature < features->n_rows; feature++)
	{
		const int32_t *row = features->column + features->start[feature];
		int64_t n = features->start[feature + 1] - features->start[feature];
		double ex;
		double xx;
		LepNormalPrior drawn;
		float value;
		float change;

		if (n == 0)
			continue;
		sum_rows(work, row, n, &ex, &xx);
		drawn = conditional(b, ex, xx, implied[feature], prior);
		value = draw_value(&rng, &drawn);
		change = value - implied[feature];
		implied[feature] = value;
		move_rows(work, row, n, change);
		since_stop += n;
		if (since_stop < STOP_RATINGS)
			continue;
		since_stop = 0;
		if (lep_env_stopped(env))
			return lep_env_failure(env);
	}
	return LEP_OK;
}

static void
apply_implied_rows(void *arg, int64_t task, int thread)
{
	LepBlocks *b = arg;
	int side = b->side;
	int64_t n = b->n_rows[side];
	int64_t end = (task + 1) * LEP_BLOCKS_ROWS < n ? (task + 1) * LEP_BLOCKS_ROWS : n;
	float *total = b->total[side] + b->f * n;

	(void) thread;
	for (int64_t row = task * LEP_BLOCKS_ROWS; row < end; row++)
	{
		float change = b->root[side][row] * b->work[row][LEP_IMPLIED_CHANGE];

		total[row] += change;
		b->change[side][row] += change;
	}
}

/* One coordinate of one side, own and implied, whose sums have been taken. */
static LepStatus
draw_side(LepEnv *env, LepBlocks *b, int side)
{
	int64_t n_tasks = (b->n_rows[side] + LEP_BLOCKS_ROWS - 1) / LEP_BLOCKS_ROWS;
	LepStatus status;

	b->side = side;
	draw_prior(b, side == LEP_GIBBS_USERS ? 3 : 4, b->own[side] + (int64_t) b->f * b->n_rows[side], side,
			   true, &b->own_prior[side][b->f]);
	status = lep_parallel_for(env, n_tasks, draw_own_rows, b);
	if (status != LEP_OK || b->implied[side] == NULL)
		return status;
	status = draw_implied(env, b);
	return status == LEP_OK ? lep_parallel_for(env, n_tasks, apply_implied_rows, b) : status;
}

static void
draw_bins(LepBlocks *b)
{
	int n_bins = b->data->n_bins;
	float *value = b->bins + (int64_t) b->f * n_bins;
	LepNormalPrior *prior = &b->bin_prior[b->f];
	double squares = PRIOR_RATE;
	LepRng rng;

	lep_rng_init(&rng, b->data->seed, STREAM_BIN, stream_row(b, 0));
	for (int t = 0; t < n_bins; t++)
		squares += (double) value[t] * (double) value[t];
	prior->precision = lep_rng_gamma(&rng, (1 + (double) n_bins) / 2) / (squares / 2);
	for (int t = 0; t < n_bins; t++)
	{
		double ex = 0;
		double xx = 0;
		LepNormalPrior drawn;
		float old = value[t];

		for (int s = 0; s < LEP_BLOCKS_STRIPES; s++)
		{
			ex += (double) b->bin_sums[s * n_bins + t].ex;
			xx += (double) b->bin_sums[s * n_bins + t].xx;
		}
		drawn = conditional(b, ex, xx, old, prior);
		value[t] = draw_value(&rng, &drawn);
		b->bin_change[t] = value[t] - old;
	}
}

/* All unknowns of coordinate f; then the sums for the users' next. */
static LepStatus
draw_coordinate(LepEnv *env, LepBlocks *b)
{
	bool is_last = b->f == b->n_coordinates - 1;
	bool timed = b->data->n_bins > 0;
	LepBlocksKind next_sum = is_last ? LEP_KIND_NONE : LEP_KIND_USERS;
	int next = is_last ? b->f : b->f + 1;
	LepStatus status = draw_side(env, b, LEP_GIBBS_USERS);

	if (status == LEP_OK)
		status = walk(env, b, LEP_KIND_USERS, LEP_KIND_ITEMS, b->f);
	if (status == LEP_OK)
		status = draw_side(env, b, LEP_GIBBS_ITEMS);
	if (status == LEP_OK)
		status = timed ? walk(env, b, LEP_KIND_ITEMS, LEP_KIND_BINS, b->f)
					   : walk(env, b, LEP_KIND_ITEMS, next_sum, next);
	if (status != LEP_OK || !timed)
		return status;
	draw_bins(b);
	return walk(env, b, LEP_KIND_BINS, next_sum, next);
}

static LepStatus
blocks_sweep(LepEnv *env, void *state, int sweep, double *squares)
{
	LepBlocks *b = state;
	LepStatus status;

	b->sweep = sweep;
	b->f = 0;
	status = walk(env, b, LEP_KIND_NONE, LEP_KIND_USERS, 0);
	for (; status == LEP_OK && b->f < b->n_coordinates; b->f++)
		status = draw_coordinate(env, b);
	return status == LEP_OK ? lep_gibbs_noise_draw(env, &b->noise, sweep, squares) : status;
}

static bool
blocks_sample(const void *state, int which, LepGibbsSample *sample)
{
	const LepBlocks *b = state;
	int64_t n_factors = b->data->n_factors;

	for (int side = 0; side < LEP_GIBBS_SIDES; side++)
	{
		sample->factors[side] = b->total[side];
		sample->bias[side] = b->total[side] + n_factors * b->n_rows[side];
		sample->row_step[side] = 1;
		sample->factor_step[side] = b->n_rows[side];
	}
	sample->bin_factors = b->bins;
	sample->bin_bias = b->bins + n_factors * b->data->n_bins;
	sample->noise = 1 / b->noise.precision;
	sample->weight = b->noise.weight;
	return which == 0;
}

const LepGibbsSampler lep_gibbs_blocks = {
	.memory = lep_blocks_memory,
	.start = lep_blocks_start,
	.sweep = blocks_sweep,
	.sample = blocks_sample,
};
