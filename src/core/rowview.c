/*
 * rowview.c
 *		Bytes of rows being collected, as they come from another process or from
 *		anybody; contract in rowstate.h.
 *
 * All of them are looked at before any is used; nothing is copied.
 */
#include "core/rowstate.h"

#include <string.h>

#include "core/ratings_sort.h"
#include "core/rowstate_layout.h"

/* What is being opened. */
typedef struct Reader
{
	LepEnv *env;
	const uint8_t *bytes;
	size_t size;
	size_t at; /* checked so far */
	LepRowView *view;
} Reader;

/* A number at this place is out of range. */
static LepStatus
fail_number(const Reader *reader, int64_t row)
{
	LepError *error = &reader->env->error;

	lep_fail(error, LEP_ERR_BYTES_ORDER, "state", 0, 0, 0);
	error->row = row;
	return error->status;
}

/* Take the next n times size bytes, if there are so many. */
static LepStatus
take_bytes(Reader *reader, int64_t n, size_t size, const uint8_t **part)
{
	size_t needed = lep_mul_size((size_t) n, size);

	if (needed > reader->size - reader->at)
		return lep_fail(&reader->env->error, LEP_ERR_BYTES_LENGTH, "state", (double) reader->size,
						(double) lep_add_size(reader->at, needed), 0);
	*part = reader->bytes + reader->at;
	reader->at += needed;
	return LEP_OK;
}

/* A number of eight bytes, so small that two can be added up. */
static LepStatus
get_count(const Reader *reader, size_t at, int64_t *count)
{
	uint64_t value = lep_get_u64(reader->bytes + at);

	*count = (int64_t) value;
	return value > (uint64_t) LEP_MAX_ROW_COUNT ? fail_number(reader, (int64_t) at) : LEP_OK;
}

static LepStatus
open_counts(Reader *reader)
{
	LepRowView *view = reader->view;
	LepStatus status = get_count(reader, AT_NULLS, &view->nulls.user);

	if (status == LEP_OK)
		status = get_count(reader, AT_NULLS + 8, &view->nulls.item);
	if (status == LEP_OK)
		status = get_count(reader, AT_NULLS + 16, &view->nulls.rating);
	if (status == LEP_OK)
		status = get_count(reader, AT_ROWS, &view->n_rows);
	for (int side = 0; side < LEP_ROW_SIDES && status == LEP_OK; side++)
	{
		uint32_t n = lep_get_u32(reader->bytes + AT_IDS + 4 * side);

		if (n > LEP_MAX_IDS || n > view->n_rows)
			status = fail_number(reader, AT_IDS + 4 * side);
		view->n_ids[side] = (int32_t) n;
	}
	view->note_bytes = lep_get_u32(reader->bytes + AT_NOTE);
	return status;
}

static LepStatus
open_header(Reader *reader)
{
	LepError *error = &reader->env->error;
	const uint8_t *bytes = reader->bytes;

	if (reader->size < STATE_HEADER)
		return lep_fail(error, LEP_ERR_BYTES_LENGTH, "state", (double) reader->size, STATE_HEADER, 0);
	if (memcmp(bytes, STATE_MAGIC, STATE_MAGIC_LEN) != 0)
		return lep_fail(error, LEP_ERR_BYTES_MAGIC, "state", 0, 0, 0);
	if (bytes[AT_VERSION] != STATE_VERSION)
		return lep_fail(error, LEP_ERR_BYTES_VERSION, "state", bytes[AT_VERSION], 0, STATE_VERSION);
	for (int side = 0; side < LEP_ROW_SIDES; side++)
	{
		if (!lep_id_of_code(bytes[AT_KIND + side], &reader->view->kind[side]))
			return fail_number(reader, AT_KIND + side);
	}
	if (bytes[AT_RESERVE] != 0)
		return fail_number(reader, AT_RESERVE);
	if (lep_get_u32(bytes + AT_RESERVE_2) != 0)
		return fail_number(reader, AT_RESERVE_2);
	reader->at = STATE_HEADER;
	return open_counts(reader);
}

