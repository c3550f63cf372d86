/*
 * modelbytes_write.c
 *		Writing model bytes: from what was trained, or row by row.
 */
#include "core/modelbytes.h"

#include <string.h>

#include "core/checksum.h"
#include "core/kernels.h"
#include "core/modelbytes_layout.h"
#include "core/neighbors.h"

/* Rows, and ratings, between two looks for a stop: some ms where a row has thousands. */
#define STOP_ROWS	 256
#define STOP_RATINGS 65536

/* -------------------------------------------------------------------- layout */

/* A part of n pieces; where it begins.  *end: SIZE_MAX once it is too much. */
static size_t
add_part(size_t *end, int64_t n, size_t size)
{
	size_t begin = *end;

	*end = lep_add_size(begin, lep_mul_size((size_t) n, size));
	return begin;
}

static void
lay_out_side(const LepModelHead *head, LepModelSide side, LepModelLayout *layout)
{
	int64_t n = head->n_rows[side];
	size_t *end = &layout->len;
	bool is_text = head->kind[side] == LEP_ID_TEXT;
	bool has_extra = lep_modelbytes_has_extra(head, side);
	size_t factors = head->n_factors == 0 ? 0 : lep_factors_size_as(head->precision, head->n_factors);

	layout->side[side].ids =
		is_text ? add_part(end, n + 1, 4) : add_part(end, n, head->kind[side] == LEP_ID_UUID ? 16 : 8);
	layout->side[side].text = add_part(end, 1, is_text ? head->text_bytes[side] : 0);
	layout->side[side].n_ratings = add_part(end, n, 4);
	layout->side[side].bias = add_part(end, n, 4);
	layout->side[side].variance = add_part(end, n, head->has_variances ? 4 : 0);
	layout->side[side].factors = add_part(end, n, factors);
	layout->side[side].offsets = add_part(end, has_extra ? n + 1 : 0, 4);
	layout->side[side].extra = add_part(end, 1, has_extra ? head->extra_bytes[side] : 0);
	if (head->text_bytes[side] > MAX_PART_BYTES || head->extra_bytes[side] > MAX_PART_BYTES)
		*end = SIZE_MAX;
}

void
lep_modelbytes_layout(const LepModelHead *head, LepModelLayout *layout)
{
	int n_levels = head->levels.n;

	layout->len = HEAD_BYTES;
	layout->levels = add_part(&layout->len, n_levels > 0 ? 2 * n_levels - 1 : 0, 4);
	for (int d = 0; d < LEP_N_DOCUMENTS; d++)
		layout->document[d] = add_part(&layout->len, 1, head->document_bytes[d]);
	lay_out_side(head, LEP_SIDE_USERS, layout);
	lay_out_side(head, LEP_SIDE_ITEMS, layout);
}

size_t
lep_modelbytes_size(const LepModelHead *head)
{
	LepModelLayout layout;

	lep_modelbytes_layout(head, &layout);
	return layout.len;
}

size_t
lep_modelbytes_least(int32_t n_users, int32_t n_items, int64_t n_ratings, int n_factors,
					 LepPrecision precision)
{
	LepModelHead head;

	memset(&head, 0, sizeof(head));
	head.precision = precision;
	head.n_factors = n_factors;
	head.n_rows[LEP_SIDE_USERS] = n_users;
	head.n_rows[LEP_SIDE_ITEMS] = n_items;
	/* a seen set is a header, and a byte or more for each item */
	head.extra_bytes[LEP_SIDE_USERS] =
		lep_add_size(lep_mul_size((size_t) n_users, lep_seen_size(NULL, 0)), (size_t) n_ratings);
	return lep_modelbytes_size(&head);
}

/* -------------------------------------------------------------- row by row */

