/*
 * rowstate.c
 *		Rows of one group that are being collected; contract in rowstate.h.
 *
 * A pending row is a record: both ids as they stand in a dictionary of the bytes,
 * then the rating.
 */
#include "core/rowstate.h"

#include <string.h>

#include "core/ratings_sort.h"
#include "core/rowstate_layout.h"

/*
 * Rows that stay pending while there is no builder.  One takes 20 kB before it has a
 * row, so it would be most of a group of a thousand; as records these take 20 bytes
 * each with ids of integers.
 */
#define MAX_FEW 1024

/* Room for records: at first, and at the most, however few rows that may be. */
#define FIRST_PENDING 192
#define MAX_PENDING	  (64 * 1024)

/* ------------------------------------------------------------------------- ids */

static size_t
id_size(LepIdKind kind, const LepId *id)
{
	return lep_row_id_bytes(kind) + (kind == LEP_ID_TEXT ? (size_t) id->v.text.len : 0);
}

/* Write an id; behind it. */
static uint8_t *
put_id(LepIdKind kind, const LepId *id, uint8_t *at)
{
	switch (kind)
	{
		case LEP_ID_TEXT:
			lep_put_u16(at, (uint16_t) id->v.text.len);
			memcpy(at + 2, id->v.text.data, (size_t) id->v.text.len);
			return at + 2 + id->v.text.len;
		case LEP_ID_UUID:
			memcpy(at, id->v.uuid, sizeof(id->v.uuid));
			return at + sizeof(id->v.uuid);
		case LEP_ID_INT64:
			break;
	}
	lep_put_u64(at, (uint64_t) id->v.i64);
	return at + 8;
}

static const char *
side_name(int side)
{
	return side == LEP_ROW_USER ? "user" : "item";
}

/* ----------------------------------------------------------------------- states */

void
lep_rowstate_init(LepRowState *state, LepArena *arena, LepIdKind user_kind, LepIdKind item_kind)
{
	memset(state, 0, sizeof(*state));
	state->arena = arena;
	state->kind[LEP_ROW_USER] = user_kind;
	state->kind[LEP_ROW_ITEM] = item_kind;
}

/* An empty builder for rows of this state. */
static LepStatus
create_builder(const LepRowState *state, LepArena *arena, LepRatingsBuilder **builder)
{
	LepSourceShape shape = { state->kind[LEP_ROW_USER], state->kind[LEP_ROW_ITEM], true, false };

	*builder = lep_ratings_begin(arena, &shape);
	return *builder == NULL ? lep_env_failure(arena->env) : LEP_OK;
}

/* The pending rows into a builder. */
static LepStatus
add_pending(const LepRowState *state, LepRatingsBuilder *builder)
{
	LepId ids[LEP_ROW_SIDES][LEP_ID_BATCH];
	double ratings[LEP_ID_BATCH];
	const uint8_t *at = state->pending;
	LepStatus status = LEP_OK;

	for (int first = 0; first < state->n_pending && status == LEP_OK; first += LEP_ID_BATCH)
	{
		int n = state->n_pending - first < LEP_ID_BATCH ? state->n_pending - first : LEP_ID_BATCH;

		for (int j = 0; j < n; j++)
		{
			for (int side = 0; side < LEP_ROW_SIDES; side++)
				at = lep_row_id_get(state->kind[side], at, &ids[side][j]);
			ratings[j] = lep_get_f32(at);
			at += 4;
		}
		status = lep_ratings_add(builder, ids[LEP_ROW_USER], ids[LEP_ROW_ITEM], ratings, NULL, n);
	}
	return status;
}

/* Leave no row pending. */
static LepStatus
flush(LepRowState *state)
{
	LepStatus status = LEP_OK;

	if (state->builder == NULL)
		status = create_builder(state, state->arena, &state->builder);
	if (status == LEP_OK)
		status = add_pending(state, state->builder);
	if (status != LEP_OK)
		return status;
	/* from now on there are no more than a batch of them */
	if (state->n_pending > LEP_ID_BATCH)
	{
		lep_arena_free(state->arena, state->pending);
		state->pending = NULL;
		state->pending_size = 0;
	}
	state->n_pending = 0;
	state->pending_used = 0;
	return LEP_OK;
}

