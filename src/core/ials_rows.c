/*
 * ials_rows.c
 *		Exact solutions of all rows of one side, in the basis in which the other
 *		side's Gram matrix is diagonal.
 *
 * A row with entries j = 1..n, confidences c, rows x of the fixed side (turned),
 * v = spectrum and r = ridge minimises
 *
 *	sum c_j (1 - p . x_j)^2 + sum v_f p_f^2 + r |p|^2
 *
 * With s_f = (v_f + r)^(-1/2) and z_j = s x_j, element by element, p = s q and q
 * is the solution of either
 *
 *	(I + sum c_j z_j z_j') q = sum c_j z_j					k unknowns
 *	q = sum a_j z_j,	(diag(1 / c) + Z Z') a = 1			n unknowns, the dual
 *
 * (the second by the matrix inversion lemma).  The dual costs n^2 k / 2 + n^3 / 6
 * and the first n k^2 / 2 + k^3 / 6, so rows with fewer than k entries take the
 * dual.  Without the diagonal basis the dual would need the inverse of a full
 * k x k matrix, another one for each ridge.
 *
 * A row with more than `heavy` entries is summed by all threads in LEP_IALS_SLOTS
 * shares at a time; the others go whole, in tasks of about equally many entries.
 * Sums have a fixed order, so the bits are the same with any number of threads.
 */
#include "core/ials.h"

#include <math.h>
#include <string.h>

#include "core/implicit.h"
#include "core/kernels.h"
#include "core/linalg.h"
#include "core/pool.h"

/* How many rows ahead to fetch. */
#define FETCH_AHEAD 8

/* Limits of lep_ials_heavy_limit(). */
#define MAX_HEAVY 8192
#define MIN_HEAVY 1024

/* An entry costs k^2.  Never below the most factors, so that heavy rows are solved by k unknowns. */
int64_t
lep_ials_heavy_limit(int n_factors)
{
	int64_t limit = (INT64_C(1) << 31) / ((int64_t) n_factors * n_factors);

	return limit > MAX_HEAVY ? MAX_HEAVY : limit < MIN_HEAVY ? MIN_HEAVY : limit;
}

/* Entries, and ROW_WEIGHT for each row, per task: about 1 ms. */
#define ROW_WEIGHT 4

static int64_t
task_weight(int n_factors)
{
	int64_t weight = (INT64_C(1) << 25) / ((int64_t) n_factors * n_factors);

	return weight > 16384 ? 16384 : weight < 64 ? 64 : weight;
}

/* s, the padding zero. */
static void
fill_scale(const LepIalsWork *work, float ridge, float *scale)
{
	float least = (float) LEP_LEAST_RIDGE * work->spectrum[0];

	ridge = ridge > least ? ridge : least;
	for (int f = 0; f < work->n_factors; f++)
	{
		float d = work->spectrum[f] + ridge;

		scale[f] = d > 0 ? 1 / sqrtf(d) : 0;
	}
}

/* Entries that count, of a row or of a share of one. */
typedef struct Entries
{
	const int32_t *column;
	const float *confidence; /* NULL: all 1 */
	int64_t n;
} Entries;

/* Those of the solved side from `start` to `end`, at most lep_ials_heavy_limit(): as they stand, if they can be. */
static Entries
read_entries(const LepIalsWork *work, LepIalsScratch *scratch, int64_t start, int64_t end)
{
	const LepIalsSide *side = work->solved;
	Entries entries = {
		.column = side->part == NULL ? side->view.column + start : scratch->column,
		.confidence = side->confidence == NULL ? NULL : side->confidence + start,
		.n = side->part == NULL ? end - start : 0,
	};

	for (int64_t j = start; side->part != NULL && j < end; j++)
	{
		scratch->column[entries.n] = side->view.column[j];
		entries.n += lep_part_in(side->parts, side->part[j]);
	}
	if (side->rule == NULL)
		return entries;
	for (int64_t j = start, n = 0; n < entries.n; j++)
	{
		if (side->part == NULL || lep_part_in(side->parts, side->part[j]))
			scratch->confidence[n++] = lep_implicit_confidence(side->rule, side->view.rating[j]);
	}
	entries.confidence = scratch->confidence;
	return entries;
}

