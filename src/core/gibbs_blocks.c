/*
 * gibbs_blocks.c
 *		Gibbs sampling one coordinate at a time, with implicit information of
 *		both sides and an effect of time.
 *
 * Model, over standardised ratings z of user u, item i and bin of time t:
 *
 *	z = b_u + b_i + b_t + P_u . Q_i + V_t . (P_u + Q_i) + noise (gibbs_noise.h)
 *	P_u = p_u + n_u^(-1/2) sum of y_j over the items j that u rated
 *	Q_i = q_i + n_i^(-1/2) sum of x_v over the users v who rated i
 *
 * and b_u, b_i likewise: a bias is one more coordinate.  This is SVD++ and its
 * flip with time, the Bayesian model of S. Rendle, L. Zhang, Y. Koren, "On the
 * difficulty of evaluating baselines", 2019, arXiv:1905.01395, section 3.2,
 * without the products of features of one row with each other, which are biases
 * by another name.
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
 * Walks over the ratings run in N_STRIPES fixed ranges of users, draws of rows
 * in fixed chunks, implicit unknowns on one thread: the same bits with any
 * number of threads.
 *
 * Memory: residual 4 bytes a rating beside the views, and 6 floats per row and
 * coordinate.
 */
#include "core/gibbs_noise.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"
#include "core/rng.h"

/* Ranges of users that are walked at a time, each with sums of its own. */
#define N_STRIPES 16

/* Rows per task of a draw. */
#define ROW_CHUNK 1024

/* Ratings summed in single precision before they are added to a double. */
#define SUM_CHUNK 1024

/* Ratings between two questions for a stop, on the calling thread. */
#define STOP_RATINGS 65536

/* Rate of the gamma prior of a precision, twice. */
#define PRIOR_RATE 0.02

/* Spread of the first factors, own and implied. */
#define INIT_OWN	 0.3f
#define INIT_IMPLIED 0.1f

/* Random streams: of a kind of draw; row = sweep, coordinate and chunk. */
enum
{
	STREAM_OWN = 0x474201,	   /* + side */
	STREAM_IMPLIED = 0x474203, /* + side */
	STREAM_BIN = 0x474205,
	STREAM_PRIOR = 0x474206,
	STREAM_INIT = 0x474210
};

/* What a walk over the ratings takes out of the residuals or sums up. */
typedef enum Kind
{
	KIND_NONE,
	KIND_USERS,
	KIND_ITEMS,
	KIND_BINS
} Kind;

/* One coordinate of all unknowns. */
typedef struct Coordinate
{
	const float *user; /* total of users, or 1 for biases */
	const float *item;
	const float *bin; /* of bins, or 0 for biases and where there are none */
} Coordinate;

/* Sums over the ratings of a row. */
typedef struct Sums
{
	float ex; /* of residual times x */
	float xx;
} Sums;

/* A row while the implicit unknowns of its side are drawn: x times the root of its ratings' number. */
typedef float Implied __attribute__((vector_size(16)));
enum
{
	IMPLIED_EX,
	IMPLIED_XX,
	IMPLIED_CHANGE
};

typedef struct Prior
{
	double mean;
	double precision;
} Prior;