/* Room for a record of this size. */
static LepStatus
make_room(LepRowState *state, size_t record)
{
	size_t size = state->pending_size == 0 ? FIRST_PENDING : state->pending_size;
	uint8_t *grown;

	if (state->n_pending == (state->builder == NULL ? MAX_FEW : LEP_ID_BATCH) ||
		(state->n_pending > 0 && state->pending_used + record > MAX_PENDING))
	{
		LepStatus status = flush(state);

		if (status != LEP_OK)
			return status;
	}
	if (state->pending != NULL && state->pending_used + record <= state->pending_size)
		return LEP_OK;
	while (size < state->pending_used + record)
		size *= 2;
	grown = lep_arena_alloc(state->arena, (int64_t) size, 1);
	if (grown == NULL)
		return lep_env_failure(state->arena->env);
	if (state->pending != NULL)
		memcpy(grown, state->pending, state->pending_used);
	lep_arena_free(state->arena, state->pending);
	state->pending = grown;
	state->pending_size = size;
	return LEP_OK;
}

/* Is this what ratings can be made of? */
static LepStatus
check_row(const LepRowState *state, const LepId *const ids[], double rating)
{
	LepError *error = &state->arena->env->error;

	for (int side = 0; side < LEP_ROW_SIDES; side++)
	{
		if (state->kind[side] != LEP_ID_TEXT || ids[side]->v.text.len <= LEP_MAX_TEXT_ID)
			continue;
		lep_fail(error, LEP_ERR_ID_TOO_LONG, side_name(side), ids[side]->v.text.len, 0, LEP_MAX_TEXT_ID);
		error->row = state->n_rows + 1;
		return LEP_ERR_ID_TOO_LONG;
	}
	return lep_rating_check(rating, state->n_rows + 1, error);
}

LepStatus
lep_rowstate_add(LepRowState *state, const LepId *user, const LepId *item, double rating)
{
	const LepId *const ids[] = { user, item };
	LepStatus status = check_row(state, ids, rating);
	uint8_t *at;

	if (status == LEP_OK)
		status = make_room(state, id_size(state->kind[LEP_ROW_USER], user) +
									  id_size(state->kind[LEP_ROW_ITEM], item) + 4);
	if (status != LEP_OK)
		return status;
	at = state->pending + state->pending_used;
	for (int side = 0; side < LEP_ROW_SIDES; side++)
		at = put_id(state->kind[side], ids[side], at);
	lep_put_f32(at, (float) rating);
	state->pending_used = (size_t) (at + 4 - state->pending);
	state->n_pending++;
	state->n_rows++;
	return LEP_OK;
}

/* The ids of a map into an empty one, under the same numbers. */
static LepStatus
copy_ids(LepEnv *env, const LepIdMap *from, LepIdMap *to)
{
	int32_t count = lep_idmap_count(from);
	LepStatus status = LEP_OK;

	for (int64_t first = 0; first < count && status == LEP_OK; first += LEP_ID_BATCH)
	{
		int n = (int) (count - first < LEP_ID_BATCH ? count - first : LEP_ID_BATCH);
		LepId ids[LEP_ID_BATCH];
		int32_t numbers[LEP_ID_BATCH];

		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		for (int j = 0; j < n; j++)
			ids[j] = lep_idmap_id(from, (int32_t) first + j);
		status = lep_idmap_add(to, ids, n, numbers);
	}
	return status;
}

static LepStatus
copy_rows(LepEnv *env, LepRatingsBuilder *from, LepRatingsBuilder *to)
{
	LepStatus status = copy_ids(env, lep_ratings_builder_users(from), lep_ratings_builder_users(to));

	if (status == LEP_OK)
		status = copy_ids(env, lep_ratings_builder_items(from), lep_ratings_builder_items(to));
	for (const LepRowChunk *chunk = lep_ratings_builder_chunks(from); chunk != NULL; chunk = chunk->next)
	{
		for (int64_t j = 0; j < chunk->n && status == LEP_OK; j += LEP_ID_BATCH)
		{
			int n = (int) (chunk->n - j < LEP_ID_BATCH ? chunk->n - j : LEP_ID_BATCH);

			if (lep_env_stopped(env))
				return LEP_ERR_STOPPED;
			status = lep_ratings_add_numbered(to, chunk->user + j, chunk->item + j, chunk->rating + j, n);
		}
	}
	return status;
}

