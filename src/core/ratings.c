/*
 * ratings.c
 *		Reading rows into chunks, and making ratings of them.
 *
 * Phases: add (ids to numbers in order of arrival, rows to chunks); finish:
 * decide feedback and the rule for duplicates from what was seen of all rows,
 * renumber by id, sort, merge, drop the cold (ratings_sort.h).
 *
 * Memory: chunks are a sixteenth of what was read before, or are reserved and in use as
 * far as rows go, so that at most 1/16 is unused and nothing is ever copied to grow.
 * Chunks and id maps are the builder's arena's; a phase's scratch memory is dropped
 * with it.
 * One thread; lep_ratings_count and lep_ratings_user are read only.
 */
#include "core/ratings.h"

#include <math.h>
#include <string.h>

#include "core/ratings_sort.h"
#include "core/rng.h"

#define MIN_CHUNK 1024
#define MAX_CHUNK (256 * 1024)

/* A chunk is at most such a part of what was read before: so much may be unused. */
#define CHUNK_SHARE 16

/*
 * From so many rows on large chunks, where that share would be less: a host maps blocks of
 * that size and gives them back at once, what it has in its heap slowly.  They are reserved
 * until they are no more than the share; a host that cannot reserve would hold them in
 * full, and has small ones until then.
 */
#define SOME_ROWS	(4 * 1024)
#define LARGE_CHUNK (16 * 1024)
#define MANY_ROWS	(CHUNK_SHARE * LARGE_CHUNK)

/* Ratings look like counts beyond this maximum, if so many percent are ones. */
#define COUNTS_MAX	   10
#define COUNTS_PERCENT 25

struct LepRatingsBuilder
{
	LepArena *arena;
	LepSourceShape shape;
	LepIdMap *users;
	LepIdMap *items;
	LepRowChunk *first;
	LepRowChunk *last;
	bool allow_few; /* users and items */
	double day;
	size_t memory_estimate; /* of what was and will be held */

	/* of all rows */
	int64_t n_rows;
	float min_rating;
	float max_rating;
	bool all_whole;
	int64_t n_ones;
};

LepRatingsBuilder *
lep_ratings_begin(LepArena *arena, const LepSourceShape *shape)
{
	LepRatingsBuilder *builder = lep_arena_calloc(arena, 1, sizeof(LepRatingsBuilder));

	if (builder == NULL)
		return NULL;
	builder->arena = arena;
	builder->shape = *shape;
	builder->users = lep_idmap_create(arena, shape->user_kind, "users");
	builder->items = lep_idmap_create(arena, shape->item_kind, "items");
	builder->min_rating = INFINITY;
	builder->max_rating = -INFINITY;
	builder->all_whole = true;
	builder->day = 86400;
	return builder->users == NULL || builder->items == NULL ? NULL : builder;
}

int64_t
lep_ratings_rows(const LepRatingsBuilder *builder)
{
	return builder->n_rows;
}

void
lep_ratings_allow_few(LepRatingsBuilder *builder)
{
	builder->allow_few = true;
}

void
lep_ratings_set_day(LepRatingsBuilder *builder, double day)
{
	builder->day = day;
}

/* Bytes of a chunk with so many rows. */
static size_t
chunk_size(const LepSourceShape *shape, int64_t n)
{
	size_t row_size = 2 * sizeof(int32_t) + (shape->has_rating ? sizeof(float) : 0) +
					  (shape->has_time ? sizeof(int64_t) : 0);

	return sizeof(LepRowChunk) + (size_t) n * row_size;
}

