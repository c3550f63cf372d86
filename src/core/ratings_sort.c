/*
 * ratings_sort.c
 *		Rows in any order -> rows by user and item, one per pair.
 *
 * Two counting sorts, by item and then, stable, by user: O(rows), where a
 * comparison sort would be O(rows log rows).  Between them the item is known
 * from the place and need not be kept, so that a row takes 8 bytes (16 with
 * time) at each stage, and two stages at once 16 (32), or 20 (36) together with
 * the chunks.
 *
 * One thread; contract and ownership in ratings_sort.h.
 */
#include "core/ratings_sort.h"

#include "core/ratings.h"

#include <math.h>
#include <string.h>

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

/* After `more` rows of work, is it time to ask, and does the host want a stop? */
static inline bool
stopped_after(LepEnv *env, int64_t *work, int64_t more)
{
	*work += more;
	if (*work < LEP_STOP_ROWS)
		return false;
	*work = 0;
	return lep_env_stopped(env);
}

/*
 * user_start[u + 2] += rows of user u, by new number, and item_count[i] += rows
 * of item i, by the chunks' number.
 */
static LepStatus
count_rows(LepEnv *env, const LepRowChunk *chunks, const int32_t *new_user, int64_t *user_start,
		   int64_t *item_count)
{
	for (const LepRowChunk *chunk = chunks; chunk != NULL; chunk = chunk->next)
	{
		for (int64_t k = 0; k < chunk->n; k++)
		{
			if (lep_rows_stop(env, k))
				return LEP_ERR_STOPPED;
			user_start[new_user[chunk->user[k]] + 2]++;
			item_count[chunk->item[k]]++;
		}
	}
	return LEP_OK;
}

/* Rows in order of items: what is between the two sorts. */
typedef struct Sorted
{
	int64_t *start; /* of the items' rows */
	LepRow *row;	/* other: the user */
	int64_t *time;	/* or NULL */
} Sorted;

/* First sort: place the chunks' rows at item_next[their item]. */
static LepStatus
scatter_by_item(LepArena *arena, LepRowChunk *chunks, const int32_t *new_user, int64_t *item_next,
				const Sorted *by_item)
{
	while (chunks != NULL)
	{
		LepRowChunk *next = chunks->next;

		for (int64_t k = 0; k < chunks->n; k++)
		{
			int64_t to = item_next[chunks->item[k]]++;

			if (lep_rows_stop(arena->env, k))
				return LEP_ERR_STOPPED;
			by_item->row[to].other = new_user[chunks->user[k]];
			by_item->row[to].rating = chunks->rating != NULL ? chunks->rating[k] : 1;
			if (by_item->time != NULL)
				by_item->time[to] = chunks->time[k];
		}
		lep_arena_free(arena, chunks);
		chunks = next;
	}
	return LEP_OK;
}

/* Second sort: stable, so that each user's rows are in order of items. */
static LepStatus
scatter_by_user(const Sorted *by_item, LepRows *rows)
{
	LepEnv *env = rows->scratch->env;
	int64_t *user_next = rows->user_start + 1;

	for (int32_t i = 0; i < rows->n_items; i++)
	{
		for (int64_t j = by_item->start[i]; j < by_item->start[i + 1]; j++)
		{
			int64_t to = user_next[by_item->row[j].other]++;

			if (lep_rows_stop(env, j))
				return LEP_ERR_STOPPED;
			rows->row[to].other = i;
			rows->row[to].rating = by_item->row[j].rating;
			if (rows->time != NULL)
				rows->time[to] = by_item->time[j];
		}
	}
	return LEP_OK;
}

/*
 * Counts in item_next to start, by new number, and places in item_next, which
 * stays by the chunks' number.
 */
static LepStatus
item_starts(LepEnv *env, const int32_t *new_item, int32_t n_items, int64_t *item_next, int64_t *start)
{
	LepStatus status;

	for (int32_t i = 0; i < n_items; i++)
	{
		if (lep_rows_stop(env, i))
			return LEP_ERR_STOPPED;
		start[new_item[i] + 1] = item_next[i];
	}
	status = lep_rows_sum_up(env, start, n_items);
	for (int32_t i = 0; i < n_items && status == LEP_OK; i++)
	{
		if (lep_rows_stop(env, i))
			return LEP_ERR_STOPPED;
		item_next[i] = start[new_item[i]];
	}
	return status;
}

