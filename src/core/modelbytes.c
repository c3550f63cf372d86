/*
 * modelbytes.c
 *		Reading model bytes: the head, an id, a row.
 */
#include "core/modelbytes.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/checksum.h"
#include "core/modelbytes_layout.h"

static const char what[] = "model";

/* Entries of all items together: far more than any memory holds. */
#define MAX_NEIGHBORS (INT64_C(1) << 48)

/* -------------------------------------------------------------------- the head */

/* A number of the head, at this offset, is out of range. */
static LepStatus
fail_value(LepError *error, int64_t offset, double value, double max)
{
	lep_fail(error, LEP_ERR_BYTES_VALUE, what, value, 0, max);
	error->row = offset;
	return error->status;
}

static LepStatus
fail_length(LepError *error, size_t len, double needed)
{
	return lep_fail(error, LEP_ERR_BYTES_LENGTH, what, (double) len, needed, needed);
}

/* Long enough, of this kind, of a version and a precision that we know? */
static LepStatus
check_kind(const uint8_t *bytes, size_t len, LepError *error)
{
	if (len < MODEL_MAGIC_LEN || memcmp(bytes, MODEL_MAGIC, MODEL_MAGIC_LEN) != 0)
		return lep_fail(error, LEP_ERR_BYTES_MAGIC, what, 0, 0, 0);
	if (len > AT_VERSION && bytes[AT_VERSION] != MODEL_VERSION)
		return lep_fail(error, LEP_ERR_BYTES_VERSION, what, bytes[AT_VERSION], 1, MODEL_VERSION);
	if (len < HEAD_BYTES)
		return fail_length(error, len, HEAD_BYTES);
	if (bytes[AT_PRECISION] < 1 || bytes[AT_PRECISION] > LEP_N_PRECISIONS)
		return lep_fail(error, LEP_ERR_BYTES_VERSION, "precision", bytes[AT_PRECISION], 1, LEP_N_PRECISIONS);
	if (lep_get_u64(bytes + AT_LENGTH) != len)
		return fail_length(error, len, (double) lep_get_u64(bytes + AT_LENGTH));
	return LEP_OK;
}

/* A byte that is at most max. */
static LepStatus
check_byte(const uint8_t *bytes, int at, uint8_t max, LepError *error)
{
	return bytes[at] <= max ? LEP_OK : fail_value(error, at, bytes[at], max);
}

/* The bytes that stand for words and flags. */
static LepStatus
read_bytes(const uint8_t *bytes, LepModelHead *head, LepError *error)
{
	LepStatus status = check_byte(bytes, AT_FLAGS, ALL_FLAGS, error);

	if (status == LEP_OK)
		status = check_byte(bytes, AT_UNKNOWN, LEP_UNKNOWN_ERROR, error);
	if (status == LEP_OK)
		status = check_byte(bytes, AT_N_LEVELS, LEP_MAX_LEVELS, error);
	for (int side = 0; side < LEP_N_SIDES && status == LEP_OK; side++)
	{
		if (bytes[AT_KIND + side] < 1 || bytes[AT_KIND + side] > LEP_ID_UUID + 1)
			return fail_value(error, AT_KIND + side, bytes[AT_KIND + side], LEP_ID_UUID + 1);
		head->kind[side] = (LepIdKind) (bytes[AT_KIND + side] - 1);
	}
	if (status != LEP_OK)
		return status;
	head->precision = (LepPrecision) (bytes[AT_PRECISION] - 1);
	head->encoding = bytes[AT_ENCODING];
	head->implicit = (bytes[AT_FLAGS] & FLAG_IMPLICIT) != 0;
	head->exclude_seen = (bytes[AT_FLAGS] & FLAG_EXCLUDE_SEEN) != 0;
	head->has_neighbors = (bytes[AT_FLAGS] & FLAG_NEIGHBORS) != 0;
	head->has_variances = (bytes[AT_FLAGS] & FLAG_VARIANCES) != 0;
	head->unknown = (LepUnknown) bytes[AT_UNKNOWN];
	head->levels.n = bytes[AT_N_LEVELS];
	return LEP_OK;
}

/* A count of eight bytes, at most max. */
static LepStatus
read_count(const uint8_t *bytes, int at, int64_t max, int64_t *count, LepError *error)
{
	uint64_t value = lep_get_u64(bytes + at);

	if (value > (uint64_t) max)
		return fail_value(error, at, (double) value, (double) max);
	*count = (int64_t) value;
	return LEP_OK;
}

