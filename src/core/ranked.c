/*
 * ranked.c
 *		The best n of rows, as bytes.
 */
#include "core/ranked.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"

#define MAGIC	  "LEPR"
#define MAGIC_LEN 4
#define VERSION	  1
#define N_RESERVE 2 /* bytes that are 0 */

/* Where numbers of the header are. */
enum
{
	AT_VERSION = 4,
	AT_KIND = 5,
	AT_RESERVE = 6,
	AT_N = 8,
	AT_USED = 16,
	AT_COUNT = 20,
	AT_WORST = 24
};

/* Rows read, sorted or written between two questions whether to stop. */
#define STOP_INTERVAL 4096

/* Bytes of a record before a text's own, or all of another's. */
static size_t
fixed_size(LepIdKind kind)
{
	static const uint8_t sizes[] = { [LEP_ID_INT64] = 8 + 8, [LEP_ID_TEXT] = 8 + 4, [LEP_ID_UUID] = 8 + 16 };

	return sizes[kind];
}

size_t
lep_ranked_record_size(LepIdKind kind, const LepRankedRow *row)
{
	return fixed_size(kind) + (kind == LEP_ID_TEXT ? (size_t) row->id.v.text.len : 0);
}

/* Does a stand before b?  Scores are no NaN. */
static bool
is_better(LepIdKind kind, const LepRankedRow *a, const LepRankedRow *b)
{
	int order;

	if (a->score != b->score)
		return a->score > b->score;
	order = lep_id_compare(kind, &a->id, &b->id);
	if (order != 0)
		return order < 0;
	return !signbit(a->score) && signbit(b->score);
}

/* ---- records ---- */

static uint8_t *
put_record(LepIdKind kind, const LepRankedRow *row, uint8_t *at)
{
	uint64_t bits;

	memcpy(&bits, &row->score, sizeof(bits));
	lep_put_u64(at, bits);
	at += 8;
	switch (kind)
	{
		case LEP_ID_INT64:
			lep_put_u64(at, (uint64_t) row->id.v.i64);
			return at + 8;
		case LEP_ID_TEXT:
			lep_put_u32(at, (uint32_t) row->id.v.text.len);
			if (row->id.v.text.len > 0)
				memcpy(at + 4, row->id.v.text.data, (size_t) row->id.v.text.len);
			return at + 4 + row->id.v.text.len;
		case LEP_ID_UUID:
			break;
	}
	memcpy(at, row->id.v.uuid, sizeof(row->id.v.uuid));
	return at + sizeof(row->id.v.uuid);
}

/* The record at this offset; its length, 0 where it does not end within the bytes in use. */
static size_t
get_record(const LepRanked *state, size_t offset, LepRankedRow *row)
{
	const uint8_t *at = state->bytes + offset;
	size_t left = state->used - offset;
	size_t size = fixed_size(state->kind);
	uint64_t bits;

	if (left < size)
		return 0;
	memset(&row->id, 0, sizeof(row->id));
	bits = lep_get_u64(at);
	memcpy(&row->score, &bits, sizeof(bits));
	at += 8;
	switch (state->kind)
	{
		case LEP_ID_INT64:
			row->id.v.i64 = (int64_t) lep_get_u64(at);
			return size;
		case LEP_ID_TEXT:
		{
			uint32_t len = lep_get_u32(at);

			if (len > left - size)
				return 0;
			row->id.v.text.data = (const char *) at + 4;
			row->id.v.text.len = (int32_t) len; /* used is at most INT32_MAX */
			return size + len;
		}
		case LEP_ID_UUID:
			break;
	}
	memcpy(row->id.v.uuid, at, sizeof(row->id.v.uuid));
	return size;
}

/* ---- the header ---- */

static void
put_counts(LepRanked *state, size_t used, uint32_t count)
{
	state->used = used;
	state->count = count;
	lep_put_u32(state->bytes + AT_USED, (uint32_t) used);
	lep_put_u32(state->bytes + AT_COUNT, count);
}

