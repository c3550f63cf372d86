/*
 * modelbytes_load.c
 *		All of a model's bytes at once: checked, or decoded for serving.
 */
#include "core/modelbytes.h"

#include <string.h>

#include "core/kernels.h"
#include "core/neighbors.h"

/* Rows between two looks for a stop, and bytes of their sets: under a millisecond. */
#define STOP_INTERVAL 1024
#define STOP_BYTES	  (512 * 1024)

/* A side while all of its rows are looked at. */
typedef struct SideScan
{
	const LepModelBytes *model;
	LepModelSide side;
	LepEnv *env;
	float *factors; /* buffer of a row */
	int32_t *items; /* [n_items] buffer of a set */
	float *weights; /* [n_items] */
	int64_t n_neighbors;
	size_t n_bytes; /* of sets since the last look for a stop */
	LepId previous;
} SideScan;

/* Row n, whose id is behind that of the row before. */
static LepStatus
next_row(SideScan *scan, int32_t n, LepModelRow *row)
{
	LepError *error = &scan->env->error;
	LepStatus status;

	if (n % STOP_INTERVAL == 0 || scan->n_bytes >= STOP_BYTES)
	{
		scan->n_bytes = 0;
		if (lep_env_stopped(scan->env))
			return LEP_ERR_STOPPED;
	}
	status = lep_modelbytes_row(scan->model, scan->side, n, row, error);
	if (status != LEP_OK)
		return status;
	scan->n_bytes += row->extra_bytes;
	if (n > 0 && lep_id_compare(scan->model->head.kind[scan->side], &scan->previous, &row->id) >= 0)
	{
		lep_fail(error, LEP_ERR_BYTES_ORDER, "ids", 0, 0, 0);
		error->row = n;
		return error->status;
	}
	scan->previous = row->id;
	return LEP_OK;
}

/*
 * The neighbours of item n into arrays with this room: a set has each item once at
 * the most, and never the item itself.
 */
static LepStatus
decode_neighbors(SideScan *scan, int32_t n, const LepModelRow *row, int64_t room, int32_t *items,
				 float *weights)
{
	LepError *error = &scan->env->error;
	int32_t n_items = scan->model->head.n_rows[LEP_SIDE_ITEMS];
	int64_t count = 0;
	LepStatus status = lep_neighbors_count(row->extra, row->extra_bytes, &count, error);

	if (status == LEP_OK && count > room)
		status = lep_fail(error, LEP_ERR_BYTES_ORDER, "neighbors", (double) count, 0, (double) room);
	if (status == LEP_OK)
		status = lep_neighbors_decode(row->extra, row->extra_bytes, n_items, items, weights, error);
	for (int64_t j = 0; j < count && status == LEP_OK; j++)
	{
		if (items[j] == n)
			status = lep_fail(error, LEP_ERR_BYTES_ORDER, "neighbors", n, 0, 0);
	}
	scan->n_neighbors += count;
	return status;
}

static LepStatus
check_seen(const SideScan *scan, const LepModelRow *row)
{
	LepError *error = &scan->env->error;
	int32_t n_items = scan->model->head.n_rows[LEP_SIDE_ITEMS];
	int64_t n = 0;
	LepStatus status = lep_seen_count(row->extra, row->extra_bytes, &n, error);

	if (status == LEP_OK && n > n_items)
		status = lep_fail(error, LEP_ERR_BYTES_ORDER, "seen", (double) n, 0, n_items);
	if (status == LEP_OK)
		status = lep_seen_decode(row->extra, row->extra_bytes, n_items, scan->items, error);
	return status;
}

static LepStatus
verify_side(SideScan *scan)
{
	const LepModelHead *head = &scan->model->head;
	LepStatus status = LEP_OK;

	for (int32_t n = 0; n < head->n_rows[scan->side] && status == LEP_OK; n++)
	{
		LepModelRow row;

		status = next_row(scan, n, &row);
		if (status == LEP_OK && head->n_factors > 0)
			status = lep_modelbytes_factors(scan->model, &row, scan->factors, &scan->env->error);
		if (status == LEP_OK && scan->side == LEP_SIDE_USERS)
			status = check_seen(scan, &row);
		else if (status == LEP_OK && head->has_neighbors)
			status =
				decode_neighbors(scan, n, &row, head->n_rows[LEP_SIDE_ITEMS], scan->items, scan->weights);
	}
	return status;
}

