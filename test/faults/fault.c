/*
 * fault.c
 *		The n-th allocation of a statement refused, in the backend that asks for it.
 *
 *		SELECT fault_arm('palloc', 17, false);	-- of the next statement
 *		SELECT ...;								-- its 17th palloc fails
 *		SELECT fault_seen(), fault_refused();
 *
 * palloc is every request to a memory context, lepton's, the executor's, the
 * catalogs': the allocators' tables of functions are changed in place, so that what
 * is tested is the server and the library as they are installed.  The server's
 * own way to fail an allocation follows.  malloc is what blocks, contexts, mappings and
 * tables of files are made of; it takes preload.c.
 *
 * Counting begins with planning or with a utility command, and ends with the
 * statement.  Nothing is refused where PostgreSQL does not allow for it: in the
 * error context, which has memory of its own for that; in critical sections;
 * while a transaction ends; and for the owners of a lock.  In "from then on" the
 * statement's error handlers find no memory either.
 */
#include "postgres.h"

#include <dirent.h>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 170000
#include "utils/memutils_internal.h"
#endif

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fault_arm);
PG_FUNCTION_INFO_V1(fault_mapped);
PG_FUNCTION_INFO_V1(fault_refused);
PG_FUNCTION_INFO_V1(fault_seen);
PG_FUNCTION_INFO_V1(fault_threads);

void _PG_init(void);

typedef enum FaultSite
{
	FAULT_PALLOC,
	FAULT_MALLOC
} FaultSite;

static struct
{
	FaultSite site;
	int64 refuse_at; /* 0: count only */
	bool from_then_on;
	TimestampTz armed_by;  /* start of the statement that armed; 0: not armed */
	TimestampTz statement; /* start of the statement at work; 0: none yet */
	int64 n_seen;
	int64 n_refused;
} fault;

/* Is this request to be refused? */
static bool
refuses(FaultSite site)
{
	if (fault.site != site || fault.statement == 0 || CritSectionCount > 0 || !IsTransactionState() ||
		CurrentMemoryContext == ErrorContext || fault.statement != GetCurrentStatementStartTimestamp())
		return false;
	fault.n_seen++;
	if (fault.refuse_at == 0 ||
		(fault.from_then_on ? fault.n_seen < fault.refuse_at : fault.n_seen != fault.refuse_at))
		return false;
	fault.n_refused++;
	return true;
}

static bool
refuses_malloc(void)
{
	return refuses(FAULT_MALLOC);
}

/* A statement begins, if it is the one that faults were armed for. */
static void
begin(void)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();

	if (fault.armed_by != 0 && fault.armed_by != now && fault.statement == 0)
		fault.statement = now;
}

/* ---- memory contexts ---- */

#if PG_VERSION_NUM >= 170000
#define ALLOC_PARAMETERS MemoryContext context, Size size, int flags
#define ALLOC_ARGUMENTS	 context, size, flags
#define REFUSED(context) MemoryContextAllocationFailure(context, size, flags)
#else
#define ALLOC_PARAMETERS MemoryContext context, Size size
#define ALLOC_ARGUMENTS	 context, size
#define REFUSED(context) NULL
#endif

#if PG_VERSION_NUM >= 170000
#define REALLOC_PARAMETERS void *block, Size size, int flags
#define REALLOC_ARGUMENTS  block, size, flags
#define REALLOC_CONTEXT	   GetMemoryChunkContext(block)
#elif PG_VERSION_NUM >= 160000
#define REALLOC_PARAMETERS void *block, Size size
#define REALLOC_ARGUMENTS  block, size
#define REALLOC_CONTEXT	   GetMemoryChunkContext(block)
#else
#define REALLOC_PARAMETERS MemoryContext context, void *block, Size size
#define REALLOC_ARGUMENTS  context, block, size
#define REALLOC_CONTEXT	   context
#endif

/* An allocator's functions as they were; two kinds of contexts are in use. */
typedef struct Allocator
{
	void *(*alloc)(ALLOC_PARAMETERS);
	void *(*realloc)(REALLOC_PARAMETERS);
	void (*stats)(MemoryContext context, MemoryStatsPrintFunc print, void *arg, MemoryContextCounters *totals,
				  bool to_stderr);
} Allocator;

static Allocator aset;
static Allocator generation;

static Allocator *
allocator_of(MemoryContext context)
{
	return IsA(context, GenerationContext) ? &generation : &aset;
}

/*
 * LockAcquireExtended() leaves an entry without owners where it gets no memory for
 * them, and writes through it if the same lock is asked for again before the
 * transaction ends, as after an exception block: a fault of the server's own.
 */
static bool
is_for_owners_of_lock(MemoryContext context, Size size)
{
	return context == TopMemoryContext && size == 8 * sizeof(LOCALLOCKOWNER);
}

