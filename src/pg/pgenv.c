/*
 * pgenv.c
 *		Memory contexts and interrupts for the engine; what its estimates are worth saying.
 *
 * Large blocks are mappings of their own, which the context unmaps when it is
 * reset.  From malloc they may come out of the heap, where what is given back stays
 * with the process: a training that sorts piece by piece would hold its rows twice.
 * They are asked for in huge pages, since sorts and gathers go all over them, and
 * since each page costs a fault.
 *
 * should_stop asks for an orderly end (workers joined, LEP_ERR_STOPPED returned)
 * where a cancel or a termination is pending; the caller's
 * CHECK_FOR_INTERRUPTS then says which.  Other interrupts are processed here, at
 * once, since a barrier or a recovery conflict must not wait for a training: that
 * may throw, as an error of a parallel worker does, and then the engine's workers are
 * joined before the error leaves its frames, where what they work on may be.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/memutils.h"

#include "core/pool.h"
#include "pg/pgenv.h"
#include "pg/settings.h"

/* An estimate from which on a NOTICE says how long it will take. */
#define SECONDS_WORTH_A_NOTICE 10.0

/*
 * What is reserved gets huge pages from this size on: there is only what is written
 * of it, but one page that is not full.
 */
#define HUGE_RESERVED (32 * 1024 * 1024)

/*
 * What is held is populated up to this size: two huge pages, of which such a block may have none.
 */
#define POPULATED_BYTES (4 * 1024 * 1024)

/* Only Linux knows huge pages by advice; elsewhere advice that changes nothing. */
#ifdef MADV_HUGEPAGE
#define ADVICE_HUGE	  MADV_HUGEPAGE
#define ADVICE_SINGLE MADV_NOHUGEPAGE
#else
#define ADVICE_HUGE	  MADV_NORMAL
#define ADVICE_SINGLE MADV_NORMAL
#endif

/* Since Linux 5.14; elsewhere a page comes with its first write. */
#ifdef MADV_POPULATE_WRITE
#define ADVICE_POPULATE MADV_POPULATE_WRITE
#else
#define ADVICE_POPULATE MADV_NORMAL
#endif

/* Blocks from this size on are mappings. */
#define MAPPED_BYTES (128 * 1024)

/*
 * A mapping, known to the context.  A callback cannot be taken back, so this stays
 * after the block has gone, until the context is reset.
 */
typedef struct Mapping
{
	MemoryContextCallback callback;
	void *start; /* NULL: given back */
	size_t size;
} Mapping;

/* In front of each block. */
typedef struct BlockHead
{
	Mapping *mapping; /* NULL: the block is the context's */
	uint64 unused;	  /* what follows is aligned as palloc aligns */
} BlockHead;

/* MemoryContextCallbackFunction */
static void
unmap(void *arg)
{
	Mapping *mapping = arg;

	if (mapping->start != NULL)
		(void) munmap(mapping->start, mapping->size);
	mapping->start = NULL;
}

static BlockHead *
map_block(MemoryContext context, size_t size, int advice)
{
	Mapping *mapping = MemoryContextAllocExtended(context, sizeof(Mapping), MCXT_ALLOC_NO_OOM);
	void *start;

	if (mapping == NULL)
		return NULL;
	start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
	{
		pfree(mapping);
		return NULL;
	}
	/* a kernel without huge pages says so, and does without */
	(void) madvise(start, size, advice);
	mapping->start = start;
	mapping->size = size;
	mapping->callback.func = unmap;
	mapping->callback.arg = mapping;
	MemoryContextRegisterResetCallback(context, &mapping->callback);
	((BlockHead *) start)->mapping = mapping;
	return start;
}

static void *
take_block(MemoryContext context, size_t size, int advice)
{
	BlockHead *head;

	if (size > MaxAllocHugeSize - sizeof(BlockHead))
		return NULL;
	size += sizeof(BlockHead);
	if (size >= MAPPED_BYTES)
		head = map_block(context, size, advice);
	else
	{
		head = MemoryContextAllocExtended(context, size, MCXT_ALLOC_NO_OOM);
		if (head != NULL)
			head->mapping = NULL;
	}
	return head == NULL ? NULL : head + 1;
}