typedef struct Blocks
{
	const LepGibbsData *data;
	int32_t n_rows[LEP_GIBBS_SIDES];
	int n_coordinates; /* factors, then the bias */
	LepGibbsNoise noise;

	/* [coordinate * rows + row] */
	float *own[LEP_GIBBS_SIDES];	 /* p, q */
	float *implied[LEP_GIBBS_SIDES]; /* y (a row for each item), x (for each user); NULL: none */
	float *total[LEP_GIBBS_SIDES];	 /* P, Q */
	float *bins;					 /* V */
	Prior *own_prior[LEP_GIBBS_SIDES];
	Prior *implied_prior[LEP_GIBBS_SIDES]; /* mean 0 */
	Prior *bin_prior;					   /* mean 0 */

	float *root[LEP_GIBBS_SIDES]; /* n^(-1/2), 0 for rows without ratings */
	float *ones;				  /* of as many as the largest side or the bins have */
	float *zeros;
	float *residual;				/* [n], by user */
	Sums *sums[LEP_GIBBS_SIDES];	/* of users [n]; of items [N_STRIPES * n] */
	Sums *bin_sums;					/* [N_STRIPES * n_bins] */
	float *change[LEP_GIBBS_SIDES]; /* of the total, in this draw */
	float *bin_change;				/* [n_bins] */
	Implied *work;					/* of a side's rows */
	int32_t stripe[N_STRIPES + 1];	/* first users */

	/* the draw at work */
	int side;
	int f;
	int sweep;
	Kind update;
	Kind sum;
	Coordinate updated; /* what the residuals are updated by */
	Coordinate summed;
} Blocks;

static size_t
blocks_memory(const LepGibbsData *data, int32_t n_users, int32_t n_items, int64_t n_ratings, int n_threads)
{
	size_t rows = (size_t) n_users + (size_t) n_items;
	size_t coordinates = (size_t) data->n_factors + 1;
	size_t implied = (data->implicit[LEP_GIBBS_USERS] ? (size_t) n_items : 0) +
					 (data->implicit[LEP_GIBBS_ITEMS] ? (size_t) n_users : 0);
	size_t values = 2 * rows + implied + (size_t) data->n_bins;
	size_t bytes = lep_mul_size(values, coordinates * sizeof(float));

	(void) n_threads;
	bytes = lep_add_size(bytes, lep_mul_size(rows, 4 * sizeof(float) + sizeof(Implied) + sizeof(Sums)));
	bytes =
		lep_add_size(bytes, lep_mul_size((size_t) n_items + (size_t) data->n_bins, N_STRIPES * sizeof(Sums)));
	bytes = lep_add_size(bytes, lep_gibbs_noise_size(n_users));
	return lep_add_size(bytes, lep_mul_size((size_t) n_ratings, sizeof(float)));
}

/* ------------------------------------------------------------------- preparation */

static void *
allocate(LepArena *arena, LepStatus *status, int64_t n, size_t size)
{
	void *memory = *status == LEP_OK ? lep_arena_calloc(arena, n, size) : NULL;

	if (memory == NULL && *status == LEP_OK)
		*status = arena->env->error.status;
	return memory;
}

static LepStatus
create_side(LepArena *arena, Blocks *b, int side)
{
	int64_t n = b->n_rows[side];
	int64_t n_features = b->n_rows[1 - side];
	int64_t stripes = side == LEP_GIBBS_ITEMS ? N_STRIPES : 1;
	LepStatus status = LEP_OK;

	b->own[side] = allocate(arena, &status, n * b->n_coordinates, sizeof(float));
	b->total[side] = allocate(arena, &status, n * b->n_coordinates, sizeof(float));
	if (b->data->implicit[side])
		b->implied[side] = allocate(arena, &status, n_features * b->n_coordinates, sizeof(float));
	b->own_prior[side] = allocate(arena, &status, b->n_coordinates, sizeof(Prior));
	b->implied_prior[side] = allocate(arena, &status, b->n_coordinates, sizeof(Prior));
	b->root[side] = allocate(arena, &status, n, sizeof(float));
	b->sums[side] = allocate(arena, &status, n * stripes, sizeof(Sums));
	b->change[side] = allocate(arena, &status, n, sizeof(float));
	return status;
}

