/*
 * pgenv.h
 *		The engine's environment over a memory context and the backend's
 *		interrupts.
 */
#ifndef LPG_PGENV_H
#define LPG_PGENV_H

#include "postgres.h"

#include "utils/palloc.h"

#include "core/env.h"

/*
 * Memory comes from the context and may be reclaimed by resetting it, once no
 * worker runs.  One thread, no limit, no progress: the caller sets what it wants.
 */
extern void lpg_env_init(LepEnv *env, MemoryContext context);

/* What the engine is to do, with all threads that a statement may use; it may throw. */
typedef LepStatus (*LpgEnvWork)(void *arg);

/*
 * Do it.  Whatever happens, no thread of env's pool is left: lep_pool_start() is the
 * work's own business, the end of it is not.
 */
extern LepStatus lpg_env_run(LepEnv *env, LpgEnvWork work, void *arg);

/* The same with so many threads. */
extern LepStatus lpg_env_run_on(LepEnv *env, int n_threads, LpgEnvWork work, void *arg);

/*
 * CHECK_FOR_INTERRUPTS, and FATAL where the postmaster is gone: a server does not start
 * again before the last backend of the old one has ended.  For loops over rows; it must not
 * be called while threads run.
 */
extern void lpg_env_check_interrupts(void);

/*
 * lpg_env_init, but all memory is the context's own, so that whoever asks how much that
 * has (MemoryContextMemAllocated) hears of it.
 */
extern void lpg_env_init_counted(LepEnv *env, MemoryContext context);

/*
 * NOTICE of an estimate in core seconds, where it is more than ten.  what:
 * "training".
 */
extern void lpg_env_notice_cost(const char *what, double seconds);

#endif /* LPG_PGENV_H */
