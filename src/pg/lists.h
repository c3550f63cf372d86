/*
 * lists.h
 *		What functions that give rows of ids share: what a call site keeps, how ids
 *		and arrays of them come in, how rows go out.
 *
 * The kind of the ids that go out is in the function's name, name, name_text or
 * name_uuid: one C function serves all three, and what is declared in SQL says
 * which it is.  Where ids of both sides go out, the items' kind comes first, and
 * that of the users, where it is not bigint, as in name_text_of_uuid.  A name that
 * does not fit the model is an ERROR that names the right one.
 */
#ifndef LPG_LISTS_H
#define LPG_LISTS_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"

#include "pg/handle.h"

/* A function as it is declared. */
typedef struct LpgListFunction
{
	const char *name; /* without _text or _uuid */
	int n_columns;	  /* of its rows */
	int id_column;	  /* the ids', counted from 0 */
	LpgSide side;	  /* what the ids are of */
	bool of_users;	  /* users' ids go out besides: _of_text or _of_uuid is in the name, too */
	int user_column;  /* theirs */
} LpgListFunction;

typedef struct LpgGroups LpgGroups; /* groups.h */

/* What a call site keeps. */
typedef struct LpgList
{
	const LpgListFunction *function;
	LpgHandle *handle;
	LepIdKind kind;		 /* of ids that go out, as declared */
	LepIdKind user_kind; /* of users' ids that go out besides */
	Oid user_type;		 /* of argument 1, as declared */
	TupleDesc desc;
	MemoryContext call_context; /* reset by each call */
	LpgGroups *groups;			/* NULL: not read */
} LpgList;

/*
 * The state of this call site, made if it must be, with the handle that of the
 * current version of the model named by argument 0; the current memory context
 * becomes the call's.  ERROR for a NULL name, and where the model's ids are not of
 * the function's kind.
 */
extern LpgList *lpg_list_begin(FunctionCallInfo fcinfo, const LpgListFunction *function, MemoryContext *old);

/* The call's rows. */
extern Tuplestorestate *lpg_list_result(FunctionCallInfo fcinfo, LpgList *list);

/* One more of them; there may be as many as a model has items, so that it may throw. */
extern void lpg_list_put_row(const LpgList *list, Tuplestorestate *result, Datum *values, bool *nulls);

/* Elements of an array that a loop goes over between two looks for interrupts. */
#define LPG_ELEMENTS_PER_CHECK 1024

/* Names of origins, by LepOrigin and the one that the engine has no use for; in the current context. */
#define LPG_ORIGIN_NEW (LEP_ORIGIN_POPULAR + 1)
#define LPG_N_ORIGINS  (LPG_ORIGIN_NEW + 1)

extern void lpg_list_origins(Datum origins[LPG_N_ORIGINS]);

/* The answer of no rows, for a function to return before it has begun. */
extern Datum lpg_list_none(FunctionCallInfo fcinfo);

/* A row's columns; ids are list->kind's. */
extern Datum lpg_list_id(const LpgList *list, const LepId *id);

/* An argument that says how many rows are wanted: ERROR for NULL and below 0. */
extern int64 lpg_list_read_n(FunctionCallInfo fcinfo, const LpgList *list, int arg);

/* Some items, by number and those that the model does not know. */
typedef struct LpgItemSet
{
	int32 *numbers; /* ascending, no repetition */
	int64 n;
	LepId *new_ids; /* in the order of the array */
	int64 n_new;
	bool is_given; /* by lpg_list_read_choice(): there is such an argument, NULL or not */
} LpgItemSet;

/* Item ids in an array, of any dimensions; NULL elements are passed over. */
extern void lpg_list_read_items(const LpgItems *items, ArrayType *array, LpgItemSet *set);

/*
 * Arguments candidates (-1: there are none) and exclude: *candidates without new
 * ids that are excluded, these ascending; *excluded has nothing where it is NULL.
 */
extern void lpg_list_read_choice(FunctionCallInfo fcinfo, const LpgItems *items, int candidates_arg,
								 int exclude_arg, LpgItemSet *candidates, LpgItemSet *excluded);

/*
 * Ids to exclude may be new to the model as candidates are: those go, too.  The
 * candidates' new ids are ascending; the excluded ones are sorted.
 */
extern void lpg_list_exclude_new(LpgItemSet *candidates, LepId *excluded, int64 n, LepIdKind kind);

/* Add more ascending numbers to ascending ones, in memory of its own. */
extern void lpg_list_merge(int32 **numbers, int64 *n, const int32 *more, int64 n_more);

/* Number of each element of an array, in its order; -1 for NULL and for unknown ids. */
extern int32 *lpg_list_read_numbers(const LpgItems *items, ArrayType *array, int *n);

/* Sort and drop repetitions; how many are left. */
extern int64 lpg_list_sort(int32 *numbers, int64 n);
extern int64 lpg_list_sort_ids(LepId *ids, int64 n, LepIdKind kind);

#endif /* LPG_LISTS_H */