static void
put_head(const LepModelHead *head, size_t len, uint8_t *bytes)
{
	memset(bytes, 0, HEAD_BYTES);
	memcpy(bytes + AT_MAGIC, MODEL_MAGIC, MODEL_MAGIC_LEN);
	bytes[AT_VERSION] = MODEL_VERSION;
	bytes[AT_PRECISION] = (uint8_t) (head->precision + 1);
	lep_put_u64(bytes + AT_LENGTH, len);
	bytes[AT_ENCODING] = head->encoding;
	bytes[AT_FLAGS] =
		(uint8_t) ((head->implicit ? FLAG_IMPLICIT : 0) | (head->exclude_seen ? FLAG_EXCLUDE_SEEN : 0) |
				   (head->has_neighbors ? FLAG_NEIGHBORS : 0) | (head->has_variances ? FLAG_VARIANCES : 0));
	bytes[AT_UNKNOWN] = (uint8_t) head->unknown;
	bytes[AT_N_LEVELS] = (uint8_t) head->levels.n;
	bytes[AT_N_FACTORS] = (uint8_t) head->n_factors;
	bytes[AT_N_FACTORS + 1] = (uint8_t) (head->n_factors >> 8);
	lep_put_f64(bytes + AT_MEAN, head->mean);
	lep_put_f32(bytes + AT_MIN_SCORE, head->min_score);
	lep_put_f32(bytes + AT_MAX_SCORE, head->max_score);
	lep_put_u64(bytes + AT_N_USERS, (uint64_t) head->n_users);
	lep_put_u64(bytes + AT_N_RATINGS, (uint64_t) head->n_ratings);
	lep_put_u64(bytes + AT_N_NEIGHBORS, (uint64_t) head->n_neighbors);
	lep_put_u64(bytes + AT_CREATED_AT, (uint64_t) head->created_at);
	for (int d = 0; d < LEP_N_DOCUMENTS; d++)
		lep_put_u64(bytes + AT_DOCUMENT_BYTES + 8 * d, head->document_bytes[d]);
	for (int side = 0; side < LEP_N_SIDES; side++)
	{
		bytes[AT_KIND + side] = (uint8_t) (head->kind[side] + 1);
		lep_put_u32(bytes + AT_N_ROWS + 4 * side, (uint32_t) head->n_rows[side]);
		lep_put_u64(bytes + AT_TEXT_BYTES + 8 * side, head->text_bytes[side]);
		lep_put_u64(bytes + AT_EXTRA_BYTES + 8 * side, head->extra_bytes[side]);
	}
}

static void
put_levels(const LepLevels *levels, uint8_t *bytes)
{
	for (int l = 0; l < levels->n; l++)
		lep_put_f32(bytes + 4 * l, levels->value[l]);
	for (int l = 0; l < levels->n - 1; l++)
		lep_put_f32(bytes + 4 * (levels->n + l), levels->cut[l]);
}

void
lep_modelbytes_begin(LepModelWriter *writer, const LepModelHead *head, uint8_t *bytes)
{
	memset(writer, 0, sizeof(*writer));
	writer->head = head;
	writer->bytes = bytes;
	lep_modelbytes_layout(head, &writer->layout);
	put_head(head, writer->layout.len, bytes);
	put_levels(&head->levels, bytes + writer->layout.levels);
	for (int d = 0; d < LEP_N_DOCUMENTS; d++)
	{
		if (head->document_bytes[d] > 0)
			memcpy(bytes + writer->layout.document[d], head->document[d], head->document_bytes[d]);
	}
}

/* The id of row n, text behind those before. */
static bool
put_id(LepModelWriter *writer, LepModelSide side, int32_t n, const LepId *id)
{
	uint8_t *ids = writer->bytes + writer->layout.side[side].ids;
	size_t len;

	switch (writer->head->kind[side])
	{
		case LEP_ID_INT64:
			lep_put_u64(ids + 8 * (size_t) n, (uint64_t) id->v.i64);
			return true;
		case LEP_ID_UUID:
			memcpy(ids + 16 * (size_t) n, id->v.uuid, 16);
			return true;
		default:
			len = (size_t) id->v.text.len;
			if (len > writer->head->text_bytes[side] - writer->text_used[side])
				return false;
			lep_put_u32(ids + 4 * (size_t) n, (uint32_t) writer->text_used[side]);
			memcpy(writer->bytes + writer->layout.side[side].text + writer->text_used[side], id->v.text.data,
				   len);
			writer->text_used[side] += len;
			return true;
	}
}

/* All of a row but factors and extra. */
static bool
put_numbers(LepModelWriter *writer, LepModelSide side, const LepModelRow *row)
{
	int32_t n = writer->n_put[side];
	size_t at = 4 * (size_t) n;

	if (n >= writer->head->n_rows[side] || !put_id(writer, side, n, &row->id))
		return false;
	lep_put_u32(writer->bytes + writer->layout.side[side].n_ratings + at, (uint32_t) row->n_ratings);
	lep_put_f32(writer->bytes + writer->layout.side[side].bias + at, row->bias);
	if (writer->head->has_variances)
		lep_put_f32(writer->bytes + writer->layout.side[side].variance + at, row->variance);
	return true;
}

/* Where the factors of the next row go. */
static uint8_t *
factors_place(const LepModelWriter *writer, LepModelSide side)
{
	size_t size = lep_factors_size_as(writer->head->precision, writer->head->n_factors);

	return writer->bytes + writer->layout.side[side].factors + size * (size_t) writer->n_put[side];
}