/* Append an empty chunk: one block, the arrays behind the header. */
static LepStatus
chunk_create(LepRatingsBuilder *builder)
{
	const LepSourceShape *shape = &builder->shape;
	bool reserved =
		builder->arena->env->reserve != NULL && builder->n_rows >= SOME_ROWS && builder->n_rows < MANY_ROWS;
	int64_t capacity = reserved || builder->n_rows >= MANY_ROWS ? LARGE_CHUNK : MIN_CHUNK;
	size_t size;
	LepRowChunk *chunk;
	char *data;

	while (capacity < MAX_CHUNK && capacity * 2 <= builder->n_rows / CHUNK_SHARE)
		capacity *= 2;
	/* arrays stay aligned to 8 */
	size = chunk_size(shape, capacity);
	chunk = (reserved ? lep_arena_reserve : lep_arena_alloc)(builder->arena, 1, size);
	if (chunk == NULL)
		return lep_env_failure(builder->arena->env);
	memset(chunk, 0, sizeof(*chunk));
	chunk->capacity = capacity;
	chunk->reserved = reserved;
	chunk->size = reserved ? 0 : size;
	data = (char *) (chunk + 1);
	if (shape->has_time)
	{
		chunk->time = (int64_t *) data;
		data += (size_t) capacity * sizeof(int64_t);
	}
	chunk->user = (int32_t *) data;
	chunk->item = chunk->user + capacity;
	if (shape->has_rating)
		chunk->rating = (float *) (chunk->item + capacity);

	if (builder->last != NULL)
		builder->last->next = chunk;
	else
		builder->first = chunk;
	builder->last = chunk;
	return LEP_OK;
}

LepStatus
lep_rating_check(double rating, int64_t row, LepError *error)
{
	if (fabs(rating) <= LEP_MAX_RATING)
		return LEP_OK;
	if (isfinite(rating))
		lep_fail(error, LEP_ERR_RATING_RANGE, "rating", rating, 0, LEP_MAX_RATING);
	else
		lep_fail(error, LEP_ERR_NOT_FINITE, "rating", rating, 0, 0);
	error->row = row;
	return error->status;
}

/*
 * Ratings as floats.  -0 becomes 0, since they are equal but differ in bits,
 * and the order among equals is open.
 */
static LepStatus
convert_ratings(LepRatingsBuilder *builder, const double *ratings, int n, float *converted)
{
	for (int j = 0; j < n; j++)
	{
		LepStatus status = lep_rating_check(ratings[j], builder->n_rows + j + 1, &builder->arena->env->error);

		if (status != LEP_OK)
			return status;
		converted[j] = (float) ratings[j] + 0.0f;
	}
	return LEP_OK;
}

/* Without floorf, which is a call where the processor may lack SSE 4.1. */
static inline bool
is_whole(float rating)
{
	return rating >= 0x1p24f || rating <= -0x1p24f || rating == (float) (int32_t) rating;
}

/* What is asked of the ratings as a whole, to decide the feedback. */
static void
observe_ratings(LepRatingsBuilder *builder, const float *ratings, int n)
{
	for (int j = 0; j < n; j++)
	{
		float rating = ratings[j];

		builder->min_rating = rating < builder->min_rating ? rating : builder->min_rating;
		builder->max_rating = rating > builder->max_rating ? rating : builder->max_rating;
		builder->all_whole &= is_whole(rating);
		builder->n_ones += rating == 1;
	}
}

/* Copy a batch as far as the chunk has room.  There are times if and only if the chunk has a place for them. */
static int
chunk_append(LepRowChunk *chunk, const int32_t *users, const int32_t *items, const float *ratings,
			 const int64_t *times, int n)
{
	size_t taken = (size_t) (n < chunk->capacity - chunk->n ? n : chunk->capacity - chunk->n);

	memcpy(chunk->user + chunk->n, users, taken * sizeof(int32_t));
	memcpy(chunk->item + chunk->n, items, taken * sizeof(int32_t));
	if (chunk->rating != NULL)
		memcpy(chunk->rating + chunk->n, ratings, taken * sizeof(float));
	if (chunk->time != NULL && times != NULL)
		memcpy(chunk->time + chunk->n, times, taken * sizeof(int64_t));
	chunk->n += (int64_t) taken;
	return (int) taken;
}

/* Say how much of the last chunk is in use. */
static LepStatus
use_chunk(LepRatingsBuilder *builder)
{
	LepRowChunk *chunk = builder->last;

	if (!chunk->reserved)
		return LEP_OK;
	chunk->size = chunk_size(&builder->shape, chunk->n);
	return lep_arena_use(builder->arena, chunk, 1, chunk->size);
}

/* Numbers for both ids of a batch; errors tell the row in the source. */
static LepStatus
add_ids(LepRatingsBuilder *builder, const LepId *users, const LepId *items, int n, int32_t *rows[2])
{
	LepError *error = &builder->arena->env->error;
	LepStatus status = lep_idmap_add(builder->users, users, n, rows[0]);

	if (status == LEP_OK)
		status = lep_idmap_add(builder->items, items, n, rows[1]);
	if (status == LEP_ERR_ID_TOO_LONG)
		error->row += builder->n_rows;
	return status;
}