static LepStatus
create_shared(LepArena *arena, Blocks *b)
{
	int64_t n_bins = b->data->n_bins;
	int64_t largest = b->n_rows[0] > b->n_rows[1] ? b->n_rows[0] : b->n_rows[1];
	LepStatus status = LEP_OK;

	largest = largest > n_bins ? largest : n_bins;
	b->bins = allocate(arena, &status, n_bins * b->n_coordinates, sizeof(float));
	b->bin_prior = allocate(arena, &status, b->n_coordinates, sizeof(Prior));
	b->bin_sums = allocate(arena, &status, n_bins * N_STRIPES, sizeof(Sums));
	b->bin_change = allocate(arena, &status, n_bins, sizeof(float));
	b->residual = allocate(arena, &status, b->data->view[LEP_GIBBS_USERS].n, sizeof(float));
	b->work = allocate(arena, &status, largest, sizeof(Implied));
	b->ones = allocate(arena, &status, largest, sizeof(float));
	b->zeros = allocate(arena, &status, largest, sizeof(float));
	for (int64_t row = 0; status == LEP_OK && row < largest; row++)
		b->ones[row] = 1;
	return status;
}

/* Row of a random stream: what is drawn in this sweep for this coordinate. */
static uint64_t
stream_row(const Blocks *b, int64_t chunk)
{
	return ((uint64_t) b->sweep << 40) + ((uint64_t) b->f << 28) + (uint64_t) chunk;
}

static void
init_normal(const Blocks *b, float *value, int64_t n, float spread, uint64_t stream)
{
	LepRng rng;

	lep_rng_init(&rng, b->data->seed, stream, 0);
	for (int64_t e = 0; e < n; e++)
		value[e] = spread * (float) lep_rng_normal(&rng);
}

static bool
has_ratings(const Blocks *b, int side, int32_t row)
{
	return b->data->view[side].start[row] < b->data->view[side].start[row + 1];
}

/* Add what its features say to the total of one coordinate of each row. */
static void
add_implied(Blocks *b, int side, int f)
{
	const LepView *view = &b->data->view[side];
	const float *implied = b->implied[side] + (int64_t) f * b->n_rows[1 - side];
	float *total = b->total[side] + (int64_t) f * b->n_rows[side];

	for (int32_t row = 0; row < b->n_rows[side]; row++)
	{
		double sum = 0;

		for (int64_t j = view->start[row]; j < view->start[row + 1]; j++)
			sum += (double) implied[view->column[j]];
		total[row] += (float) ((double) b->root[side][row] * sum);
	}
}

/* First values; rows and features without ratings are 0. */
static LepStatus
init_side(LepEnv *env, Blocks *b, int side)
{
	int n_factors = b->data->n_factors;
	int64_t n = b->n_rows[side];
	int64_t n_features = b->n_rows[1 - side];

	for (int32_t row = 0; row < n; row++)
	{
		int64_t n_ratings = b->data->view[side].start[row + 1] - b->data->view[side].start[row];

		b->root[side][row] = n_ratings > 0 ? (float) (1 / sqrt((double) n_ratings)) : 0;
	}
	for (int f = 0; f < n_factors; f++)
	{
		float *own = b->own[side] + f * n;

		if (lep_env_stopped(env))
			return env->error.status;
		init_normal(b, own, n, INIT_OWN, STREAM_INIT + 4 * (uint64_t) f + (uint64_t) side);
		for (int32_t row = 0; row < n; row++)
			own[row] = has_ratings(b, side, row) ? own[row] : 0;
		memcpy(b->total[side] + f * n, own, (size_t) n * sizeof(float));
		if (b->implied[side] == NULL)
			continue;
		init_normal(b, b->implied[side] + f * n_features, n_features, INIT_IMPLIED,
					STREAM_INIT + 4 * (uint64_t) f + 2 + (uint64_t) side);
		add_implied(b, side, f);
	}
	return LEP_OK;
}

static void
cut_stripes(Blocks *b)
{
	const LepView *users = &b->data->view[LEP_GIBBS_USERS];
	int64_t n_users = users->n_rows;
	int64_t weight = users->n + n_users;

	for (int s = 0; s <= N_STRIPES; s++)
		b->stripe[s] = s == N_STRIPES
						   ? users->n_rows
						   : lep_view_row_at(users->start, users->n_rows, 1, weight * s / N_STRIPES);
}