/* As many as the head says. */
static LepStatus
check_n_neighbors(const SideScan *scan)
{
	int64_t n = scan->model->head.n_neighbors;

	if (scan->n_neighbors == n)
		return LEP_OK;
	return lep_fail(&scan->env->error, LEP_ERR_BYTES_LENGTH, "neighbors", (double) scan->n_neighbors,
					(double) n, (double) n);
}

LepStatus
lep_modelbytes_verify(LepEnv *env, const LepModelBytes *model)
{
	int32_t n_items = model->head.n_rows[LEP_SIDE_ITEMS];
	SideScan scan = { .model = model, .env = env };
	LepStatus status = lep_modelbytes_check(model, &env->error);
	LepArena arena;

	if (status != LEP_OK)
		return status;
	lep_arena_init(&arena, env);
	scan.factors = lep_arena_alloc(&arena, lep_row_stride(model->head.n_factors), sizeof(float));
	scan.items = lep_arena_alloc(&arena, n_items, sizeof(int32_t));
	scan.weights = lep_arena_alloc(&arena, model->head.has_neighbors ? n_items : 0, sizeof(float));
	if (scan.factors == NULL || scan.items == NULL || scan.weights == NULL)
		status = lep_env_failure(env);
	for (int side = 0; side < LEP_N_SIDES && status == LEP_OK; side++)
	{
		scan.side = (LepModelSide) side;
		status = verify_side(&scan);
	}
	if (status == LEP_OK)
		status = check_n_neighbors(&scan);
	lep_arena_drop(&arena);
	return status;
}

/* ------------------------------------------------------------------- loading */

LepImageShape
lep_modelbytes_shape(const LepModelBytes *model)
{
	const LepModelHead *head = &model->head;
	LepImageShape shape;

	/* padding too: shapes are compared by their bytes */
	memset(&shape, 0, sizeof(shape));
	shape.n_items = head->n_rows[LEP_SIDE_ITEMS];
	shape.n_factors = head->n_factors;
	shape.has_neighbors = head->has_neighbors;
	shape.has_order = head->has_neighbors || (head->implicit && head->n_factors > 0);
	shape.n_neighbors = head->n_neighbors;
	shape.mean = head->mean;
	return shape;
}

/* Items on their way to their places. */
typedef struct Loading
{
	SideScan scan;
	const LepImageRoom *room;
	LepId *ids;
	float *bias;
	int stride;
} Loading;

static LepStatus
load_neighbors(Loading *l, int32_t n, const LepModelRow *row)
{
	const LepImageRoom *room = l->room;
	int64_t at = room->start[n];
	LepStatus status = decode_neighbors(&l->scan, n, row, l->scan.model->head.n_neighbors - at,
										room->target + at, room->weight + at);

	room->start[n + 1] = l->scan.n_neighbors;
	return status;
}

/* What lists without scores go along: biases of neighbour models, else shares of users. */
static float
popularity_of(const LepModelHead *head, const LepModelRow *row)
{
	if (head->has_neighbors)
		return row->bias;
	return (float) row->n_ratings / (head->n_users > 0 ? (float) head->n_users : 1);
}

static LepStatus
load_row(Loading *l, int32_t n)
{
	const LepModelHead *head = &l->scan.model->head;
	LepModelRow row;
	LepStatus status = next_row(&l->scan, n, &row);

	if (status != LEP_OK)
		return status;
	l->ids[n] = row.id;
	l->bias[n] = row.bias;
	l->room->n_ratings[n] = row.n_ratings;
	if (l->room->popularity != NULL)
		l->room->popularity[n] = popularity_of(head, &row);
	if (l->room->rows != NULL)
		status = lep_modelbytes_factors(l->scan.model, &row, l->room->rows + (size_t) n * (size_t) l->stride,
										&l->scan.env->error);
	if (status == LEP_OK && l->room->start != NULL)
		status = load_neighbors(l, n, &row);
	return status;
}

LepStatus
lep_modelbytes_load(LepEnv *env, const LepModelBytes *model, const LepImageRoom *room, LepId *ids,
					float *bias)
{
	Loading l = { .scan = { .model = model, .side = LEP_SIDE_ITEMS, .env = env },
				  .room = room,
				  .ids = ids,
				  .bias = bias,
				  .stride = lep_row_stride(model->head.n_factors) };
	LepStatus status = LEP_OK;

	if (room->start != NULL)
		room->start[0] = 0;
	for (int32_t n = 0; n < model->head.n_rows[LEP_SIDE_ITEMS] && status == LEP_OK; n++)
		status = load_row(&l, n);
	return status == LEP_OK ? check_n_neighbors(&l.scan) : status;
}
