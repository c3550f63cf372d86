/*
 * faults.h
 *		An operation of the engine with its n-th request for memory refused, for
 *		every n, once and from then on; and with the i-th thread not to be made.
 *
 *		static LepStatus
 *		run_something(LepArena *arena, const void *input, FaultDigest *digest)
 *		{
 *			...
 *			digest_add(digest, result, size);
 *			return status;
 *		}
 *
 *		fault_sweep("something", run_something, &input);
 *
 * A refusal ends in LEP_ERR_MEMORY, or in the answer of an undisturbed run; it
 * leaves no block, no byte that counts as held and no thread, and does nothing to
 * the input: an undisturbed run afterwards gives the same bits.
 *
 * Where threads are counted the program is linked with --wrap for pthread_create and
 * pthread_join (Makefile).
 */
#ifndef LEP_FAULTS_H
#define LEP_FAULTS_H

#include <errno.h>
#include <pthread.h>

#include "unit.h"

#define FAULT_THREADS 3

/* Where tests are to be small every so many-th request is refused: fewer under the thread sanitizer, which is slow. */
#ifdef __SANITIZE_THREAD__
#define FAULT_SMALL_STEP 25
#else
#define FAULT_SMALL_STEP 5
#endif

/* The host: counts what is asked for, and refuses. */
typedef struct FaultHost
{
	int64_t n_asked;
	int64_t refuse_at; /* 0: never */
	bool from_then_on;
	int64_t n_refused;
	int64_t n_held; /* blocks */
} FaultHost;

/* FNV-1a of all that came out. */
typedef struct FaultDigest
{
	uint64_t hash;
	int64_t n_bytes;
} FaultDigest;

/* The arena, which goes afterwards, has the environment. */
typedef LepStatus (*FaultRun)(LepArena *arena, const void *input, FaultDigest *digest);

static struct
{
	int n_left;	 /* threads that can be made */
	int n_alive; /* made and not joined */
	int n_refused;
} fault_threads = { INT32_MAX, 0, 0 };

extern int
__real_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
extern int __real_pthread_join(pthread_t id, void **result);
extern int
__wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
extern int __wrap_pthread_join(pthread_t id, void **result);

int
__wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	int failed;

	if (fault_threads.n_left <= 0)
	{
		fault_threads.n_refused++;
		return EAGAIN;
	}
	failed = __real_pthread_create(id, attr, start, arg);
	if (failed == 0)
	{
		fault_threads.n_left--;
		fault_threads.n_alive++;
	}
	return failed;
}

int
__wrap_pthread_join(pthread_t id, void **result)
{
	fault_threads.n_alive--;
	return __real_pthread_join(id, result);
}

static inline void
digest_add(FaultDigest *digest, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		digest->hash = (digest->hash ^ at[i]) * UINT64_C(0x100000001B3);
	digest->n_bytes += (int64_t) size;
}

/* Numbers one by one: structs have padding. */
static inline void
digest_int(FaultDigest *digest, int64_t value)
{
	digest_add(digest, &value, sizeof(value));
}

/* All NaN are the same. */
static inline void
digest_real(FaultDigest *digest, double value)
{
	if (isnan(value))
		digest_int(digest, -1);
	else
		digest_add(digest, &value, sizeof(value));
}

static inline void *
fault_alloc(void *arg, size_t size)
{
	FaultHost *host = arg;
	void *block;

	host->n_asked++;
	if (host->refuse_at > 0 &&
		(host->from_then_on ? host->n_asked >= host->refuse_at : host->n_asked == host->refuse_at))
	{
		host->n_refused++;
		return NULL;
	}
	block = malloc(size);
	host->n_held += block != NULL;
	return block;
}

static inline void
fault_free(void *arg, void *block)
{
	((FaultHost *) arg)->n_held--;
	free(block);
}

