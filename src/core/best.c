/*
 * best.c
 *		A bounded heap of list entries.
 */
#include "core/best.h"

/* Entries sorted between two questions whether to stop. */
#define STOP_INTERVAL 4096

/* Put entry where the hole at index `at` of n entries moves down to. */
static void
sift_down(LepTopnEntry *heap, int64_t n, int64_t at, LepTopnEntry entry)
{
	for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1)
	{
		if (child + 1 < n && lep_best_is_better(&heap[child], &heap[child + 1]))
			child++;
		if (!lep_best_is_better(&entry, &heap[child]))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = entry;
}

static void
sift_up(LepTopnEntry *heap, int64_t at, LepTopnEntry entry)
{
	while (at > 0 && lep_best_is_better(&heap[(at - 1) / 2], &entry))
	{
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = entry;
}

void
lep_best_offer(LepBest *best, LepTopnEntry entry)
{
	if (best->n_kept < best->n_wanted)
		sift_up(best->entries, best->n_kept++, entry);
	else if (best->n_wanted > 0 && lep_best_is_better(&entry, &best->entries[0]))
		sift_down(best->entries, best->n_kept, 0, entry);
}

/* The worst moves to the end, again and again. */
LepStatus
lep_best_sort(LepEnv *env, LepBest *best)
{
	for (int64_t n = best->n_kept - 1; n > 0; n--)
	{
		LepTopnEntry last = best->entries[n];

		if (n % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		best->entries[n] = best->entries[0];
		sift_down(best->entries, n, 0, last);
	}
	return LEP_OK;
}