static const float *
fixed_row(const LepIalsWork *work, int32_t column)
{
	return work->fixed->factors + (int64_t) column * work->stride;
}

/* z of n entries, from the one that is `start`. */
static void
gather(const LepIalsWork *work, LepIalsScratch *scratch, const Entries *entries, int64_t start, int n)
{
	int stride = work->stride;

	for (int j = 0; j < n; j++)
	{
		int64_t entry = start + j;
		int64_t next = entry + FETCH_AHEAD < entries->n ? entry + FETCH_AHEAD : entry;
		const float *ahead = fixed_row(work, entries->column[next]);

		for (int f = 0; f < stride; f += LEP_LANES)
			__builtin_prefetch(ahead + f);
		lep_kernels->mul_f32(fixed_row(work, entries->column[entry]), scratch->scale,
							 scratch->rows + (size_t) j * stride, stride);
	}
}

/* Add c z z' and c z of all entries to a matrix and a vector. */
static void
add_entries(const LepIalsWork *work, LepIalsScratch *scratch, const Entries *entries, LepIalsSlot *sum)
{
	static const float ones[LEP_IALS_GATHER] = {
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	};
	int stride = work->stride;

	for (int64_t start = 0; start < entries->n; start += LEP_IALS_GATHER)
	{
		int64_t left = entries->n - start;
		int n = left < LEP_IALS_GATHER ? (int) left : LEP_IALS_GATHER;
		const float *c = entries->confidence == NULL ? NULL : entries->confidence + start;

		gather(work, scratch, entries, start, n);
		lep_kernels->syrk_f32(sum->matrix, stride, scratch->rows, stride, c, n);
		lep_kernels->axpy_rows_f32(c == NULL ? ones : c, scratch->rows, n, stride, sum->t);
	}
}

static void
clear_slot(const LepIalsWork *work, LepIalsSlot *slot)
{
	size_t stride = (size_t) work->stride;

	memset(slot->matrix, 0, stride * stride * sizeof(float));
	memset(slot->t, 0, stride * sizeof(float));
}

/* p = s q; q NULL: nothing could be learned, all zero. */
static void
write_row(const LepIalsWork *work, const float *scale, int32_t row, const float *q)
{
	float *factors = work->solved->factors + (int64_t) row * work->stride;

	if (q == NULL)
		memset(factors, 0, (size_t) work->stride * sizeof(float));
	else
		lep_kernels->mul_f32(q, scale, factors, work->n_factors);
}

/* From sums that lack the unit matrix, which they are given; they are destroyed. */
static void
solve_primal(const LepIalsWork *work, const float *scale, int32_t row, LepIalsSlot *sum)
{
	int stride = work->stride;
	int k = work->n_factors;
	bool solved;

	for (int f = 0; f < k; f++)
		sum->matrix[(size_t) f * (size_t) stride + (size_t) f] += 1;
	solved = lep_cholesky(sum->matrix, stride, k);
	if (solved)
		lep_cholesky_solve(sum->matrix, stride, k, sum->t);
	write_row(work, scale, row, solved ? sum->t : NULL);
}

/* A row with fewer entries than factors. */
static void
solve_dual(const LepIalsWork *work, LepIalsScratch *scratch, int32_t row, const Entries *entries)
{
	int n = (int) entries->n;
	int ld = lep_row_stride(n);
	float *a = work->solved->factors + (int64_t) row * work->stride; /* room for k > n numbers */

	gather(work, scratch, entries, 0, n);
	lep_kernels->gram_f32(scratch->rows, n, work->stride, scratch->matrix, ld);
	for (int j = 0; j < n; j++)
	{
		scratch->matrix[(size_t) j * (size_t) ld + (size_t) j] +=
			entries->confidence == NULL ? 1 : 1 / entries->confidence[j];
		a[j] = 1;
	}
	if (!lep_cholesky(scratch->matrix, ld, n))
	{
		write_row(work, scratch->scale, row, NULL);
		return;
	}
	lep_cholesky_solve(scratch->matrix, ld, n, a);
	memset(scratch->t, 0, (size_t) work->stride * sizeof(float));
	lep_kernels->axpy_rows_f32(a, scratch->rows, n, work->stride, scratch->t);
	memset(a, 0, (size_t) work->stride * sizeof(float));
	write_row(work, scratch->scale, row, scratch->t);
}