/* One run; false, with failed checks, where it leaves something behind. */
static inline bool
fault_run_once(const char *name, FaultRun run, const void *input, FaultHost *host, FaultDigest *digest,
			   LepStatus *status)
{
	LepEnv env;
	LepArena arena;
	bool held;

	unit_env_init(&env);
	env.alloc = fault_alloc;
	env.reserve = fault_alloc;
	env.free = fault_free;
	env.host = host;
	env.n_threads = FAULT_THREADS;
	*digest = (FaultDigest){ UINT64_C(0xCBF29CE484222325), 0 };
	lep_arena_init(&arena, &env);
	*status = run(&arena, input, digest);
	lep_arena_drop(&arena);
	held = CHECK(*status == LEP_OK || *status == env.error.status, "%s: %s, but the error says %s", name,
				 lep_status_name(*status), lep_status_name(env.error.status));
	held &= CHECK(host->n_held == 0, "%s: %d blocks are left after request %d", name, (int) host->n_held,
				  (int) host->refuse_at);
	held &= CHECK(env.bytes_now == 0, "%s: %zu bytes count as held after request %d", name, env.bytes_now,
				  (int) host->refuse_at);
	held &= CHECK(env.pool == NULL && fault_threads.n_alive == 0, "%s: threads are left after request %d",
				  name, (int) host->refuse_at);
	return held;
}

/* What a run that nobody disturbs gives; also how often it asks. */
static inline bool
fault_undisturbed(const char *name, FaultRun run, const void *input, FaultDigest *digest, int64_t *n_asked)
{
	FaultHost host = { 0 };
	LepStatus status;
	bool held = fault_run_once(name, run, input, &host, digest, &status);

	*n_asked = host.n_asked;
	return CHECK(status == LEP_OK, "%s: %s", name, lep_status_name(status)) && held &&
		   CHECK(digest->n_bytes > 0, "%s: nothing came out", name);
}

static inline bool
fault_is_same(const FaultDigest *a, const FaultDigest *b)
{
	return a->hash == b->hash && a->n_bytes == b->n_bytes;
}

/* Refuse request n: no memory, or the right answer. */
static inline bool
fault_refuse(const char *name, FaultRun run, const void *input, FaultHost host, const FaultDigest *expected)
{
	FaultDigest digest;
	LepStatus status;
	bool held = fault_run_once(name, run, input, &host, &digest, &status);

	held &= CHECK(host.n_refused > 0, "%s: request %d never came", name, (int) host.refuse_at);
	return CHECK(status == LEP_ERR_MEMORY || (status == LEP_OK && fault_is_same(&digest, expected)),
				 "%s: request %d refused%s gives %s%s", name, (int) host.refuse_at,
				 host.from_then_on ? " and all that follow" : "", lep_status_name(status),
				 status == LEP_OK ? ", and another answer" : "") &&
		   held;
}

/*
 * Every request, both ways (where tests are to be small, every FAULT_SMALL_STEP-th); the first 12
 * and then every seventh is followed by an undisturbed run.
 */
static inline void
fault_sweep(const char *name, FaultRun run, const void *input)
{
	int64_t step = getenv("LEPTON_TEST_SMALL") != NULL ? FAULT_SMALL_STEP : 1;
	FaultDigest expected;
	FaultDigest again;
	int64_t n_requests;
	int64_t n_again;
	bool held = fault_undisturbed(name, run, input, &expected, &n_requests);

	CHECK(n_requests > 0, "%s asks for nothing", name);
	for (int64_t n = 1; held && n <= n_requests; n += step)
	{
		held = fault_refuse(name, run, input, (FaultHost){ .refuse_at = n }, &expected) &&
			   fault_refuse(name, run, input, (FaultHost){ .refuse_at = n, .from_then_on = true }, &expected);
		if (held && (n <= 12 || n % 7 == 0 || n == n_requests))
			held = fault_undisturbed(name, run, input, &again, &n_again) &&
				   CHECK(fault_is_same(&again, &expected) && n_again == n_requests,
						 "%s: another answer after request %d was refused", name, (int) n);
	}
	printf("# figure: %s, requests refused = %d of %d\n", name, (int) ((n_requests + step - 1) / step),
		   (int) n_requests);
}

/* With 0, 1, ... threads that can be made: the same answer. */
static inline void
fault_sweep_threads(const char *name, FaultRun run, const void *input)
{
	FaultDigest expected;
	FaultDigest digest;
	int64_t n_asked;
	bool held = fault_undisturbed(name, run, input, &expected, &n_asked);

	for (int n_made = 0; held && n_made < FAULT_THREADS - 1; n_made++)
	{
		fault_threads.n_left = n_made;
		fault_threads.n_refused = 0;
		held = fault_undisturbed(name, run, input, &digest, &n_asked) &&
			   CHECK(fault_threads.n_refused > 0, "%s makes no threads", name) &&
			   CHECK(fault_is_same(&digest, &expected), "%s: another answer with %d threads of %d", name,
					 n_made + 1, FAULT_THREADS);
		fault_threads.n_left = INT32_MAX;
	}
}

#endif /* LEP_FAULTS_H */
