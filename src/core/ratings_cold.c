/*
 * ratings_cold.c
 *		Users and items with too few ratings go, until all have enough.
 *
 * When a user goes her items lose a rating each, which may make them go in
 * turn, and so on.  Repeated passes would take O(ratings) each and as many
 * passes as the longest such chain; so what has too few is put on a stack once,
 * and each rating is taken away once from either side: O(ratings) in all.
 * This is the (a, b)-core of the bipartite graph; it is unique, since taking
 * away never makes another user or item have more.
 *
 * Scratch memory: 4 bytes a rating, 13 a user and 21 an item.  One thread;
 * contract in ratings_sort.h.
 */
#include "core/ratings_sort.h"

#include <string.h>

/* Users or items: the side that loses ratings. */
typedef struct Side
{
	int32_t n;
	int64_t min;	/* ratings that one must have */
	int64_t *start; /* [n + 1] of the ratings before anything went */
	int64_t *left;	/* [n] ratings with the other side still there */
	uint8_t *keep;	/* [n] */
	int32_t *stack; /* [n] those that have gone and whose ratings are still counted */
	int32_t n_stack;
	int64_t n_gone;
} Side;

static LepStatus
side_create(LepArena *scratch, int32_t n, int64_t min, Side *side)
{
	side->n = n;
	side->min = min;
	side->start = NULL;
	side->left = lep_arena_alloc(scratch, n, sizeof(int64_t));
	side->keep = lep_arena_alloc(scratch, n, 1);
	side->stack = lep_arena_alloc(scratch, n, sizeof(int32_t));
	side->n_stack = 0;
	side->n_gone = 0;
	if (side->left == NULL || side->keep == NULL || side->stack == NULL)
		return lep_env_failure(scratch->env);
	return LEP_OK;
}

static inline void
drop(Side *side, int32_t k)
{
	side->keep[k] = 0;
	side->stack[side->n_stack++] = k;
	side->n_gone++;
}

/* Counts from starts; those with too few go. */
static LepStatus
side_begin(LepEnv *env, Side *side)
{
	for (int32_t k = 0; k < side->n; k++)
	{
		if (lep_rows_stop(env, k))
			return LEP_ERR_STOPPED;
		side->keep[k] = 1;
		side->left[k] = side->start[k + 1] - side->start[k];
		if (side->left[k] < side->min)
			drop(side, k);
	}
	return LEP_OK;
}

/* One rating less for k. */
static inline void
lose_one(Side *side, int32_t k)
{
	side->left[k]--;
	if (side->keep[k] != 0 && side->left[k] < side->min)
		drop(side, k);
}

/* The users of each item: item->start and the list it points into. */
static LepStatus
view_by_item(const LepRows *rows, Side *item, int32_t *user_of)
{
	LepEnv *env = rows->scratch->env;
	LepStatus status;

	item->start = lep_rows_zeros(rows->scratch, (int64_t) item->n + 2);
	if (item->start == NULL)
		return lep_env_failure(env);
	for (int64_t j = 0; j < rows->n; j++)
	{
		if (lep_rows_stop(env, j))
			return LEP_ERR_STOPPED;
		item->start[rows->item[j] + 2]++;
	}
	status = lep_rows_sum_up(env, item->start, (int64_t) item->n + 1);
	if (status != LEP_OK)
		return status;
	for (int32_t u = 0; u < rows->n_users; u++)
	{
		for (int64_t j = rows->user_start[u]; j < rows->user_start[u + 1]; j++)
		{
			if (lep_rows_stop(env, j))
				return LEP_ERR_STOPPED;
			user_of[item->start[rows->item[j] + 1]++] = u;
		}
	}
	return LEP_OK;
}

/* Take away the ratings of all that have gone, until nothing else goes. */
static LepStatus
peel(const LepRows *rows, Side *user, Side *item, const int32_t *user_of)
{
	int64_t work = 0;

	while (user->n_stack > 0 || item->n_stack > 0)
	{
		if (user->n_stack > 0)
		{
			int32_t u = user->stack[--user->n_stack];

			for (int64_t j = user->start[u]; j < user->start[u + 1]; j++)
				lose_one(item, rows->item[j]);
			work += user->start[u + 1] - user->start[u];
		}
		if (item->n_stack > 0)
		{
			int32_t i = item->stack[--item->n_stack];

			for (int64_t j = item->start[i]; j < item->start[i + 1]; j++)
				lose_one(user, user_of[j]);
			work += item->start[i + 1] - item->start[i];
		}
		if (work >= LEP_STOP_ROWS)
		{
			work = 0;
			if (lep_env_stopped(rows->scratch->env))
				return LEP_ERR_STOPPED;
		}
	}
	return LEP_OK;
}

