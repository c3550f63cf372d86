/*
 * test_pool.c
 *		parallel_for with any number of threads, with threads that cannot be
 *		made, stopped and left by longjmp; meant to run under
 *		-fsanitize=thread too.
 *
 * The pool under test is a copy of this program's own, pool.c included under
 * other names, so that pthread_create can be made to fail.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "unit.h"

static int create_flaky(pthread_t *id, const pthread_attr_t *attr, void *(*start)(void *), void *arg);

#define lep_pool_start	  tested_pool_start
#define lep_pool_shutdown tested_pool_shutdown
#define lep_pool_threads  tested_pool_threads
#define lep_parallel_for  tested_parallel_for
#define lep_pool_clear	  tested_pool_clear
#define lep_pool_calloc	  tested_pool_calloc
#define pthread_create	  create_flaky
#include "core/pool.c"
#undef pthread_create

#define MAX_THREADS 6

/* Calls of pthread_create that succeed from now on. */
static int creations_left;

/* What the last thread was made with. */
static sigset_t mask_at_creation;

static int
create_flaky(pthread_t *id, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	pthread_sigmask(SIG_BLOCK, NULL, &mask_at_creation);
	if (creations_left <= 0)
		return EAGAIN;
	creations_left--;
	return pthread_create(id, attr, start, arg);
}

static void
sleep_ms(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static double
now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec * 1e3 + (double) time.tv_nsec * 1e-6;
}

/* A host that says stop at one call of should_stop, and ever after, or jumps there. */
typedef struct Host
{
	int n_asked;
	int stop_at; /* 0: never */
	bool jumps;
	jmp_buf jump;
	pthread_t thread; /* the only one that may ask */
	bool asked_by_other;
	int n_allocated;
} Host;

static bool
host_should_stop(void *arg)
{
	Host *host = arg;
	bool stop;

	host->n_asked++;
	host->asked_by_other |= !pthread_equal(host->thread, pthread_self());
	stop = host->stop_at > 0 && host->n_asked >= host->stop_at;
	if (stop && host->jumps)
		longjmp(host->jump, 1);
	return stop;
}

static void *
host_alloc(void *arg, size_t size)
{
	((Host *) arg)->n_allocated++;
	return malloc(size);
}

static void
host_free(void *arg, void *ptr)
{
	((Host *) arg)->n_allocated--;
	free(ptr);
}

static void
env_init(LepEnv *env, Host *host, int n_threads)
{
	unit_env_init(env);
	memset(host, 0, sizeof(*host));
	host->thread = pthread_self();
	env->alloc = host_alloc;
	env->free = host_free;
	env->should_stop = host_should_stop;
	env->host = host;
	env->n_threads = n_threads;
	creations_left = MAX_THREADS;
}

static void
env_done(LepEnv *env, Host *host)
{
	tested_pool_shutdown(env);
	CHECK(!host->asked_by_other);
	CHECK_INT_EQ(host->n_allocated, 0);
	unit_env_done(env);
}

#define N_TASKS 500

/* What tasks write: each its own slot, and who was there. */
typedef struct Work
{
	int n_done[N_TASKS];
	int thread[N_TASKS];
	int n_by_thread[MAX_THREADS];
	atomic_int n_inside;
	atomic_int n_begun;
	atomic_bool seen[MAX_THREADS];
	long sleep_ms;
} Work;

static void
note_task(void *arg, int64_t task, int thread)
{
	Work *work = arg;

	atomic_fetch_add(&work->n_begun, 1);
	work->n_done[task]++;
	work->thread[task] = thread;
	atomic_store(&work->seen[thread], true);
	if (work->sleep_ms > 0)
		sleep_ms(work->sleep_ms);
}

static void
check_each_once(const Work *work, int64_t n_tasks, int n_threads)
{
	for (int64_t i = 0; i < N_TASKS; i++)
	{
		CHECK_INT_EQ(work->n_done[i], i < n_tasks);
		CHECK(work->thread[i] >= 0 && work->thread[i] < n_threads);
	}
}

