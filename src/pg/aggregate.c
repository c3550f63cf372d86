/*
 * aggregate.c
 *		lepton_train(user_id, item_id, rating [, options]): a model of each group, as a
 *		value.
 *
 * A group's rows are collected in the aggregate's memory context (core/rowstate.h),
 * where the executor sees how much they take and spills groups that are too many.
 * Between processes they travel as bytes.  The final function trains, in a context
 * of its own that is gone when it returns; nothing depends on the order in which
 * rows came, on the number of processes or on the plan.
 *
 * The executor of a hash aggregate may ask for the same group's result again (a
 * rescan), so a group's rows stay where they are and a copy of them is sorted.  Where
 * groups come one after the other they are asked for once: their rows are sorted
 * where they are, and may be in mappings of their own, which nobody counts.
 *
 * No function is of any use by hand: a value of type internal cannot be made in SQL,
 * and without an aggregate each is an ERROR.
 */
#include "postgres.h"

#include <math.h>

#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/modelbytes.h"
#include "core/plan.h"
#include "core/rowstate.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/optjson.h"
#include "pg/progress.h"
#include "pg/pgenv.h"
#include "pg/settings.h"
#include "pg/training.h"
#include "pg/value.h"

PG_FUNCTION_INFO_V1(lepton_train_add);
PG_FUNCTION_INFO_V1(lepton_train_combine);
PG_FUNCTION_INFO_V1(lepton_train_serialize);
PG_FUNCTION_INFO_V1(lepton_train_deserialize);
PG_FUNCTION_INFO_V1(lepton_train_final);

/* Groups of fewer ratings are trained by one thread: starting others takes longer than they save. */
#define RATINGS_WORTH_THREADS 20000

/* What a pointer of type internal points to. */
typedef enum GroupKind
{
	GROUP_COLLECTED = 0x4c47634f,
	GROUP_RECEIVED = 0x4c477265
} GroupKind;

/* A group: rows that are being collected, or those of another process. */
typedef struct TrainGroup
{
	GroupKind kind;
	Jsonb *options; /* NULL: none were given */

	/* collected */
	LepEnv env;
	LepArena arena;
	LepRowState rows;

	/* received */
	LepRowView view;
} TrainGroup;

/* The arguments' types, looked up once a query. */
typedef struct IdTypes
{
	Oid type[LEP_ROW_SIDES]; /* base types */
	LepIdKind kind[LEP_ROW_SIDES];
} IdTypes;

/* ----------------------------------------------------------------------- the executor */

/* The aggregate's memory context; ERROR where none calls. */
static MemoryContext
require_aggregate(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	int caller = AggCheckCallContext(fcinfo, &context);

	if (caller == AGG_CONTEXT_WINDOW)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("lepton_train cannot be used as a window function"),
						errhint("Train in a subquery with GROUP BY, and join its models.")));
	if (caller != AGG_CONTEXT_AGGREGATE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("this function is a part of the aggregate lepton_train, and was called without it"),
				 errhint("Write SELECT lepton_train(user_id, item_id, rating) FROM ratings.")));
	return context;
}

/* Do groups come one after the other, and is each asked for once? */
static bool
is_one_by_one(FunctionCallInfo fcinfo)
{
	const AggState *aggregate = (const AggState *) fcinfo->context;

	return IsA(aggregate, AggState) &&
		   (aggregate->aggstrategy == AGG_PLAIN || aggregate->aggstrategy == AGG_SORTED);
}

/* ---------------------------------------------------------------------------- options */

static void
read_options(Jsonb *json, LepOptions *options)
{
	if (json == NULL)
	{
		lep_options_init(options);
		return;
	}
	lpg_options_from_jsonb(json, options);
	/* the aggregate has neither a source nor a table of versions */
	for (int i = 0; lep_option(i) != NULL; i++)
	{
		if (lep_option_use(i) == LEP_USE_TABLE && lep_option_given(options, i))
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is of no use where no table is read or written", lep_option(i)->name),
				 errdetail("lepton_train(user_id, item_id, rating) is given rows, and gives a value."),
				 errhint("Leave it out, or train a named model: lepton_train(model, source, options).")));
	}
}