void
lep_ranked_begin(LepRanked *state, LepIdKind kind, int64_t n, uint8_t *bytes, size_t size)
{
	memset(state, 0, sizeof(*state));
	state->bytes = bytes;
	state->size = size;
	state->kind = kind;
	state->n = n;
	memset(bytes, 0, LEP_RANKED_HEADER);
	memcpy(bytes, MAGIC, MAGIC_LEN);
	bytes[AT_VERSION] = VERSION;
	bytes[AT_KIND] = lep_id_code(kind);
	lep_put_u64(bytes + AT_N, (uint64_t) n);
	put_counts(state, LEP_RANKED_HEADER, 0);
}

bool
lep_ranked_kind(const uint8_t *bytes, size_t size, LepIdKind *kind)
{
	return size >= LEP_RANKED_HEADER && lep_id_of_code(bytes[AT_KIND], kind);
}

/* The number at this offset, or of this record, cannot be. */
static LepStatus
fail_at(LepError *error, LepStatus status, int64_t position, double value)
{
	lep_fail(error, status, "state", value, 0, 0);
	error->row = position;
	return status;
}

static LepStatus
fail_length(LepError *error, double len, double needed)
{
	return lep_fail(error, LEP_ERR_BYTES_LENGTH, "state", len, needed, needed);
}

static LepStatus
check_header(const uint8_t *bytes, size_t size, LepIdKind kind, LepError *error)
{
	if (size < LEP_RANKED_HEADER)
		return fail_length(error, (double) size, LEP_RANKED_HEADER);
	if (memcmp(bytes, MAGIC, MAGIC_LEN) != 0)
		return lep_fail(error, LEP_ERR_BYTES_MAGIC, "state", 0, 0, 0);
	if (bytes[AT_VERSION] != VERSION)
		return lep_fail(error, LEP_ERR_BYTES_VERSION, "state", bytes[AT_VERSION], VERSION, VERSION);
	if (bytes[AT_KIND] != lep_id_code(kind))
		return fail_at(error, LEP_ERR_BYTES_ORDER, AT_KIND, bytes[AT_KIND]);
	for (int i = 0; i < N_RESERVE; i++)
	{
		if (bytes[AT_RESERVE + i] != 0)
			return fail_at(error, LEP_ERR_BYTES_ORDER, AT_RESERVE + i, bytes[AT_RESERVE + i]);
	}
	return LEP_OK;
}

LepStatus
lep_ranked_open(LepRanked *state, LepIdKind kind, uint8_t *bytes, size_t size, LepError *error)
{
	LepStatus status = check_header(bytes, size, kind, error);
	uint32_t worst;

	if (status != LEP_OK)
		return status;
	state->bytes = bytes;
	state->size = size;
	state->kind = kind;
	state->n = (int64_t) lep_get_u64(bytes + AT_N);
	state->used = lep_get_u32(bytes + AT_USED);
	state->count = lep_get_u32(bytes + AT_COUNT);
	worst = lep_get_u32(bytes + AT_WORST);
	if (state->n < 0)
		return fail_at(error, LEP_ERR_BYTES_ORDER, AT_N, (double) state->n);
	if (state->used < LEP_RANKED_HEADER || state->used > size || state->used > LEP_RANKED_MAX_BYTES)
		return fail_length(error, (double) size, (double) state->used);
	if (state->count > (state->used - LEP_RANKED_HEADER) / fixed_size(kind) ||
		(state->n == 0 && state->count > 0))
		return fail_at(error, LEP_ERR_BYTES_ORDER, AT_COUNT, state->count);
	state->is_pruned = worst != 0;
	if (state->is_pruned &&
		(worst < LEP_RANKED_HEADER || worst > state->used || state->n == 0 || state->count < state->n ||
		 get_record(state, worst, &state->worst) == 0 || isnan(state->worst.score)))
		return fail_at(error, LEP_ERR_BYTES_ORDER, AT_WORST, worst);
	return LEP_OK;
}

/* ---- rows ---- */

bool
lep_ranked_takes(const LepRanked *state, const LepRankedRow *row)
{
	if (state->is_pruned)
		return is_better(state->kind, row, &state->worst);
	return state->n > 0;
}

