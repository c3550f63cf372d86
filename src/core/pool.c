/*
 * pool.c
 *		Worker threads, and one parallel_for that the caller takes part in.
 *
 * The caller opens a job under the mutex and wakes the workers; everybody takes
 * task numbers from one atomic counter until it reaches the number of tasks.
 * The caller then closes the job, so that a worker that wakes up late stays
 * out, and waits for those inside.  To stop early is to set the counter to the
 * number of tasks.
 *
 * No mutex is held while the host's should_stop is called, which may leave the
 * engine by longjmp: the job stays open then, workers go on with it, and
 * lep_pool_shutdown(), which the host must call before it reclaims any memory,
 * ends both.
 *
 * Workers touch the pool and the task's own memory, nothing else.
 */
#include "core/pool.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* Kernels need some 70 KB of it (linalg.c). */
#define WORKER_STACK_SIZE (1024 * 1024)

/* How often the caller asks should_stop while it waits for workers. */
#define WAIT_NANOSECONDS (5 * 1000 * 1000)

/* Bytes of fresh memory that one task clears: under 2 ms, huge pages or not. */
#define CLEAR_CHUNK (2 * 1024 * 1024)

typedef struct LepWorker
{
	struct LepPool *pool;
	int thread; /* its number, from 1 */
	pthread_t id;
} LepWorker;

struct LepPool
{
	pthread_mutex_t mutex;
	pthread_cond_t wake; /* a job was opened, or quit */
	pthread_cond_t idle; /* n_inside became 0 */

	/* under the mutex */
	uint64_t job_number; /* of the job open now or last */
	bool job_open;
	bool quit;
	int n_inside; /* workers at work on the job */

	/* the job: constant while it is open or workers are inside */
	LepTask task;
	void *arg;
	int64_t n_tasks;

	/* on a cache line of its own, as all threads write it */
	char pad_before[LEP_ALIGNMENT];
	atomic_int_fast64_t next_task;
	char pad_after[LEP_ALIGNMENT];

	size_t size; /* bytes of this struct */
	int n_workers;
	LepWorker worker[]; /* [n_workers], room for n_threads - 1 */
};

/* Take the next task's number; false when there is none. */
static bool
take_task(struct LepPool *pool, int64_t *task)
{
	*task = atomic_fetch_add_explicit(&pool->next_task, 1, memory_order_relaxed);
	return *task < pool->n_tasks;
}

