/*
 * modelbytes_load.c
 *		All of a model's bytes at once: checked, or decoded for serving.
 */
#include "core/modelbytes.h"

#include "core/kernels.h"
#include "core/neighbors.h"

/* Rows between two looks for a stop. */
#define STOP_INTERVAL 1024

/* Bytes that an id takes in the map, about. */
#define BYTES_PER_ID 40

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
	LepId previous;
} SideScan;

/* Row n, whose id is behind that of the row before. */
static LepStatus
next_row(SideScan *scan, int32_t n, LepModelRow *row)
{
	LepError *error = &scan->env->error;
	LepStatus status;

	if (n % STOP_INTERVAL == 0 && lep_env_stopped(scan->env))
		return LEP_ERR_STOPPED;
	status = lep_modelbytes_row(scan->model, scan->side, n, row, error);
	if (status != LEP_OK)
		return status;
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
		status = env->error.status;
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

/* Do lists go along an order other than that of scores?  As serve.h says. */
static bool
has_order(const LepModelHead *head)
{
	return head->has_neighbors || (head->implicit && head->n_factors > 0);
}

size_t
lep_modelbytes_load_size(const LepModelBytes *model)
{
	const LepModelHead *head = &model->head;
	int32_t n = head->n_rows[LEP_SIDE_ITEMS];
	size_t size = lep_items_size(n, head->n_factors);

	size = lep_add_size(size, (size_t) n * (BYTES_PER_ID + sizeof(int32_t)));
	if (head->has_neighbors)
		size = lep_add_size(size, (size_t) n * sizeof(int64_t));
	size = lep_add_size(size, lep_mul_size((size_t) head->n_neighbors, sizeof(int32_t) + sizeof(float)));
	if (has_order(head))
		size = lep_add_size(size, (size_t) n * (sizeof(float) + sizeof(int32_t)));
	return size;
}

/* Room for the neighbours of all items; none yet. */
static LepNeighbors *
create_neighbors(LepArena *arena, const LepModelHead *head)
{
	int32_t n_items = head->n_rows[LEP_SIDE_ITEMS];
	LepNeighbors *neighbors = lep_arena_calloc(arena, 1, sizeof(LepNeighbors));

	if (neighbors == NULL)
		return NULL;
	neighbors->n_rows = n_items;
	neighbors->n_items = n_items;
	neighbors->room = head->n_neighbors;
	neighbors->start = lep_arena_calloc(arena, (int64_t) n_items + 1, sizeof(int64_t));
	neighbors->target = lep_arena_alloc(arena, head->n_neighbors, sizeof(int32_t));
	neighbors->weight = lep_arena_alloc(arena, head->n_neighbors, sizeof(float));
	return neighbors->start == NULL || neighbors->target == NULL || neighbors->weight == NULL ? NULL
																							  : neighbors;
}

/* Items on their way into what is served. */
typedef struct Loading
{
	SideScan scan;
	LepLoadedItems *loaded;
	float *bias; /* [n_items] */
	float *rows; /* [n_items * stride], of the items' block */
	int stride;
	LepNeighbors *neighbors;
	LepId batch[LEP_ID_BATCH];
	int n_batch;
} Loading;

static LepStatus
load_neighbors(Loading *l, int32_t n, const LepModelRow *row)
{
	LepNeighbors *neighbors = l->neighbors;
	int64_t at = neighbors->start[n];
	LepStatus status = decode_neighbors(&l->scan, n, row, neighbors->room - at, neighbors->target + at,
										neighbors->weight + at);

	neighbors->start[n + 1] = l->scan.n_neighbors;
	return status;
}

static LepStatus
flush_ids(Loading *l)
{
	int32_t rows[LEP_ID_BATCH];
	int n = l->n_batch;

	l->n_batch = 0;
	return lep_idmap_add(l->loaded->ids, l->batch, n, rows);
}

static LepStatus
load_row(Loading *l, int32_t n)
{
	LepModelRow row;
	LepStatus status = next_row(&l->scan, n, &row);

	if (status != LEP_OK)
		return status;
	l->bias[n] = row.bias;
	l->loaded->n_ratings[n] = row.n_ratings;
	if (l->rows != NULL)
		status = lep_modelbytes_factors(l->scan.model, &row, l->rows + (size_t) n * (size_t) l->stride,
										&l->scan.env->error);
	if (status == LEP_OK && l->neighbors != NULL)
		status = load_neighbors(l, n, &row);
	l->batch[l->n_batch++] = row.id;
	if (status == LEP_OK && l->n_batch == LEP_ID_BATCH)
		status = flush_ids(l);
	return status;
}

static LepStatus
load_rows(Loading *l)
{
	LepStatus status = LEP_OK;

	for (int32_t n = 0; n < l->scan.model->head.n_rows[LEP_SIDE_ITEMS] && status == LEP_OK; n++)
		status = load_row(l, n);
	if (status == LEP_OK)
		status = flush_ids(l);
	if (status == LEP_OK)
		status = check_n_neighbors(&l->scan);
	return status;
}

/* What lists without scores go along: biases of neighbour models, else shares of users. */
static LepStatus
load_order(LepArena *arena, const LepModelHead *head, const float *bias, LepLoadedItems *loaded)
{
	int32_t n = head->n_rows[LEP_SIDE_ITEMS];
	float *popularity = lep_arena_alloc(arena, n, sizeof(float));
	int32_t *order = lep_arena_alloc(arena, n, sizeof(int32_t));
	float n_users = head->n_users > 0 ? (float) head->n_users : 1;

	if (popularity == NULL || order == NULL)
		return arena->env->error.status;
	for (int32_t i = 0; i < n; i++)
		popularity[i] = head->has_neighbors ? bias[i] : (float) loaded->n_ratings[i] / n_users;
	loaded->served.popularity = popularity;
	loaded->served.order = order;
	return lep_neighbors_order(arena->env, popularity, n, order);
}

/* Everything into memory that is there. */
static LepStatus
load_into(LepArena *arena, Loading *l, void *block)
{
	const LepModelHead *head = &l->scan.model->head;
	LepLoadedItems *loaded = l->loaded;
	int32_t n = head->n_rows[LEP_SIDE_ITEMS];
	LepStatus status = load_rows(l);

	if (status == LEP_OK)
		status = lep_items_build(arena->env, block, n, head->n_factors, head->mean, l->bias, NULL);
	if (status != LEP_OK)
		return status;
	loaded->items = lep_items_open(arena, block);
	if (loaded->items == NULL)
		return arena->env->error.status;
	loaded->served.mean = head->mean;
	loaded->served.items = loaded->items;
	loaded->served.neighbors = l->neighbors;
	return has_order(head) ? load_order(arena, head, l->bias, loaded) : LEP_OK;
}

LepStatus
lep_modelbytes_load(LepArena *arena, const LepModelBytes *model, LepLoadedItems *loaded)
{
	const LepModelHead *head = &model->head;
	int32_t n = head->n_rows[LEP_SIDE_ITEMS];
	Loading l = { .scan = { .model = model, .side = LEP_SIDE_ITEMS, .env = arena->env },
				  .loaded = loaded,
				  .stride = lep_row_stride(head->n_factors) };
	void *block = lep_arena_alloc(arena, 1, lep_items_size(n, head->n_factors));
	LepStatus status;

	*loaded = (LepLoadedItems){ 0 };
	loaded->n_ratings = lep_arena_alloc(arena, n, sizeof(int32_t));
	loaded->ids = lep_idmap_create(arena, head->kind[LEP_SIDE_ITEMS], "items");
	l.bias = lep_arena_alloc(arena, n, sizeof(float));
	if (block == NULL || loaded->n_ratings == NULL || loaded->ids == NULL || l.bias == NULL)
		return arena->env->error.status;
	if (head->n_factors > 0)
		l.rows = lep_items_room(block, n, head->n_factors);
	if (head->has_neighbors)
	{
		l.neighbors = create_neighbors(arena, head);
		if (l.neighbors == NULL)
			return arena->env->error.status;
	}
	status = load_into(arena, &l, block);
	lep_arena_free(arena, l.bias);
	return status;
}
