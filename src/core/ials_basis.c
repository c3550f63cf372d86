/*
 * ials_basis.c
 *		Work memory, and the basis in which a side's Gram matrix is diagonal.
 *
 * The Gram matrix X'X is summed in single precision over blocks of rows, whose
 * sums are added in double precision, in order.  Its eigenvectors are found in
 * double precision on the calling thread, which asks should_stop in between;
 * the rows are turned in parallel.  Blocks depend on the number of factors
 * alone, so the bits are the same with any number of threads.
 *
 * Cost for n rows and k factors: n k^2 / 2 for the Gram matrix, 9 k^3 for the
 * eigenvectors (0.003, 0.026, 0.21, 1.8 s at 128, 256, 512, 1024), n k^2 for the
 * turn.
 */
#include "core/ials.h"

#include <string.h>

#include "core/dense.h"
#include "core/kernels.h"
#include "core/pool.h"

size_t
lep_ials_work_size(int n_factors, int n_threads)
{
	size_t stride = (size_t) lep_row_stride(n_factors);
	size_t k = (size_t) n_factors;
	size_t rows = k > LEP_IALS_GATHER ? k : LEP_IALS_GATHER;
	size_t entries = (size_t) lep_ials_heavy_limit(n_factors) * (sizeof(int32_t) + sizeof(float));
	size_t scratch = stride * (rows + stride + 2) * sizeof(float) + entries;
	size_t slot = stride * (stride + 1) * sizeof(float);
	size_t bytes = lep_mul_size((size_t) n_threads, scratch);

	bytes = lep_add_size(bytes, LEP_IALS_SLOTS * slot);
	return lep_add_size(bytes, k * (k + 2) * sizeof(double) + stride * (k + 1) * sizeof(float));
}

static LepStatus
create_scratch(LepArena *arena, const LepIalsWork *work, LepIalsScratch *scratch)
{
	int64_t stride = work->stride;
	int64_t n_rows = work->n_factors > LEP_IALS_GATHER ? work->n_factors : LEP_IALS_GATHER;
	int64_t n_entries = lep_ials_heavy_limit(work->n_factors);

	LepStatus status;

	scratch->rows = lep_arena_alloc(arena, n_rows * stride, sizeof(float));
	scratch->matrix = lep_arena_alloc(arena, stride * (stride + 2), sizeof(float));
	scratch->column = lep_arena_alloc(arena, n_entries, sizeof(int32_t));
	scratch->confidence = lep_arena_alloc(arena, n_entries, sizeof(float));
	if (scratch->rows == NULL || scratch->matrix == NULL || scratch->column == NULL ||
		scratch->confidence == NULL)
		return lep_env_failure(arena->env);
	scratch->t = scratch->matrix + stride * stride;
	scratch->scale = scratch->t + stride;
	status = lep_pool_clear(arena->env, scratch->rows, n_rows * stride * (int64_t) sizeof(float));
	if (status != LEP_OK)
		return status;
	return lep_pool_clear(arena->env, scratch->matrix, stride * (stride + 2) * (int64_t) sizeof(float));
}

static LepStatus
create_slot(LepArena *arena, const LepIalsWork *work, LepIalsSlot *slot)
{
	int64_t stride = work->stride;

	slot->matrix = lep_arena_alloc(arena, stride * (stride + 1), sizeof(float));
	if (slot->matrix == NULL)
		return lep_env_failure(arena->env);
	slot->t = slot->matrix + stride * stride;
	return lep_pool_clear(arena->env, slot->matrix, stride * (stride + 1) * (int64_t) sizeof(float));
}

LepIalsWork *
lep_ials_work_create(LepArena *arena, int n_factors)
{
	LepIalsWork *work = lep_arena_calloc(arena, 1, sizeof(LepIalsWork));
	int n_threads = lep_pool_threads(arena->env);
	int64_t k = n_factors;

	if (work == NULL)
		return NULL;
	work->n_factors = n_factors;
	work->stride = lep_row_stride(n_factors);
	work->scratch = lep_arena_alloc(arena, n_threads, sizeof(LepIalsScratch));
	work->gram = lep_arena_calloc(arena, k * (k + 2), sizeof(double));
	work->turn = lep_arena_calloc(arena, (k + 1) * work->stride, sizeof(float));
	if (work->scratch == NULL || work->gram == NULL || work->turn == NULL)
		return NULL;
	work->value = work->gram + k * k;
	work->spare = work->value + k;
	work->spectrum = work->turn + k * work->stride;
	for (int t = 0; t < n_threads; t++)
	{
		if (create_scratch(arena, work, &work->scratch[t]) != LEP_OK)
			return NULL;
	}
	for (int s = 0; s < LEP_IALS_SLOTS; s++)
	{
		if (create_slot(arena, work, &work->slots[s]) != LEP_OK)
			return NULL;
	}
	return work;
}

