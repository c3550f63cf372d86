/*
 * pool.h
 *		The engine's threads: one parallel_for over a small pool.
 *
 * lep_pool_start() makes env->n_threads - 1 workers, with all signals blocked,
 * so that a host's signal handlers run in the calling thread only;
 * lep_pool_shutdown() joins them.  The calling thread works too.  If a thread
 * cannot be made, the pool goes on with fewer: results never depend on their
 * number.
 *
 * A task must not call the host (no allocation, no progress, no should_stop),
 * and must be short, 5 ms or less: tasks are the grain at which a cancel is
 * noticed.  The calling thread asks should_stop between its tasks, and while it
 * waits for the others.  Where tasks cannot be kept short, those on thread 0, which is
 * the calling one, may ask too (bulk.c).
 */
#ifndef LEP_POOL_H
#define LEP_POOL_H

#include "core/env.h"

/* One task: index within the parallel_for, and which thread runs it, from 0. */
typedef void (*LepTask)(void *arg, int64_t task, int thread);

/* Start the workers; the pool is env->pool.  Once per training. */
extern LepStatus lep_pool_start(LepEnv *env);

/* Stop and join the workers, if any.  Safe to call at any time, repeatedly. */
extern void lep_pool_shutdown(LepEnv *env);

/* How many threads may show up as "thread": size per-thread scratch by this. */
extern int lep_pool_threads(const LepEnv *env);

/*
 * Run task(arg, i, thread) for each i in [0, n_tasks), in any order and on any
 * thread; without a pool, in order on the calling thread.  Returns when all are
 * done, or LEP_ERR_STOPPED when no task runs any more though some were never
 * begun.
 */
extern LepStatus lep_parallel_for(LepEnv *env, int64_t n_tasks, LepTask task, void *arg);

/*
 * Set n_bytes to 0, some at a time and on all threads, so that a cancel does not
 * wait for it; and what is written there next does not wait for its pages.
 */
extern LepStatus lep_pool_clear(LepEnv *env, void *memory, int64_t n_bytes);

/* As lep_arena_calloc, for what may be large: cleared like that.  NULL where that was stopped, too. */
extern void *lep_pool_calloc(LepArena *arena, int64_t n, size_t size);

#endif /* LEP_POOL_H */