static char *
options_text(Jsonb *json)
{
	return json == NULL ? pstrdup("{}") : JsonbToCString(NULL, &json->root, VARSIZE(json));
}

/* Which of the two comes first is open: they are named in an order of their own. */
static void
fail_varying_options(Jsonb *a, Jsonb *b)
{
	char *first = options_text(a);
	char *second = options_text(b);
	bool is_sorted = strcmp(first, second) <= 0;

	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options vary within a group"),
					errdetail("They are %s and %s.", is_sorted ? first : second, is_sorted ? second : first),
					errhint("Pass a constant, or what the rows are grouped by.")));
}

static void
require_same_options(Jsonb *a, Jsonb *b)
{
	if (a == NULL && b == NULL)
		return;
	if (a == NULL || b == NULL || compareJsonbContainers(&a->root, &b->root) != 0)
		fail_varying_options(a, b);
}

/* Argument 4 is what the group's first row had; asked for each row, so bytes are compared first. */
static void
check_options(FunctionCallInfo fcinfo, const TrainGroup *group)
{
	struct varlena *given;

	if (PG_ARGISNULL(4))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("options are NULL"),
						errhint("Leave them out, or pass '{}'.")));
	given = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(4));
	if (VARSIZE_ANY_EXHDR(given) == VARSIZE(group->options) - VARHDRSZ &&
		memcmp(VARDATA_ANY(given), VARDATA(group->options), VARSIZE_ANY_EXHDR(given)) == 0)
		return;
	require_same_options(group->options, PG_GETARG_JSONB_P(4));
}

/* -------------------------------------------------------------------------- collecting */

static TrainGroup *
create_group(FunctionCallInfo fcinfo, MemoryContext context, const LepIdKind kind[])
{
	TrainGroup *group = MemoryContextAllocZero(context, sizeof(TrainGroup));

	group->kind = GROUP_COLLECTED;
	if (is_one_by_one(fcinfo))
		lpg_env_init(&group->env, context);
	else
		lpg_env_init_counted(&group->env, context);
	group->env.max_bytes = (size_t) lpg_max_training_memory * 1024;
	group->env.work = "collecting the rows of a group";
	lep_arena_init(&group->arena, &group->env);
	lep_rowstate_init(&group->rows, &group->arena, kind[LEP_ROW_USER], kind[LEP_ROW_ITEM]);
	return group;
}

/* A group's options, for as long as the group. */
static Jsonb *
copy_options(MemoryContext context, Jsonb *options)
{
	return options == NULL ? NULL
						   : memcpy(MemoryContextAlloc(context, VARSIZE(options)), options, VARSIZE(options));
}

/* Superusers can make aggregates of functions that do not go together. */
static void
fail_group(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
					errmsg("the aggregate's state is not one that this function of lepton_train takes"),
					errdetail("%s", detail), errhint("Use the aggregate lepton_train as it is.")));
}

static TrainGroup *
get_group(FunctionCallInfo fcinfo, int argument)
{
	TrainGroup *group = (TrainGroup *) PG_GETARG_POINTER(argument);

	if (group->kind != GROUP_COLLECTED && group->kind != GROUP_RECEIVED)
		fail_group("It is of another aggregate.");
	return group;
}

static TrainGroup *
get_collected(FunctionCallInfo fcinfo, int argument)
{
	TrainGroup *group = get_group(fcinfo, argument);

	if (group->kind != GROUP_COLLECTED)
		fail_group("It comes from another process, and was not combined.");
	return group;
}

static const IdTypes *
get_types(FunctionCallInfo fcinfo)
{
	static const char *const sides[] = { "user", "item" };
	FmgrInfo *flinfo = fcinfo->flinfo;
	IdTypes *types = flinfo->fn_extra;

	if (types != NULL)
		return types;
	types = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(IdTypes));
	for (int side = 0; side < LEP_ROW_SIDES; side++)
	{
		Oid type = get_fn_expr_argtype(flinfo, 1 + side);

		if (!OidIsValid(type))
			elog(ERROR, "could not determine the type of %s ids", sides[side]);
		if (!lpg_keytype_kind(type, &types->kind[side]))
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("a value of type %s cannot be %s %s id", format_type_be(type),
								   side == LEP_ROW_USER ? "a" : "an", sides[side]),
							errhint("Ids are smallint, integer, bigint, text, varchar or uuid; cast it.")));
		types->type[side] = getBaseType(type);
	}
	flinfo->fn_extra = types;
	return types;
}

