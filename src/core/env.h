/*
 * env.h
 *		What the engine gets from its host: memory, a way to be stopped, a place
 *		to report progress, a number of threads.
 *
 * The engine calls the host only through this struct, and only from the
 * thread that called the engine.  Worker threads touch no host function, no
 * allocator and no errno: see pool.h.
 *
 * Memory.  An arena is a list of blocks, each 64-byte aligned, that go
 * together when the arena is dropped; a large block may go early.  A function
 * that needs scratch memory makes an arena at the start of its phase and drops
 * it before it returns; results go into the caller's arena.  Nothing is
 * allocated in an inner loop.  If the host unwinds the stack through the
 * engine (only from should_stop or progress), it must call lep_pool_shutdown()
 * first and may then reclaim its memory wholesale.
 */
#ifndef LEP_ENV_H
#define LEP_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

#define LEP_ALIGNMENT 64

typedef enum LepPhase
{
	LEP_PHASE_SORT,	 /* ids, canonical order, duplicates, split */
	LEP_PHASE_TRAIN, /* epochs on the train part */
	LEP_PHASE_TEST,	 /* metrics on the test part */
	LEP_PHASE_REFIT	 /* epochs on all rows */
} LepPhase;

typedef struct LepProgress
{
	LepPhase phase;
	const char *algorithm;	/* name of the solver at work, or NULL */
	int epoch;				/* done; from 1 */
	int n_epochs;			/* at most */
	double train_rmse;		/* NaN where the solver does not have it */
	double validation_rmse; /* NaN without a validation part */
	double share;			/* of a training's work that is done, by the formulas of plan.h; NaN: not known */
} LepProgress;

struct LepPool;

typedef struct LepEnv
{
	/* the host's memory: alloc returns NULL when there is none */
	void *(*alloc)(void *host, size_t size);
	/* the same for what is filled little by little: no page is taken before it is written; NULL: alloc does */
	void *(*reserve)(void *host, size_t size);
	/* so much of what was reserved is about to be written: its pages at once, not one fault each; may be NULL */
	void (*populate)(void *host, void *ptr, size_t size);
	void (*free)(void *host, void *ptr);
	/* asked often (microseconds apart): must be cheap */
	bool (*should_stop)(void *host);
	/* when a phase begins (epoch 0) and after each epoch, no worker running; may be NULL */
	void (*progress)(void *host, const LepProgress *progress);
	void *host;			 /* handed to all of the above but progress */
	void *progress_host; /* handed to progress */

	int n_threads;	  /* threads to use, the caller's included; >= 1 */
	size_t max_bytes; /* refuse to hold more than this; 0: no limit */
	const char *work; /* what the host calls the work at hand, for LEP_ERR_MEMORY_LIMIT; or NULL */

	/* the engine's own */
	size_t bytes_now; /* held in arenas */
	size_t bytes_peak;
	struct LepPool *pool; /* running workers, or NULL */
	LepError error;		  /* of the last function that failed */
} LepEnv;

typedef struct LepArena
{
	LepEnv *env;
	struct LepBlock *blocks; /* newest first */
} LepArena;

/*
 * The status of the function that has just failed: what to return where an
 * allocation gave NULL.  Never LEP_OK, so that readers and analyzers need not
 * know that nothing returns NULL without having set the error.
 */
static inline LepStatus
lep_env_failure(const LepEnv *env)
{
	LepStatus status = env->error.status;

	return status != LEP_OK ? status : LEP_ERR_MEMORY;
}

/* An environment over malloc, one thread, never stopped: tests and tools. */
extern void lep_env_init_malloc(LepEnv *env);

/* True, with the error set to LEP_ERR_STOPPED, if the host wants us to stop. */
extern bool lep_env_stopped(LepEnv *env);

/* Report progress, if the host listens. */
extern void lep_env_progress(LepEnv *env, const LepProgress *progress);

extern void lep_arena_init(LepArena *arena, LepEnv *env);

/*
 * n elements of size bytes, 64-byte aligned, not initialised (calloc: zero).
 * n = 0 gives a valid pointer.  NULL on failure, with env->error set: negative
 * n or overflow is LEP_ERR_MEMORY too.
 */
extern void *lep_arena_alloc(LepArena *arena, int64_t n, size_t size);
extern void *lep_arena_calloc(LepArena *arena, int64_t n, size_t size);

/*
 * The same for an array that is filled from its beginning, so that what is read
 * can go as it comes: of it only what lep_arena_use() says is counted as held.
 * Until then it is addresses, and a large block takes no memory.
 */
extern void *lep_arena_reserve(LepArena *arena, int64_t n, size_t size);

/*
 * From now on the first n elements of size bytes of a reserved array are in use,
 * more or fewer than before.  LEP_ERR_MEMORY_LIMIT where that is too much.
 */
extern LepStatus lep_arena_use(LepArena *arena, void *ptr, int64_t n, size_t size);

/* The next bytes of a reserved array that will be written.  Only speed depends on it. */
extern void lep_arena_populate(LepArena *arena, void *ptr, size_t size);

/* Give one block back before its arena goes; NULL is ignored. */
extern void lep_arena_free(LepArena *arena, void *ptr);

/* Give all blocks back; the arena may be used again. */
extern void lep_arena_drop(LepArena *arena);

/* a * b and a + b, SIZE_MAX where that overflows: for estimates. */
extern size_t lep_mul_size(size_t a, size_t b);
extern size_t lep_add_size(size_t a, size_t b);

/* Where a block's next array begins, after n elements of size bytes at `at`: aligned. */
extern size_t lep_append_array(size_t at, int64_t n, size_t size);

#endif /* LEP_ENV_H */
