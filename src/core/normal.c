/*
 * normal.c
 *		Normal equations of rows; see normal.h.
 *
 * A row with more than `heavy` ratings is summed by all threads in N_SLOTS
 * shares at a time; the others go whole, in tasks of about equally many
 * ratings.
 */
#include "core/normal.h"

#include <string.h>

#include "core/kernels.h"
#include "core/pool.h"

/* Rows gathered for one call of syrk: fits the L1 cache at 64 factors. */
#define GATHER 64

/* Of a row with at most so many ratings the gathered rows are kept, in the L2 cache, for its errors. */
#define KEEP (8 * GATHER)

/* How many rows ahead to fetch. */
#define FETCH_AHEAD 8

/* Ratings of a row from which it is split into shares of half of that; see heavy_limit. */
#define MAX_HEAVY 8192
#define MIN_HEAVY 1024

/* Sums of a heavy row that are kept side by side. */
#define N_SLOTS 8

/* What one thread works in. */
typedef struct Scratch
{
	LepNormal normal;
	float *rows;	/* [KEEP * stride] */
	float *target;	/* [KEEP] */
	float *product; /* [KEEP] */
} Scratch;

struct LepNormals
{
	int n_factors;
	int stride;
	double mean;
	double inverse_sd;
	int64_t heavy; /* a row with more ratings is split */
	int64_t share; /* ratings of a share */

	Scratch *scratch; /* [n_threads] */
	LepNormal slots[N_SLOTS];

	/* the step at work */
	const LepNormalSide *solved;
	const LepNormalSide *fixed;
	LepNormalSolve solve;
	void *arg;
	double *loss;		 /* [n_rows] of the solved side, or NULL */
	int64_t heavy_start; /* of the heavy row at work */
	int64_t heavy_end;
	int32_t heavy_row;
	int64_t wave; /* share of each slot at work */
};

/* So that no task is longer than some ms: a rating costs k^2. */
static int64_t
heavy_limit(int n_factors)
{
	int64_t limit = (INT64_C(1) << 31) / ((int64_t) n_factors * n_factors);

	return limit > MAX_HEAVY ? MAX_HEAVY : limit < MIN_HEAVY ? MIN_HEAVY : limit;
}

/* A row costs its Cholesky factor too: as much as so many ratings. */
static int64_t
row_weight(int n_factors)
{
	return 2 * (int64_t) n_factors;
}

/* Ratings (and weights of rows) per task: about 1 ms. */
static int64_t
task_weight(int n_factors)
{
	int64_t weight = (INT64_C(1) << 26) / ((int64_t) n_factors * n_factors);

	return weight > 65536 ? 65536 : weight < 256 ? 256 : weight;
}

/* Bytes of one thread's equations, and of one slot. */
static size_t
normal_size(int stride)
{
	return (size_t) stride * ((size_t) stride + 2) * sizeof(float);
}

size_t
lep_normals_size(int n_factors, int n_threads)
{
	int stride = lep_row_stride(n_factors);
	size_t scratch = normal_size(stride) + KEEP * ((size_t) stride + 2) * sizeof(float);

	return lep_add_size(lep_mul_size((size_t) n_threads, scratch), N_SLOTS * normal_size(stride));
}

static LepStatus
create_normal(LepArena *arena, LepNormal *normal, int stride)
{
	normal->matrix = lep_arena_calloc(arena, (int64_t) stride * (stride + 2), sizeof(float));
	if (normal->matrix == NULL)
		return lep_env_failure(arena->env);
	normal->t = normal->matrix + (size_t) stride * stride;
	normal->s = normal->t + stride;
	return LEP_OK;
}

static LepStatus
create_scratch(LepArena *arena, LepNormals *normals)
{
	int n_threads = lep_pool_threads(arena->env);

	normals->scratch = lep_arena_alloc(arena, n_threads, sizeof(Scratch));
	if (normals->scratch == NULL)
		return lep_env_failure(arena->env);
	for (int t = 0; t < n_threads; t++)
	{
		Scratch *scratch = &normals->scratch[t];

		scratch->rows = lep_arena_alloc(arena, (int64_t) KEEP * (normals->stride + 2), sizeof(float));
		if (scratch->rows == NULL || create_normal(arena, &scratch->normal, normals->stride) != LEP_OK)
			return lep_env_failure(arena->env);
		scratch->target = scratch->rows + (size_t) KEEP * (size_t) normals->stride;
		scratch->product = scratch->target + KEEP;
	}
	for (int slot = 0; slot < N_SLOTS; slot++)
	{
		if (create_normal(arena, &normals->slots[slot], normals->stride) != LEP_OK)
			return lep_env_failure(arena->env);
	}
	return LEP_OK;
}