/* Residuals of the biases' start, which is 0. */
static void
init_residuals(void *arg, int64_t task, int thread)
{
	Blocks *b = arg;
	const LepView *users = &b->data->view[LEP_GIBBS_USERS];

	(void) thread;
	for (int64_t j = users->start[b->stripe[task]]; j < users->start[b->stripe[task + 1]]; j++)
		b->residual[j] = (float) (((double) users->rating[j] - b->data->moments.mean) * b->data->inverse_sd);
}

/* Take the products of one coordinate out of them. */
static void
subtract_products(void *arg, int64_t task, int thread)
{
	Blocks *b = arg;
	const LepView *users = &b->data->view[LEP_GIBBS_USERS];
	const float *p = b->total[LEP_GIBBS_USERS] + (int64_t) b->f * b->n_rows[LEP_GIBBS_USERS];
	const float *q = b->total[LEP_GIBBS_ITEMS] + (int64_t) b->f * b->n_rows[LEP_GIBBS_ITEMS];

	(void) thread;
	for (int32_t u = b->stripe[task]; u < b->stripe[task + 1]; u++)
	{
		for (int64_t j = users->start[u]; j < users->start[u + 1]; j++)
			b->residual[j] -= p[u] * q[users->column[j]];
	}
}

static LepStatus
blocks_start(LepArena *arena, const LepGibbsData *data, void **state)
{
	Blocks *b = lep_arena_calloc(arena, 1, sizeof(Blocks));
	LepStatus status;

	if (b == NULL)
		return arena->env->error.status;
	*state = b;
	b->data = data;
	b->n_coordinates = data->n_factors + 1;
	for (int side = 0; side < LEP_GIBBS_SIDES; side++)
		b->n_rows[side] = data->view[side].n_rows;
	cut_stripes(b);
	status = create_side(arena, b, LEP_GIBBS_USERS);
	if (status == LEP_OK)
		status = create_side(arena, b, LEP_GIBBS_ITEMS);
	if (status == LEP_OK)
		status = create_shared(arena, b);
	if (status == LEP_OK)
		status = lep_gibbs_noise_create(arena, data, &b->noise);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = init_side(arena->env, b, side);
	if (status == LEP_OK)
		status = lep_parallel_for(arena->env, N_STRIPES, init_residuals, b);
	for (b->f = 0; status == LEP_OK && b->f < data->n_factors; b->f++)
		status = lep_parallel_for(arena->env, N_STRIPES, subtract_products, b);
	return status;
}

/* ------------------------------------------------------------------------- walks */

/*
 * One user's ratings: take `update`'s change out of the residuals, and sum
 * them up for `sum`.  What a kind is multiplied by is the sum of the other two.
 * update, sum and timed are constants where this is called, so that each pair
 * has a loop of its own.
 */
