/*
 * bulk.c
 *		A task for each user, with the scratch memory of its thread.
 */
#include "core/bulk.h"

#include "core/pool.h"

int64_t
lep_bulk_length(const LepServed *served, const int32_t *candidates, int64_t n_candidates, int64_t n)
{
	int64_t n_possible = candidates != NULL ? n_candidates : lep_items_count(served->items);

	if (n < 0)
		return 0;
	return n < n_possible ? n : n_possible;
}

LepStatus
lep_bulk_scratch(LepArena *arena, LepBulk *bulk)
{
	int n_threads = lep_pool_threads(arena->env);
	LepStatus status = LEP_OK;

	bulk->scratch = lep_arena_calloc(arena, n_threads, sizeof(LepServeScratch));
	if (bulk->scratch == NULL)
		return lep_env_failure(arena->env);
	for (int t = 0; t < n_threads && status == LEP_OK; t++)
		status = lep_serve_scratch(arena, bulk->served, &bulk->scratch[t]);
	return status;
}

/* Between tasks the calling thread asks; within one nobody may. */
static bool
go_on(void *host)
{
	(void) host;
	return false;
}

static void
list_user(void *arg, int64_t task, int thread)
{
	const LepBulk *bulk = arg;
	LepBulkUser *one = &bulk->users[task];
	LepServedQuery query = { .n = bulk->n,
							 .exclude = one->exclude,
							 .n_exclude = one->n_exclude,
							 .candidates = bulk->candidates,
							 .n_candidates = bulk->n_candidates,
							 .eligible = bulk->eligible,
							 .scratch = &bulk->scratch[thread] };
	/* with scratch memory it is asked for nothing else, and so cannot fail */
	LepEnv env = { .should_stop = go_on };

	(void) lep_serve_topn(&env, bulk->served, &one->user, &query, bulk->entries + task * bulk->n,
						  bulk->origins + task * bulk->n, &one->n_found);
}

LepStatus
lep_bulk_topn(LepEnv *env, LepBulk *bulk)
{
	return lep_parallel_for(env, bulk->n_users, list_user, bulk);
}