static void *
refusing_alloc(ALLOC_PARAMETERS)
{
	if (context != ErrorContext && !is_for_owners_of_lock(context, size) && refuses(FAULT_PALLOC))
		return REFUSED(context);
	return allocator_of(context)->alloc(ALLOC_ARGUMENTS);
}

static void *
refusing_realloc(REALLOC_PARAMETERS)
{
	MemoryContext owner = REALLOC_CONTEXT;

	if (owner != ErrorContext && refuses(FAULT_PALLOC))
		return REFUSED(owner);
	return allocator_of(owner)->realloc(REALLOC_ARGUMENTS);
}

/* Thousands of refusals would each print all contexts into the log. */
static void
silent_stats(MemoryContext context, MemoryStatsPrintFunc print, void *arg, MemoryContextCounters *totals,
			 bool to_stderr)
{
	allocator_of(context)->stats(context, to_stderr ? NULL : print, arg, totals, to_stderr);
}

static void
take_over(MemoryContext context, Allocator *was)
{
	MemoryContextMethods *methods = (MemoryContextMethods *) (uintptr_t) context->methods;
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t) methods & ~(page - 1);
	uintptr_t end = (uintptr_t) (methods + 1);

	if (mprotect((void *) start, end - start, PROT_READ | PROT_WRITE) != 0)
		elog(ERROR, "could not change an allocator: %m");
	was->alloc = methods->alloc;
	was->realloc = methods->realloc;
	was->stats = methods->stats;
	methods->alloc = refusing_alloc;
	methods->realloc = refusing_realloc;
	methods->stats = silent_stats;
}

/* ---- hooks ---- */

static planner_hook_type next_planner = NULL;
static ProcessUtility_hook_type next_utility = NULL;

/* PostgreSQL 19 added what EXPLAIN wants to know. */
#if PG_VERSION_NUM >= 190000
#define PLAN_PARAMETERS                                                                                      \
	Query *query, const char *text, int options, ParamListInfo params, ExplainState *explain
#define PLAN_ARGUMENTS query, text, options, params, explain
#else
#define PLAN_PARAMETERS Query *query, const char *text, int options, ParamListInfo params
#define PLAN_ARGUMENTS	query, text, options, params
#endif

static PlannedStmt *
plan(PLAN_PARAMETERS)
{
	begin();
	return next_planner ? next_planner(PLAN_ARGUMENTS) : standard_planner(PLAN_ARGUMENTS);
}

static void
run_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context,
			ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest,
			QueryCompletion *completion)
{
	ProcessUtility_hook_type next = next_utility ? next_utility : standard_ProcessUtility;

	begin();
	next(statement, text, read_only_tree, context, params, environment, dest, completion);
}

void
_PG_init(void)
{
	MemoryContext example =
		GenerationContextCreate(CurrentMemoryContext, "an example", ALLOCSET_DEFAULT_SIZES);
	void (*ask)(bool (*)(void));

	take_over(example, &generation);
	MemoryContextDelete(example);
	take_over(TopMemoryContext, &aset);
	next_planner = planner_hook;
	planner_hook = plan;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = run_utility;
	*(void **) &ask = dlsym(RTLD_DEFAULT, "fault_ask_before_memory");
	if (ask != NULL)
		ask(refuses_malloc);
}

/* ---- SQL ---- */

/* fault_arm(site text, at bigint, from_then_on boolean): the next statement's; 0 counts only */
Datum
fault_arm(PG_FUNCTION_ARGS)
{
	memset(&fault, 0, sizeof(fault));
	fault.site = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(0)), "malloc") == 0 ? FAULT_MALLOC : FAULT_PALLOC;
	fault.refuse_at = PG_GETARG_INT64(1);
	fault.from_then_on = PG_GETARG_BOOL(2);
	fault.armed_by = GetCurrentStatementStartTimestamp();
	PG_RETURN_VOID();
}

/* how many requests the statement made */
Datum
fault_seen(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(fault.n_seen);
}

/* and how many of them were refused */
Datum
fault_refused(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(fault.n_refused);
}

/* threads of this backend */
Datum
fault_threads(PG_FUNCTION_ARGS)
{
	DIR *tasks = opendir("/proc/self/task");
	int n = 0;

	if (tasks == NULL)
		elog(ERROR, "could not count threads: %m");
	for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
		n += entry->d_name[0] != '.';
	closedir(tasks);
	PG_RETURN_INT32(n);
}

/* bytes of this backend's own mappings */
Datum
fault_mapped(PG_FUNCTION_ARGS)
{
	int64_t (*mapped)(void);

	*(void **) &mapped = dlsym(RTLD_DEFAULT, "fault_mapped_bytes");
	PG_RETURN_INT64(mapped == NULL ? 0 : mapped());
}