/* Which users and items stay: user->keep and item->keep. */
static LepStatus
find_core(LepRows *rows, Side *user, Side *item)
{
	int32_t *user_of = lep_arena_alloc(rows->scratch, rows->n, sizeof(int32_t));
	LepStatus status;

	if (user_of == NULL)
		return lep_env_failure(rows->scratch->env);
	user->start = rows->user_start;
	status = view_by_item(rows, item, user_of);
	if (status == LEP_OK)
		status = side_begin(rows->scratch->env, user);
	if (status == LEP_OK)
		status = side_begin(rows->scratch->env, item);
	if (status == LEP_OK)
		status = peel(rows, user, item, user_of);
	lep_arena_free(rows->scratch, user_of);
	return status;
}

/* Close up the ratings that stay, under the new numbers, which keep the order. */
static LepStatus
close_up(LepRows *rows, const int32_t *new_user, const int32_t *new_item)
{
	int64_t begin = 0;
	int64_t out = 0;

	for (int32_t u = 0; u < rows->n_users; u++)
	{
		int64_t end = rows->user_start[u + 1];

		if (new_user[u] >= 0)
			rows->user_start[new_user[u]] = out;
		for (int64_t j = begin; j < end; j++)
		{
			int32_t i = new_item[rows->item[j]];

			if (lep_rows_stop(rows->scratch->env, j))
				return LEP_ERR_STOPPED;
			if (new_user[u] < 0 || i < 0)
				continue;
			rows->item[out] = i;
			rows->rating[out] = rows->rating[j];
			if (rows->time != NULL)
				rows->time[out] = rows->time[j];
			out++;
		}
		begin = end;
	}
	rows->n = out;
	return LEP_OK;
}

/*
 * An array of n elements that has had room for many more, in a block of its own
 * size; NULL without memory.
 */
static void *
fit_array(LepArena *arena, void *array, int64_t n, size_t size)
{
	void *fitted = lep_arena_alloc(arena, n, size);

	if (fitted == NULL)
		return NULL;
	memcpy(fitted, array, (size_t) n * size);
	lep_arena_free(arena, array);
	return fitted;
}

/*
 * Give back what the arrays have for ratings that are gone.  One after the other,
 * and only if an eighth has gone, so that it takes less than sorting did.
 */
static LepStatus
fit_arrays(LepRows *rows, int64_t n_before)
{
	LepArena *arena = rows->arena;

	if (rows->n > n_before - n_before / 8)
		return LEP_OK;
	rows->item = fit_array(arena, rows->item, rows->n, sizeof(int32_t));
	rows->rating = rows->item == NULL ? NULL : fit_array(arena, rows->rating, rows->n, sizeof(float));
	if (rows->rating != NULL && rows->time != NULL)
	{
		rows->time = fit_array(arena, rows->time, rows->n, sizeof(int64_t));
		if (rows->time == NULL)
			return lep_env_failure(arena->env);
	}
	return rows->rating == NULL ? lep_env_failure(arena->env) : LEP_OK;
}

/* Renumber both sides and the ratings. */
static LepStatus
renumber(LepRows *rows, const Side *user, const Side *item, LepIdMap *users, LepIdMap *items)
{
	int32_t *new_user = lep_arena_alloc(rows->scratch, user->n, sizeof(int32_t));
	int32_t *new_item = lep_arena_alloc(rows->scratch, item->n, sizeof(int32_t));
	int64_t n_before = rows->n;
	LepStatus status;

	if (new_user == NULL || new_item == NULL)
		return lep_env_failure(rows->scratch->env);
	status = lep_idmap_sort(users, user->keep, new_user);
	if (status == LEP_OK)
		status = lep_idmap_sort(items, item->keep, new_item);
	if (status == LEP_OK)
		status = close_up(rows, new_user, new_item);
	if (status != LEP_OK)
		return status;
	rows->n_users = lep_idmap_count(users);
	rows->n_items = lep_idmap_count(items);
	rows->user_start[rows->n_users] = rows->n;
	return fit_arrays(rows, n_before);
}

LepStatus
lep_rows_drop_cold(LepRows *rows, int64_t min_user, int64_t min_item, LepIdMap *users, LepIdMap *items)
{
	Side user;
	Side item;
	LepStatus status;

	/* every user and item has one */
	if (min_user <= 1 && min_item <= 1)
		return LEP_OK;
	status = side_create(rows->scratch, rows->n_users, min_user < 1 ? 1 : min_user, &user);
	if (status == LEP_OK)
		status = side_create(rows->scratch, rows->n_items, min_item < 1 ? 1 : min_item, &item);
	if (status == LEP_OK)
		status = find_core(rows, &user, &item);
	if (status == LEP_OK && user.n_gone + item.n_gone > 0)
		status = renumber(rows, &user, &item, users, items);
	return status;
}