static inline __attribute__((always_inline)) void
walk_user(Blocks *b, int32_t u, int stripe, Kind update, Kind sum, bool timed)
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
	Sums *item_sums = b->sums[LEP_GIBBS_ITEMS] + (int64_t) stripe * b->n_rows[LEP_GIBBS_ITEMS];
	Sums *bin_sums = b->bin_sums + (int64_t) stripe * b->data->n_bins;
	float old_user = update == KIND_NONE ? 0 : b->updated.user[u];
	float new_user = sum == KIND_NONE ? 0 : b->summed.user[u];
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

		if (update == KIND_USERS)
			e -= user_change * (timed ? old_item[i] + old_bin[t] : old_item[i]);
		else if (update == KIND_ITEMS)
			e -= item_change[i] * (timed ? old_user + old_bin[t] : old_user);
		else if (update == KIND_BINS)
			e -= bin_change[t] * (old_user + old_item[i]);
		if (update != KIND_NONE)
			residual[j] = e;

		if (sum == KIND_USERS)
		{
			float x = timed ? new_item[i] + new_bin[t] : new_item[i];

			ex[j & 3] += (double) (e * x);
			xx[j & 3] += (double) (x * x);
		}
		else if (sum == KIND_ITEMS)
		{
			float x = timed ? new_user + new_bin[t] : new_user;

			item_sums[i].ex += weight * (e * x);
			item_sums[i].xx += weight * (x * x);
		}
		else if (sum == KIND_BINS)
		{
			float x = new_user + new_item[i];

			bin_sums[t].ex += weight * (e * x);
			bin_sums[t].xx += weight * (x * x);
		}
		else
			ex[j & 3] += (double) (e * e);
	}
	if (sum == KIND_USERS)
	{
		b->sums[LEP_GIBBS_USERS][u].ex = weight * (float) ((ex[0] + ex[1]) + (ex[2] + ex[3]));
		b->sums[LEP_GIBBS_USERS][u].xx = weight * (float) ((xx[0] + xx[1]) + (xx[2] + xx[3]));
	}
	else if (sum == KIND_NONE)
		b->noise.squares[u] = (ex[0] + ex[1]) + (ex[2] + ex[3]);
}

#define WALK(update, sum, timed)                                                                             \
	for (int32_t u = first; u < end; u++)                                                                    \
	walk_user(b, u, stripe, update, sum, timed)

static void
walk_stripe(void *arg, int64_t task, int thread)
{
	Blocks *b = arg;
	int stripe = (int) task;
	int32_t first = b->stripe[task];
	int32_t end = b->stripe[task + 1];
	bool timed = b->data->n_bins > 0;

	(void) thread;
	if (b->sum == KIND_ITEMS)
		memset(b->sums[LEP_GIBBS_ITEMS] + task * b->n_rows[LEP_GIBBS_ITEMS], 0,
			   (size_t) b->n_rows[LEP_GIBBS_ITEMS] * sizeof(Sums));
	if (b->sum == KIND_BINS)
		memset(b->bin_sums + task * b->data->n_bins, 0, (size_t) b->data->n_bins * sizeof(Sums));

	if (b->update == KIND_NONE && timed)
		WALK(KIND_NONE, KIND_USERS, true);
	else if (b->update == KIND_NONE)
		WALK(KIND_NONE, KIND_USERS, false);
	else if (b->update == KIND_USERS && timed)
		WALK(KIND_USERS, KIND_ITEMS, true);
	else if (b->update == KIND_USERS)
		WALK(KIND_USERS, KIND_ITEMS, false);
	else if (b->update == KIND_ITEMS && timed)
		WALK(KIND_ITEMS, KIND_BINS, true);
	else if (b->update == KIND_ITEMS && b->sum == KIND_USERS)
		WALK(KIND_ITEMS, KIND_USERS, false);
	else if (b->update == KIND_ITEMS)
		WALK(KIND_ITEMS, KIND_NONE, false);
	else if (b->sum == KIND_USERS)
		WALK(KIND_BINS, KIND_USERS, true);
	else
		WALK(KIND_BINS, KIND_NONE, true);
}

/* Coordinate f as the residuals know it: biases are multiplied by 1. */
static Coordinate
coordinate_of(const Blocks *b, int f)
{
	Coordinate c = { b->ones, b->ones, b->zeros };

	if (f == b->data->n_factors)
		return c;
	c.user = b->total[LEP_GIBBS_USERS] + (int64_t) f * b->n_rows[LEP_GIBBS_USERS];
	c.item = b->total[LEP_GIBBS_ITEMS] + (int64_t) f * b->n_rows[LEP_GIBBS_ITEMS];
	c.bin = b->bins + (int64_t) f * b->data->n_bins;
	return c;
}

