/*
 * ratings_sort.c
 *		Rows in any order -> rows by user and item, without holding them twice.
 *
 * The users are cut into ranges of about equally many rows (parts of the sort).
 * First each row goes to its user's range, and chunks are freed as they are read;
 * then each range is sorted, merged and appended to the ratings, and freed.  So what
 * is held is the rows once, and one range's: a range's place is reserved, and filled
 * no faster than chunks go; the ratings' likewise as ranges go.
 *
 * A range is sorted by radix, from the lowest digit of (user, item): it is small
 * enough to stay in the processor's cache meanwhile.  O(rows), where sorting all
 * rows at once would miss the cache with each, several times.
 *
 * One thread; contract and ownership in ratings_sort.h.
 */
#include "core/ratings_sort.h"

#include <string.h>

/*
 * Ranges at most: each has a page or two that are being written to, and what is
 * sorted is held twice, a hundredth of all.
 */
#define MAX_RANGES 128

/*
 * Rows of a range at least, where there are so many: fewer are not worth one.  With
 * more, what a range takes is large enough for a host to map it and to give it back at
 * once, unlike what it has in its heap: a range is so many, if a thirty-second is.
 */
#define MIN_RANGE_ROWS	  4096
#define MAPPED_RANGE_ROWS (12 * 1024)
#define RANGE_SHARE		  32

/* Bits of a digit at most, and digits of (user, item) at most. */
#define DIGIT_BITS 10
#define MAX_DIGITS 7

#define DIGIT_VALUES (1 << DIGIT_BITS)

/*
 * Pages of a range are asked for by the sixteenth of it, within these bytes.  With a
 * fault each they take a third of the whole sort.
 */
#define POPULATE_SHARE 16
#define MIN_POPULATE   (16 * 1024)
#define MAX_POPULATE   (128 * 1024)

int64_t *
lep_rows_zeros(LepArena *arena, int64_t n)
{
	int64_t *zeros = lep_arena_alloc(arena, n, sizeof(int64_t));

	for (int64_t k = 0; zeros != NULL && k < n; k++)
	{
		if (lep_rows_stop(arena->env, k))
			return NULL;
		zeros[k] = 0;
	}
	return zeros;
}

LepStatus
lep_rows_sum_up(LepEnv *env, int64_t *start, int64_t n)
{
	start[0] = 0;
	for (int64_t k = 0; k < n; k++)
	{
		if (lep_rows_stop(env, k))
			return LEP_ERR_STOPPED;
		start[k + 1] += start[k];
	}
	return LEP_OK;
}

/* Users [first_user, end_user) and their rows. */
typedef struct Range
{
	int32_t first_user;
	int32_t end_user;
	int64_t n_rows;
	LepEntries entries; /* those that are here already */
	int64_t populated;	/* entries whose pages were asked for */
} Range;

typedef struct Sort
{
	const LepSortInput *input;
	LepRows *rows;
	bool has_time;
	int n_ranges;
	Range *ranges;
	uint8_t *range_of; /* [n_users] */
	int64_t largest;   /* rows of a range */
	LepEntries spare;  /* place for so many */
	int64_t *count;	   /* [MAX_DIGITS * DIGIT_VALUES] */
} Sort;

/* user_start[u]: rows of user u, by new number. */
static LepStatus
count_users(const Sort *sort)
{
	const LepSortInput *input = sort->input;
	const int32_t *new_user = input->new_user;
	int64_t *count = sort->rows->user_start;

	for (const LepRowChunk *chunk = input->chunks; chunk != NULL; chunk = chunk->next)
	{
		const int32_t *user = chunk->user;
		int64_t n = chunk->n;

		for (int64_t k = 0; k < n; k++)
		{
			if (lep_rows_stop(sort->rows->arena->env, k))
				return LEP_ERR_STOPPED;
			count[new_user[user[k]]]++;
		}
	}
	return LEP_OK;
}

