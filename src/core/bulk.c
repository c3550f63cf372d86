/*
 * bulk.c
 *		A task for each user, with the scratch memory of its thread.
 */
#include "core/bulk.h"

#include <stdatomic.h>

#include "core/pool.h"

/* A batch at work: a list of all items, or of somebody who has everything, is a long task. */
typedef struct Job
{
	LepEnv *env; /* the host's */
	const LepBulk *bulk;
	atomic_bool is_stopped; /* the host wants that */
} Job;

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

/* For the calling thread: within tasks, between them, and while it waits for the others. */
static bool
ask_host(void *host)
{
	Job *job = host;

	if (job->env->should_stop(job->env->host))
		atomic_store_explicit(&job->is_stopped, true, memory_order_relaxed);
	return atomic_load_explicit(&job->is_stopped, memory_order_relaxed);
}

/* For the others, who may not ask: what the calling thread was told. */
static bool
look_up(void *host)
{
	const Job *job = host;

	return atomic_load_explicit(&job->is_stopped, memory_order_relaxed);
}

static void
list_user(void *arg, int64_t task, int thread)
{
	Job *job = arg;
	const LepBulk *bulk = job->bulk;
	LepBulkUser *one = &bulk->users[task];
	LepServedQuery query = { .n = bulk->n,
							 .exclude = one->exclude,
							 .n_exclude = one->n_exclude,
							 .candidates = bulk->candidates,
							 .n_candidates = bulk->n_candidates,
							 .eligible = bulk->eligible,
							 .scratch = &bulk->scratch[thread] };
	/* with scratch memory it is asked for nothing else, and so cannot fail but when stopped */
	LepEnv env = { .should_stop = thread == 0 ? ask_host : look_up, .host = job };

	(void) lep_serve_topn(&env, bulk->served, &one->user, &query, bulk->entries + task * bulk->n,
						  bulk->origins + task * bulk->n, &one->n_found);
}

LepStatus
lep_bulk_topn(LepEnv *env, LepBulk *bulk)
{
	Job job = { .env = env, .bulk = bulk };
	LepEnv asked = *env; /* its pool, but with our question */

	atomic_init(&job.is_stopped, false);
	asked.should_stop = ask_host;
	asked.host = &job;
	/* where all tasks were begun, one may have ended early */
	if (lep_parallel_for(&asked, bulk->n_users, list_user, &job) == LEP_OK && !look_up(&job))
		return LEP_OK;
	return lep_fail(&env->error, LEP_ERR_STOPPED, NULL, 0, 0, 0);
}