static void
context_populate(void *host, void *ptr, size_t size)
{
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t) ptr & ~(page - 1);

	(void) host;
	/* where it fails, writing will take the pages, or find that there are none */
	(void) madvise((void *) start, (uintptr_t) ptr + size - start, ADVICE_POPULATE);
}

static void *
context_alloc(void *host, size_t size)
{
	void *block = take_block(host, size, ADVICE_HUGE);

	if (block != NULL && size >= MAPPED_BYTES && size < POPULATED_BYTES)
		context_populate(host, block, size);
	return block;
}

static void *
context_reserve(void *host, size_t size)
{
	return take_block(host, size, size < HUGE_RESERVED ? ADVICE_SINGLE : ADVICE_HUGE);
}

static void
context_free(void *host, void *ptr)
{
	BlockHead *head = (BlockHead *) ptr - 1;

	(void) host;
	if (head->mapping != NULL)
		unmap(head->mapping);
	else
		pfree(head);
}

static void *
counted_alloc(void *host, size_t size)
{
	return size > MaxAllocHugeSize
			   ? NULL
			   : MemoryContextAllocExtended(host, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
counted_free(void *host, void *ptr)
{
	(void) host;
	pfree(ptr);
}

/* Without its postmaster a backend is to end as if it were terminated. */
static void
look_for_postmaster(void)
{
	if (unlikely(!PostmasterIsAlive()))
	{
		ProcDiePending = true;
		InterruptPending = true;
	}
}

/* An engine at work, and whose work it is a part of: a source that is read may train. */
typedef struct Run
{
	LepEnv *env;
	struct Run *outer; /* NULL: nobody's */
} Run;

static Run *innermost = NULL;

/* All that is pending; an error leaves no worker that is at work on our frames. */
static void
process_interrupts(void)
{
	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		if (innermost != NULL)
			lep_pool_shutdown(innermost->env);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static bool
should_stop(void *host)
{
	(void) host;
	look_for_postmaster();
	if (QueryCancelPending || ProcDiePending)
		return true;
	if (unlikely(InterruptPending))
		process_interrupts();
	return false;
}

void
lpg_env_check_interrupts(void)
{
	look_for_postmaster();
	CHECK_FOR_INTERRUPTS();
}

void
lpg_env_init(LepEnv *env, MemoryContext context)
{
	memset(env, 0, sizeof(*env));
	env->alloc = context_alloc;
	env->reserve = context_reserve;
	env->populate = context_populate;
	env->free = context_free;
	env->should_stop = should_stop;
	env->host = context;
	env->n_threads = 1;
}

static void
end_run(int code, Datum arg)
{
	const Run *run = (const Run *) DatumGetPointer(arg);

	innermost = run->outer;
	lep_pool_shutdown(run->env);
}

/* FATAL skips PG_FINALLY, and a worker on freed memory takes the server down. */
LepStatus
lpg_env_run_on(LepEnv *env, int n_threads, LpgEnvWork work, void *arg)
{
	Run run = { env, innermost };
	LepStatus status = LEP_OK;

	env->n_threads = n_threads;
	PG_ENSURE_ERROR_CLEANUP(end_run, PointerGetDatum(&run));
	{
		innermost = &run;
		status = work(arg);
	}
	PG_END_ENSURE_ERROR_CLEANUP(end_run, PointerGetDatum(&run));
	end_run(0, PointerGetDatum(&run));
	return status;
}

LepStatus
lpg_env_run(LepEnv *env, LpgEnvWork work, void *arg)
{
	return lpg_env_run_on(env, lpg_settings_threads(), work, arg);
}

void
lpg_env_init_counted(LepEnv *env, MemoryContext context)
{
	lpg_env_init(env, context);
	env->alloc = counted_alloc;
	env->reserve = NULL; /* the context would hold it in full */
	env->free = counted_free;
}

void
lpg_env_notice_cost(const char *what, double seconds)
{
	if (seconds > SECONDS_WORTH_A_NOTICE)
		ereport(NOTICE, (errmsg("%s will take about %.0f seconds of one core", what, seconds)));
}