/* Where its extra goes, of this many bytes; NULL: they are more than there are left. */
static uint8_t *
extra_place(LepModelWriter *writer, LepModelSide side, size_t size)
{
	size_t used = writer->extra_used[side];

	if (size > writer->head->extra_bytes[side] - used)
		return NULL;
	lep_put_u32(writer->bytes + writer->layout.side[side].offsets + 4 * (size_t) writer->n_put[side],
				(uint32_t) used);
	writer->extra_used[side] += size;
	return writer->bytes + writer->layout.side[side].extra + used;
}

bool
lep_modelbytes_put(LepModelWriter *writer, LepModelSide side, const LepModelRow *row)
{
	const LepModelHead *head = writer->head;

	if (!put_numbers(writer, side, row))
		return false;
	if (head->n_factors > 0)
		memcpy(factors_place(writer, side), row->factors,
			   lep_factors_size_as(head->precision, head->n_factors));
	if (lep_modelbytes_has_extra(head, side))
	{
		uint8_t *place = extra_place(writer, side, row->extra_bytes);

		if (place == NULL)
			return false;
		memcpy(place, row->extra, row->extra_bytes);
	}
	writer->n_put[side]++;
	return true;
}

bool
lep_modelbytes_end(LepModelWriter *writer)
{
	const LepModelHead *head = writer->head;

	for (int side = 0; side < LEP_N_SIDES; side++)
	{
		size_t at = 4 * (size_t) head->n_rows[side];
		bool is_text = head->kind[side] == LEP_ID_TEXT;
		bool has_extra = lep_modelbytes_has_extra(head, (LepModelSide) side);

		if (writer->n_put[side] != head->n_rows[side] ||
			(is_text && writer->text_used[side] != head->text_bytes[side]) ||
			(has_extra && writer->extra_used[side] != head->extra_bytes[side]))
			return false;
		if (is_text)
			lep_put_u32(writer->bytes + writer->layout.side[side].ids + at,
						(uint32_t) writer->text_used[side]);
		if (has_extra)
			lep_put_u32(writer->bytes + writer->layout.side[side].offsets + at,
						(uint32_t) writer->extra_used[side]);
	}
	lep_put_u64(writer->bytes + AT_CHECKSUM,
				lep_checksum(writer->bytes + AT_LENGTH, writer->layout.len - AT_LENGTH));
	return true;
}

/* ---------------------------------------------------------- what was trained */

static bool
rows_stop(LepEnv *env, int32_t n)
{
	return n % STOP_ROWS == 0 && lep_env_stopped(env);
}

static LepStatus
text_bytes(LepEnv *env, const LepIdMap *ids, size_t *sum)
{
	if (lep_idmap_kind(ids) != LEP_ID_TEXT)
		return LEP_OK;
	for (int32_t n = 0; n < lep_idmap_count(ids); n++)
	{
		if (rows_stop(env, n))
			return LEP_ERR_STOPPED;
		*sum += (size_t) lep_idmap_id(ids, n).v.text.len;
	}
	return LEP_OK;
}

static LepStatus
seen_bytes(LepEnv *env, const LepRatings *ratings, size_t *sum)
{
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		int64_t first = ratings->user_start[u];

		if (rows_stop(env, u))
			return LEP_ERR_STOPPED;
		*sum += lep_seen_size(ratings->item + first, ratings->user_start[u + 1] - first);
	}
	return LEP_OK;
}

static LepStatus
neighbors_bytes(LepEnv *env, const LepNeighbors *neighbors, LepPrecision precision, size_t *sum)
{
	for (int32_t i = 0; i < neighbors->n_rows; i++)
	{
		int64_t first = neighbors->start[i];

		if (rows_stop(env, i))
			return LEP_ERR_STOPPED;
		*sum += lep_neighbors_size_as(precision, neighbors->target + first, neighbors->start[i + 1] - first);
	}
	return LEP_OK;
}

LepStatus
lep_modelbytes_head(LepEnv *env, const LepTrainResult *result, const LepRatings *ratings, LepModelHead *head)
{
	const LepModel *m = &result->model;
	LepStatus status;

	memset(head, 0, sizeof(*head));
	head->kind[LEP_SIDE_USERS] = lep_idmap_kind(ratings->users);
	head->kind[LEP_SIDE_ITEMS] = lep_idmap_kind(ratings->items);
	head->precision = (LepPrecision) result->options.storage;
	head->n_factors = m->n_factors;
	head->implicit = ratings->feedback == LEP_FEEDBACK_IMPLICIT;
	head->exclude_seen = result->options.exclude_seen;
	head->has_neighbors = m->neighbors != NULL;
	head->has_variances = m->user_variance != NULL;
	head->unknown = (LepUnknown) result->options.unknown;
	head->mean = m->mean;
	head->min_score = m->min_score;
	head->max_score = m->max_score;
	head->levels = result->levels;
	head->n_users = ratings->n_users;
	head->n_ratings = ratings->n_ratings;
	head->created_at = LEP_NO_INSTANT;
	head->n_rows[LEP_SIDE_USERS] = m->n_users;
	head->n_rows[LEP_SIDE_ITEMS] = m->n_items;
	status = text_bytes(env, ratings->users, &head->text_bytes[LEP_SIDE_USERS]);
	if (status == LEP_OK)
		status = text_bytes(env, ratings->items, &head->text_bytes[LEP_SIDE_ITEMS]);
	if (status == LEP_OK)
		status = seen_bytes(env, ratings, &head->extra_bytes[LEP_SIDE_USERS]);
	if (status == LEP_OK && m->neighbors != NULL)
	{
		head->n_neighbors = m->neighbors->start[m->neighbors->n_rows];
		status = neighbors_bytes(env, m->neighbors, head->precision, &head->extra_bytes[LEP_SIDE_ITEMS]);
	}
	return status;
}

