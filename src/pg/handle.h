/*
 * handle.h
 *		What a reading function keeps of a model between its calls, and when it
 *		must look again.
 *
 * The model is named by text, or it is a value of type bytea (value.h): which of
 * them says the type of the function's first argument, and nobody but handle.c
 * need know.
 *
 * A handle lives in fn_extra, which outlives statements in PL/pgSQL.  So the
 * model, the access of the current user and the version are looked up anew
 * whenever the snapshot, the user or the catalogs may have changed: within one
 * query that is once.
 */
#ifndef LPG_HANDLE_H
#define LPG_HANDLE_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/snapshot.h"

#include "pg/cache.h"
#include "pg/interval.h"
#include "pg/registry.h"
#include "pg/store.h"
#include "pg/times.h"
#include "pg/value.h"

typedef struct LpgEligible LpgEligible; /* eligible.h */

/* One factor table of the handle's version. */
typedef struct LpgHandleSide
{
	Oid table;
	LepIdKind kind;
	LpgLookup *lookup;
} LpgHandleSide;

/* Two of these are equal only if the same rows are visible to the same user. */
typedef struct LpgValidity
{
	Oid user;
	TransactionId xmin;
	TransactionId xmax;
	uint32 xcnt;
	int32 subxcnt;
	CommandId curcid;
	bool live;	  /* the setting */
	uint64 epoch; /* counts transaction ends and catalog changes */
} LpgValidity;

typedef struct LpgHandle
{
	Oid model_type;
	MemoryContext context; /* of all below; reset by each look-up */
	LpgValidity validity;
	uint64 n_refreshed; /* how often anything was looked up anew */
	bool takes_value;	/* argument 0 is a bytea */
	LpgValue *value;	/* NULL: none, or nothing resolved */
	char *name;			/* as given, "bytea" for a value; NULL: nothing resolved */
	Size name_length;
	int version_argument; /* which argument asks for a version; -1: none does */
	int64 wanted;		  /* version that was asked for; 0: the current one */
	Oid model;
	LpgVersion version;
	LpgHandleSide sides[2]; /* by LpgSide */
	LpgItems *items;		/* pinned, or NULL */
	LpgTimes *times;		/* NULL: none, or not read yet */
	bool has_read_times;
	LpgInterval *interval; /* NULL: not read yet */
	LpgEligible *eligible; /* NULL: not read yet, or all */
	double eligible_cost;  /* of asking for some of them so far; as the planner counts */
} LpgHandle;

/* Register the callbacks that notice changes; called once, by _PG_init. */
extern void lpg_handle_init(void);

/* A handle in fn_mcxt, for fn_extra; releases what it holds with the context. */
extern LpgHandle *lpg_handle_create(FunctionCallInfo fcinfo);

/*
 * Make the handle that of the model that is the call's first argument, in the
 * version that its argument `version` asks for: the current one, where that is NULL
 * or the function has no such argument.  True if anything was looked up anew: what
 * the caller remembers of the version is void then.
 */
extern bool lpg_handle_refresh(LpgHandle *handle, FunctionCallInfo fcinfo);

/* What the model says of one user or item. */
typedef struct LpgFound
{
	bool known; /* false: all below is 0 or NULL */
	int32 n;
	float bias;
	float variance; /* 0 where it is not known */
	float *factors; /* the caller's buffer, or NULL */
	bool has_digest;
	uint64 digest; /* of a user's ratings, of a model with option live */
} LpgFound;

/*
 * Look a user or an item up by id.  factors: buffer of
 * lep_row_stride(n_factors) floats.  seen, n_seen: where a user's item numbers
 * go, in the current context; NULL if they are not wanted.
 */
extern LpgFound lpg_handle_lookup(LpgHandle *handle, LpgSide side, const LepId *id, float *factors,
								  int32 **seen, int64 *n_seen);

/* The items, loaded if they must be; held until the handle is refreshed. */
extern LpgItems *lpg_handle_items(LpgHandle *handle);

/* Hold the items if they are in the cache already. */
extern LpgItems *lpg_handle_items_if_cached(LpgHandle *handle);

/* Could all items be held? */
extern bool lpg_handle_fits(const LpgHandle *handle);

/* The version's bins of time; NULL where it has none.  Read when first asked for. */
extern const LpgTimes *lpg_handle_times(LpgHandle *handle);

/* The version's details: in the current context, since they may be large. */
extern Jsonb *lpg_handle_details(LpgHandle *handle);

/* What intervals are made of; ERROR where the version has none.  Read when first asked for. */
extern const LpgInterval *lpg_handle_interval(LpgHandle *handle);

/* Is the model a value that is NULL?  Then there is no answer; a name that is NULL is an error. */
extern bool lpg_handle_is_null(FunctionCallInfo fcinfo);

/* Type of argument i of the function being called, as declared. */
extern Oid lpg_argument_type(FunctionCallInfo fcinfo, int i);

#endif /* LPG_HANDLE_H */