/* Users in turn, until a range has its share of the rows. */
static LepStatus
cut_ranges(Sort *sort)
{
	const int64_t *count = sort->rows->user_start;
	int64_t share = (sort->input->n + MAX_RANGES - 1) / MAX_RANGES;
	int64_t least = sort->input->n / RANGE_SHARE;
	Range *range = NULL;

	least = least > MAPPED_RANGE_ROWS ? MAPPED_RANGE_ROWS : least < MIN_RANGE_ROWS ? MIN_RANGE_ROWS : least;
	share = share < least ? least : share;
	for (int32_t u = 0; u < sort->rows->n_users; u++)
	{
		if (lep_rows_stop(sort->rows->arena->env, u))
			return LEP_ERR_STOPPED;
		if (range == NULL || range->n_rows >= share)
		{
			range = &sort->ranges[sort->n_ranges++];
			range->first_user = u;
		}
		range->n_rows += count[u];
		range->end_user = u + 1;
		sort->range_of[u] = (uint8_t) (sort->n_ranges - 1);
		sort->largest = range->n_rows > sort->largest ? range->n_rows : sort->largest;
	}
	return LEP_OK;
}

/* Bytes of an entry, its time among them. */
static size_t
entry_size(const Sort *sort)
{
	return sizeof(LepEntry) + (sort->has_time ? sizeof(int64_t) : 0);
}

/* Place for n entries, reserved in full or held: one block, times first, since they are aligned more. */
static LepStatus
create_entries(const Sort *sort, int64_t n, bool held, LepEntries *entries)
{
	LepArena *scratch = sort->rows->scratch;
	void *block = (held ? lep_arena_alloc : lep_arena_reserve)(scratch, n, entry_size(sort));

	if (block == NULL)
		return lep_env_failure(scratch->env);
	entries->time = sort->has_time ? block : NULL;
	entries->row = sort->has_time ? (LepEntry *) (entries->time + n) : block;
	return LEP_OK;
}

static void *
block_of_entries(const LepEntries *entries)
{
	return entries->time != NULL ? (void *) entries->time : entries->row;
}

static void
free_entries(const Sort *sort, LepEntries *entries)
{
	lep_arena_free(sort->rows->scratch, block_of_entries(entries));
}

/* Ranges, and all that sorting takes. */
static LepStatus
begin_sort(Sort *sort)
{
	LepRows *rows = sort->rows;
	LepEnv *env = rows->arena->env;
	LepStatus status;

	rows->user_start = lep_rows_zeros(rows->arena, (int64_t) rows->n_users + 1);
	sort->ranges = lep_arena_calloc(rows->scratch, MAX_RANGES, sizeof(Range));
	sort->range_of = lep_arena_alloc(rows->scratch, rows->n_users, sizeof(uint8_t));
	sort->count = lep_arena_alloc(rows->scratch, MAX_DIGITS * DIGIT_VALUES, sizeof(int64_t));
	if (rows->user_start == NULL || sort->ranges == NULL || sort->range_of == NULL || sort->count == NULL)
		return lep_env_failure(env);
	status = count_users(sort);
	if (status == LEP_OK)
		status = cut_ranges(sort);
	if (status == LEP_OK)
		status = create_entries(sort, sort->largest, true, &sort->spare);
	for (int r = 0; r < sort->n_ranges && status == LEP_OK; r++)
		status = create_entries(sort, sort->ranges[r].n_rows, false, &sort->ranges[r].entries);
	return status;
}

/* Say that what the ranges have is in use. */
static LepStatus
use_entries(const Sort *sort)
{
	LepArena *scratch = sort->rows->scratch;
	LepStatus status = LEP_OK;

	for (int r = 0; r < sort->n_ranges && status == LEP_OK; r++)
	{
		const LepEntries *entries = &sort->ranges[r].entries;

		status = lep_arena_use(scratch, block_of_entries(entries), entries->n, entry_size(sort));
	}
	return status;
}

/* The next pages of a range. */
static void
populate(const Sort *sort, Range *range)
{
	LepArena *scratch = sort->rows->scratch;
	const LepEntries *entries = &range->entries;
	int64_t bytes = range->n_rows * (int64_t) sizeof(LepEntry) / POPULATE_SHARE;
	int64_t left = range->n_rows - range->populated;
	int64_t n;

	bytes = bytes < MIN_POPULATE ? MIN_POPULATE : bytes > MAX_POPULATE ? MAX_POPULATE : bytes;
	n = bytes / (int64_t) sizeof(LepEntry) < left ? bytes / (int64_t) sizeof(LepEntry) : left;
	lep_arena_populate(scratch, entries->row + range->populated, (size_t) n * sizeof(LepEntry));
	if (sort->has_time)
		lep_arena_populate(scratch, entries->time + range->populated, (size_t) n * sizeof(int64_t));
	range->populated += n;
}