LepStatus
lep_rowstate_copy(const LepRowState *state, LepArena *arena, LepRatingsBuilder **builder)
{
	LepStatus status = create_builder(state, arena, builder);

	if (status == LEP_OK && state->builder != NULL)
		status = copy_rows(arena->env, state->builder, *builder);
	return status == LEP_OK ? add_pending(state, *builder) : status;
}

LepStatus
lep_rowstate_release(LepRowState *state, LepRatingsBuilder **builder)
{
	LepStatus status = flush(state);

	if (status != LEP_OK)
		return status;
	*builder = state->builder;
	lep_arena_free(state->arena, state->pending);
	lep_rowstate_init(state, state->arena, state->kind[LEP_ROW_USER], state->kind[LEP_ROW_ITEM]);
	return LEP_OK;
}

/* ---------------------------------------------------------------------- writing */

/* Add what a dictionary takes. */
static LepStatus
add_ids_size(LepEnv *env, const LepIdMap *ids, size_t *size)
{
	LepIdKind kind = lep_idmap_kind(ids);
	int32_t count = lep_idmap_count(ids);

	*size += (size_t) count * lep_row_id_bytes(kind);
	for (int32_t row = 0; kind == LEP_ID_TEXT && row < count; row++)
	{
		if (lep_rows_stop(env, row))
			return LEP_ERR_STOPPED;
		*size += (size_t) lep_idmap_id(ids, row).v.text.len;
	}
	return LEP_OK;
}

LepStatus
lep_rowstate_pack(LepRowState *state, size_t note_bytes, LepRowPack *pack)
{
	LepStatus status;
	LepIdMap *ids[LEP_ROW_SIDES];

	memset(pack, 0, sizeof(*pack));
	lep_arena_init(&pack->scratch, state->arena->env);
	pack->state = state;
	pack->note_bytes = note_bytes;
	if (state->builder == NULL)
		status = lep_rowstate_copy(state, &pack->scratch, &pack->builder);
	else
	{
		status = flush(state);
		pack->builder = state->builder;
	}
	if (status != LEP_OK)
		return status;
	ids[LEP_ROW_USER] = lep_ratings_builder_users(pack->builder);
	ids[LEP_ROW_ITEM] = lep_ratings_builder_items(pack->builder);
	pack->size = STATE_HEADER + note_bytes + (size_t) state->n_rows * 4;
	for (int side = 0; side < LEP_ROW_SIDES && status == LEP_OK; side++)
	{
		pack->size += (size_t) state->n_rows * lep_row_number_bytes(lep_idmap_count(ids[side]));
		status = add_ids_size(pack->scratch.env, ids[side], &pack->size);
	}
	return status;
}

static void
write_header(const LepRowPack *pack, uint8_t *bytes)
{
	const LepRowState *state = pack->state;

	memset(bytes, 0, STATE_HEADER);
	memcpy(bytes, STATE_MAGIC, STATE_MAGIC_LEN);
	bytes[AT_VERSION] = STATE_VERSION;
	for (int side = 0; side < LEP_ROW_SIDES; side++)
		bytes[AT_KIND + side] = lep_id_code(state->kind[side]);
	lep_put_u64(bytes + AT_NULLS, (uint64_t) state->nulls.user);
	lep_put_u64(bytes + AT_NULLS + 8, (uint64_t) state->nulls.item);
	lep_put_u64(bytes + AT_NULLS + 16, (uint64_t) state->nulls.rating);
	lep_put_u64(bytes + AT_ROWS, (uint64_t) state->n_rows);
	lep_put_u32(bytes + AT_IDS, (uint32_t) lep_idmap_count(lep_ratings_builder_users(pack->builder)));
	lep_put_u32(bytes + AT_IDS + 4, (uint32_t) lep_idmap_count(lep_ratings_builder_items(pack->builder)));
	lep_put_u32(bytes + AT_NOTE, (uint32_t) pack->note_bytes);
}

