/*
 * ranked.c
 *		lepton_topn_agg(item_id, score, n): the best n rows of each group.
 *
 * The aggregate's state is a bytea, so that it can go to other processes and
 * other servers as any value; core/ranked.h says what is in it.  Called for an
 * aggregate, a function changes the state where it is; called by hand, a copy.
 * In both cases the bytes may be anything: CREATE AGGREGATE lets everybody
 * begin with a state of her own.  Room behind the bytes in use is zero, so that
 * no memory of ours is ever seen.
 *
 * The kind of ids is that of the function's declaration, by its oid: who runs
 * an aggregate's functions otherwise than the executor may know no expression.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "core/ranked.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"

PG_FUNCTION_INFO_V1(lepton_topn_agg_add);
PG_FUNCTION_INFO_V1(lepton_topn_agg_combine);
PG_FUNCTION_INFO_V1(lepton_topn_agg_list);

/* A first state has room for so many records of the size of its first. */
#define FIRST_RECORDS 4

#define MAX_STATE ((size_t) MaxAllocSize - VARHDRSZ)

/* ------------------------------------------------------------------------- states */

static void
fail_state(const LepError *error)
{
	lpg_error_bytes(error, NULL, "state");
}

static uint8_t *
create_bytes(size_t size)
{
	bytea *bytes = palloc0(VARHDRSZ + size);

	SET_VARSIZE(bytes, VARHDRSZ + size);
	return (uint8_t *) VARDATA(bytes);
}

static Datum
state_datum(const LepRanked *state)
{
	return PointerGetDatum(state->bytes - VARHDRSZ);
}

static void
open_state(LepRanked *state, LepIdKind kind, uint8_t *bytes, size_t size)
{
	LepError error;

	if (lep_ranked_open(state, kind, bytes, size, &error) != LEP_OK)
		fail_state(&error);
}

/* Argument 0, which may be changed. */
static void
open_own_state(FunctionCallInfo fcinfo, LepIdKind kind, LepRanked *state)
{
	bytea *bytes = AggCheckCallContext(fcinfo, NULL) ? PG_GETARG_BYTEA_P(0) : PG_GETARG_BYTEA_P_COPY(0);

	open_state(state, kind, (uint8_t *) VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
}

/* Make room for a record; the state moves to the current memory context if it must. */
static void
make_room(LepRanked *state, size_t record)
{
	size_t needed = state->used + record;
	uint8_t *bytes;
	size_t size;

	if (needed <= state->size)
		return;
	if (needed > MAX_STATE)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the best " INT64_FORMAT " rows of a group take more than %zu MB", state->n,
							   MAX_STATE / (1024 * 1024)),
						errhint("Ask for fewer, or sort the rows with ORDER BY.")));
	size = Min(Max(2 * state->size, needed), MAX_STATE);
	bytes = create_bytes(size);
	memcpy(bytes, state->bytes, state->used);
	open_state(state, state->kind, bytes, size);
}

/* A row more, if it is one of the best so far. */
static void
add_row(LepRanked *state, const LepRankedRow *row)
{
	if (!lep_ranked_takes(state, row))
		return;
	if (lep_ranked_is_full(state))
	{
		LepEnv env;

		lpg_env_init(&env, CurrentMemoryContext);
		if (lep_ranked_prune(&env, state) != LEP_OK)
			fail_state(&env.error);
	}
	make_room(state, lep_ranked_record_size(state->kind, row));
	lep_ranked_append(state, row);
}

/* All rows, best first, in the current memory context. */
static LepRankedRow *
sort_rows(const LepRanked *state)
{
	LepRankedRow *rows = palloc_extended(Max((Size) state->count, 1) * sizeof(LepRankedRow), MCXT_ALLOC_HUGE);
	LepEnv env;

	lpg_env_init(&env, CurrentMemoryContext);
	if (lep_ranked_sort(&env, state, rows) != LEP_OK)
		fail_state(&env.error);
	return rows;
}

/* -------------------------------------------------------------------- transitions */

/* The kind of ids that the function was declared with; kept in fn_extra. */
static LepIdKind
argument_kind(FunctionCallInfo fcinfo)
{
	FmgrInfo *flinfo = fcinfo->flinfo;

	if (flinfo->fn_extra == NULL)
	{
		LepIdKind *kind = MemoryContextAlloc(flinfo->fn_mcxt, sizeof(LepIdKind));
		Oid *types;
		int n_types;

		(void) get_func_signature(flinfo->fn_oid, &types, &n_types);
		if (n_types != 4 || !lpg_keytype_kind(types[1], kind))
			elog(ERROR, "lepton_topn_agg_add is declared with other arguments than it takes");
		pfree(types);
		flinfo->fn_extra = kind;
	}
	return *(LepIdKind *) flinfo->fn_extra;
}

/* How many are wanted; argument 3. */
static int64
read_n(FunctionCallInfo fcinfo)
{
	int64 n;

	if (PG_ARGISNULL(3))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("n is NULL"),
						errhint("Say how many items you want.")));
	n = PG_GETARG_INT64(3);
	if (n < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("n cannot be " INT64_FORMAT, n),
						errhint("It is the number of items wanted, 0 or more.")));
	return n;
}