/* A chunk's rows to their ranges.  What does not change is held in variables: rows might lie over it. */
static LepStatus
distribute_chunk(const Sort *sort, const LepRowChunk *chunk)
{
	LepEnv *env = sort->rows->arena->env;
	const int32_t *new_user = sort->input->new_user;
	const int32_t *new_item = sort->input->new_item;
	const uint8_t *range_of = sort->range_of;
	Range *ranges = sort->ranges;
	const int32_t *user = chunk->user;
	const int32_t *item = chunk->item;
	const float *rating = chunk->rating;
	const int64_t *time = sort->has_time ? chunk->time : NULL;
	int64_t n = chunk->n;

	for (int64_t k = 0; k < n; k++)
	{
		int32_t u = new_user[user[k]];
		Range *range = &ranges[range_of[u]];
		int64_t at = range->entries.n;

		if (lep_rows_stop(env, k))
			return LEP_ERR_STOPPED;
		if (at == range->populated)
			populate(sort, range);
		range->entries.n = at + 1;
		range->entries.row[at] = (LepEntry){ u, new_item[item[k]], rating != NULL ? rating[k] : 1 };
		if (time != NULL)
			range->entries.time[at] = time[k];
	}
	return LEP_OK;
}

/* All rows to their ranges. */
static LepStatus
distribute(const Sort *sort)
{
	for (LepRowChunk *chunk = sort->input->chunks, *next; chunk != NULL; chunk = next)
	{
		LepStatus status = distribute_chunk(sort, chunk);

		if (status == LEP_OK)
			status = use_entries(sort);
		if (status != LEP_OK)
			return status;
		next = chunk->next;
		lep_arena_free(sort->rows->arena, chunk);
	}
	return LEP_OK;
}

/* Where the digits of a range's keys lie; a key is (user - first_user, item). */
typedef struct Digits
{
	int32_t first_user;
	int item_bits;
	int n;	   /* digits */
	int width; /* bits of each */
} Digits;

static inline uint64_t
digit_of(const Digits *digits, const LepEntry *entry, int d)
{
	uint64_t key =
		(uint64_t) (entry->user - digits->first_user) << digits->item_bits | (uint32_t) entry->item;

	return key >> d * digits->width & (((uint64_t) 1 << digits->width) - 1);
}

/* Bits of the numbers below n. */
static int
bits_below(int32_t n)
{
	return n <= 1 ? 0 : 32 - __builtin_clz((uint32_t) n - 1);
}

static Digits
digits_of(const Sort *sort, const Range *range)
{
	Digits digits = { range->first_user, bits_below(sort->rows->n_items), 0, 1 };
	int bits = digits.item_bits + bits_below(range->end_user - range->first_user);

	digits.n = (bits + DIGIT_BITS - 1) / DIGIT_BITS;
	if (digits.n > 0)
		digits.width = (bits + digits.n - 1) / digits.n;
	return digits;
}

/* count[d * DIGIT_VALUES + value]: where entries with that digit d begin. */
static LepStatus
count_digits(const Sort *sort, const Digits *digits, const LepEntries *entries)
{
	memset(sort->count, 0, (size_t) digits->n * DIGIT_VALUES * sizeof(int64_t));
	for (int64_t j = 0; j < entries->n; j++)
	{
		if (lep_rows_stop(sort->rows->arena->env, j))
			return LEP_ERR_STOPPED;
		for (int d = 0; d < digits->n; d++)
			sort->count[d * DIGIT_VALUES + (int) digit_of(digits, &entries->row[j], d)]++;
	}
	for (int d = 0; d < digits->n; d++)
	{
		int64_t begin = 0;

		for (int value = 0; value < DIGIT_VALUES; value++)
		{
			int64_t n = sort->count[d * DIGIT_VALUES + value];

			sort->count[d * DIGIT_VALUES + value] = begin;
			begin += n;
		}
	}
	return LEP_OK;
}

