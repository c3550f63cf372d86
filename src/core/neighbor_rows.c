/*
 * neighbor_rows.c
 *		Choosing the largest of a row, and rows into a model; see
 *		neighbor_rows.h.
 */
#include "core/neighbor_rows.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/pool.h"

/* Entries between two looks at should_stop: some ms where each is a cache miss. */
#define SLICE_ENTRIES (16 * 1024)

int32_t
lep_neighbor_rows_width(int32_t n_items, int64_t neighbors)
{
	int64_t width = neighbors < (int64_t) n_items - 1 ? neighbors : (int64_t) n_items - 1;

	return width > 1 ? (int32_t) width : 1;
}

size_t
lep_neighbor_rows_size(int32_t n_items, int64_t neighbors, int n_threads)
{
	size_t width = (size_t) lep_neighbor_rows_width(n_items, neighbors);
	size_t row = lep_add_size(lep_mul_size(width, sizeof(int32_t) + sizeof(float)), sizeof(int32_t));

	return lep_add_size(lep_mul_size((size_t) n_items, row),
						lep_mul_size(width * sizeof(LepNeighborChoice), (size_t) n_threads));
}

LepStatus
lep_neighbor_rows_begin(LepArena *arena, int32_t n_items, int64_t neighbors, LepNeighborRows *rows)
{
	int64_t n;

	rows->n_items = n_items;
	rows->width = lep_neighbor_rows_width(n_items, neighbors);
	n = (int64_t) n_items * rows->width;
	rows->n = lep_arena_calloc(arena, n_items, sizeof(int32_t));
	rows->item = lep_arena_alloc(arena, n, sizeof(int32_t));
	rows->weight = lep_arena_alloc(arena, n, sizeof(float));
	rows->choice = lep_arena_alloc(arena, (int64_t) lep_pool_threads(arena->env) * rows->width,
								   sizeof(LepNeighborChoice));
	return rows->n == NULL || rows->item == NULL || rows->weight == NULL || rows->choice == NULL
			   ? lep_env_failure(arena->env)
			   : LEP_OK;
}

/* ---------------------------------------------------------------- choosing */

/* Is a a better neighbour than b? */
static bool
is_better(LepNeighborChoice a, LepNeighborChoice b)
{
	return a.score > b.score || (a.score == b.score && a.item < b.item);
}

/* Put `choice` into the heap of n whose place `node` is free; the worst is on top. */
static void
sift_worst(LepNeighborChoice *heap, int32_t node, int32_t n, LepNeighborChoice choice)
{
	for (int32_t child = 2 * node + 1; child < n; child = 2 * node + 1)
	{
		if (child + 1 < n && is_better(heap[child], heap[child + 1]))
			child++;
		if (!is_better(choice, heap[child]))
			break;
		heap[node] = heap[child];
		node = child;
	}
	heap[node] = choice;
}

/* The same by item number, the largest on top. */
static void
sift_last(LepNeighborChoice *heap, int32_t node, int32_t n, LepNeighborChoice choice)
{
	for (int32_t child = 2 * node + 1; child < n; child = 2 * node + 1)
	{
		if (child + 1 < n && heap[child].item < heap[child + 1].item)
			child++;
		if (choice.item >= heap[child].item)
			break;
		heap[node] = heap[child];
		node = child;
	}
	heap[node] = choice;
}

static void
sort_by_item(LepNeighborChoice *heap, int32_t n)
{
	for (int32_t node = n / 2 - 1; node >= 0; node--)
		sift_last(heap, node, n, heap[node]);
	for (int32_t last = n - 1; last > 0; last--)
	{
		LepNeighborChoice choice = heap[last];

		heap[last] = heap[0];
		sift_last(heap, 0, last, choice);
	}
}