/* A group with the options of its first row, if they can be options. */
static TrainGroup *
begin_group(FunctionCallInfo fcinfo, MemoryContext context)
{
	Jsonb *json = NULL;
	LepOptions options;
	TrainGroup *group;

	if (PG_NARGS() > 4)
	{
		if (PG_ARGISNULL(4))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("options are NULL"),
							errhint("Leave them out, or pass '{}'.")));
		json = PG_GETARG_JSONB_P(4);
		read_options(json, &options);
	}
	group = create_group(fcinfo, context, get_types(fcinfo)->kind);
	group->options = copy_options(context, json);
	return group;
}

/* Is this row to be dropped for a NULL?  Counts it. */
static bool
has_null(FunctionCallInfo fcinfo, LepRowNulls *nulls)
{
	int64 *const counts[] = { &nulls->user, &nulls->item, &nulls->rating };

	for (int i = 0; i < (int) lengthof(counts); i++)
	{
		if (PG_ARGISNULL(1 + i))
		{
			(*counts[i])++;
			return true;
		}
	}
	return false;
}

static void
fail_rating(const IdTypes *types, const LepId ids[], double rating)
{
	char *row =
		psprintf("user %s and item %s", lpg_keytype_out(&ids[LEP_ROW_USER], types->kind[LEP_ROW_USER]),
				 lpg_keytype_out(&ids[LEP_ROW_ITEM], types->kind[LEP_ROW_ITEM]));

	if (isfinite(rating))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("the rating of %s is out of range: %g", row, rating),
						errdetail("Ratings can be from -%g to %g.", LEP_MAX_RATING, LEP_MAX_RATING),
						errhint("Divide the ratings by a constant, or leave such rows out with FILTER.")));
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("the rating of %s is %s", row,
						   isnan(rating) ? "NaN"
						   : rating > 0	 ? "Infinity"
										 : "-Infinity"),
					errhint("Leave such rows out with FILTER, or make their rating NULL, which drops and "
							"counts them.")));
}

/*
 * lepton_train_add(internal, user_id "any", item_id "any", rating float8 [, options jsonb]) -> internal
 *		A row more.
 */
Datum
lepton_train_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate(fcinfo);
	const IdTypes *types = get_types(fcinfo);
	LepId ids[LEP_ROW_SIDES];
	TrainGroup *group;
	LepStatus status;

	if (PG_ARGISNULL(0))
		group = begin_group(fcinfo, context);
	else
		group = get_collected(fcinfo, 0);
	if (PG_NARGS() > 4)
		check_options(fcinfo, group);
	if (has_null(fcinfo, &group->rows.nulls))
		PG_RETURN_POINTER(group);
	for (int side = 0; side < LEP_ROW_SIDES; side++)
		ids[side] = lpg_keytype_from_datum(PG_GETARG_DATUM(1 + side), types->type[side]);
	status = lep_rowstate_add(&group->rows, &ids[LEP_ROW_USER], &ids[LEP_ROW_ITEM], PG_GETARG_FLOAT8(3));
	if (status == LEP_ERR_NOT_FINITE || status == LEP_ERR_RATING_RANGE)
		fail_rating(types, ids, PG_GETARG_FLOAT8(3));
	lpg_check(status, &group->env.error);
	PG_RETURN_POINTER(group);
}

/* ----------------------------------------------------------------- between processes */

/* The bytes of a group, in the current memory context. */
static bytea *
send_group(TrainGroup *group)
{
	char *note = group->options == NULL ? NULL : options_text(group->options);
	LepStatus status;
	LepRowPack pack;
	bytea *bytes;

	lpg_check(lep_rowstate_pack(&group->rows, note == NULL ? 0 : strlen(note), &pack), &group->env.error);
	if (pack.size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the rows of a group are too many to be sent between processes: " INT64_FORMAT,
							   group->rows.n_rows),
						errhint("Set max_parallel_workers_per_gather to 0.")));
	bytes = palloc(VARHDRSZ + pack.size);
	SET_VARSIZE(bytes, VARHDRSZ + pack.size);
	status = lep_rowstate_write(&pack, note, (uint8_t *) VARDATA(bytes));
	lep_rowstate_pack_end(&pack);
	lpg_check(status, &group->env.error);
	return bytes;
}