/* A dictionary: texts lie one behind the other. */
static LepStatus
open_ids(Reader *reader, int side)
{
	LepRowView *view = reader->view;
	LepIdKind kind = view->kind[side];
	LepStatus status = LEP_OK;
	const uint8_t *part = NULL;

	view->ids[side] = reader->bytes + reader->at;
	if (kind != LEP_ID_TEXT)
		return take_bytes(reader, view->n_ids[side], lep_row_id_bytes(kind), &part);
	for (int32_t i = 0; i < view->n_ids[side] && status == LEP_OK; i++)
	{
		if (lep_rows_stop(reader->env, i))
			return LEP_ERR_STOPPED;
		status = take_bytes(reader, 1, 2, &part);
		if (status == LEP_OK && lep_get_u16(part) > LEP_MAX_TEXT_ID)
			status = fail_number(reader, part - reader->bytes);
		if (status == LEP_OK)
			status = take_bytes(reader, 1, lep_get_u16(part), &part);
	}
	return status;
}

/* Every row has an id that is there, and every id a row: one without would be a user without ratings. */
static LepStatus
check_numbers(const Reader *reader, LepArena *scratch, int side)
{
	const LepRowView *view = reader->view;
	size_t size = lep_row_number_bytes(view->n_ids[side]);
	uint8_t *used = lep_arena_calloc(scratch, view->n_ids[side] / 8 + 1, 1);
	int32_t n_used = 0;

	if (used == NULL)
		return lep_env_failure(reader->env);
	for (int64_t j = 0; j < view->n_rows; j++)
	{
		uint32_t number = lep_row_number_get(view->numbers[side] + (size_t) j * size, size);
		uint8_t bit = (uint8_t) (1 << number % 8);

		if (lep_rows_stop(reader->env, j))
			return LEP_ERR_STOPPED;
		if (number >= (uint32_t) view->n_ids[side])
			return fail_number(reader, j);
		n_used += (used[number / 8] & bit) == 0;
		used[number / 8] |= bit;
	}
	return n_used < view->n_ids[side] ? fail_number(reader, AT_IDS + 4 * side) : LEP_OK;
}

static LepStatus
check_ratings(const Reader *reader)
{
	LepError *error = &reader->env->error;

	for (int64_t j = 0; j < reader->view->n_rows; j++)
	{
		float rating = lep_get_f32(reader->view->ratings + (size_t) j * 4);

		if (lep_rows_stop(reader->env, j))
			return LEP_ERR_STOPPED;
		if (lep_rating_check(rating, j, error) == LEP_OK)
			continue;
		lep_fail(error, LEP_ERR_BYTES_VALUE, "state", rating, 0, LEP_MAX_RATING);
		error->row = j;
		return error->status;
	}
	return LEP_OK;
}

/* Where everything is, and that nothing is behind it. */
static LepStatus
open_parts(Reader *reader)
{
	LepRowView *view = reader->view;
	const uint8_t *note = NULL;
	LepStatus status = LEP_OK;

	for (int side = 0; side < LEP_ROW_SIDES && status == LEP_OK; side++)
		status = open_ids(reader, side);
	for (int side = 0; side < LEP_ROW_SIDES && status == LEP_OK; side++)
		status =
			take_bytes(reader, view->n_rows, lep_row_number_bytes(view->n_ids[side]), &view->numbers[side]);
	if (status == LEP_OK)
		status = take_bytes(reader, view->n_rows, 4, &view->ratings);
	if (status == LEP_OK)
		status = take_bytes(reader, 1, view->note_bytes, &note);
	if (status != LEP_OK)
		return status;
	view->note = (const char *) note;
	if (reader->at < reader->size)
		return lep_fail(&reader->env->error, LEP_ERR_BYTES_LENGTH, "state", (double) reader->size,
						(double) reader->at, 0);
	return LEP_OK;
}

LepStatus
lep_rowview_open(LepEnv *env, const uint8_t *bytes, size_t size, LepRowView *view)
{
	Reader reader = { env, bytes, size, 0, view };
	LepArena scratch;
	LepStatus status;

	memset(view, 0, sizeof(*view));
	status = open_header(&reader);
	if (status == LEP_OK)
		status = open_parts(&reader);
	if (status != LEP_OK)
		return status;
	lep_arena_init(&scratch, env);
	for (int side = 0; side < LEP_ROW_SIDES && status == LEP_OK; side++)
		status = check_numbers(&reader, &scratch, side);
	lep_arena_drop(&scratch);
	return status == LEP_OK ? check_ratings(&reader) : status;
}

void
lep_rowview_ids(const LepRowView *view, int side, const uint8_t **at, LepId *ids, int n)
{
	for (int j = 0; j < n; j++)
		*at = lep_row_id_get(view->kind[side], *at, &ids[j]);
}