void
lep_neighbor_rows_choose(LepNeighborRows *rows, int32_t item, const LepNeighborScratch *row,
						 const double *factor, int thread)
{
	LepNeighborChoice *heap = rows->choice + (int64_t) thread * rows->width;
	int32_t width = rows->width;
	int32_t n = 0;

	for (int32_t k = 0; k < row->n_reached; k++)
	{
		int32_t j = row->reached[k];
		LepNeighborChoice choice = { row->sum[j] * factor[j], j };

		if (j == item || !(choice.score > 0))
			continue;
		if (n < width)
		{
			heap[n++] = choice;
			for (int32_t node = n / 2 - 1; n == width && node >= 0; node--)
				sift_worst(heap, node, n, heap[node]);
		}
		else if (is_better(choice, heap[0]))
			sift_worst(heap, 0, n, choice);
	}
	sort_by_item(heap, n);
	rows->n[item] = n;
	for (int32_t k = 0; k < n; k++)
	{
		rows->item[(int64_t) item * width + k] = heap[k].item;
		rows->weight[(int64_t) item * width + k] = (float) heap[k].score;
	}
}

/* ---------------------------------------------------------------- into a model */

/* As many rows as have so many entries. */
static int32_t
slice_rows(const LepNeighborRows *rows)
{
	return rows->width < SLICE_ENTRIES ? SLICE_ENTRIES / rows->width : 1;
}

LepStatus
lep_neighbor_rows_export(LepEnv *env, const LepNeighborRows *rows, LepNeighbors *neighbors, float *least)
{
	int64_t at = 0;
	float smallest = FLT_MAX;

	for (int32_t i = 0; i < rows->n_items; i++)
	{
		if (i % slice_rows(rows) == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		neighbors->start[i] = at;
		for (int64_t e = (int64_t) i * rows->width; e < (int64_t) i * rows->width + rows->n[i]; e++)
		{
			float size = fabsf(rows->weight[e]);

			if (size == 0)
				continue;
			smallest = size < smallest ? size : smallest;
			neighbors->target[at] = rows->item[e];
			neighbors->weight[at++] = rows->weight[e];
		}
	}
	neighbors->start[rows->n_items] = at;
	*least = at > 0 ? smallest : 1;
	return LEP_OK;
}

/* How many entries each source has, at start[source + 1]. */
static LepStatus
count_sources(LepEnv *env, const LepNeighborRows *rows, int64_t *start, float *least)
{
	*least = FLT_MAX;
	memset(start, 0, ((size_t) rows->n_items + 1) * sizeof(int64_t));
	for (int32_t i = 0; i < rows->n_items; i++)
	{
		if (i % slice_rows(rows) == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		for (int64_t e = (int64_t) i * rows->width; e < (int64_t) i * rows->width + rows->n[i]; e++)
		{
			float size = fabsf(rows->weight[e]);

			start[rows->item[e] + 1] += size > 0;
			*least = size > 0 && size < *least ? size : *least;
		}
	}
	for (int32_t i = 0; i < rows->n_items; i++)
		start[i + 1] += start[i];
	if (start[rows->n_items] == 0)
		*least = 1;
	return LEP_OK;
}

LepStatus
lep_neighbor_rows_export_turned(LepEnv *env, const LepNeighborRows *rows, LepNeighbors *neighbors,
								float *least)
{
	int64_t *start = neighbors->start;
	LepStatus status = count_sources(env, rows, start, least);

	/* they are written in no order */
	if (status == LEP_OK)
		status = lep_pool_clear(env, neighbors->target, start[rows->n_items] * (int64_t) sizeof(int32_t));
	if (status == LEP_OK)
		status = lep_pool_clear(env, neighbors->weight, start[rows->n_items] * (int64_t) sizeof(float));
	for (int32_t i = 0; i < rows->n_items && status == LEP_OK; i++)
	{
		if (i % slice_rows(rows) == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		for (int64_t e = (int64_t) i * rows->width; e < (int64_t) i * rows->width + rows->n[i]; e++)
		{
			int64_t place;

			if (rows->weight[e] == 0)
				continue;
			place = start[rows->item[e]]++;
			neighbors->target[place] = i;
			neighbors->weight[place] = rows->weight[e];
		}
	}
	/* each start has become the next one's */
	for (int32_t i = rows->n_items; i > 0; i--)
		start[i] = start[i - 1];
	start[0] = 0;
	return status;
}