/* Texts must be ones that this database can have. */
static void
check_texts(const LepRowView *view)
{
	for (int side = 0; side < LEP_ROW_SIDES; side++)
	{
		const uint8_t *at = view->ids[side];

		for (int32 i = 0; view->kind[side] == LEP_ID_TEXT && i < view->n_ids[side]; i++)
		{
			LepId id;

			CHECK_FOR_INTERRUPTS();
			lep_rowview_ids(view, side, &at, &id, 1);
			(void) pg_verifymbstr(id.v.text.data, id.v.text.len, false);
		}
	}
	(void) pg_verifymbstr(view->note, (int) view->note_bytes, false);
}

/* A group of another process; it refers to the bytes. */
static TrainGroup *
receive_group(bytea *bytes)
{
	TrainGroup *group = palloc0(sizeof(TrainGroup));
	LepEnv env;

	group->kind = GROUP_RECEIVED;
	lpg_env_init(&env, CurrentMemoryContext);
	if (lep_rowview_open(&env, (const uint8_t *) VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, &group->view) !=
		LEP_OK)
		lpg_error_bytes(&env.error, NULL, "state");
	check_texts(&group->view);
	if (group->view.note_bytes > 0)
		group->options = DatumGetJsonbP(DirectFunctionCall1(
			jsonb_in, CStringGetDatum(pnstrdup(group->view.note, group->view.note_bytes))));
	return group;
}

/*
 * lepton_train_serialize(internal) -> bytea
 *		The rows of a group, for another process; docs/format.md, "rows".
 */
Datum
lepton_train_serialize(PG_FUNCTION_ARGS)
{
	(void) require_aggregate(fcinfo);
	PG_RETURN_BYTEA_P(send_group(get_collected(fcinfo, 0)));
}

/*
 * lepton_train_deserialize(bytea, internal) -> internal
 *		Rows from another process, all of them checked.
 */
Datum
lepton_train_deserialize(PG_FUNCTION_ARGS)
{
	(void) require_aggregate(fcinfo);
	/* a copy: the argument is the executor's */
	PG_RETURN_POINTER(receive_group(PG_GETARG_BYTEA_P_COPY(0)));
}

/*
 * lepton_train_combine(internal, internal) -> internal
 *		The first group, with the rows of the second.
 */
Datum
lepton_train_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate(fcinfo);
	TrainGroup *group = PG_ARGISNULL(0) ? NULL : get_collected(fcinfo, 0);
	TrainGroup *other;

	if (PG_ARGISNULL(1))
	{
		if (group == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(group);
	}
	other = get_group(fcinfo, 1);
	if (other->kind == GROUP_COLLECTED)
		other = receive_group(send_group(other));
	if (group == NULL)
	{
		group = create_group(fcinfo, context, other->view.kind);
		group->options = copy_options(context, other->options);
	}
	require_same_options(group->options, other->options);
	lpg_check(lep_rowstate_take(&group->rows, &other->view), &group->env.error);
	PG_RETURN_POINTER(group);
}

/* ---------------------------------------------------------------------------- training */

/* Why a group is too small to train on. */
static char *
small_reason(const LepError *error)
{
	switch (error->status)
	{
		case LEP_ERR_TOO_FEW:
			return psprintf("It has %.0f %s, but at least %.0f are needed.", error->value, error->what,
							error->min);
		case LEP_ERR_EMPTY_TRAIN:
			return psprintf("All of its %.0f ratings are held out.", error->value);
		default:
			return pstrdup("It has no usable rating.");
	}
}

static bool
is_small(LepStatus status)
{
	return status == LEP_ERR_NO_RATINGS || status == LEP_ERR_TOO_FEW || status == LEP_ERR_EMPTY_TRAIN;
}