/* A dictionary; *at is moved behind it. */
static LepStatus
write_ids(LepEnv *env, const LepIdMap *ids, uint8_t **at)
{
	for (int32_t row = 0; row < lep_idmap_count(ids); row++)
	{
		LepId id = lep_idmap_id(ids, row);

		if (lep_rows_stop(env, row))
			return LEP_ERR_STOPPED;
		*at = put_id(lep_idmap_kind(ids), &id, *at);
	}
	return LEP_OK;
}

static void
put_number(uint8_t *at, size_t size, int32_t number)
{
	if (size == 1)
		*at = (uint8_t) number;
	else if (size == 2)
		lep_put_u16(at, (uint16_t) number);
	else
		lep_put_u32(at, (uint32_t) number);
}

LepStatus
lep_rowstate_write(const LepRowPack *pack, const void *note, uint8_t *bytes)
{
	LepEnv *env = pack->scratch.env;
	const LepIdMap *users = lep_ratings_builder_users(pack->builder);
	const LepIdMap *items = lep_ratings_builder_items(pack->builder);
	size_t user_size = lep_row_number_bytes(lep_idmap_count(users));
	size_t item_size = lep_row_number_bytes(lep_idmap_count(items));
	uint8_t *user = bytes + STATE_HEADER;
	uint8_t *item;
	uint8_t *rating;
	LepStatus status;

	write_header(pack, bytes);
	status = write_ids(env, users, &user);
	if (status == LEP_OK)
		status = write_ids(env, items, &user);
	if (status != LEP_OK)
		return status;
	item = user + (size_t) pack->state->n_rows * user_size;
	rating = item + (size_t) pack->state->n_rows * item_size;
	for (const LepRowChunk *chunk = lep_ratings_builder_chunks(pack->builder); chunk != NULL;
		 chunk = chunk->next)
	{
		for (int64_t j = 0; j < chunk->n; j++)
		{
			if (lep_rows_stop(env, j))
				return LEP_ERR_STOPPED;
			put_number(user, user_size, chunk->user[j]);
			put_number(item, item_size, chunk->item[j]);
			lep_put_f32(rating, chunk->rating[j]);
			user += user_size;
			item += item_size;
			rating += 4;
		}
	}
	if (pack->note_bytes > 0)
		memcpy(rating, note, pack->note_bytes);
	return LEP_OK;
}

void
lep_rowstate_pack_end(LepRowPack *pack)
{
	lep_arena_drop(&pack->scratch);
}

/* ----------------------------------------------------------- from bytes to rows */

/* Few rows stay as they are. */
static LepStatus
take_few(LepRowState *state, const LepRowView *view)
{
	LepId ids[LEP_ROW_SIDES][MAX_FEW];
	LepStatus status = LEP_OK;

	for (int side = 0; side < LEP_ROW_SIDES; side++)
	{
		const uint8_t *at = view->ids[side];

		lep_rowview_ids(view, side, &at, ids[side], view->n_ids[side]);
	}
	for (int64_t j = 0; j < view->n_rows && status == LEP_OK; j++)
	{
		const LepId *row[LEP_ROW_SIDES];

		for (int side = 0; side < LEP_ROW_SIDES; side++)
		{
			size_t size = lep_row_number_bytes(view->n_ids[side]);

			row[side] = &ids[side][lep_row_number_get(view->numbers[side] + (size_t) j * size, size)];
		}
		status = lep_rowstate_add(state, row[LEP_ROW_USER], row[LEP_ROW_ITEM],
								  lep_get_f32(view->ratings + (size_t) j * 4));
	}
	return status;
}

