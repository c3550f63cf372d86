/*
 * pgenv.c
 *		Memory contexts and interrupts for the engine; what its estimates are worth saying.
 *
 * should_stop asks for an orderly end (workers joined, LEP_ERR_STOPPED returned)
 * where a cancel or a termination is pending; the caller's
 * CHECK_FOR_INTERRUPTS then says which.  Other interrupts are processed here, at
 * once, since a barrier or a recovery conflict must not wait for a training: that
 * may throw, and then the cleanup that the caller has put around the engine joins
 * the workers.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/pmsignal.h"
#include "utils/memutils.h"

#include "pg/pgenv.h"

/* An estimate from which on a NOTICE says how long it will take. */
#define SECONDS_WORTH_A_NOTICE 10.0

static void *
context_alloc(void *host, size_t size)
{
	if (!AllocHugeSizeIsValid(size))
		return NULL;
	return MemoryContextAllocExtended((MemoryContext) host, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
context_free(void *host, void *ptr)
{
	(void) host;
	pfree(ptr);
}

static bool
should_stop(void *host)
{
	(void) host;
	if (QueryCancelPending || ProcDiePending)
		return true;
	if (unlikely(!PostmasterIsAlive()))
	{
		ProcDiePending = true;
		InterruptPending = true;
		return true;
	}
	CHECK_FOR_INTERRUPTS();
	return false;
}

void
lpg_env_init(LepEnv *env, MemoryContext context)
{
	memset(env, 0, sizeof(*env));
	env->alloc = context_alloc;
	env->free = context_free;
	env->should_stop = should_stop;
	env->host = context;
	env->n_threads = 1;
}

void
lpg_env_notice_cost(const char *what, double seconds)
{
	if (seconds > SECONDS_WORTH_A_NOTICE)
		ereport(NOTICE, (errmsg("%s will take about %.0f seconds of one core", what, seconds)));
}