/* LepTask: all but the heavy rows of one task. */
static void
solve_rows(void *arg, int64_t task, int thread)
{
	const LepIalsWork *work = arg;
	const LepView *view = &work->solved->view;
	LepIalsScratch *scratch = &work->scratch[thread];
	int64_t chunk = task_weight(work->n_factors);
	int32_t row = lep_view_row_at(view->start, view->n_rows, ROW_WEIGHT, task * chunk);
	int32_t end = lep_view_row_at(view->start, view->n_rows, ROW_WEIGHT, (task + 1) * chunk);

	for (; row < end; row++)
	{
		LepIalsSlot sum = { scratch->matrix, scratch->t };
		Entries entries;

		if (view->start[row + 1] - view->start[row] > lep_ials_heavy_limit(work->n_factors))
			continue;
		entries = read_entries(work, scratch, view->start[row], view->start[row + 1]);
		if (entries.n == 0)
			continue;
		fill_scale(work, work->solved->ridge[row], scratch->scale);
		if (entries.n < work->n_factors)
		{
			solve_dual(work, scratch, row, &entries);
			continue;
		}
		clear_slot(work, &sum);
		add_entries(work, scratch, &entries, &sum);
		solve_primal(work, scratch->scale, row, &sum);
	}
}

/* LepTask: one share of the heavy row. */
static void
add_share(void *arg, int64_t task, int thread)
{
	LepIalsWork *work = arg;
	int64_t share = lep_ials_heavy_limit(work->n_factors) / 2;
	int64_t start = work->heavy_start + (work->wave * LEP_IALS_SLOTS + task) * share;
	int64_t end = start + share < work->heavy_end ? start + share : work->heavy_end;
	LepIalsScratch *scratch = &work->scratch[thread];
	Entries entries;

	if (start >= end)
		return;
	entries = read_entries(work, scratch, start, end);
	fill_scale(work, work->heavy_ridge, scratch->scale);
	add_entries(work, scratch, &entries, &work->slots[task]);
}

static LepStatus
solve_heavy_row(LepEnv *env, LepIalsWork *work, int32_t row)
{
	LepIalsSlot *total = &work->slots[0];
	int64_t wave = LEP_IALS_SLOTS * (lep_ials_heavy_limit(work->n_factors) / 2);
	size_t n_values = (size_t) work->stride * ((size_t) work->stride + 1);

	work->heavy_ridge = work->solved->ridge[row];
	work->heavy_start = work->solved->view.start[row];
	work->heavy_end = work->solved->view.start[row + 1];
	for (int s = 0; s < LEP_IALS_SLOTS; s++)
		clear_slot(work, &work->slots[s]);
	for (work->wave = 0; work->heavy_start + work->wave * wave < work->heavy_end; work->wave++)
	{
		LepStatus status = lep_parallel_for(env, LEP_IALS_SLOTS, add_share, work);

		if (status != LEP_OK)
			return status;
	}
	/* t follows its matrix */
	for (int s = 1; s < LEP_IALS_SLOTS; s++)
	{
		for (size_t e = 0; e < n_values; e++)
			total->matrix[e] += work->slots[s].matrix[e];
	}
	fill_scale(work, work->heavy_ridge, work->scratch[0].scale);
	solve_primal(work, work->scratch[0].scale, row, total);
	return LEP_OK;
}

LepStatus
lep_ials_solve(LepEnv *env, LepIalsWork *work, LepIalsSide *solved, LepIalsSide *fixed)
{
	const LepView *view = &solved->view;
	int64_t heavy = lep_ials_heavy_limit(work->n_factors);
	LepStatus status;

	work->solved = solved;
	work->fixed = fixed;
	status = lep_parallel_for(
		env, lep_view_tasks(view->start, view->n_rows, ROW_WEIGHT, task_weight(work->n_factors)), solve_rows,
		work);
	for (int32_t row = 0; status == LEP_OK && row < view->n_rows; row++)
	{
		if (view->start[row + 1] - view->start[row] > heavy)
			status = solve_heavy_row(env, work, row);
	}
	return status;
}