static int64_t
count_tasks(const LepNormals *normals, const LepView *view)
{
	return lep_view_tasks(view->start, view->n_rows, row_weight(normals->n_factors),
						  task_weight(normals->n_factors));
}

LepNormals *
lep_normals_create(LepArena *arena, int n_factors, double mean, double inverse_sd)
{
	LepNormals *normals = lep_arena_calloc(arena, 1, sizeof(LepNormals));

	if (normals == NULL)
		return NULL;
	normals->n_factors = n_factors;
	normals->stride = lep_row_stride(n_factors);
	normals->mean = mean;
	normals->inverse_sd = inverse_sd;
	normals->heavy = heavy_limit(n_factors);
	normals->share = normals->heavy / 2;
	return create_scratch(arena, normals) == LEP_OK ? normals : NULL;
}

static void
clear_normal(const LepNormals *normals, LepNormal *normal)
{
	memset(normal->matrix, 0, normal_size(normals->stride));
	normal->v = 0;
	normal->count = 0;
	normal->loss = 0;
}

/* w_j: what the bias and factors of the row that is solved for have to explain. */
static float
target_of(const LepNormals *normals, int64_t entry)
{
	double z = ((double) normals->solved->view.rating[entry] - normals->mean) * normals->inverse_sd;

	return (float) (z - (double) normals->fixed->bias[normals->solved->view.column[entry]]);
}

static const float *
fixed_row(const LepNormals *normals, int64_t entry)
{
	return normals->fixed->factors + (int64_t) normals->solved->view.column[entry] * normals->stride;
}

/* The rows and targets of entries from `start` on, n of those that end at `end`. */
static void
gather(const LepNormals *normals, int64_t start, int n, int64_t end, float *rows, float *target)
{
	int stride = normals->stride;

	for (int j = 0; j < n; j++)
	{
		int64_t entry = start + j;
		const float *ahead = fixed_row(normals, entry + FETCH_AHEAD < end ? entry + FETCH_AHEAD : entry);

		for (int f = 0; f < stride; f += LEP_LANES)
			__builtin_prefetch(ahead + f);
		memcpy(rows + (size_t) j * stride, fixed_row(normals, entry), (size_t) stride * sizeof(float));
		target[j] = target_of(normals, entry);
	}
}

/* Add entries [start, end) of the row to its normal equations; the first KEEP stay gathered, if these are all. */
static void
add_entries(const LepNormals *normals, Scratch *scratch, int64_t start, int64_t end, LepNormal *normal)
{
	const float *weight = normals->fixed->weight;
	const int32_t *column = normals->solved->view.column;
	int stride = normals->stride;
	int kept = 0;

	for (; start < end; start += GATHER)
	{
		int n = end - start < GATHER ? (int) (end - start) : GATHER;
		float *rows = scratch->rows + (size_t) kept * (size_t) stride;
		float *target = scratch->target + kept;
		float w[GATHER];
		float c[GATHER];

		gather(normals, start, n, end, rows, target);
		for (int j = 0; j < n; j++)
		{
			c[j] = weight != NULL ? weight[column[start + j]] : 1;
			w[j] = c[j] * target[j];
			normal->v += (double) w[j];
			normal->count += (double) c[j];
		}
		lep_kernels->syrk_f32(normal->matrix, stride, rows, stride, weight != NULL ? c : NULL, n);
		lep_kernels->axpy_rows_f32(w, rows, n, stride, normal->t);
		lep_kernels->axpy_rows_f32(c, rows, n, stride, normal->s);
		kept = (kept + GATHER) % KEEP;
	}
}

/* Squared errors of n entries, whose rows and targets are gathered, of a row that was solved. */
static double
sum_gathered(const LepNormals *normals, const Scratch *scratch, int32_t row, int64_t n)
{
	double bias = (double) normals->solved->bias[row];
	double loss = 0;

	lep_kernels->dot_rows_f32(scratch->rows, n, normals->stride,
							  normals->solved->factors + (int64_t) row * normals->stride, scratch->product);
	for (int64_t j = 0; j < n; j++)
	{
		double e = (double) scratch->target[j] - bias - (double) scratch->product[j];

		loss += e * e;
	}
	return loss;
}

/* Of entries [start, end), which are gathered again. */
static double
sum_errors(const LepNormals *normals, Scratch *scratch, int32_t row, int64_t start, int64_t end)
{
	double loss = 0;

	for (; start < end; start += GATHER)
	{
		int n = end - start < GATHER ? (int) (end - start) : GATHER;

		gather(normals, start, n, end, scratch->rows, scratch->target);
		loss += sum_gathered(normals, scratch, row, n);
	}
	return loss;
}