/* One digit: from -> to, stable. */
static LepStatus
scatter_digit(const Sort *sort, const Digits *digits, int d, const LepEntries *from, LepEntries *to)
{
	int64_t *place = sort->count + d * DIGIT_VALUES;

	for (int64_t j = 0; j < from->n; j++)
	{
		int64_t at = place[digit_of(digits, &from->row[j], d)]++;

		if (lep_rows_stop(sort->rows->arena->env, j))
			return LEP_ERR_STOPPED;
		to->row[at] = from->row[j];
		if (from->time != NULL && to->time != NULL)
			to->time[at] = from->time[j];
	}
	to->n = from->n;
	return LEP_OK;
}

/* A range's entries by user and item; where they are then: in its place or the spare one. */
static LepStatus
sort_range(Sort *sort, Range *range, LepEntries *sorted)
{
	Digits digits = digits_of(sort, range);
	LepEntries other = sort->spare;
	LepStatus status = count_digits(sort, &digits, &range->entries);

	*sorted = range->entries;
	for (int d = 0; d < digits.n && status == LEP_OK; d++)
	{
		LepEntries from = *sorted;

		status = scatter_digit(sort, &digits, d, &from, &other);
		*sorted = other;
		other = from;
	}
	return status;
}

/* Say how much of the ratings' arrays is in use. */
static LepStatus
use_rows(const LepRows *rows)
{
	LepStatus status = lep_arena_use(rows->arena, rows->item, rows->n, sizeof(int32_t));

	if (status == LEP_OK)
		status = lep_arena_use(rows->arena, rows->rating, rows->n, sizeof(float));
	if (status == LEP_OK && rows->time != NULL)
		status = lep_arena_use(rows->arena, rows->time, rows->n, sizeof(int64_t));
	return status;
}

/* Range by range to ratings. */
static LepStatus
finish_sort(Sort *sort)
{
	LepRows *rows = sort->rows;
	LepStatus status = LEP_OK;

	rows->item = lep_arena_reserve(rows->arena, sort->input->n, sizeof(int32_t));
	rows->rating = lep_arena_reserve(rows->arena, sort->input->n, sizeof(float));
	if (sort->has_time)
		rows->time = lep_arena_reserve(rows->arena, sort->input->n, sizeof(int64_t));
	if (rows->item == NULL || rows->rating == NULL || (sort->has_time && rows->time == NULL))
		return lep_env_failure(rows->arena->env);
	for (int r = 0; r < sort->n_ranges && status == LEP_OK; r++)
	{
		Range *range = &sort->ranges[r];
		LepEntries sorted;

		status = sort_range(sort, range, &sorted);
		if (status == LEP_OK)
			status = lep_rows_merge(sort->input, &sorted, rows);
		if (status == LEP_OK)
			status = use_rows(rows);
		free_entries(sort, &range->entries);
	}
	rows->user_start[rows->n_users] = rows->n;
	return status;
}

/*
 * Bytes held at the most: when the first or largest chunk is read and its rows are
 * there twice, or when all are in their ranges and the first becomes ratings.
 */
static size_t
sort_peak(const Sort *sort)
{
	size_t now = sort->rows->arena->env->bytes_now;
	size_t rating_size = sizeof(int32_t) + sizeof(float) + (sort->has_time ? sizeof(int64_t) : 0);
	size_t chunks = 0;
	size_t largest = 0;
	size_t first;
	size_t last;

	for (const LepRowChunk *chunk = sort->input->chunks; chunk != NULL; chunk = chunk->next)
	{
		chunks = lep_add_size(chunks, chunk->size);
		largest = (size_t) chunk->n > largest ? (size_t) chunk->n : largest;
	}
	first = lep_add_size(now, largest * entry_size(sort));
	last = lep_add_size(now - chunks,
						(size_t) sort->input->n * entry_size(sort) + (size_t) sort->largest * rating_size);
	return first > last ? first : last;
}

LepStatus
lep_rows_sort(const LepSortInput *input, LepRows *rows, size_t *peak)
{
	Sort sort = { .input = input, .rows = rows, .has_time = input->chunks->time != NULL };
	LepStatus status;

	rows->n = 0;
	rows->time = NULL;
	status = begin_sort(&sort);
	if (status != LEP_OK)
		return status;
	*peak = sort_peak(&sort);
	status = distribute(&sort);
	if (status == LEP_OK)
		status = finish_sort(&sort);
	free_entries(&sort, &sort.spare);
	lep_arena_free(rows->scratch, sort.ranges);
	lep_arena_free(rows->scratch, sort.range_of);
	lep_arena_free(rows->scratch, sort.count);
	return status;
}
