/*
 * lists.c
 *		The common part of functions that give rows of ids.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "pg/compat.h"
#include "pg/keytype.h"
#include "pg/lists.h"
#include "pg/pgenv.h"

/* --------------------------------------------------------------------- call sites */

static void
init_result_type(FunctionCallInfo fcinfo, LpgList *list)
{
	const LpgListFunction *function = list->function;
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != function->n_columns ||
		!lpg_keytype_kind(TupleDescAttr(desc, function->id_column)->atttypid, &list->kind))
		elog(ERROR, "%s is declared with another result than it gives", function->name);
	if (function->of_users &&
		!lpg_keytype_kind(TupleDescAttr(desc, function->user_column)->atttypid, &list->user_kind))
		elog(ERROR, "%s is declared with users of another type than ids have", function->name);
	list->desc = CreateTupleDescCopy(desc);
	/* counted, so that the executor does not free what we keep */
	list->desc->tdrefcount = 1;
	MemoryContextSwitchTo(old);
}

/*
 * What a call site keeps of the memory of a call: more would go back to the system
 * after each call in a query over users, and be taken again by the next.
 */
#define CALL_BYTES (64 * 1024)

static LpgList *
create_list(FunctionCallInfo fcinfo, const LpgListFunction *function)
{
	MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;
	LpgList *list = MemoryContextAllocZero(mcxt, sizeof(LpgList));

	list->function = function;
	list->handle = lpg_handle_create(fcinfo);
	list->user_type = lpg_argument_type(fcinfo, 1);
	list->call_context = AllocSetContextCreate(mcxt, "lepton list call", CALL_BYTES,
											   ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE);
	init_result_type(fcinfo, list);
	return list;
}

/* The function that gives ids of these kinds. */
static char *
name_function(const LpgListFunction *function, LepIdKind kind, LepIdKind user_kind)
{
	static const char *const suffix[] = {
		[LEP_ID_INT64] = "", [LEP_ID_TEXT] = "_text", [LEP_ID_UUID] = "_uuid"
	};

	return psprintf("%s%s%s%s", function->name, suffix[kind],
					function->of_users && user_kind != LEP_ID_INT64 ? "_of" : "",
					function->of_users ? suffix[user_kind] : "");
}

/* ERROR unless the function's name fits the model's ids. */
static void
check_kind(const LpgList *list)
{
	const LpgListFunction *function = list->function;
	const LpgHandleSide *sides = list->handle->sides;
	LepIdKind user_kind = sides[LPG_USERS].kind;
	bool is_users = sides[function->side].kind == list->kind;
	LepIdKind kind = is_users ? user_kind : sides[function->side].kind;
	LepIdKind declared = is_users ? list->user_kind : list->kind;

	if (is_users && (!function->of_users || user_kind == list->user_kind))
		return;
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("%s ids of model \"%s\" are of type %s, but %s gives %s",
						   is_users || function->side == LPG_USERS ? "user" : "item", list->handle->name,
						   lpg_keytype_name(kind), name_function(function, list->kind, list->user_kind),
						   lpg_keytype_name(declared)),
					errhint("Use %s.", name_function(function, sides[function->side].kind, user_kind))));
}

LpgList *
lpg_list_begin(FunctionCallInfo fcinfo, const LpgListFunction *function, MemoryContext *old)
{
	LpgList *list = fcinfo->flinfo->fn_extra;

	if (list == NULL)
		list = fcinfo->flinfo->fn_extra = create_list(fcinfo, function);
	(void) lpg_handle_refresh(list->handle, fcinfo);
	check_kind(list);
	MemoryContextReset(list->call_context);
	*old = MemoryContextSwitchTo(list->call_context);
	return list;
}

/* As materialize mode wants it; see execSRF.c. */
Tuplestorestate *
lpg_list_result(FunctionCallInfo fcinfo, LpgList *list)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || (rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	rsinfo->setDesc = list->desc;
	MemoryContextSwitchTo(old);
	return rsinfo->setResult;
}

void
lpg_list_put_row(const LpgList *list, Tuplestorestate *result, Datum *values, bool *nulls)
{
	lpg_env_check_interrupts();
	tuplestore_putvalues(result, list->desc, values, nulls);
}

void
lpg_list_origins(Datum origins[LPG_N_ORIGINS])
{
	origins[LEP_ORIGIN_FACTORS] = CStringGetTextDatum("factors");
	origins[LEP_ORIGIN_NEIGHBORS] = CStringGetTextDatum("neighbors");
	origins[LEP_ORIGIN_POPULAR] = CStringGetTextDatum("popular");
	origins[LPG_ORIGIN_NEW] = CStringGetTextDatum("new");
}

Datum
lpg_list_none(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rsinfo != NULL && IsA(rsinfo, ReturnSetInfo))
		rsinfo->isDone = ExprEndResult;
	PG_RETURN_NULL();
}

Datum
lpg_list_id(const LpgList *list, const LepId *id)
{
	return lpg_keytype_to_datum(id, list->kind);
}

/* ---------------------------------------------------------------------- arguments */

int64
lpg_list_read_n(FunctionCallInfo fcinfo, const LpgList *list, int arg)
{
	const char *what = list->function->side == LPG_ITEMS ? "items" : "users";
	int64 n;

	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("n is NULL"),
						errhint("Say how many %s you want.", what)));
	n = PG_GETARG_INT64(arg);
	if (n < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("n cannot be " INT64_FORMAT, n),
						errhint("It is the number of %s wanted, 0 or more.", what)));
	return n;
}