/* All but the heavy rows of one task. */
static void
solve_rows(void *arg, int64_t task, int thread)
{
	const LepNormals *normals = arg;
	const LepView *view = &normals->solved->view;
	Scratch *scratch = &normals->scratch[thread];
	int64_t chunk = task_weight(normals->n_factors);
	int64_t weight = row_weight(normals->n_factors);
	int32_t row = lep_view_row_at(view->start, view->n_rows, weight, task * chunk);
	int32_t end = lep_view_row_at(view->start, view->n_rows, weight, (task + 1) * chunk);

	for (; row < end; row++)
	{
		int64_t n = view->start[row + 1] - view->start[row];

		if (n == 0 || n > normals->heavy)
			continue;
		clear_normal(normals, &scratch->normal);
		add_entries(normals, scratch, view->start[row], view->start[row + 1], &scratch->normal);
		normals->solve(normals->arg, row, n, &scratch->normal);
		if (normals->loss != NULL && n <= KEEP)
			normals->loss[row] = sum_gathered(normals, scratch, row, n);
		else if (normals->loss != NULL)
			normals->loss[row] = sum_errors(normals, scratch, row, view->start[row], view->start[row + 1]);
	}
}

/* Where the share of a slot in this wave begins and ends. */
static int64_t
share_of(const LepNormals *normals, int64_t slot, int64_t *end)
{
	int64_t start = normals->heavy_start + (normals->wave * N_SLOTS + slot) * normals->share;

	*end = start + normals->share < normals->heavy_end ? start + normals->share : normals->heavy_end;
	return start;
}

static void
add_share(void *arg, int64_t task, int thread)
{
	LepNormals *normals = arg;
	int64_t end;
	int64_t start = share_of(normals, task, &end);

	add_entries(normals, &normals->scratch[thread], start, end, &normals->slots[task]);
}

static void
sum_share(void *arg, int64_t task, int thread)
{
	LepNormals *normals = arg;
	int64_t end;
	int64_t start = share_of(normals, task, &end);

	normals->slots[task].loss +=
		sum_errors(normals, &normals->scratch[thread], normals->heavy_row, start, end);
}

/* All shares of the heavy row, wave by wave. */
static LepStatus
for_shares(LepEnv *env, LepNormals *normals, LepTask task)
{
	int64_t n = normals->heavy_end - normals->heavy_start;

	for (normals->wave = 0; normals->wave * N_SLOTS * normals->share < n; normals->wave++)
	{
		LepStatus status = lep_parallel_for(env, N_SLOTS, task, normals);

		if (status != LEP_OK)
			return status;
	}
	return LEP_OK;
}

static LepStatus
solve_heavy_row(LepEnv *env, LepNormals *normals, int32_t row)
{
	LepNormal *total = &normals->slots[0];
	size_t n_values = (size_t) normals->stride * ((size_t) normals->stride + 2);
	double loss = 0;
	LepStatus status;

	normals->heavy_row = row;
	normals->heavy_start = normals->solved->view.start[row];
	normals->heavy_end = normals->solved->view.start[row + 1];
	for (int slot = 0; slot < N_SLOTS; slot++)
		clear_normal(normals, &normals->slots[slot]);
	status = for_shares(env, normals, add_share);
	if (status != LEP_OK)
		return status;
	for (int slot = 1; slot < N_SLOTS; slot++)
	{
		for (size_t e = 0; e < n_values; e++)
			total->matrix[e] += normals->slots[slot].matrix[e];
		total->v += normals->slots[slot].v;
		total->count += normals->slots[slot].count;
	}
	normals->solve(normals->arg, row, normals->heavy_end - normals->heavy_start, total);
	if (normals->loss == NULL)
		return LEP_OK;
	status = for_shares(env, normals, sum_share);
	for (int slot = 0; slot < N_SLOTS; slot++)
		loss += normals->slots[slot].loss;
	normals->loss[row] = loss;
	return status;
}

LepStatus
lep_normals_solve(LepEnv *env, LepNormals *normals, LepNormalSide *solved, const LepNormalSide *fixed,
				  LepNormalSolve solve, void *arg, double *loss)
{
	const LepView *view = &solved->view;
	int64_t n_tasks = count_tasks(normals, view);
	LepStatus status;

	normals->solved = solved;
	normals->fixed = fixed;
	normals->solve = solve;
	normals->arg = arg;
	normals->loss = loss;
	status = lep_parallel_for(env, n_tasks, solve_rows, normals);
	for (int32_t row = 0; status == LEP_OK && row < view->n_rows; row++)
	{
		if (view->start[row + 1] - view->start[row] > normals->heavy)
			status = solve_heavy_row(env, normals, row);
	}
	return status;
}