/* Rows of a block of the Gram matrix: a task of 4 ms or less, and sums not too long for floats. */
static int64_t
block_rows(int n_factors)
{
	int64_t n = (INT64_C(1) << 27) / ((int64_t) n_factors * n_factors);

	return n > 1024 ? 1024 : n;
}

/* Rows of a task of the turn: 2 ms or less. */
static int64_t
turn_rows(int n_factors)
{
	int64_t n = (INT64_C(1) << 25) / ((int64_t) n_factors * n_factors);

	return n > 4096 ? 4096 : n;
}

/* LepTask: one block into its slot. */
static void
sum_block(void *arg, int64_t task, int thread)
{
	const LepIalsWork *work = arg;
	int64_t n = block_rows(work->n_factors);
	int64_t first = work->first_row + task * n;
	int64_t rest = work->fixed->view.n_rows - first;
	size_t stride = (size_t) work->stride;

	(void) thread;
	memset(work->slots[task].matrix, 0, stride * stride * sizeof(float));
	if (rest > 0)
		lep_kernels->syrk_f32(work->slots[task].matrix, work->stride,
							  work->fixed->factors + first * work->stride, work->stride, NULL,
							  (int) (rest < n ? rest : n));
}

/* The blocks' sums, in order, to the lower triangle. */
static void
add_blocks(LepIalsWork *work)
{
	size_t k = (size_t) work->n_factors;

	for (int s = 0; s < LEP_IALS_SLOTS; s++)
	{
		for (size_t f = 0; f < k; f++)
		{
			const float *from = work->slots[s].matrix + f * (size_t) work->stride;
			double *to = work->gram + f * k;

			for (size_t g = 0; g <= f; g++)
				to[g] += (double) from[g];
		}
	}
}

static LepStatus
sum_gram(LepEnv *env, LepIalsWork *work)
{
	size_t k = (size_t) work->n_factors;
	int64_t wave = LEP_IALS_SLOTS * block_rows(work->n_factors);

	memset(work->gram, 0, k * k * sizeof(double));
	for (work->first_row = 0; work->first_row < work->fixed->view.n_rows; work->first_row += wave)
	{
		LepStatus status = lep_parallel_for(env, LEP_IALS_SLOTS, sum_block, work);

		if (status != LEP_OK)
			return status;
		add_blocks(work);
	}
	for (size_t f = 0; f < k; f++)
	{
		for (size_t g = 0; g < f; g++)
			work->gram[g * k + f] = work->gram[f * k + g];
	}
	return LEP_OK;
}

/* LepTask: x := x' turn, for the rows of one task. */
static void
turn_task(void *arg, int64_t task, int thread)
{
	const LepIalsWork *work = arg;
	int64_t n = turn_rows(work->n_factors);
	int64_t end = (task + 1) * n < work->fixed->view.n_rows ? (task + 1) * n : work->fixed->view.n_rows;
	size_t row_size = (size_t) work->stride * sizeof(float);
	float *t = work->scratch[thread].t;

	for (int64_t row = task * n; row < end; row++)
	{
		float *factors = work->fixed->factors + row * work->stride;

		if (work->fixed->view.start[row] == work->fixed->view.start[row + 1])
			continue;
		memset(t, 0, row_size);
		lep_kernels->axpy_rows_f32(factors, work->turn, work->n_factors, work->stride, t);
		memcpy(factors, t, row_size);
	}
}

LepStatus
lep_ials_turn(LepEnv *env, LepIalsWork *work, LepIalsSide *fixed, double unobserved_weight)
{
	int k = work->n_factors;
	int64_t n = turn_rows(k);
	LepStatus status;

	work->fixed = fixed;
	status = sum_gram(env, work);
	if (status == LEP_OK)
		status = lep_dense_eigen_stoppable(env, work->gram, k, work->value, work->spare);
	if (status == LEP_ERR_DIVERGED)
		return lep_fail(&env->error, LEP_ERR_DIVERGED, "ials", 0, 0, 0);
	if (status != LEP_OK)
		return status;
	for (int f = 0; f < k; f++)
	{
		double v = unobserved_weight * work->value[f];

		/* rounding makes the last of them negative where there are more factors than rows */
		work->spectrum[f] = v > 0 ? (float) v : 0;
		for (int g = 0; g < k; g++)
			work->turn[(size_t) g * (size_t) work->stride + (size_t) f] =
				(float) work->gram[(size_t) f * (size_t) k + (size_t) g];
	}
	return lep_parallel_for(env, (fixed->view.n_rows + n - 1) / n, turn_task, work);
}