/* There can be millions: sorting looks for interrupts. */
static int
compare_numbers(const void *a, const void *b)
{
	int32 x = *(const int32 *) a;
	int32 y = *(const int32 *) b;

	CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y;
}

static int
compare_ids(const void *a, const void *b, void *kind)
{
	CHECK_FOR_INTERRUPTS();
	return lep_id_compare(*(LepIdKind *) kind, a, b);
}

int64
lpg_list_sort(int32 *numbers, int64 n)
{
	int64 kept = 0;

	qsort(numbers, n, sizeof(int32), compare_numbers);
	for (int64 i = 0; i < n; i++)
	{
		if (kept == 0 || numbers[i] != numbers[kept - 1])
			numbers[kept++] = numbers[i];
	}
	return kept;
}

int64
lpg_list_sort_ids(LepId *ids, int64 n, LepIdKind kind)
{
	int64 kept = 0;

	qsort_arg(ids, n, sizeof(LepId), compare_ids, &kind);
	for (int64 i = 0; i < n; i++)
	{
		if (kept == 0 || lep_id_compare(kind, &ids[i], &ids[kept - 1]) != 0)
			ids[kept++] = ids[i];
	}
	return kept;
}

/* The elements of an array of ids. */
static int
deconstruct(ArrayType *array, Datum **datums, bool **nulls)
{
	Oid type = ARR_ELEMTYPE(array);
	int n;
	int16 typlen;
	bool typbyval;
	char typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, datums, nulls, &n);
	return n;
}

void
lpg_list_read_items(const LpgItems *items, ArrayType *array, LpgItemSet *set)
{
	Datum *datums;
	bool *nulls;
	int n = deconstruct(array, &datums, &nulls);

	set->numbers = palloc_extended(Max(n, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	set->new_ids = palloc_extended(Max(n, 1) * sizeof(LepId), MCXT_ALLOC_HUGE);
	set->n = 0;
	set->n_new = 0;
	for (int i = 0; i < n; i++)
	{
		LepId id;
		int32 number;

		if (i % LPG_ELEMENTS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		id = lpg_keytype_from_datum(datums[i], ARR_ELEMTYPE(array));
		number = lep_idtable_find(items->ids, &id);
		if (number >= 0)
			set->numbers[set->n++] = number;
		else
			set->new_ids[set->n_new++] = id;
	}
	set->n = lpg_list_sort(set->numbers, set->n);
}

void
lpg_list_exclude_new(LpgItemSet *candidates, LepId *excluded, int64 n, LepIdKind kind)
{
	int64 n_excluded = lpg_list_sort_ids(excluded, n, kind);
	int64 kept = 0;
	int64 j = 0;

	for (int64 i = 0; i < candidates->n_new; i++)
	{
		const LepId *id = &candidates->new_ids[i];

		while (j < n_excluded && lep_id_compare(kind, &excluded[j], id) < 0)
			j++;
		if (j >= n_excluded || lep_id_compare(kind, &excluded[j], id) != 0)
			candidates->new_ids[kept++] = *id;
	}
	candidates->n_new = kept;
}

void
lpg_list_read_choice(FunctionCallInfo fcinfo, const LpgItems *items, int candidates_arg, int exclude_arg,
					 LpgItemSet *candidates, LpgItemSet *excluded)
{
	memset(candidates, 0, sizeof(*candidates));
	memset(excluded, 0, sizeof(*excluded));
	candidates->is_given = candidates_arg >= 0;
	excluded->is_given = true;
	if (candidates_arg >= 0 && !PG_ARGISNULL(candidates_arg))
		lpg_list_read_items(items, PG_GETARG_ARRAYTYPE_P(candidates_arg), candidates);
	candidates->n_new = lpg_list_sort_ids(candidates->new_ids, candidates->n_new, items->key.kind);
	if (PG_ARGISNULL(exclude_arg))
		return;
	lpg_list_read_items(items, PG_GETARG_ARRAYTYPE_P(exclude_arg), excluded);
	lpg_list_exclude_new(candidates, excluded->new_ids, excluded->n_new, items->key.kind);
}

void
lpg_list_merge(int32 **numbers, int64 *n, const int32 *more, int64 n_more)
{
	int32 *both;
	int64 n_both = 0;
	int64 i = 0;
	int64 j = 0;

	if (n_more == 0)
		return;
	both = palloc_extended((*n + n_more) * sizeof(int32), MCXT_ALLOC_HUGE);
	while (i < *n || j < n_more)
	{
		if (j >= n_more || (i < *n && (*numbers)[i] < more[j]))
			both[n_both++] = (*numbers)[i++];
		else
		{
			if (i < *n && (*numbers)[i] == more[j])
				i++;
			both[n_both++] = more[j++];
		}
	}
	*numbers = both;
	*n = n_both;
}

int32 *
lpg_list_read_numbers(const LpgItems *items, ArrayType *array, int *n)
{
	Datum *datums;
	bool *nulls;
	int32 *numbers;

	*n = deconstruct(array, &datums, &nulls);
	numbers = palloc_extended(Max(*n, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	for (int i = 0; i < *n; i++)
	{
		LepId id;

		if (i % LPG_ELEMENTS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		numbers[i] = -1;
		if (nulls[i])
			continue;
		id = lpg_keytype_from_datum(datums[i], ARR_ELEMTYPE(array));
		numbers[i] = lep_idtable_find(items->ids, &id);
	}
	return numbers;
}