/* The hint's options decide what is too small; ERROR unless NULL is to be the answer. */
static void
answer_small(const LepOptions *options, const LepError *error)
{
	if (options->on_small == LEP_ON_SMALL_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND), errmsg("a group is too small to train on"),
				 errdetail("%s", small_reason(error)),
				 errhint("Rows with a NULL id or rating are not used, nor are users and items below "
						 "min_user_ratings and min_item_ratings. Option \"on_small\" can be \"null\".")));
}

/* ERROR for a status that is none of a small group. */
static void
check_status(LepStatus status, const LepError *error)
{
	if (status == LEP_ERR_NEEDS_TIME)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\"%s needs the time of each rating", error->what,
							   error->text[0] == '\0' ? "" : psprintf(" = \"%s\"", error->text)),
						errdetail("lepton_train(user_id, item_id, rating) is given none."),
						errhint("Train a named model: lepton_train(model, source, options).")));
	if (!is_small(status))
		lpg_check(status, error);
}

/* The ratings of a group, in its own memory or in the training's. */
static LepStatus
sort_rows(TrainGroup *group, bool one_by_one, LpgTraining *t)
{
	LepRatingsBuilder *builder;
	LepStatus status;
	LepEnv *env = one_by_one ? &group->env : &t->env;

	t->source.n_rows =
		group->rows.n_rows + group->rows.nulls.user + group->rows.nulls.item + group->rows.nulls.rating;
	t->source.n_null_user = group->rows.nulls.user;
	t->source.n_null_item = group->rows.nulls.item;
	t->source.n_null_rating = group->rows.nulls.rating;
	if (one_by_one)
		status = lep_rowstate_release(&group->rows, &builder);
	else
		status = lep_rowstate_copy(&group->rows, &t->arena, &builder);
	if (status == LEP_OK)
		status = lep_ratings_finish(builder, &t->options, &t->ratings);
	t->env.error = env->error;
	return status;
}

/*
 * What is held beside the training's own memory counts: the rows of all groups of a
 * hash aggregate, or the ratings where they are.
 */
static void
count_held(const TrainGroup *group, bool one_by_one, MemoryContext context, LpgTraining *t)
{
	size_t held = one_by_one ? group->env.bytes_now : MemoryContextMemAllocated(context, true);

	t->env.bytes_now = lep_add_size(t->env.bytes_now, held);
}

/* Refuse what will not do beside the rows of other groups; of one alone the engine does. */
static void
check_memory(const LpgTraining *t, MemoryContext context, int n_threads)
{
	size_t rows = MemoryContextMemAllocated(context, true);
	size_t needed = lep_add_size(rows, lep_plan_memory(t->ratings, &t->options, n_threads));

	if (t->env.max_bytes > 0 && needed > t->env.max_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("training the model of a group would take %s of memory, but "
						"lepton.max_training_memory is %s",
						lpg_errors_size((double) needed), lpg_errors_size((double) t->env.max_bytes)),
				 errdetail("The rows of the groups that are held at once take %s of it.",
						   lpg_errors_size((double) rows)),
				 errhint("Set enable_hashagg to off or hash_mem_multiplier lower, so that fewer groups "
						 "are held at once; ask for fewer factors; or have "
						 "lepton.max_training_memory raised.")));
}

/* The fewest factors that the model will have. */
static int
least_factors(const LpgTraining *t)
{
	LepCandidate *candidates = palloc(LEP_MAX_TRIALS * sizeof(LepCandidate));
	int least = LEP_MAX_FACTORS;
	LepError error;
	int n;

	/* where it fails, the training will, and say why */
	if (lep_plan_candidates(t->ratings, &t->options, candidates, &n, &error) != LEP_OK)
		return 0;
	if (n > 1)
		lep_plan_choose(t->ratings, candidates, n, true);
	for (int c = 0; c < n; c++)
	{
		if (n == 1 || candidates[c].planned)
			least = Min(least, lep_solver_factors(candidates[c].solver, &candidates[c].options));
	}
	pfree(candidates);
	return least;
}

static void
check_size(size_t size)
{
	if (size > LPG_MAX_VALUE_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the model of a group would take %s, but a value can have %s at most",
						lpg_errors_size((double) size), lpg_errors_size((double) LPG_MAX_VALUE_BYTES)),
				 errdetail("Larger values cannot be dumped."),
				 errhint("Ask for fewer factors, set option \"storage\" to \"float16\" or \"int8\", or train "
						 "a named model: lepton_train(model, source, options).")));
}