static void *
worker_main(void *arg)
{
	LepWorker *worker = arg;
	struct LepPool *pool = worker->pool;
	uint64_t job_seen = 0;

	pthread_mutex_lock(&pool->mutex);
	while (!pool->quit)
	{
		int64_t task;

		if (!pool->job_open || pool->job_number == job_seen)
		{
			pthread_cond_wait(&pool->wake, &pool->mutex);
			continue;
		}
		job_seen = pool->job_number;
		pool->n_inside++;
		pthread_mutex_unlock(&pool->mutex);
		while (take_task(pool, &task))
			pool->task(pool->arg, task, worker->thread);
		pthread_mutex_lock(&pool->mutex);
		if (--pool->n_inside == 0)
			pthread_cond_signal(&pool->idle);
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

/* Initialise mutex and conditions; false, with nothing left behind, if that fails. */
static bool
pool_init_locks(struct LepPool *pool)
{
	pthread_condattr_t attr;
	bool ok;

	if (pthread_condattr_init(&attr) != 0)
		return false;
	/* Waiting must not depend on somebody setting the clock. */
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0;
	if (ok && pthread_mutex_init(&pool->mutex, NULL) != 0)
		ok = false;
	else if (ok && pthread_cond_init(&pool->wake, &attr) != 0)
	{
		pthread_mutex_destroy(&pool->mutex);
		ok = false;
	}
	else if (ok && pthread_cond_init(&pool->idle, &attr) != 0)
	{
		pthread_cond_destroy(&pool->wake);
		pthread_mutex_destroy(&pool->mutex);
		ok = false;
	}
	pthread_condattr_destroy(&attr);
	return ok;
}

/*
 * Make up to n workers, as many as the system lets us.  They inherit the signal
 * mask, and must inherit a full one: a handler of the host that ran in a worker
 * would use the host's globals beside the host.
 */
static void
pool_make_workers(struct LepPool *pool, int n)
{
	pthread_attr_t attr;
	sigset_t all;
	sigset_t old;

	if (pthread_attr_init(&attr) != 0)
		return;
	/* Where that size is refused, the default is as good. */
	(void) pthread_attr_setstacksize(&attr, WORKER_STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (pool->n_workers < n)
	{
		LepWorker *worker = &pool->worker[pool->n_workers];

		worker->pool = pool;
		worker->thread = pool->n_workers + 1;
		if (pthread_create(&worker->id, &attr, worker_main, worker) != 0)
			break;
		pool->n_workers++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
}

static void
pool_free(LepEnv *env, struct LepPool *pool)
{
	env->bytes_now -= pool->size;
	env->free(env->host, pool);
}

LepStatus
lep_pool_start(LepEnv *env)
{
	size_t n = env->n_threads > 1 ? (size_t) env->n_threads - 1 : 0;
	size_t size = lep_add_size(sizeof(struct LepPool), lep_mul_size(n, sizeof(LepWorker)));
	struct LepPool *pool;

	if (n == 0 || env->pool != NULL)
		return LEP_OK;
	pool = env->alloc(env->host, size);
	if (pool == NULL)
		return lep_fail(&env->error, LEP_ERR_MEMORY, NULL, (double) size, 0, 0);
	env->bytes_now += size;
	if (env->bytes_now > env->bytes_peak)
		env->bytes_peak = env->bytes_now;

	pool->size = size;
	pool->job_number = 0;
	pool->job_open = false;
	pool->quit = false;
	pool->n_inside = 0;
	pool->n_tasks = 0;
	pool->n_workers = 0;
	atomic_init(&pool->next_task, 0);
	if (!pool_init_locks(pool))
	{
		pool_free(env, pool);
		return LEP_OK;
	}
	env->pool = pool;
	pool_make_workers(pool, (int) n);
	return LEP_OK;
}

void
lep_pool_shutdown(LepEnv *env)
{
	struct LepPool *pool = env->pool;

	if (pool == NULL)
		return;
	env->pool = NULL;
	atomic_store_explicit(&pool->next_task, pool->n_tasks, memory_order_relaxed);
	pthread_mutex_lock(&pool->mutex);
	pool->quit = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->mutex);
	for (int i = 0; i < pool->n_workers; i++)
		pthread_join(pool->worker[i].id, NULL);
	pthread_cond_destroy(&pool->idle);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->mutex);
	pool_free(env, pool);
}

int
lep_pool_threads(const LepEnv *env)
{
	return env->pool == NULL ? 1 : env->pool->n_workers + 1;
}

/* Without workers: in order, on the calling thread. */
static LepStatus
run_alone(LepEnv *env, int64_t n_tasks, LepTask task, void *arg)
{
	for (int64_t i = 0; i < n_tasks; i++)
	{
		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		task(arg, i, 0);
	}
	return LEP_OK;
}

static void
job_open(struct LepPool *pool, int64_t n_tasks, LepTask task, void *arg)
{
	pthread_mutex_lock(&pool->mutex);
	pool->task = task;
	pool->arg = arg;
	pool->n_tasks = n_tasks;
	atomic_store_explicit(&pool->next_task, 0, memory_order_relaxed);
	pool->job_number++;
	pool->job_open = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->mutex);
}

/* Nobody takes a task from now on; true if some were never begun. */
static bool
job_cut_short(struct LepPool *pool)
{
	return atomic_exchange_explicit(&pool->next_task, pool->n_tasks, memory_order_relaxed) < pool->n_tasks;
}

/* Close the job, then wait until no worker is inside, or for 5 ms: true if none is. */
static bool
job_wait(struct LepPool *pool)
{
	struct timespec until;
	bool idle;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_NANOSECONDS;
	if (until.tv_nsec >= 1000000000)
	{
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&pool->mutex);
	pool->job_open = false;
	/* Any return, even a spurious one, leads back here by way of should_stop. */
	if (pool->n_inside > 0)
		pthread_cond_timedwait(&pool->idle, &pool->mutex, &until);
	idle = pool->n_inside == 0;
	pthread_mutex_unlock(&pool->mutex);
	return idle;
}

LepStatus
lep_parallel_for(LepEnv *env, int64_t n_tasks, LepTask task, void *arg)
{
	struct LepPool *pool = env->pool;
	bool stopped = false;
	int64_t i;

	if (pool == NULL || pool->n_workers == 0 || n_tasks <= 1)
		return run_alone(env, n_tasks, task, arg);
	job_open(pool, n_tasks, task, arg);
	while (!(stopped = env->should_stop(env->host)) && take_task(pool, &i))
		task(arg, i, 0);
	if (stopped)
		stopped = job_cut_short(pool);
	/* All tasks are taken: asking has no effect now, but gives the host its turn. */
	while (!job_wait(pool))
		(void) env->should_stop(env->host);
	return stopped ? lep_fail(&env->error, LEP_ERR_STOPPED, NULL, 0, 0, 0) : LEP_OK;
}

typedef struct ClearJob
{
	char *bytes;
	int64_t n;
} ClearJob;

static void
clear_task(void *arg, int64_t task, int thread)
{
	const ClearJob *job = arg;
	int64_t first = task * CLEAR_CHUNK;

	(void) thread;
	memset(job->bytes + first, 0, (size_t) (job->n - first < CLEAR_CHUNK ? job->n - first : CLEAR_CHUNK));
}

LepStatus
lep_pool_clear(LepEnv *env, void *memory, int64_t n_bytes)
{
	ClearJob job = { memory, n_bytes };

	return lep_parallel_for(env, (n_bytes + CLEAR_CHUNK - 1) / CLEAR_CHUNK, clear_task, &job);
}

void *
lep_pool_calloc(LepArena *arena, int64_t n, size_t size)
{
	void *memory = lep_arena_alloc(arena, n, size);

	if (memory == NULL || lep_pool_clear(arena->env, memory, n * (int64_t) size) != LEP_OK)
		return NULL;
	return memory;
}