static LepStatus
read_numbers(const uint8_t *bytes, LepModelHead *head, LepError *error)
{
	LepStatus status;

	head->n_factors = bytes[AT_N_FACTORS] | bytes[AT_N_FACTORS + 1] << 8;
	if (head->n_factors > LEP_MAX_FACTORS)
		return fail_value(error, AT_N_FACTORS, head->n_factors, LEP_MAX_FACTORS);
	if (bytes[AT_N_FACTORS + 2] != 0 || bytes[AT_N_FACTORS + 3] != 0)
		return fail_value(error, AT_N_FACTORS + 2, bytes[AT_N_FACTORS + 2] | bytes[AT_N_FACTORS + 3], 0);
	head->mean = lep_get_f64(bytes + AT_MEAN);
	head->min_score = lep_get_f32(bytes + AT_MIN_SCORE);
	head->max_score = lep_get_f32(bytes + AT_MAX_SCORE);
	if (!(fabs(head->mean) <= LEP_MAX_NORM))
		return fail_value(error, AT_MEAN, head->mean, LEP_MAX_NORM);
	if (!(fabsf(head->min_score) <= FLT_MAX))
		return fail_value(error, AT_MIN_SCORE, (double) head->min_score, (double) FLT_MAX);
	if (!(fabsf(head->max_score) <= FLT_MAX))
		return fail_value(error, AT_MAX_SCORE, (double) head->max_score, (double) FLT_MAX);
	head->created_at = (int64_t) lep_get_u64(bytes + AT_CREATED_AT);
	status = read_count(bytes, AT_N_USERS, LEP_MAX_IDS, &head->n_users, error);
	if (status == LEP_OK)
		status = read_count(bytes, AT_N_RATINGS, INT64_MAX, &head->n_ratings, error);
	if (status == LEP_OK)
		status = read_count(bytes, AT_N_NEIGHBORS, head->has_neighbors ? MAX_NEIGHBORS : 0,
							&head->n_neighbors, error);
	return status;
}

/* How many bytes a part has: no more than there are. */
static LepStatus
read_size(const uint8_t *bytes, int at, size_t max, size_t *size, LepError *error)
{
	uint64_t value = lep_get_u64(bytes + at);

	if (value > max)
		return fail_value(error, at, (double) value, (double) max);
	*size = (size_t) value;
	return LEP_OK;
}

static LepStatus
read_sizes(const uint8_t *bytes, size_t len, LepModelHead *head, LepError *error)
{
	LepStatus status = LEP_OK;

	for (int d = 0; d < LEP_N_DOCUMENTS && status == LEP_OK; d++)
		status = read_size(bytes, AT_DOCUMENT_BYTES + 8 * d, len, &head->document_bytes[d], error);
	for (int side = 0; side < LEP_N_SIDES && status == LEP_OK; side++)
	{
		uint32_t n = lep_get_u32(bytes + AT_N_ROWS + 4 * side);
		int64_t max = side == LEP_SIDE_USERS ? head->n_users : LEP_MAX_IDS;
		bool has_extra = lep_modelbytes_has_extra(head, (LepModelSide) side);

		if (n > max)
			return fail_value(error, AT_N_ROWS + 4 * side, n, (double) max);
		head->n_rows[side] = (int32_t) n;
		status = read_size(bytes, AT_TEXT_BYTES + 8 * side, head->kind[side] == LEP_ID_TEXT ? len : 0,
						   &head->text_bytes[side], error);
		if (status == LEP_OK)
			status = read_size(bytes, AT_EXTRA_BYTES + 8 * side, has_extra ? len : 0,
							   &head->extra_bytes[side], error);
	}
	return status;
}

/* Ascending numbers. */
static LepStatus
read_levels(const uint8_t *bytes, size_t at, LepLevels *levels, LepError *error)
{
	for (int l = 0; l < levels->n; l++)
	{
		levels->value[l] = lep_get_f32(bytes + at + 4 * (size_t) l);
		if (!(fabsf(levels->value[l]) <= FLT_MAX) || (l > 0 && levels->value[l] <= levels->value[l - 1]))
			return fail_value(error, (int64_t) at + 4 * l, (double) levels->value[l], (double) FLT_MAX);
	}
	at += 4 * (size_t) levels->n;
	for (int l = 0; l < levels->n - 1; l++)
	{
		levels->cut[l] = lep_get_f32(bytes + at + 4 * (size_t) l);
		if (!(fabsf(levels->cut[l]) <= FLT_MAX) || (l > 0 && levels->cut[l] < levels->cut[l - 1]))
			return fail_value(error, (int64_t) at + 4 * l, (double) levels->cut[l], (double) FLT_MAX);
	}
	return LEP_OK;
}