static void
test_each_task_once(void)
{
	for (int n_threads = 1; n_threads <= MAX_THREADS; n_threads++)
	{
		static const int64_t n_tasks[] = { 0, 1, 2, 3, 7, N_TASKS };
		LepEnv env;
		Host host;

		env_init(&env, &host, n_threads);
		CHECK_OK(tested_pool_start(&env));
		CHECK_INT_EQ(tested_pool_threads(&env), n_threads);
		for (size_t i = 0; i < sizeof(n_tasks) / sizeof(n_tasks[0]); i++)
		{
			Work work = { 0 };

			CHECK_OK(tested_parallel_for(&env, n_tasks[i], note_task, &work));
			check_each_once(&work, n_tasks[i], n_threads);
		}
		env_done(&env, &host);
	}
}

static void
test_without_start(void)
{
	LepEnv env;
	Host host;
	Work work = { 0 };

	env_init(&env, &host, 4);
	CHECK_INT_EQ(tested_pool_threads(&env), 1);
	CHECK_OK(tested_parallel_for(&env, N_TASKS, note_task, &work));
	check_each_once(&work, N_TASKS, 1);
	env_done(&env, &host);
}

/* Each thread's number is used by one thread at a time, and all of them work. */
static void
count_by_thread(void *arg, int64_t task, int thread)
{
	Work *work = arg;

	note_task(arg, task, thread);
	/* plain, not atomic: a race here is one that ThreadSanitizer reports */
	work->n_by_thread[thread]++;
	sleep_ms(1);
}

static void
test_all_threads_work(void)
{
	LepEnv env;
	Host host;
	Work work = { 0 };

	env_init(&env, &host, 3);
	CHECK_OK(tested_pool_start(&env));
	CHECK_OK(tested_parallel_for(&env, 100, count_by_thread, &work));
	for (int i = 0; i < 3; i++)
		CHECK(work.n_by_thread[i] > 0);
	CHECK_INT_EQ(work.n_by_thread[0] + work.n_by_thread[1] + work.n_by_thread[2], 100);
	env_done(&env, &host);
}

/* Many short jobs: a worker that comes late must not run a task of the next job twice or never. */
static void
add_index(void *arg, int64_t task, int thread)
{
	(void) thread;
	((int64_t *) arg)[task] += task + 1;
}

static void
test_many_short_jobs(void)
{
	int64_t sum[5] = { 0 };
	LepEnv env;
	Host host;

	env_init(&env, &host, 4);
	CHECK_OK(tested_pool_start(&env));
	for (int round = 0; round < 5000; round++)
		CHECK_OK(tested_parallel_for(&env, 2 + round % 4, add_index, sum));
	CHECK_INT_EQ(sum[0], 5000);
	CHECK_INT_EQ(sum[1], 2 * 5000);
	CHECK_INT_EQ(sum[2], 3 * 3750);
	CHECK_INT_EQ(sum[3], 4 * 2500);
	CHECK_INT_EQ(sum[4], 5 * 1250);
	env_done(&env, &host);
}

static void
test_create_fails(void)
{
	for (int n_made = 0; n_made < 4; n_made++)
	{
		LepEnv env;
		Host host;
		Work work = { 0 };

		env_init(&env, &host, 5);
		creations_left = n_made;
		CHECK_OK(tested_pool_start(&env));
		CHECK_INT_EQ(tested_pool_threads(&env), n_made + 1);
		CHECK_OK(tested_parallel_for(&env, N_TASKS, note_task, &work));
		check_each_once(&work, N_TASKS, n_made + 1);
		env_done(&env, &host);
	}
}

static void *
no_memory(void *host, size_t size)
{
	(void) host;
	(void) size;
	return NULL;
}

static void
test_no_memory(void)
{
	LepEnv env;
	Host host;
	Work work = { 0 };

	env_init(&env, &host, 2);
	env.alloc = no_memory;
	CHECK_STATUS(tested_pool_start(&env), LEP_ERR_MEMORY);
	CHECK_INT_EQ(env.error.status, LEP_ERR_MEMORY);
	CHECK_OK(tested_parallel_for(&env, N_TASKS, note_task, &work));
	check_each_once(&work, N_TASKS, 1);
	env_done(&env, &host);
}