/* The first sort whole: counts, starts, places. */
static LepStatus
sort_by_item(LepArena *arena, LepRowChunk *chunks, const int32_t *new_user, const int32_t *new_item,
			 LepRows *rows, Sorted *by_item)
{
	LepEnv *env = arena->env;
	int64_t *item_next = lep_rows_zeros(rows->scratch, rows->n_items);
	LepStatus status;

	if (item_next != NULL)
		by_item->start = lep_rows_zeros(rows->scratch, (int64_t) rows->n_items + 1);
	by_item->row = lep_arena_alloc(rows->scratch, rows->n, sizeof(LepRow));
	if (item_next == NULL || by_item->start == NULL || by_item->row == NULL)
		return env->error.status;
	if (chunks->time != NULL)
	{
		by_item->time = lep_arena_alloc(rows->scratch, rows->n, sizeof(int64_t));
		if (by_item->time == NULL)
			return env->error.status;
	}
	status = count_rows(env, chunks, new_user, rows->user_start, item_next);
	if (status == LEP_OK)
		status = item_starts(env, new_item, rows->n_items, item_next, by_item->start);
	if (status == LEP_OK)
		status = scatter_by_item(arena, chunks, new_user, item_next, by_item);
	lep_arena_free(rows->scratch, item_next);
	return status;
}

LepStatus
lep_rows_sort(LepArena *arena, LepRowChunk *chunks, const int32_t *new_user, const int32_t *new_item,
			  LepRows *rows)
{
	LepArena *scratch = rows->scratch;
	Sorted by_item = { 0 };
	LepStatus status;

	/* counted two places up, so that scattering through [u + 1] leaves starts */
	rows->user_start = lep_rows_zeros(scratch, (int64_t) rows->n_users + 2);
	if (rows->user_start == NULL)
		return scratch->env->error.status;
	status = sort_by_item(arena, chunks, new_user, new_item, rows, &by_item);
	if (status == LEP_OK)
		status = lep_rows_sum_up(scratch->env, rows->user_start, (int64_t) rows->n_users + 1);
	if (status != LEP_OK)
		return status;

	rows->row = lep_arena_alloc(scratch, rows->n, sizeof(LepRow));
	rows->time = NULL;
	if (rows->row != NULL && by_item.time != NULL)
		rows->time = lep_arena_alloc(scratch, rows->n, sizeof(int64_t));
	if (rows->row == NULL || (by_item.time != NULL && rows->time == NULL))
		return scratch->env->error.status;
	status = scatter_by_user(&by_item, rows);
	lep_arena_free(scratch, by_item.row);
	lep_arena_free(scratch, by_item.time);
	lep_arena_free(scratch, by_item.start);
	return status;
}

/* Is row a before row b, rows of one pair: by (time, rating)? */
static inline bool
row_before(const LepRows *rows, int64_t a, int64_t b)
{
	if (rows->time != NULL && rows->time[a] != rows->time[b])
		return rows->time[a] < rows->time[b];
	return rows->row[a].rating < rows->row[b].rating;
}

static inline void
row_swap(LepRows *rows, int64_t a, int64_t b)
{
	LepRow row = rows->row[a];

	rows->row[a] = rows->row[b];
	rows->row[b] = row;
	if (rows->time != NULL)
	{
		int64_t time = rows->time[a];

		rows->time[a] = rows->time[b];
		rows->time[b] = time;
	}
}

/* Restore the heap of `n` rows from `begin` below `parent`. */
static void
sift_down(LepRows *rows, int64_t begin, int64_t parent, int64_t n)
{
	for (int64_t child = 2 * parent + 1; child < n; child = 2 * parent + 1)
	{
		if (child + 1 < n && row_before(rows, begin + child, begin + child + 1))
			child++;
		if (!row_before(rows, begin + parent, begin + child))
			return;
		row_swap(rows, begin + parent, begin + child);
		parent = child;
	}
}

/*
 * Sort the rows [begin, end) of one pair by (time, rating).  Heap sort: in place
 * and O(n log n), for a pair may have any number of rows; rows that compare
 * equal are the same, so it need not be stable.
 */
static LepStatus
order_run(LepRows *rows, int64_t begin, int64_t end)
{
	LepEnv *env = rows->scratch->env;
	int64_t n = end - begin;
	int64_t work = 0;

	/* most are a few rows; a swap costs about as much as 16 comparisons of heaps */
	if (n <= 16)
	{
		for (int64_t j = begin + 1; j < end; j++)
		{
			for (int64_t k = j; k > begin && row_before(rows, k, k - 1); k--)
				row_swap(rows, k, k - 1);
		}
		return LEP_OK;
	}
	for (int64_t parent = n / 2 - 1; parent >= 0; parent--)
	{
		sift_down(rows, begin, parent, n);
		if (stopped_after(env, &work, 4))
			return LEP_ERR_STOPPED;
	}
	for (int64_t last = n - 1; last > 0; last--)
	{
		row_swap(rows, begin, begin + last);
		sift_down(rows, begin, 0, last);
		if (stopped_after(env, &work, 8))
			return LEP_ERR_STOPPED;
	}
	return LEP_OK;
}