bool
lep_ranked_is_full(const LepRanked *state)
{
	int64_t slack = state->n > LEP_RANKED_SLACK ? state->n : LEP_RANKED_SLACK;

	return (int64_t) state->count - slack >= state->n; /* n may be INT64_MAX */
}

void
lep_ranked_append(LepRanked *state, const LepRankedRow *row)
{
	uint8_t *end = put_record(state->kind, row, state->bytes + state->used);

	put_counts(state, (size_t) (end - state->bytes), state->count + 1);
}

/* Put row where the hole at index `at` of a heap, the worst its root, moves down to. */
static void
sift_down(LepIdKind kind, LepRankedRow *heap, int64_t n, int64_t at, LepRankedRow row)
{
	for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1)
	{
		if (child + 1 < n && is_better(kind, &heap[child], &heap[child + 1]))
			child++;
		if (!is_better(kind, &row, &heap[child]))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = row;
}

/* Heapsort: no scratch memory, and never worse than O(n log n). */
static LepStatus
sort_rows(LepEnv *env, LepIdKind kind, LepRankedRow *rows, int64_t n)
{
	for (int64_t i = n / 2 - 1; i >= 0; i--)
	{
		if (i % STOP_INTERVAL == STOP_INTERVAL - 1 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		sift_down(kind, rows, n, i, rows[i]);
	}
	for (int64_t left = n - 1; left > 0; left--)
	{
		LepRankedRow last = rows[left];

		if (left % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		rows[left] = rows[0];
		sift_down(kind, rows, left, 0, last);
	}
	return LEP_OK;
}

LepStatus
lep_ranked_sort(LepEnv *env, const LepRanked *state, LepRankedRow *rows)
{
	size_t offset = LEP_RANKED_HEADER;

	for (int64_t j = 0; j < state->count; j++)
	{
		size_t size = get_record(state, offset, &rows[j]);

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (size == 0)
			return fail_length(&env->error, (double) state->used, (double) offset + 1);
		if (isnan(rows[j].score))
		{
			(void) fail_at(&env->error, LEP_ERR_BYTES_VALUE, j, NAN);
			env->error.max = INFINITY;
			return LEP_ERR_BYTES_VALUE;
		}
		offset += size;
	}
	if (offset != state->used)
		return fail_length(&env->error, (double) state->used, (double) offset);
	return sort_rows(env, state->kind, rows, state->count);
}

/*
 * Write the best n, sorted, over the records; `copy` holds them meanwhile, since rows
 * point into them.  Stopped, the state is as it was.
 */
static LepStatus
rewrite(LepEnv *env, LepRanked *state, const LepRankedRow *rows, uint8_t *copy)
{
	int64_t n = state->n;
	uint8_t *at = copy;
	size_t last = 0;

	for (int64_t j = 0; j < n; j++)
	{
		if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		last = (size_t) (at - copy);
		at = put_record(state->kind, &rows[j], at);
	}
	memcpy(state->bytes + LEP_RANKED_HEADER, copy, (size_t) (at - copy));
	put_counts(state, LEP_RANKED_HEADER + (size_t) (at - copy), (uint32_t) n);
	lep_put_u32(state->bytes + AT_WORST, (uint32_t) (LEP_RANKED_HEADER + last));
	state->is_pruned = true;
	(void) get_record(state, LEP_RANKED_HEADER + last, &state->worst);
	return LEP_OK;
}

LepStatus
lep_ranked_prune(LepEnv *env, LepRanked *state)
{
	LepArena scratch;
	LepRankedRow *rows;
	uint8_t *copy;
	LepStatus status;

	if (state->n == 0 || state->count < state->n)
		return LEP_OK;
	lep_arena_init(&scratch, env);
	rows = lep_arena_alloc(&scratch, state->count, sizeof(LepRankedRow));
	copy = lep_arena_alloc(&scratch, (int64_t) state->used, 1);
	status = rows == NULL || copy == NULL ? lep_env_failure(env) : lep_ranked_sort(env, state, rows);
	if (status == LEP_OK)
		status = rewrite(env, state, rows, copy);
	lep_arena_drop(&scratch);
	return status;
}