/* Rows whose ids have numbers; converted is not looked at where there are no ratings. */
static LepStatus
append_rows(LepRatingsBuilder *builder, const int32_t *users, const int32_t *items, const float *converted,
			const int64_t *times, int n)
{
	if (builder->shape.has_rating)
		observe_ratings(builder, converted, n);
	for (int done = 0; done < n;)
	{
		LepStatus status = LEP_OK;

		if (builder->last == NULL || builder->last->n == builder->last->capacity)
			status = chunk_create(builder);
		if (status != LEP_OK)
			return status;
		done += chunk_append(builder->last, users + done, items + done, converted + done,
							 times != NULL ? times + done : NULL, n - done);
		status = use_chunk(builder);
		if (status != LEP_OK)
			return status;
	}
	builder->n_rows += n;
	return LEP_OK;
}

LepStatus
lep_ratings_add(LepRatingsBuilder *builder, const LepId *users, const LepId *items, const double *ratings,
				const int64_t *times, int n)
{
	int32_t user_rows[LEP_ID_BATCH];
	int32_t item_rows[LEP_ID_BATCH];
	int32_t *rows[2] = { user_rows, item_rows };
	float converted[LEP_ID_BATCH];
	LepStatus status = LEP_OK;

	if (builder->shape.has_rating)
		status = convert_ratings(builder, ratings, n, converted);
	if (status == LEP_OK)
		status = add_ids(builder, users, items, n, rows);
	return status == LEP_OK ? append_rows(builder, user_rows, item_rows, converted, times, n) : status;
}

LepStatus
lep_ratings_add_numbered(LepRatingsBuilder *builder, const int32_t *users, const int32_t *items,
						 const float *ratings, int n)
{
	return append_rows(builder, users, items, ratings, NULL, n);
}

LepIdMap *
lep_ratings_builder_users(LepRatingsBuilder *builder)
{
	return builder->users;
}

LepIdMap *
lep_ratings_builder_items(LepRatingsBuilder *builder)
{
	return builder->items;
}

const LepRowChunk *
lep_ratings_builder_chunks(const LepRatingsBuilder *builder)
{
	return builder->first;
}

/* Feedback and the rule for duplicates, where the options leave them open. */
static LepStatus
decide(const LepRatingsBuilder *builder, const LepOptions *options, LepRatings *ratings)
{
	bool explicit_seen = builder->shape.has_rating && builder->min_rating < builder->max_rating;

	ratings->looks_like_counts = explicit_seen && builder->all_whole && builder->min_rating >= 1 &&
								 builder->max_rating > COUNTS_MAX &&
								 builder->n_ones * 100 >= builder->n_rows * COUNTS_PERCENT;
	ratings->feedback = (LepFeedback) options->feedback;
	if (ratings->feedback == LEP_FEEDBACK_AUTO)
		ratings->feedback =
			explicit_seen && !ratings->looks_like_counts ? LEP_FEEDBACK_EXPLICIT : LEP_FEEDBACK_IMPLICIT;

	ratings->day = builder->day;
	ratings->duplicates = (LepDuplicates) options->duplicates;
	if (ratings->duplicates == LEP_DUPLICATES_LAST && !builder->shape.has_time)
	{
		LepError *error = &builder->arena->env->error;

		lep_fail(error, LEP_ERR_NEEDS_TIME, "duplicates", 0, 0, 0);
		lep_error_set_text(error, lep_duplicates_name(LEP_DUPLICATES_LAST));
		return error->status;
	}
	if (ratings->duplicates == LEP_DUPLICATES_AUTO)
	{
		if (ratings->feedback == LEP_FEEDBACK_IMPLICIT)
			ratings->duplicates = LEP_DUPLICATES_SUM;
		else
			ratings->duplicates = builder->shape.has_time ? LEP_DUPLICATES_LAST : LEP_DUPLICATES_MEAN;
	}
	return LEP_OK;
}

/* So many bytes will be held for a moment. */
static void
note_estimate(LepRatingsBuilder *builder, size_t bytes)
{
	builder->memory_estimate = bytes > builder->memory_estimate ? bytes : builder->memory_estimate;
}