/* Update for coordinate f, sum for the next draw, which is of coordinate `next`. */
static LepStatus
walk(LepEnv *env, Blocks *b, Kind update, Kind sum, int next)
{
	b->update = update;
	b->sum = sum;
	b->updated = coordinate_of(b, b->f);
	b->summed = coordinate_of(b, next);
	/* a bin's bias is multiplied by 1, not by the sum of a user's and an item's */
	if (update == KIND_BINS && b->f == b->data->n_factors)
		b->updated.item = b->zeros;
	if (sum == KIND_BINS && next == b->data->n_factors)
		b->summed.item = b->zeros;
	return lep_parallel_for(env, N_STRIPES, walk_stripe, b);
}

/* ------------------------------------------------------------------------- draws */

/* Precision, then mean, of n values whose sum is given, and their squares around the old mean. */
static void
draw_prior(const Blocks *b, int kind, const float *value, int side, bool has_mean, Prior *prior)
{
	int64_t n = 0;
	double sum = 0;
	double squares = PRIOR_RATE;
	LepRng rng;

	lep_rng_init(&rng, b->data->seed, STREAM_PRIOR + (uint64_t) kind, stream_row(b, 0));
	for (int32_t row = 0; row < b->n_rows[side]; row++)
	{
		double d = (double) value[row] - prior->mean;

		if (!has_ratings(b, side, row))
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
static Prior
conditional(const Blocks *b, double ex, double xx, float old, const Prior *prior)
{
	Prior c;

	c.precision = b->noise.precision * xx + prior->precision;
	c.mean = (b->noise.precision * (ex + xx * (double) old) + prior->precision * prior->mean) / c.precision;
	return c;
}

static float
draw_value(LepRng *rng, const Prior *distribution)
{
	return (float) (distribution->mean + lep_rng_normal(rng) / sqrt(distribution->precision));
}

/* The own unknowns of a chunk of rows; leaves the sums as they are afterwards. */
static void
draw_own_rows(void *arg, int64_t task, int thread)
{
	Blocks *b = arg;
	int side = b->side;
	int64_t n = b->n_rows[side];
	int64_t end = (task + 1) * ROW_CHUNK < n ? (task + 1) * ROW_CHUNK : n;
	int n_stripes = side == LEP_GIBBS_ITEMS ? N_STRIPES : 1;
	const Prior *prior = &b->own_prior[side][b->f];
	float *own = b->own[side] + b->f * n;
	float *total = b->total[side] + b->f * n;
	LepRng rng;

	(void) thread;
	lep_rng_init(&rng, b->data->seed, STREAM_OWN + (uint64_t) side, stream_row(b, task));
	for (int64_t row = task * ROW_CHUNK; row < end; row++)
	{
		float root = b->root[side][row];
		double ex = 0;
		double xx = 0;
		Prior drawn;
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
		b->work[row][IMPLIED_EX] = (float) ((ex - (double) change * xx) * (double) root);
		b->work[row][IMPLIED_XX] = (float) (xx * (double) root * (double) root);
		b->work[row][IMPLIED_CHANGE] = 0;
	}
}

/* Sums over the rows that have a feature. */
static void
sum_rows(const Implied *work, const int32_t *row, int64_t n, double *ex, double *xx)
{
	*ex = 0;
	*xx = 0;
	for (int64_t begin = 0; begin < n; begin += SUM_CHUNK)
	{
		int64_t end = begin + SUM_CHUNK < n ? begin + SUM_CHUNK : n;
		Implied even = { 0, 0, 0, 0 };
		Implied odd = { 0, 0, 0, 0 };
		int64_t j = begin;

		for (; j + 1 < end; j += 2)
		{
			even += work[row[j]];
			odd += work[row[j + 1]];
		}
		if (j < end)
			even += work[row[j]];
		even += odd;
		*ex += (double) even[IMPLIED_EX];
		*xx += (double) even[IMPLIED_XX];
	}
}

/* What a change of a feature does to the rows that have it. */
static void
move_rows(Implied *work, const int32_t *row, int64_t n, float change)
{
	const Implied times = { -change, 0, 0, 0 };
	const Implied plus = { 0, 0, change, 0 };

	for (int64_t j = 0; j < n; j++)
	{
		Implied *moved = &work[row[j]];
		Implied xx = __builtin_shufflevector(*moved, *moved, IMPLIED_XX, IMPLIED_XX, IMPLIED_XX, IMPLIED_XX);

		*moved += xx * times + plus;
	}
}

/* The implicit unknowns of a side: one after the other, since each moves the sums of rows. */
static LepStatus
draw_implied(LepEnv *env, Blocks *b)
{
	int side = b->side;
	const LepView *features = &b->data->view[1 - side];
	float *implied = b->implied[side] + (int64_t) b->f * features->n_rows;
	Prior *prior = &b->implied_prior[side][b->f];
	Implied *work = b->work;
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
		Prior drawn;
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
			return env->error.status;
	}
	return LEP_OK;
}

static void
apply_implied_rows(void *arg, int64_t task, int thread)
{
	Blocks *b = arg;
	int side = b->side;
	int64_t n = b->n_rows[side];
	int64_t end = (task + 1) * ROW_CHUNK < n ? (task + 1) * ROW_CHUNK : n;
	float *total = b->total[side] + b->f * n;

	(void) thread;
	for (int64_t row = task * ROW_CHUNK; row < end; row++)
	{
		float change = b->root[side][row] * b->work[row][IMPLIED_CHANGE];

		total[row] += change;
		b->change[side][row] += change;
	}
}

/* One coordinate of one side, own and implied, whose sums have been taken. */
static LepStatus
draw_side(LepEnv *env, Blocks *b, int side)
{
	int64_t n_tasks = (b->n_rows[side] + ROW_CHUNK - 1) / ROW_CHUNK;
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
draw_bins(Blocks *b)
{
	int n_bins = b->data->n_bins;
	float *value = b->bins + (int64_t) b->f * n_bins;
	Prior *prior = &b->bin_prior[b->f];
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
		Prior drawn;
		float old = value[t];

		for (int s = 0; s < N_STRIPES; s++)
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
draw_coordinate(LepEnv *env, Blocks *b)
{
	bool is_last = b->f == b->n_coordinates - 1;
	bool timed = b->data->n_bins > 0;
	Kind next_sum = is_last ? KIND_NONE : KIND_USERS;
	int next = is_last ? b->f : b->f + 1;
	LepStatus status = draw_side(env, b, LEP_GIBBS_USERS);

	if (status == LEP_OK)
		status = walk(env, b, KIND_USERS, KIND_ITEMS, b->f);
	if (status == LEP_OK)
		status = draw_side(env, b, LEP_GIBBS_ITEMS);
	if (status == LEP_OK)
		status = timed ? walk(env, b, KIND_ITEMS, KIND_BINS, b->f) : walk(env, b, KIND_ITEMS, next_sum, next);
	if (status != LEP_OK || !timed)
		return status;
	draw_bins(b);
	return walk(env, b, KIND_BINS, next_sum, next);
}

static LepStatus
blocks_sweep(LepEnv *env, void *state, int sweep, double *squares)
{
	Blocks *b = state;
	LepStatus status;

	b->sweep = sweep;
	b->f = 0;
	status = walk(env, b, KIND_NONE, KIND_USERS, 0);
	for (; status == LEP_OK && b->f < b->n_coordinates; b->f++)
		status = draw_coordinate(env, b);
	return status == LEP_OK ? lep_gibbs_noise_draw(env, &b->noise, sweep, squares) : status;
}

static bool
blocks_sample(const void *state, int which, LepGibbsSample *sample)
{
	const Blocks *b = state;
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
	.memory = blocks_memory,
	.start = blocks_start,
	.sweep = blocks_sweep,
	.sample = blocks_sample,
};