/* The arrays of a side; offsets begin at 0 and end where the bytes do. */
static LepStatus
open_side(LepModelBytes *model, const LepModelLayout *layout, LepModelSide side, LepError *error)
{
	const LepModelHead *head = &model->head;
	LepModelSideBytes *s = &model->side[side];
	const uint8_t *bytes = model->bytes;
	size_t last = 4 * (size_t) head->n_rows[side];

	s->n = head->n_rows[side];
	s->ids = bytes + layout->side[side].ids;
	s->text = bytes + layout->side[side].text;
	s->n_ratings = bytes + layout->side[side].n_ratings;
	s->bias = bytes + layout->side[side].bias;
	s->variance = head->has_variances ? bytes + layout->side[side].variance : NULL;
	s->factors = bytes + layout->side[side].factors;
	s->factors_bytes = head->n_factors == 0 ? 0 : lep_factors_size_as(head->precision, head->n_factors);
	s->offsets = lep_modelbytes_has_extra(head, side) ? bytes + layout->side[side].offsets : NULL;
	s->extra = bytes + layout->side[side].extra;
	if (head->kind[side] == LEP_ID_TEXT &&
		(lep_get_u32(s->ids) != 0 || lep_get_u32(s->ids + last) != head->text_bytes[side]))
		return lep_fail(error, LEP_ERR_BYTES_ORDER, "ids", 0, 0, 0);
	if (s->offsets != NULL &&
		(lep_get_u32(s->offsets) != 0 || lep_get_u32(s->offsets + last) != head->extra_bytes[side]))
		return lep_fail(error, LEP_ERR_BYTES_ORDER, what, 0, 0, 0);
	return LEP_OK;
}

LepStatus
lep_modelbytes_open(const uint8_t *bytes, size_t len, LepModelBytes *model, LepError *error)
{
	LepModelHead *head = &model->head;
	LepModelLayout layout;
	LepStatus status = check_kind(bytes, len, error);

	memset(model, 0, sizeof(*model));
	model->bytes = bytes;
	model->len = len;
	if (status == LEP_OK)
		status = read_bytes(bytes, head, error);
	if (status == LEP_OK)
		status = read_numbers(bytes, head, error);
	if (status == LEP_OK)
		status = read_sizes(bytes, len, head, error);
	if (status != LEP_OK)
		return status;
	lep_modelbytes_layout(head, &layout);
	if (layout.len != len)
		return fail_length(error, len, (double) layout.len);
	/* an entry is a gap and a weight at least: before anybody makes room for them */
	if ((uint64_t) head->n_neighbors >
		head->extra_bytes[LEP_SIDE_ITEMS] / (1 + lep_precision_number_bytes(head->precision)))
		return fail_value(error, AT_N_NEIGHBORS, (double) head->n_neighbors,
						  (double) head->extra_bytes[LEP_SIDE_ITEMS]);
	for (int d = 0; d < LEP_N_DOCUMENTS; d++)
		head->document[d] = (const char *) bytes + layout.document[d];
	status = read_levels(bytes, layout.levels, &head->levels, error);
	if (status == LEP_OK)
		status = open_side(model, &layout, LEP_SIDE_USERS, error);
	if (status == LEP_OK)
		status = open_side(model, &layout, LEP_SIDE_ITEMS, error);
	return status;
}

uint64_t
lep_modelbytes_checksum(const LepModelBytes *model)
{
	return lep_get_u64(model->bytes + AT_CHECKSUM);
}

LepStatus
lep_modelbytes_check(const LepModelBytes *model, LepError *error)
{
	if (lep_checksum(model->bytes + AT_LENGTH, model->len - AT_LENGTH) != lep_modelbytes_checksum(model))
		return lep_fail(error, LEP_ERR_BYTES_CHECKSUM, what, 0, 0, 0);
	return LEP_OK;
}

/* -------------------------------------------------------------------- a row */

/* What stands between two offsets; false where they are no such. */
static bool
get_piece(const uint8_t *offsets, int32_t n, size_t size, size_t *begin, size_t *len)
{
	uint32_t from = lep_get_u32(offsets + 4 * (size_t) n);
	uint32_t to = lep_get_u32(offsets + 4 * (size_t) n + 4);

	*begin = from;
	*len = to - from;
	return from <= to && to <= size;
}