/* Renumber one side by id. */
static LepStatus
sort_ids(LepRatingsBuilder *builder, LepIdMap *ids, int32_t *new_row)
{
	note_estimate(builder, lep_add_size(builder->arena->env->bytes_now, lep_idmap_sort_size(ids)));
	return lep_idmap_sort(ids, NULL, new_row);
}

/* Chunks to rows by user id, then item id, one of each pair. */
static LepStatus
sort_rows(LepRatingsBuilder *builder, LepDuplicates rule, LepRows *rows)
{
	LepArena *scratch = rows->scratch;
	int32_t *new_user;
	int32_t *new_item;
	size_t peak = 0;
	LepStatus status;

	rows->n_users = lep_idmap_count(builder->users);
	rows->n_items = lep_idmap_count(builder->items);
	new_user = lep_arena_alloc(scratch, rows->n_users, sizeof(int32_t));
	new_item = lep_arena_alloc(scratch, rows->n_items, sizeof(int32_t));
	if (new_user == NULL || new_item == NULL)
		return lep_env_failure(scratch->env);
	status = sort_ids(builder, builder->users, new_user);
	if (status == LEP_OK)
		status = sort_ids(builder, builder->items, new_item);
	if (status == LEP_OK)
	{
		LepSortInput input = { builder->first, builder->n_rows, new_user,	   new_item,
							   rule,		   builder->users,	builder->items };

		status = lep_rows_sort(&input, rows, &peak);
	}
	note_estimate(builder, peak);
	lep_arena_free(scratch, new_user);
	lep_arena_free(scratch, new_item);
	return status;
}

/* Are there at least so many users and items? */
static LepStatus
check_enough(LepEnv *env, const LepRows *rows, int least)
{
	if (rows->n == 0)
		return lep_fail(&env->error, LEP_ERR_NO_RATINGS, NULL, 0, 0, 0);
	if (rows->n_users < least)
		return lep_fail(&env->error, LEP_ERR_TOO_FEW, "users", rows->n_users, least, 0);
	if (rows->n_items < least)
		return lep_fail(&env->error, LEP_ERR_TOO_FEW, "items", rows->n_items, least, 0);
	return LEP_OK;
}

/* The smallest and the largest rating. */
static LepStatus
find_range(LepEnv *env, LepRatings *ratings)
{
	ratings->min_rating = ratings->rating[0];
	ratings->max_rating = ratings->rating[0];
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		float rating = ratings->rating[j];

		if (lep_rows_stop(env, j))
			return LEP_ERR_STOPPED;
		ratings->min_rating = rating < ratings->min_rating ? rating : ratings->min_rating;
		ratings->max_rating = rating > ratings->max_rating ? rating : ratings->max_rating;
	}
	return LEP_OK;
}

/* Rows as ratings, all of the train part. */
static LepStatus
take_rows(LepArena *arena, const LepRows *rows, LepRatings *ratings)
{
	ratings->n_users = rows->n_users;
	ratings->n_items = rows->n_items;
	ratings->n_ratings = rows->n;
	ratings->user_start = rows->user_start;
	ratings->item = rows->item;
	ratings->rating = rows->rating;
	ratings->time = rows->time;
	ratings->part = lep_arena_alloc(arena, rows->n, 1);
	if (ratings->part == NULL)
		return lep_env_failure(arena->env);
	for (int64_t j = 0; j < rows->n; j += LEP_STOP_ROWS)
	{
		int64_t n = rows->n - j < LEP_STOP_ROWS ? rows->n - j : LEP_STOP_ROWS;

		if (lep_env_stopped(arena->env))
			return LEP_ERR_STOPPED;
		memset(ratings->part + j, LEP_PART_TRAIN, (size_t) n);
	}
	return find_range(arena->env, ratings);
}