/* The numbers that ids of the view have in a map, new ones added. */
static LepStatus
number_ids(LepEnv *env, const LepRowView *view, int side, LepIdMap *map, int32_t *numbers)
{
	const uint8_t *at = view->ids[side];
	LepStatus status = LEP_OK;

	for (int64_t first = 0; first < view->n_ids[side] && status == LEP_OK; first += LEP_ID_BATCH)
	{
		int n = (int) (view->n_ids[side] - first < LEP_ID_BATCH ? view->n_ids[side] - first : LEP_ID_BATCH);
		LepId ids[LEP_ID_BATCH];

		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		lep_rowview_ids(view, side, &at, ids, n);
		status = lep_idmap_add(map, ids, n, numbers + first);
	}
	return status;
}

/* Rows whose ids have numbers now. */
static LepStatus
add_numbered(LepRowState *state, const LepRowView *view, int32_t *const numbers[])
{
	LepStatus status = LEP_OK;

	for (int64_t first = 0; first < view->n_rows && status == LEP_OK; first += LEP_ID_BATCH)
	{
		int n = (int) (view->n_rows - first < LEP_ID_BATCH ? view->n_rows - first : LEP_ID_BATCH);
		int32_t rows[LEP_ROW_SIDES][LEP_ID_BATCH];
		float ratings[LEP_ID_BATCH];

		if (lep_env_stopped(state->arena->env))
			return LEP_ERR_STOPPED;
		for (int side = 0; side < LEP_ROW_SIDES; side++)
		{
			size_t size = lep_row_number_bytes(view->n_ids[side]);

			for (int j = 0; j < n; j++)
				rows[side][j] =
					numbers[side]
						   [lep_row_number_get(view->numbers[side] + (size_t) (first + j) * size, size)];
		}
		for (int j = 0; j < n; j++)
			ratings[j] = lep_get_f32(view->ratings + (size_t) (first + j) * 4) + 0.0f;
		status = lep_ratings_add_numbered(state->builder, rows[LEP_ROW_USER], rows[LEP_ROW_ITEM], ratings, n);
	}
	state->n_rows += view->n_rows;
	return status;
}

/* Ids go into the dictionaries once, not with each row. */
static LepStatus
take_many(LepRowState *state, const LepRowView *view)
{
	LepIdMap *maps[LEP_ROW_SIDES];
	int32_t *numbers[LEP_ROW_SIDES];
	LepArena scratch;
	LepStatus status = flush(state);

	if (status != LEP_OK)
		return status;
	maps[LEP_ROW_USER] = lep_ratings_builder_users(state->builder);
	maps[LEP_ROW_ITEM] = lep_ratings_builder_items(state->builder);
	lep_arena_init(&scratch, state->arena->env);
	for (int side = 0; side < LEP_ROW_SIDES && status == LEP_OK; side++)
	{
		numbers[side] = lep_arena_alloc(&scratch, view->n_ids[side], sizeof(int32_t));
		status = numbers[side] == NULL ? lep_env_failure(state->arena->env)
									   : number_ids(state->arena->env, view, side, maps[side], numbers[side]);
	}
	if (status == LEP_OK)
		status = add_numbered(state, view, numbers);
	lep_arena_drop(&scratch);
	return status;
}

/* No more than bytes may say: they can be of counts that nobody has counted. */
static int64_t
add_counts(int64_t a, int64_t b)
{
	return a < LEP_MAX_ROW_COUNT - b ? a + b : LEP_MAX_ROW_COUNT;
}

LepStatus
lep_rowstate_take(LepRowState *state, const LepRowView *view)
{
	for (int side = 0; side < LEP_ROW_SIDES; side++)
	{
		if (state->kind[side] != view->kind[side])
			return lep_fail(&state->arena->env->error, LEP_ERR_BYTES_MAGIC, "state", 0, 0, 0);
	}
	state->nulls.user = add_counts(state->nulls.user, view->nulls.user);
	state->nulls.item = add_counts(state->nulls.item, view->nulls.item);
	state->nulls.rating = add_counts(state->nulls.rating, view->nulls.rating);
	if (state->builder == NULL && state->n_pending + view->n_rows <= MAX_FEW)
		return take_few(state, view);
	return take_many(state, view);
}