/* This row's part of this name is out of order. */
static LepStatus
fail_row(LepError *error, LepStatus status, const char *part, int32_t n)
{
	lep_fail(error, status, part, 0, 0, 0);
	error->row = n;
	return status;
}

static LepStatus
get_id(const LepModelBytes *model, LepModelSide side, int32_t n, LepId *id, LepError *error)
{
	const LepModelSideBytes *s = &model->side[side];
	size_t begin;
	size_t len;

	switch (model->head.kind[side])
	{
		case LEP_ID_INT64:
			id->v.i64 = (int64_t) lep_get_u64(s->ids + 8 * (size_t) n);
			return LEP_OK;
		case LEP_ID_UUID:
			memcpy(id->v.uuid, s->ids + 16 * (size_t) n, 16);
			return LEP_OK;
		default:
			if (!get_piece(s->ids, n, model->head.text_bytes[side], &begin, &len) || len > LEP_MAX_TEXT_ID)
				return fail_row(error, LEP_ERR_BYTES_ORDER, "ids", n);
			id->v.text.data = (const char *) s->text + begin;
			id->v.text.len = (int32_t) len;
			return LEP_OK;
	}
}

LepStatus
lep_modelbytes_find(const LepModelBytes *model, LepModelSide side, const LepId *id, int32_t *n,
					LepError *error)
{
	LepIdKind kind = model->head.kind[side];
	int32_t low = 0;
	int32_t high = model->side[side].n;

	*n = -1;
	while (low < high)
	{
		int32_t middle = low + (high - low) / 2;
		LepId found;
		LepStatus status = get_id(model, side, middle, &found, error);
		int order;

		if (status != LEP_OK)
			return status;
		order = lep_id_compare(kind, &found, id);
		if (order == 0)
		{
			*n = middle;
			return LEP_OK;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return LEP_OK;
}

/* A number of row n that is out of range. */
static LepStatus
fail_number(LepError *error, const char *part, int32_t n, double value, double max)
{
	lep_fail(error, LEP_ERR_BYTES_VALUE, part, value, 0, max);
	error->row = n;
	return error->status;
}

LepStatus
lep_modelbytes_row(const LepModelBytes *model, LepModelSide side, int32_t n, LepModelRow *row,
				   LepError *error)
{
	const LepModelSideBytes *s = &model->side[side];
	size_t at = 4 * (size_t) n;
	uint32_t n_ratings = lep_get_u32(s->n_ratings + at);
	LepStatus status = get_id(model, side, n, &row->id, error);
	size_t begin = 0;

	row->n_ratings = (int32_t) n_ratings;
	row->bias = lep_get_f32(s->bias + at);
	row->variance = s->variance == NULL ? 0 : lep_get_f32(s->variance + at);
	row->factors = s->factors + s->factors_bytes * (size_t) n;
	row->extra_bytes = 0;
	if (status != LEP_OK)
		return status;
	if (n_ratings > INT32_MAX)
		return fail_number(error, "n_ratings", n, n_ratings, INT32_MAX);
	if (!(fabsf(row->bias) <= (float) LEP_MAX_NORM))
		return fail_number(error, "bias", n, (double) row->bias, LEP_MAX_NORM);
	if (!(row->variance >= 0 && row->variance <= (float) (LEP_MAX_NORM * LEP_MAX_NORM)))
		return fail_number(error, "variance", n, (double) row->variance, LEP_MAX_NORM * LEP_MAX_NORM);
	if (s->offsets != NULL &&
		!get_piece(s->offsets, n, model->head.extra_bytes[side], &begin, &row->extra_bytes))
		return fail_row(error, LEP_ERR_BYTES_ORDER, side == LEP_SIDE_USERS ? "seen" : "neighbors", n);
	row->extra = s->offsets == NULL ? NULL : s->extra + begin;
	return LEP_OK;
}

LepStatus
lep_modelbytes_factors(const LepModelBytes *model, const LepModelRow *row, float *factors, LepError *error)
{
	size_t size = model->side[LEP_SIDE_USERS].factors_bytes;

	/* the precision is the head's: a row of another would be of another length, but for few factors */
	if (row->factors[5] != (uint8_t) (model->head.precision + 1))
		return lep_fail(error, LEP_ERR_BYTES_VERSION, "precision", row->factors[5],
						(double) model->head.precision + 1, (double) model->head.precision + 1);
	return lep_factors_decode(row->factors, size, model->head.n_factors, factors, error);
}