/* Users and items with one rating. */
static LepStatus
count_lone(LepArena *scratch, LepRatings *ratings)
{
	LepEnv *env = scratch->env;
	uint8_t *seen = lep_arena_calloc(scratch, ratings->n_items, 1); /* 2: more than once */

	if (seen == NULL)
		return lep_env_failure(env);
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		uint8_t *times = &seen[ratings->item[j]];

		if (lep_rows_stop(env, j))
			return LEP_ERR_STOPPED;
		*times = *times == 0 ? 1 : 2;
	}
	for (int32_t i = 0; i < ratings->n_items; i++)
		ratings->n_lone += seen[i] == 1;
	for (int32_t u = 0; u < ratings->n_users; u++)
		ratings->n_lone += ratings->user_start[u + 1] - ratings->user_start[u] == 1;
	return LEP_OK;
}

/* The phases of lep_ratings_finish, with scratch memory. */
static LepStatus
finish(LepRatingsBuilder *builder, const LepOptions *options, LepArena *scratch, LepRatings *ratings)
{
	LepRows rows = { 0 };
	LepStatus status;

	rows.arena = builder->arena;
	rows.scratch = scratch;
	note_estimate(builder, scratch->env->bytes_now);
	status = sort_rows(builder, ratings->duplicates, &rows);
	if (status != LEP_OK)
		return status;
	ratings->n_merged = builder->n_rows - rows.n;

	ratings->n_cold = rows.n;
	status = lep_rows_drop_cold(&rows, options->min_user_ratings, options->min_item_ratings, builder->users,
								builder->items);
	if (status == LEP_OK)
		status = check_enough(scratch->env, &rows, builder->allow_few ? 1 : 2);
	if (status != LEP_OK)
		return status;
	ratings->n_cold -= rows.n;
	lep_arena_drop(scratch);
	status = take_rows(builder->arena, &rows, ratings);
	ratings->memory_estimate = builder->memory_estimate;
	return status == LEP_OK ? count_lone(scratch, ratings) : status;
}

LepStatus
lep_ratings_finish(LepRatingsBuilder *builder, const LepOptions *options, LepRatings **ratings)
{
	LepArena *arena = builder->arena;
	LepRatings *result = lep_arena_calloc(arena, 1, sizeof(LepRatings));
	LepArena scratch;
	LepStatus status;

	if (result == NULL)
		return lep_env_failure(arena->env);
	if (builder->n_rows == 0)
		return lep_fail(&arena->env->error, LEP_ERR_NO_RATINGS, NULL, 0, 0, 0);
	result->users = builder->users;
	result->items = builder->items;
	result->n_rows = builder->n_rows;
	result->arena = arena;
	status = decide(builder, options, result);
	if (status != LEP_OK)
		return status;

	lep_arena_init(&scratch, arena->env);
	status = finish(builder, options, &scratch, result);
	lep_arena_drop(&scratch);
	if (status != LEP_OK)
		return status;
	lep_arena_free(arena, builder);
	*ratings = result;
	return LEP_OK;
}

void
lep_ratings_drop_times(LepRatings *ratings)
{
	if (!ratings->times_once || ratings->arena == NULL)
		return;
	lep_arena_free(ratings->arena, ratings->time);
	ratings->time = NULL;
}

int64_t
lep_ratings_count(const LepRatings *ratings, unsigned parts)
{
	int64_t n = 0;

	for (int64_t j = 0; j < ratings->n_ratings; j++)
		n += parts >> ratings->part[j] & 1;
	return n;
}

int32_t
lep_ratings_user(const LepRatings *ratings, int64_t j)
{
	int32_t low = 0;
	int32_t high = ratings->n_users - 1;

	/* user_start[low] <= j < user_start[high + 1] */
	while (low < high)
	{
		int32_t middle = low + (high - low + 1) / 2;

		if (ratings->user_start[middle] <= j)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

uint64_t
lep_ratings_hash(const LepRatings *ratings, int64_t j)
{
	uint32_t bits;

	memcpy(&bits, &ratings->rating[j], sizeof(bits));
	return lep_hash_combine(lep_idmap_hash(ratings->items, ratings->item[j]), bits);
}

uint64_t
lep_ratings_digest(const LepRatings *ratings, int32_t u)
{
	uint64_t digest = 0;

	for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		digest += lep_ratings_hash(ratings, j);
	return digest;
}

bool
lep_ratings_in_sample(const LepRatings *ratings, int32_t u, uint64_t seed, double share)
{
	uint64_t hash = lep_hash_combine(seed, lep_idmap_hash(ratings->users, u));

	return (double) (hash >> 11) * 0x1p-53 < share;
}
