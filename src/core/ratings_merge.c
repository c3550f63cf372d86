/*
 * ratings_merge.c
 *		Sorted rows -> ratings, one per pair.
 *
 * One thread; contract and ownership in ratings_sort.h.
 */
#include "core/ratings_sort.h"

#include "core/ratings.h"

#include <math.h>
#include <string.h>

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

/* Is row a before row b, rows of one pair: by (time, rating)? */
static inline bool
row_before(const LepEntries *rows, int64_t a, int64_t b)
{
	if (rows->time != NULL && rows->time[a] != rows->time[b])
		return rows->time[a] < rows->time[b];
	return rows->row[a].rating < rows->row[b].rating;
}

static inline void
row_swap(LepEntries *rows, int64_t a, int64_t b)
{
	LepEntry row = rows->row[a];

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
sift_down(LepEntries *rows, int64_t begin, int64_t parent, int64_t n)
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
order_run(LepEnv *env, LepEntries *rows, int64_t begin, int64_t end)
{
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
merged_rating(const LepEntries *rows, LepDuplicates rule, int64_t begin, int64_t end)
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
	const LepSortInput *input;
	LepEntries *entries;
	LepRows *rows; /* appended to */
	int64_t work;  /* since the host was asked */
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
	LepId user = lep_idmap_id(merge->input->users, u);
	LepId item = lep_idmap_id(merge->input->items, i);
	char user_text[LEP_ERROR_TEXT_LEN];
	char item_text[LEP_ERROR_TEXT_LEN];
	size_t room = LEP_ERROR_TEXT_LEN - sizeof("user , item ");
	size_t user_len;
	size_t item_room;

	/* half of the room for the item, or what the user leaves free */
	lep_id_text(lep_idmap_kind(merge->input->users), &user, user_text, room + 1);
	user_len = strlen(user_text);
	item_room = user_len < room / 2 ? room - user_len : room / 2;
	lep_id_text(lep_idmap_kind(merge->input->items), &item, item_text, item_room + 1);
	lep_id_text(lep_idmap_kind(merge->input->users), &user, user_text, room - strlen(item_text) + 1);

	append_text(append_text(append_text(append_text(text, "user "), user_text), ", item "), item_text);
}

static inline void
append(LepRows *rows, int32_t item, float rating, int64_t time)
{
	rows->item[rows->n] = item;
	rows->rating[rows->n] = rating;
	if (rows->time != NULL)
		rows->time[rows->n] = time;
	rows->n++;
}

/* Append one row for the entries [begin, end) of one pair. */
static LepStatus
merge_run(Merge *merge, int64_t begin, int64_t end)
{
	LepEntries *entries = merge->entries;
	LepDuplicates rule = merge->input->rule;
	LepEnv *env = merge->rows->arena->env;
	LepEntry pair = entries->row[begin];
	char text[LEP_ERROR_TEXT_LEN];
	double rating;
	LepStatus status;

	if (rule == LEP_DUPLICATES_ERROR)
	{
		pair_text(merge, pair.user, pair.item, text);
		status = lep_fail(&env->error, LEP_ERR_DUPLICATE, NULL, pair.item, 0, 0);
		env->error.row = pair.user;
		lep_error_set_text(&env->error, text);
		return status;
	}
	status = order_run(env, entries, begin, end);
	if (status != LEP_OK)
		return status;
	rating = merged_rating(entries, rule, begin, end);
	if (!(fabs(rating) <= LEP_MAX_RATING))
	{
		pair_text(merge, pair.user, pair.item, text);
		status = lep_fail(&env->error, LEP_ERR_RATING_RANGE, NULL, rating, 0, LEP_MAX_RATING);
		lep_error_set_text(&env->error, text);
		return status;
	}
	append(merge->rows, pair.item, (float) rating, entries->time != NULL ? entries->time[end - 1] : 0);
	return LEP_OK;
}

LepStatus
lep_rows_merge(const LepSortInput *input, LepEntries *entries, LepRows *rows)
{
	Merge merge = { input, entries, rows, 0 };
	const LepEntry *row = entries->row;
	LepStatus status = LEP_OK;

	for (int64_t begin = 0; begin < entries->n && status == LEP_OK;)
	{
		int64_t next = begin + 1;

		if (begin == 0 || row[begin].user != row[begin - 1].user)
			rows->user_start[row[begin].user] = rows->n;
		while (next < entries->n && row[next].item == row[begin].item && row[next].user == row[begin].user)
			next++;
		if (next - begin > 1)
			status = merge_run(&merge, begin, next);
		else
			append(rows, row[begin].item, row[begin].rating,
				   entries->time != NULL ? entries->time[begin] : 0);
		if (status == LEP_OK && stopped_after(rows->arena->env, &merge.work, next - begin))
			status = LEP_ERR_STOPPED;
		begin = next;
	}
	return status;
}
