/*
 * ranking_lists.c
 *		Lists and comparisons of a batch of rows; see ranking_lists.h.
 *
 * A list is a heap with its worst entry on top until it is complete, then
 * sorted.
 *
 * For AUC every candidate is looked at once more: of each that is not relevant
 * the relevant ones above it are counted, in integers.
 */
#include "core/ranking_lists.h"

#include <math.h>

#include "core/pool.h"

/* Items that one task scores: well under 1 ms; the rows of 64 factors are 1 MB. */
#define CHUNK_ITEMS 4096

/* The first entry of a row that is not below `column`. */
static int64_t
find_column(const LepView *view, int32_t row, int32_t column)
{
	int64_t low = view->start[row];
	int64_t high = view->start[row + 1];

	while (low < high)
	{
		int64_t middle = low + (high - low) / 2;

		if (view->column[middle] < column)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
lep_ranking_has(const LepView *view, int32_t row, int32_t column)
{
	int64_t j;

	if (view == NULL)
		return false;
	j = find_column(view, row, column);
	return j < view->start[row + 1] && view->column[j] == column;
}

/* ---- lists ---- */

/* Does (score, item) come before the entry? */
static bool
beats(float score, int32_t item, const LepListEntry *entry)
{
	return score > entry->score || (score == entry->score && item < entry->item);
}

/* Put `entry` into the heap of n whose place `node` is free; the worst is on top. */
static void
sift_entry(LepListEntry *list, int64_t node, int64_t n, LepListEntry entry)
{
	for (int64_t child = 2 * node + 1; child < n; child = 2 * node + 1)
	{
		if (child + 1 < n && beats(list[child].score, list[child].item, &list[child + 1]))
			child++;
		if (!beats(entry.score, entry.item, &list[child]))
			break;
		list[node] = list[child];
		node = child;
	}
	list[node] = entry;
}

/* Offer an item to a list of at most max_len; returns its length. */
static int
list_offer(LepListEntry *list, int len, int max_len, float score, int32_t item)
{
	LepListEntry entry = { score, item };
	int64_t node = len;

	if (len == max_len)
	{
		if (beats(score, item, &list[0]))
			sift_entry(list, 0, len, entry);
		return len;
	}
	for (; node > 0 && beats(list[(node - 1) / 2].score, list[(node - 1) / 2].item, &entry);
		 node = (node - 1) / 2)
		list[node] = list[(node - 1) / 2];
	list[node] = entry;
	return len + 1;
}

/* From a heap to a list, best first. */
static void
sort_list(void *arg, int64_t task, int thread)
{
	const LepRankingBatch *batch = arg;
	LepListEntry *list = batch->slots[task].list;

	(void) thread;
	for (int n = batch->slots[task].len - 1; n > 0; n--)
	{
		LepListEntry last = list[n];

		list[n] = list[0];
		sift_entry(list, 0, n, last);
	}
}

/* One piece of the items meets one row. */
static void
list_piece(const LepRankingBatch *batch, LepRankingSlot *slot, const LepScoreQuery *query)
{
	const LepView *exclude = batch->request->exclude;
	float scores[LEP_RANKER_PIECE];
	int len = slot->len;

	batch->request->ranker->scores(batch->request->ranker->arg, query, scores);
	for (int32_t j = 0; j < query->n_items; j++)
	{
		int32_t i = query->first_item + j;

		if (!(scores[j] > -INFINITY) || (len == batch->max_len && scores[j] <= slot->list[0].score))
			continue;
		if (!lep_ranking_pass(exclude, slot->row, i, &slot->next_excluded))
			len = list_offer(slot->list, len, batch->max_len, scores[j], i);
	}
	slot->len = len;
}

/* A question to the ranker about the slot's user, from the chunk's first item on. */
static LepScoreQuery
begin_query(const LepRankingBatch *batch, int64_t s, int thread)
{
	LepScoreQuery query = {
		batch->slots[s].user, (int) s, thread, (int32_t) batch->first_item, 0, -INFINITY
	};

	return query;
}

/* The next piece of the chunk; false: there is none. */
static bool
next_piece(const LepRankingBatch *batch, LepScoreQuery *query)
{
	int64_t end = batch->first_item + CHUNK_ITEMS;
	int64_t n;

	if (end > batch->request->ranker->n_items)
		end = batch->request->ranker->n_items;
	n = end - ((int64_t) query->first_item + query->n_items);
	if (n <= 0)
		return false;
	query->first_item += query->n_items;
	query->n_items = n < LEP_RANKER_PIECE ? (int32_t) n : LEP_RANKER_PIECE;
	return true;
}

static void
list_chunk(void *arg, int64_t task, int thread)
{
	LepRankingBatch *batch = arg;
	LepRankingSlot *slot = &batch->slots[task];
	LepScoreQuery query = begin_query(batch, task, thread);

	while (next_piece(batch, &query))
	{
		query.at_least = slot->len == batch->max_len ? slot->list[0].score : -INFINITY;
		list_piece(batch, slot, &query);
	}
}

/* Where chunks begin to pass over the rows' items. */
static void
rewind_slots(LepRankingBatch *batch)
{
	for (int s = 0; s < batch->n_slots; s++)
	{
		LepRankingSlot *slot = &batch->slots[s];
		const LepView *exclude = batch->request->exclude;

		slot->next_excluded = lep_ranking_start(exclude, slot->row);
		slot->next_relevant = batch->request->relevant->start[slot->row];
		slot->n_others = 0;
		slot->half_wins = 0;
	}
	batch->first_item = 0;
}

/* A task for each row of the batch, for one chunk of items after the other. */
static LepStatus
pass_chunks(LepEnv *env, LepRankingBatch *batch, LepTask task)
{
	int64_t n_items = batch->request->ranker->n_items;
	LepStatus status = LEP_OK;

	rewind_slots(batch);
	for (; status == LEP_OK && batch->first_item < n_items; batch->first_item += CHUNK_ITEMS)
		status = lep_parallel_for(env, batch->n_slots, task, batch);
	batch->first_item = 0;
	return status;
}

/* The last place in the order whose item ties with the one at o. */
static int64_t
last_of_tie(const LepRankingBatch *batch, int64_t o)
{
	const float *order = batch->request->ranker->order;
	float key = order[batch->order[o]];
	int64_t low = o;
	int64_t high = (int64_t) batch->request->ranker->n_items - 1;

	while (low < high)
	{
		int64_t middle = low + (high - low + 1) / 2;

		if (order[batch->order[middle]] == key)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/*
 * Lists where users agree: scores fall (or stay) along batch->order, so
 * reading may end at the first item that is strictly below a full list.  Not at
 * the first that does not enter: rounding can make scores of different keys
 * equal, and then the lower item number wins.
 */
static void
read_list(void *arg, int64_t task, int thread)
{
	LepRankingBatch *batch = arg;
	const LepRanker *ranker = batch->request->ranker;
	LepRankingSlot *slot = &batch->slots[task];
	LepScoreQuery query = begin_query(batch, task, thread);
	LepListEntry *list = slot->list;

	query.n_items = 1;
	for (int64_t o = 0; o < ranker->n_items; o++)
	{
		bool full = slot->len == batch->max_len;
		int32_t i = batch->order[o];
		float score;

		query.first_item = i;
		ranker->scores(ranker->arg, &query, &score);
		if (full && score < list[0].score)
			break;
		if (full && !beats(score, i, &list[0]))
		{
			/* the rest of this key has higher numbers: ties en masse must not be walked */
			o = last_of_tie(batch, o);
			continue;
		}
		if (!lep_ranking_has(batch->request->exclude, slot->row, i))
			slot->len = list_offer(list, slot->len, batch->max_len, score, i);
	}
}

LepStatus
lep_ranking_lists(LepEnv *env, LepRankingBatch *batch)
{
	LepStatus status = batch->order != NULL ? lep_parallel_for(env, batch->n_slots, read_list, batch)
											: pass_chunks(env, batch, list_chunk);

	return status == LEP_OK ? lep_parallel_for(env, batch->n_slots, sort_list, batch) : status;
}

/* ---- AUC ---- */

/* Put `score` into the heap of n whose place `node` is free; the largest is on top. */
static void
sift_score(float *scores, int64_t node, int64_t n, float score)
{
	for (int64_t child = 2 * node + 1; child < n; child = 2 * node + 1)
	{
		if (child + 1 < n && scores[child] < scores[child + 1])
			child++;
		if (!(score < scores[child]))
			break;
		scores[node] = scores[child];
		node = child;
	}
	scores[node] = score;
}

/* Ascending; heap sort. */
static void
sort_scores(float *scores, int64_t n)
{
	for (int64_t node = n / 2 - 1; node >= 0; node--)
		sift_score(scores, node, n, scores[node]);
	for (int64_t last = n - 1; last > 0; last--)
	{
		float score = scores[last];

		scores[last] = scores[0];
		sift_score(scores, 0, last, score);
	}
}

/* Scores of the row's relevant candidates, ascending. */
static void
score_relevant(void *arg, int64_t task, int thread)
{
	LepRankingBatch *batch = arg;
	const LepRankingRequest *request = batch->request;
	const LepView *relevant = request->relevant;
	LepRankingSlot *slot = &batch->slots[task];
	float *scores = batch->scores + slot->first_score;
	LepScoreQuery query = begin_query(batch, task, thread);
	int64_t excluded = lep_ranking_start(request->exclude, slot->row);

	query.n_items = 1;
	slot->n_scores = 0;
	for (int64_t j = relevant->start[slot->row]; j < relevant->start[slot->row + 1]; j++)
	{
		query.first_item = relevant->column[j];
		if (!lep_ranking_pass(request->exclude, slot->row, query.first_item, &excluded))
			request->ranker->scores(request->ranker->arg, &query, &scores[slot->n_scores++]);
	}
	sort_scores(scores, slot->n_scores);
}

/* How many of the n ascending scores are below `score`. */
static int64_t
count_below(const float *scores, int64_t n, float score)
{
	int64_t low = 0;

	while (low < n)
	{
		int64_t middle = low + (n - low) / 2;

		if (scores[middle] < score)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* How many of the n ascending scores are `score`, from place `first` on. */
static int64_t
count_equal(const float *scores, int64_t n, float score, int64_t first)
{
	int64_t low = first;

	while (low < n)
	{
		int64_t middle = low + (n - low) / 2;

		if (scores[middle] <= score)
			low = middle + 1;
		else
			n = middle;
	}
	return low - first;
}

/* Compare the chunk's candidates that are not relevant with all that are. */
static void
compare_chunk(void *arg, int64_t task, int thread)
{
	LepRankingBatch *batch = arg;
	const LepRankingRequest *request = batch->request;
	LepRankingSlot *slot = &batch->slots[task];
	const float *relevant = batch->scores + slot->first_score;
	LepScoreQuery query = begin_query(batch, task, thread);
	float scores[LEP_RANKER_PIECE];

	if (slot->n_scores == 0)
		return;
	while (next_piece(batch, &query))
	{
		request->ranker->scores(request->ranker->arg, &query, scores);
		for (int32_t j = 0; j < query.n_items; j++)
		{
			int32_t i = query.first_item + j;
			int64_t n_below;
			int64_t n_equal;

			if (lep_ranking_pass(request->exclude, slot->row, i, &slot->next_excluded) ||
				lep_ranking_pass(request->relevant, slot->row, i, &slot->next_relevant))
				continue;
			n_below = count_below(relevant, slot->n_scores, scores[j]);
			n_equal = count_equal(relevant, slot->n_scores, scores[j], n_below);
			slot->n_others++;
			slot->half_wins += 2 * (slot->n_scores - n_below) - n_equal;
		}
	}
}

/* Room for the relevant scores of the batch. */
static LepStatus
place_scores(LepArena *scratch, LepRankingBatch *batch)
{
	const LepView *relevant = batch->request->relevant;
	int64_t n = 0;

	for (int s = 0; s < batch->n_slots; s++)
	{
		batch->slots[s].first_score = n;
		n += relevant->start[batch->slots[s].row + 1] - relevant->start[batch->slots[s].row];
	}
	if (n <= batch->n_scores)
		return LEP_OK;
	lep_arena_free(scratch, batch->scores);
	batch->n_scores = n;
	batch->scores = lep_arena_alloc(scratch, n, sizeof(float));
	return batch->scores == NULL ? lep_env_failure(scratch->env) : LEP_OK;
}

LepStatus
lep_ranking_compare(LepArena *scratch, LepRankingBatch *batch)
{
	LepStatus status = place_scores(scratch, batch);

	if (status == LEP_OK)
		status = lep_parallel_for(scratch->env, batch->n_slots, score_relevant, batch);
	return status == LEP_OK ? pass_chunks(scratch->env, batch, compare_chunk) : status;
}

/* Does item a come before item b? */
static bool
comes_before(const float *keys, int32_t a, int32_t b)
{
	return keys[a] != keys[b] ? keys[a] > keys[b] : a < b;
}

/* Restore the heap below `node`, whose root is the item that comes last. */
static void
sift_item(const float *keys, int32_t *order, int64_t node, int64_t n)
{
	int32_t item = order[node];

	for (int64_t child = 2 * node + 1; child < n; child = 2 * node + 1)
	{
		if (child + 1 < n && comes_before(keys, order[child], order[child + 1]))
			child++;
		if (!comes_before(keys, item, order[child]))
			break;
		order[node] = order[child];
		node = child;
	}
	order[node] = item;
}

/* Heap sort: no memory, no recursion, stoppable. */
LepStatus
lep_ranking_sort(LepEnv *env, const float *keys, int32_t *order, int32_t n_items)
{
	for (int32_t i = 0; i < n_items; i++)
		order[i] = i;
	for (int64_t node = (int64_t) n_items / 2 - 1; node >= 0; node--)
	{
		if (node % 8192 == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		sift_item(keys, order, node, n_items);
	}
	for (int64_t n = (int64_t) n_items - 1; n > 0; n--)
	{
		int32_t last = order[0];

		if (n % 8192 == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		order[0] = order[n];
		order[n] = last;
		sift_item(keys, order, 0, n);
	}
	return LEP_OK;
}