/* What the ordered rows [begin, end) of one pair make together. */
static double
merged_rating(const LepRows *rows, LepDuplicates rule, int64_t begin, int64_t end)
{
	double sum = 0;
	double max = rows->row[begin].rating;

	if (rule == LEP_DUPLICATES_LAST)
	{
		int64_t newest = end - 1;

		while (newest > begin && rows->time[newest - 1] == rows->time[end - 1])
			newest--;
		begin = newest;
	}
	for (int64_t j = begin; j < end; j++)
	{
		sum += rows->row[j].rating;
		max = rows->row[j].rating > max ? rows->row[j].rating : max;
	}
	if (rule == LEP_DUPLICATES_MAX)
		return max;
	return rule == LEP_DUPLICATES_SUM ? sum : sum / (double) (end - begin);
}

/* A merge at work. */
typedef struct Merge
{
	LepRows *rows;
	LepDuplicates rule;
	const LepIdMap *users; /* for the texts of errors */
	const LepIdMap *items;
	int64_t out;  /* rows written, all before those still to be read */
	int64_t work; /* since the host was asked */
} Merge;

/* Copy a string to `end`; where the next one goes. */
static char *
append_text(char *end, const char *string)
{
	size_t len = strlen(string);

	memcpy(end, string, len + 1);
	return end + len;
}

/* "user 7, item 12", each id cut if the two do not fit. */
static void
pair_text(const Merge *merge, int32_t u, int32_t i, char text[LEP_ERROR_TEXT_LEN])
{
	LepId user = lep_idmap_id(merge->users, u);
	LepId item = lep_idmap_id(merge->items, i);
	char user_text[LEP_ERROR_TEXT_LEN];
	char item_text[LEP_ERROR_TEXT_LEN];
	size_t room = LEP_ERROR_TEXT_LEN - sizeof("user , item ");
	size_t user_len;
	size_t item_room;

	/* half of the room for the item, or what the user leaves free */
	lep_id_text(lep_idmap_kind(merge->users), &user, user_text, room + 1);
	user_len = strlen(user_text);
	item_room = user_len < room / 2 ? room - user_len : room / 2;
	lep_id_text(lep_idmap_kind(merge->items), &item, item_text, item_room + 1);
	lep_id_text(lep_idmap_kind(merge->users), &user, user_text, room - strlen(item_text) + 1);

	append_text(append_text(append_text(append_text(text, "user "), user_text), ", item "), item_text);
}

/* Write one row for the rows [begin, end) of user u with one item. */
static LepStatus
merge_run(Merge *merge, int32_t u, int64_t begin, int64_t end)
{
	LepRows *rows = merge->rows;
	LepError *error = &rows->scratch->env->error;
	int32_t i = rows->row[begin].other;
	char text[LEP_ERROR_TEXT_LEN];
	double rating;
	LepStatus status;

	if (merge->rule == LEP_DUPLICATES_ERROR)
	{
		pair_text(merge, u, i, text);
		status = lep_fail(error, LEP_ERR_DUPLICATE, NULL, i, 0, 0);
		error->row = u;
		lep_error_set_text(error, text);
		return status;
	}
	status = order_run(rows, begin, end);
	if (status != LEP_OK)
		return status;
	rating = merged_rating(rows, merge->rule, begin, end);
	if (!(fabs(rating) <= LEP_MAX_RATING))
	{
		pair_text(merge, u, i, text);
		status = lep_fail(error, LEP_ERR_RATING_RANGE, NULL, rating, 0, LEP_MAX_RATING);
		lep_error_set_text(error, text);
		return status;
	}
	rows->row[merge->out].other = i;
	rows->row[merge->out].rating = (float) rating;
	if (rows->time != NULL)
		rows->time[merge->out] = rows->time[end - 1];
	merge->out++;
	return LEP_OK;
}

/* The rows [begin, end) of user u. */
static LepStatus
merge_user(Merge *merge, int32_t u, int64_t begin, int64_t end)
{
	LepRows *rows = merge->rows;
	LepStatus status = LEP_OK;

	while (begin < end && status == LEP_OK)
	{
		int64_t next = begin + 1;

		while (next < end && rows->row[next].other == rows->row[begin].other)
			next++;
		if (next - begin > 1)
			status = merge_run(merge, u, begin, next);
		else
		{
			rows->row[merge->out] = rows->row[begin];
			if (rows->time != NULL)
				rows->time[merge->out] = rows->time[begin];
			merge->out++;
		}
		if (status == LEP_OK && stopped_after(rows->scratch->env, &merge->work, next - begin))
			status = LEP_ERR_STOPPED;
		begin = next;
	}
	return status;
}

LepStatus
lep_rows_merge(LepRows *rows, LepDuplicates rule, const LepIdMap *users, const LepIdMap *items)
{
	Merge merge = { rows, rule, users, items, 0, 0 };
	int64_t begin = 0;

	for (int32_t u = 0; u < rows->n_users; u++)
	{
		int64_t end = rows->user_start[u + 1];
		LepStatus status;

		rows->user_start[u] = merge.out;
		status = merge_user(&merge, u, begin, end);
		if (status != LEP_OK)
			return status;
		begin = end;
	}
	rows->user_start[rows->n_users] = merge.out;
	rows->n = merge.out;
	return LEP_OK;
}