static LepStatus
put_users(LepEnv *env, LepModelWriter *writer, const LepModel *m, const LepRatings *ratings)
{
	for (int32_t u = 0; u < m->n_users; u++)
	{
		int64_t first = ratings->user_start[u];
		int64_t n = ratings->user_start[u + 1] - first;
		LepModelRow row = { .id = lep_idmap_id(ratings->users, u),
							.n_ratings = (int32_t) n,
							.bias = m->user_bias[u],
							.variance = m->user_variance != NULL ? m->user_variance[u] : 0 };
		size_t size = lep_seen_size(ratings->item + first, n);

		if (rows_stop(env, u))
			return LEP_ERR_STOPPED;
		(void) put_numbers(writer, LEP_SIDE_USERS, &row);
		if (m->n_factors > 0)
			lep_factors_encode_as(writer->head->precision, m->user_factors + (size_t) u * (size_t) m->stride,
								  m->n_factors, factors_place(writer, LEP_SIDE_USERS));
		(void) lep_seen_encode(ratings->item + first, n, extra_place(writer, LEP_SIDE_USERS, size));
		writer->n_put[LEP_SIDE_USERS]++;
	}
	return LEP_OK;
}

static void
put_neighbors(LepModelWriter *writer, const LepNeighbors *neighbors, int32_t item)
{
	LepPrecision precision = writer->head->precision;
	int64_t first = neighbors->start[item];
	int64_t n = neighbors->start[item + 1] - first;
	size_t size = lep_neighbors_size_as(precision, neighbors->target + first, n);

	(void) lep_neighbors_encode_as(precision, neighbors->target + first, neighbors->weight + first, n,
								   extra_place(writer, LEP_SIDE_ITEMS, size));
}

static LepStatus
put_items(LepEnv *env, LepModelWriter *writer, const LepModel *m, const LepRatings *ratings)
{
	for (int32_t i = 0; i < m->n_items; i++)
	{
		LepModelRow row = { .id = lep_idmap_id(ratings->items, i),
							.bias = m->item_bias[i],
							.variance = m->item_variance != NULL ? m->item_variance[i] : 0 };

		if (rows_stop(env, i))
			return LEP_ERR_STOPPED;
		(void) put_numbers(writer, LEP_SIDE_ITEMS, &row);
		if (m->n_factors > 0)
			lep_factors_encode_as(writer->head->precision, m->item_factors + (size_t) i * (size_t) m->stride,
								  m->n_factors, factors_place(writer, LEP_SIDE_ITEMS));
		if (m->neighbors != NULL)
			put_neighbors(writer, m->neighbors, i);
		writer->n_put[LEP_SIDE_ITEMS]++;
	}
	return LEP_OK;
}

/* How often each item is rated, counted where it stands: no memory is needed. */
static LepStatus
count_ratings(LepEnv *env, const LepModelWriter *writer, const LepRatings *ratings)
{
	uint8_t *counts = writer->bytes + writer->layout.side[LEP_SIDE_ITEMS].n_ratings;

	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		uint8_t *count = counts + 4 * (size_t) ratings->item[j];

		if (j % STOP_RATINGS == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		lep_put_u32(count, lep_get_u32(count) + 1);
	}
	return LEP_OK;
}

LepStatus
lep_modelbytes_encode(LepEnv *env, const LepModelHead *head, const LepTrainResult *result,
					  const LepRatings *ratings, uint8_t *bytes)
{
	LepModelWriter writer;
	LepStatus status;

	lep_modelbytes_begin(&writer, head, bytes);
	status = put_users(env, &writer, &result->model, ratings);
	if (status == LEP_OK)
		status = put_items(env, &writer, &result->model, ratings);
	if (status == LEP_OK)
		status = count_ratings(env, &writer, ratings);
	if (status == LEP_OK)
		(void) lep_modelbytes_end(&writer);
	return status;
}