/* Workers are born with all signals blocked; the caller's own mask is as before. */
static void
test_signals_blocked(void)
{
	sigset_t before;
	sigset_t after;
	LepEnv env;
	Host host;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	env_init(&env, &host, 3);
	CHECK_OK(tested_pool_start(&env));
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	for (int sig = 1; sig < 32; sig++)
	{
		if (sig != SIGKILL && sig != SIGSTOP)
			CHECK_MSG(sigismember(&mask_at_creation, sig) == 1, "signal %d", sig);
		CHECK_INT_EQ(sigismember(&after, sig), sig == SIGUSR2);
	}
	env_done(&env, &host);
	sigemptyset(&before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Stop at the n-th question: nothing runs afterwards, not everything has run. */
static void
check_stop(int n_threads, int stop_at)
{
	Work work = { .sleep_ms = 1 };
	LepEnv env;
	Host host;
	int n_begun;

	env_init(&env, &host, n_threads);
	CHECK_OK(tested_pool_start(&env));
	host.stop_at = stop_at;
	CHECK_STATUS(tested_parallel_for(&env, N_TASKS, note_task, &work), LEP_ERR_STOPPED);
	CHECK_INT_EQ(env.error.status, LEP_ERR_STOPPED);
	n_begun = atomic_load(&work.n_begun);
	CHECK(n_begun < N_TASKS);
	sleep_ms(5);
	CHECK_INT_EQ(atomic_load(&work.n_begun), n_begun);

	/* The pool is as good as new. */
	host.stop_at = 0;
	memset(&work, 0, sizeof(work));
	CHECK_OK(tested_parallel_for(&env, N_TASKS, note_task, &work));
	check_each_once(&work, N_TASKS, n_threads);
	env_done(&env, &host);
}

static void
test_stop(void)
{
	for (int n_threads = 1; n_threads <= 4; n_threads++)
	{
		check_stop(n_threads, 1);
		check_stop(n_threads, 2);
		check_stop(n_threads, 20);
	}
}

/* The last question comes when every task was begun: the job is complete. */
static void
test_stop_too_late(void)
{
	Work work = { 0 };
	LepEnv env;
	Host host;

	env_init(&env, &host, 1);
	CHECK_OK(tested_parallel_for(&env, 10, note_task, &work));
	host.stop_at = host.n_asked + 1; /* the next job's first question */
	CHECK_STATUS(tested_parallel_for(&env, 10, note_task, &work), LEP_ERR_STOPPED);
	CHECK_INT_EQ(atomic_load(&work.n_begun), 10);
	CHECK_OK(tested_parallel_for(&env, 0, note_task, &work));
	env_done(&env, &host);
}

/* One of two tasks is the worker's, and long; the caller's ends when that one has begun. */
static void
keep_caller_waiting(void *arg, int64_t task, int thread)
{
	Work *work = arg;

	(void) task;
	atomic_store(&work->seen[thread], true);
	if (thread > 0)
		sleep_ms(80);
	else
	{
		while (!atomic_load(&work->seen[1]))
			sleep_ms(1);
	}
	atomic_fetch_add(&work->n_begun, 1);
}

/* While a worker keeps it waiting, the caller goes on asking: every 5 ms. */
static void
test_asks_while_waiting(void)
{
	Work work = { 0 };
	LepEnv env;
	Host host;

	env_init(&env, &host, 2);
	CHECK_OK(tested_pool_start(&env));
	host.stop_at = 4; /* too late: both tasks are begun */
	CHECK_OK(tested_parallel_for(&env, 2, keep_caller_waiting, &work));
	CHECK_INT_EQ(atomic_load(&work.n_begun), 2);
	CHECK_MSG(host.n_asked >= 6 && host.n_asked < 30, "asked %d times", host.n_asked);
	env_done(&env, &host);
}

/* longjmp out of should_stop, in all states of the job; then shutdown, and the memory may go. */
static void
check_jump(int n_threads, int stop_at, long task_ms)
{
	Work *volatile work = calloc(1, sizeof(Work));
	LepEnv env;
	Host host;

	env_init(&env, &host, n_threads);
	CHECK_OK(tested_pool_start(&env));
	host.stop_at = stop_at;
	host.jumps = true;
	work->sleep_ms = task_ms;
	if (setjmp(host.jump) == 0)
	{
		tested_parallel_for(&env, N_TASKS, note_task, work);
		CHECK_MSG(false, "did not jump");
	}
	else
	{
		double begin = now_ms();

		tested_pool_shutdown(&env);
		CHECK_MSG(now_ms() - begin < 80, "shutdown took %g ms", now_ms() - begin);
		CHECK(atomic_load(&work->n_begun) < N_TASKS);
	}
	free(work);
	env_done(&env, &host);
}

static void
test_jump(void)
{
	for (int n_threads = 1; n_threads <= 4; n_threads++)
	{
		check_jump(n_threads, 1, 1);
		check_jump(n_threads, 1, 5);
		check_jump(n_threads, 10, 1);
	}
}

/* The same when all tasks are begun and the caller waits for a worker. */
static void
test_jump_while_waiting(void)
{
	Work *volatile work = calloc(1, sizeof(Work));
	LepEnv env;
	Host host;

	env_init(&env, &host, 2);
	CHECK_OK(tested_pool_start(&env));
	host.stop_at = 5; /* at most three before all is begun */
	host.jumps = true;
	if (setjmp(host.jump) == 0)
	{
		tested_parallel_for(&env, 2, keep_caller_waiting, work);
		CHECK_MSG(false, "did not jump");
	}
	else
	{
		CHECK_INT_EQ(atomic_load(&work->n_begun), 1);
		tested_pool_shutdown(&env);
	}
	CHECK_INT_EQ(atomic_load(&work->n_begun), 2);
	free(work);
	env_done(&env, &host);
}

static void
test_start_and_shutdown_twice(void)
{
	LepEnv env;
	Host host;
	struct LepPool *pool;

	env_init(&env, &host, 2);
	tested_pool_shutdown(&env);
	CHECK_OK(tested_pool_start(&env));
	pool = env.pool;
	CHECK_OK(tested_pool_start(&env));
	CHECK(env.pool == pool && host.n_allocated == 1);
	CHECK(env.bytes_now > 0 && env.bytes_peak == env.bytes_now);
	tested_pool_shutdown(&env);
	tested_pool_shutdown(&env);
	CHECK(env.pool == NULL);
	env_done(&env, &host);
}

/* Every byte of every size about a piece's, and none behind. */
static void
test_clear(void)
{
	static const int64_t sizes[] = {
		0, 1, CLEAR_CHUNK - 1, CLEAR_CHUNK, CLEAR_CHUNK + 1, 3 * CLEAR_CHUNK + 5
	};
	char *bytes = malloc(3 * CLEAR_CHUNK + 6);
	LepEnv env;
	Host host;

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		int64_t n_left = 0;

		env_init(&env, &host, 3);
		memset(bytes, 1, 3 * CLEAR_CHUNK + 6);
		CHECK_OK(tested_pool_start(&env));
		CHECK_OK(tested_pool_clear(&env, bytes, sizes[s]));
		for (int64_t b = 0; b < sizes[s]; b++)
			n_left += bytes[b] != 0;
		CHECK_INT_EQ(n_left, 0);
		CHECK_INT_EQ(bytes[sizes[s]], 1);
		env_done(&env, &host);
	}
	free(bytes);
}

/* 8 MB are 0, asked for often, and not given where that was stopped. */
static void
test_calloc(void)
{
	const int64_t n = 1 << 20;
	LepEnv env;
	LepArena arena;
	Host host;
	int64_t *values;

	env_init(&env, &host, 1);
	lep_arena_init(&arena, &env);
	values = tested_pool_calloc(&arena, n, sizeof(int64_t));
	if (CHECK(values != NULL))
	{
		CHECK_INT_EQ(values[0], 0);
		CHECK_INT_EQ(memcmp(values, values + 1, (size_t) (n - 1) * sizeof(int64_t)), 0);
	}
	CHECK(host.n_asked >= 4);
	host.stop_at = host.n_asked + 2;
	CHECK(tested_pool_calloc(&arena, n, sizeof(int64_t)) == NULL);
	CHECK_INT_EQ(env.error.status, LEP_ERR_STOPPED);
	CHECK(tested_pool_calloc(&arena, INT64_MAX, sizeof(int64_t)) == NULL);
	CHECK_INT_EQ(env.error.status, LEP_ERR_MEMORY);
	lep_arena_drop(&arena);
	env_done(&env, &host);
}

int
main(void)
{
	TEST(test_each_task_once);
	TEST(test_without_start);
	TEST(test_all_threads_work);
	TEST(test_many_short_jobs);
	TEST(test_create_fails);
	TEST(test_no_memory);
	TEST(test_signals_blocked);
	TEST(test_stop);
	TEST(test_stop_too_late);
	TEST(test_asks_while_waiting);
	TEST(test_jump);
	TEST(test_jump_while_waiting);
	TEST(test_start_and_shutdown_twice);
	TEST(test_clear);
	TEST(test_calloc);
	return unit_done();
}