static void
check_same_n(const LepRanked *state, int64 n)
{
	if (n != state->n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("n varies within a group: it is " INT64_FORMAT " and " INT64_FORMAT,
							   Min(n, state->n), Max(n, state->n)),
						errhint("Pass a constant, or what the rows are grouped by.")));
}

static LepRankedRow
read_row(FunctionCallInfo fcinfo, LepIdKind kind)
{
	LepRankedRow row;

	row.score = PG_GETARG_FLOAT8(2);
	row.id = lpg_keytype_from_datum(PG_GETARG_DATUM(1), lpg_keytype_stored_type(kind));
	if (isnan(row.score))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("the score of item %s is NaN", lpg_keytype_out(&row.id, kind)),
						errhint("Leave such rows out with FILTER, or make their score NULL, which drops "
								"them.")));
	return row;
}

/*
 * lepton_topn_agg_add(state bytea, item_id, score float8, n bigint) -> bytea
 *		The transition function.  A row whose item or score is NULL is none.
 */
Datum
lepton_topn_agg_add(PG_FUNCTION_ARGS)
{
	LepRankedRow row;
	LepRanked state;
	LepIdKind kind;
	int64 n;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	kind = argument_kind(fcinfo);
	row = read_row(fcinfo, kind);
	n = read_n(fcinfo);
	if (PG_ARGISNULL(0))
	{
		size_t size = LEP_RANKED_HEADER + Min(n, FIRST_RECORDS) * lep_ranked_record_size(kind, &row);

		size = Min(size, MAX_STATE);
		lep_ranked_begin(&state, kind, n, create_bytes(size), size);
	}
	else
		open_own_state(fcinfo, kind, &state);
	check_same_n(&state, n);
	add_row(&state, &row);
	return state_datum(&state);
}

/* ERROR with the reason where the header says no kind: as the open of any kind has it. */
static LepIdKind
kind_of_bytes(bytea *bytes)
{
	LepIdKind kind = LEP_ID_INT64;

	(void) lep_ranked_kind((const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &kind);
	return kind;
}

/*
 * lepton_topn_agg_combine(bytea, bytea) -> bytea
 *		Two states of a group as one.  Strict.
 */
Datum
lepton_topn_agg_combine(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_P(1);
	LepIdKind kind = kind_of_bytes(bytes);
	LepRanked state;
	LepRanked other;
	LepRankedRow *rows;

	open_state(&other, kind, (uint8_t *) VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	open_own_state(fcinfo, kind, &state);
	check_same_n(&state, other.n);
	rows = sort_rows(&other);
	for (int64 j = 0; j < Min(other.n, (int64) other.count); j++)
		add_row(&state, &rows[j]);
	pfree(rows);
	return state_datum(&state);
}

/* ------------------------------------------------------------------------- results */

/* What the final function gives: an array of (rank, item_id, score). */
typedef struct ListType
{
	Oid element;
	LepIdKind kind;
	TupleDesc desc;
} ListType;

/* By the function's declaration; kept in fn_extra. */
static ListType *
list_type(FunctionCallInfo fcinfo)
{
	FmgrInfo *flinfo = fcinfo->flinfo;

	if (flinfo->fn_extra == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(flinfo->fn_mcxt);
		ListType *type = palloc(sizeof(ListType));

		type->element = get_element_type(get_func_rettype(flinfo->fn_oid));
		type->desc = lookup_rowtype_tupdesc_copy(type->element, -1);
		MemoryContextSwitchTo(old);
		if (type->desc->natts != 3 || !lpg_keytype_kind(TupleDescAttr(type->desc, 1)->atttypid, &type->kind))
			elog(ERROR, "lepton_topn_agg_list is declared with another result than it gives");
		flinfo->fn_extra = type;
	}
	return flinfo->fn_extra;
}

static Datum
make_entry(const ListType *type, int rank, const LepRankedRow *row)
{
	bool nulls[3] = { false, false, false };
	Datum values[3];

	/* a state's text may be no text: it is as good as sent by a client */
	if (type->kind == LEP_ID_TEXT)
		(void) pg_verifymbstr(row->id.v.text.data, row->id.v.text.len, false);
	values[0] = Int32GetDatum(rank);
	values[1] = lpg_keytype_to_datum(&row->id, type->kind);
	values[2] = Float8GetDatum(row->score);
	return HeapTupleGetDatum(heap_form_tuple(type->desc, values, nulls));
}

/*
 * lepton_topn_agg_list(bytea) -> lepton_ranked[], or that of another kind
 *		The final function: changes nothing, so that it can be asked again as rows
 *		are added.  Strict.
 */
Datum
lepton_topn_agg_list(PG_FUNCTION_ARGS)
{
	const ListType *type = list_type(fcinfo);
	bytea *bytes = PG_GETARG_BYTEA_P(0);
	LepRanked state;
	LepRankedRow *rows;
	Datum *entries;
	int n;

	open_state(&state, type->kind, (uint8_t *) VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	rows = sort_rows(&state);
	n = (int) Min(state.n, (int64) state.count);
	entries = palloc_extended(Max((Size) n, 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (int j = 0; j < n; j++)
	{
		CHECK_FOR_INTERRUPTS();
		entries[j] = make_entry(type, j + 1, &rows[j]);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(entries, n, type->element, -1, false, TYPALIGN_DOUBLE));
}