/* Refuse before training what would be refused after it. */
static void
check_least_size(const LpgTraining *t)
{
	check_size(lep_modelbytes_least(t->ratings->n_users, t->ratings->n_items, t->ratings->n_ratings,
									least_factors(t), (LepPrecision) t->options.storage));
}

/* Texts about a model, which must stay until it is written. */
static void
describe(const LpgTraining *t, Jsonb *options, LepModelHead *head)
{
	Jsonb *metrics = DatumGetJsonbP(lpg_training_metrics(t));
	Jsonb *details = DatumGetJsonbP(lpg_training_details(t));

	head->document[LEP_DOCUMENT_ALGORITHM] = lep_algorithm_name(t->result.algorithm);
	head->document[LEP_DOCUMENT_OPTIONS] = options_text(options);
	head->document[LEP_DOCUMENT_METRICS] = options_text(metrics);
	head->document[LEP_DOCUMENT_DETAILS] = options_text(details);
	for (int d = 0; d < LEP_N_DOCUMENTS; d++)
		head->document_bytes[d] = head->document[d] == NULL ? 0 : strlen(head->document[d]);
	head->encoding = (uint8_t) GetDatabaseEncoding();
}

/* The model as a value, in the memory context `result`; the current one is the training's. */
static bytea *
encode_model(LpgTraining *t, Jsonb *options, MemoryContext result)
{
	LepModelHead head;
	size_t size;
	bytea *bytes;

	lpg_check(lep_modelbytes_head(&t->env, &t->result, t->ratings, &head), &t->env.error);
	describe(t, options, &head);
	size = lep_modelbytes_size(&head);
	check_size(size);
	bytes = MemoryContextAlloc(result, VARHDRSZ + size);
	SET_VARSIZE(bytes, VARHDRSZ + size);
	lpg_check(lep_modelbytes_encode(&t->env, &head, &t->result, t->ratings, (uint8_t *) VARDATA(bytes)),
			  &t->env.error);
	return bytes;
}

/* A worker has a core to itself, no more; and a small group is done before threads have begun. */
static int
threads_for(const LepRatings *ratings)
{
	if (IsParallelWorker() || ratings->n_ratings < RATINGS_WORTH_THREADS)
		return 1;
	return lpg_settings_threads();
}

/* Train on sorted ratings; NULL for a small group. */
static bytea *
train_sorted(LpgTraining *t, Jsonb *options, MemoryContext result)
{
	LepStatus status = lpg_training_try(t, threads_for(t->ratings));

	check_status(status, &t->env.error);
	if (status != LEP_OK)
		return NULL;
	return encode_model(t, options, result);
}

/* The model of a group, in the current memory context; NULL for a small one. */
static bytea *
train_group(TrainGroup *group, bool one_by_one, MemoryContext context)
{
	LpgTraining *t = palloc0(sizeof(LpgTraining));
	MemoryContext result = CurrentMemoryContext;
	LpgProgress progress;
	bytea *bytes = NULL;
	LepStatus status;

	lpg_training_begin(t);
	lpg_progress_begin_nameless(&progress, &t->env, LPG_PHASE_SORT);
	t->reproducible = true;
	MemoryContextSwitchTo(t->context);
	read_options(group->options, &t->options);
	status = sort_rows(group, one_by_one, t);
	check_status(status, &t->env.error);
	if (status == LEP_OK)
	{
		check_least_size(t);
		if (!one_by_one)
			check_memory(t, context, threads_for(t->ratings));
		count_held(group, one_by_one, context, t);
		bytes = train_sorted(t, group->options, result);
	}
	if (bytes == NULL)
		answer_small(&t->options, &t->env.error);
	lpg_progress_end(&progress);
	MemoryContextSwitchTo(result);
	MemoryContextDelete(t->context);
	pfree(t);
	return bytes;
}

/*
 * lepton_train_final(internal) -> bytea
 *		The model of a group; NULL where there are no rows, or too few.
 */
Datum
lepton_train_final(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate(fcinfo);
	bytea *model;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	model = train_group(get_collected(fcinfo, 0), is_one_by_one(fcinfo), context);
	if (model == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(model);
}
