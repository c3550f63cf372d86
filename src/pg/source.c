/*
 * source.c
 *		From a source's rows to the engine's builder.
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/optjson.h"
#include "pg/owner.h"
#include "pg/pgenv.h"
#include "pg/source.h"
#include "pg/source_column.h"

/* Rows between two calls of the check. */
#define ROWS_PER_CHECK 65536

/* A DestReceiver that fills batches for the builder. */
typedef struct SourceReceiver
{
	DestReceiver pub;
	LpgSource *source;
	LepArena *arena;
	const LepOptions *options;
	LpgSourceCheck check;
	void *check_arg;
	const LpgSourceFilter *filter; /* NULL: all rows */
	bool survey;				   /* count rows with impossible values, rather than fail */

	LpgSourceColumn user;
	LpgSourceColumn item;
	LpgSourceColumn rating;
	LpgSourceColumn time;
	int last_attno; /* of the columns read */

	int n; /* rows in the batch */
	LepId users[LEP_ID_BATCH];
	LepId items[LEP_ID_BATCH];
	double ratings[LEP_ID_BATCH];
	int64 times[LEP_ID_BATCH];
	int64 row_numbers[LEP_ID_BATCH]; /* of the source, dropped rows counted */
	MemoryContext batch_context;	 /* text ids of the batch, and conversions */
} SourceReceiver;

/* ------------------------------------------------------------------ columns */

/*
 * The name of the column of ratings or times; "", which no column has, where no
 * option says it and the column is that of ids: those are no ratings.
 */
static const char *
column_beside_ids(const LepOptions *options, const char *option, const char *column)
{
	bool is_id = strcmp(column, options->user_column) == 0 || strcmp(column, options->item_column) == 0;

	return is_id && !lpg_option_given(options, option) ? "" : column;
}

static void
resolve_columns(SourceReceiver *r, TupleDesc desc)
{
	const LepOptions *o = r->options;
	LepSourceShape *shape = &r->source->shape;

	lpg_source_column_find(&r->user, desc, o->user_column);
	lpg_source_column_find(&r->item, desc, o->item_column);
	lpg_source_column_find(&r->rating, desc, column_beside_ids(o, "rating_column", o->rating_column));
	lpg_source_column_find(&r->time, desc, column_beside_ids(o, "time_column", o->time_column));
	lpg_source_column_require(&r->user, desc, "user_column", true);
	lpg_source_column_require(&r->item, desc, "item_column", true);
	lpg_source_column_require(&r->rating, desc, "rating_column", lpg_option_given(o, "rating_column"));
	lpg_source_column_require(&r->time, desc, "time_column", lpg_option_given(o, "time_column"));
	lpg_source_column_require_id(&r->user, &shape->user_kind);
	lpg_source_column_require_id(&r->item, &shape->item_kind);
	lpg_source_column_require_number(&r->rating);
	lpg_source_column_require_time(&r->time);
	shape->has_rating = r->rating.attno != 0;
	shape->has_time = r->time.attno != 0;
	r->source->time_unit = lpg_source_column_time_unit(r->time.type);
	r->last_attno = Max(Max(r->user.attno, r->item.attno), Max(r->rating.attno, r->time.attno));
}

/* ------------------------------------------------------------------- values */

static double
get_number(Datum datum, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(datum);
		case INT4OID:
			return DatumGetInt32(datum);
		case INT8OID:
			return (double) DatumGetInt64(datum);
		case FLOAT4OID:
			return DatumGetFloat4(datum);
		case FLOAT8OID:
			return DatumGetFloat8(datum);
		case NUMERICOID:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, datum));
		default:
			elog(ERROR, "type %u is no number", type);
	}
}

/* *refused: the infinity that a time is; 0 if it is none. */
static void
find_infinity(bool is_begin, bool is_end, double *refused)
{
	if (is_begin || is_end)
		*refused = is_end ? INFINITY : -INFINITY;
}

/*
 * A time as an integer of the same order.  Numbers are kept to a millionth, as
 * timestamps are.  *refused: 0, or the NaN or the infinity that it is: no point
 * in time, and as the newest of all it would empty windows and splits.
 */
static int64
get_time(const LpgSourceColumn *column, Datum datum, double *refused)
{
	double value;

	*refused = 0;
	switch (column->type)
	{
		case INT2OID:
			return DatumGetInt16(datum);
		case INT4OID:
			return DatumGetInt32(datum);
		case INT8OID:
			return DatumGetInt64(datum);
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
			find_infinity(TIMESTAMP_IS_NOBEGIN(DatumGetTimestamp(datum)),
						  TIMESTAMP_IS_NOEND(DatumGetTimestamp(datum)), refused);
			return DatumGetTimestamp(datum);
		case DATEOID:
			find_infinity(DATE_IS_NOBEGIN(DatumGetDateADT(datum)), DATE_IS_NOEND(DatumGetDateADT(datum)),
						  refused);
			return DatumGetDateADT(datum);
		default:
			break;
	}
	value = get_number(datum, column->type);
	if (!isfinite(value))
	{
		*refused = value;
		return 0;
	}
	value *= 1e6;
	if (value >= 9.2e18)
		return PG_INT64_MAX;
	if (value <= -9.2e18)
		return PG_INT64_MIN;
	return (int64) rint(value);
}

/* The time of the row that is being read; ERROR unless it is one. */
static int64
require_finite_time(const SourceReceiver *r, Datum datum)
{
	double refused;
	int64 time = get_time(&r->time, datum, &refused);

	if (unlikely(refused != 0))
	{
		LepError *error = &r->arena->env->error;

		lep_fail(error, LEP_ERR_NOT_FINITE, psprintf("\"%s\"", r->time.name), refused, 0, 0);
		error->row = r->source->n_rows;
		lpg_error(error);
	}
	return time;
}

/* The id of a column; text is copied, since the slot's memory goes with its row. */
static LepId
get_id(const SourceReceiver *r, const LpgSourceColumn *column, Datum datum)
{
	LepId id = lpg_keytype_from_datum(datum, column->type);

	if (column->type == TEXTOID || column->type == VARCHAROID)
		id.v.text.data = memcpy(MemoryContextAlloc(r->batch_context, Max(id.v.text.len, 1)), id.v.text.data,
								id.v.text.len);
	return id;
}

/* ----------------------------------------------------------------- receiver */

static void
add_batch(SourceReceiver *r)
{
	const LepSourceShape *shape = &r->source->shape;
	int64 before = lep_ratings_rows(r->source->builder);
	LepError *error = &r->arena->env->error;
	LepStatus status;

	lpg_env_check_interrupts();
	status = lep_ratings_add(r->source->builder, r->users, r->items, shape->has_rating ? r->ratings : NULL,
							 shape->has_time ? r->times : NULL, r->n);

	/* the engine counts the rows that it was given; the user those of the source */
	if (status != LEP_OK && error->row > before && error->row <= before + r->n)
		error->row = r->row_numbers[error->row - before - 1];
	lpg_check(status, error);
	r->n = 0;
	MemoryContextReset(r->batch_context);
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	SourceReceiver *r = (SourceReceiver *) self;

	resolve_columns(r, desc);
	r->source->builder = lep_ratings_begin(r->arena, &r->source->shape);
	if (r->source->builder == NULL)
		lpg_error(&r->arena->env->error);
	lep_ratings_set_day(r->source->builder, lpg_times_day(r->source->time_unit));
	r->check(r->check_arg, r->source);
}

/* Is this row to be dropped for a NULL?  Counts it. */
static bool
has_null(const SourceReceiver *r, const TupleTableSlot *slot)
{
	const struct
	{
		const LpgSourceColumn *column;
		int64 *count;
	} columns[] = {
		{ &r->user, &r->source->n_null_user },
		{ &r->item, &r->source->n_null_item },
		{ &r->rating, &r->source->n_null_rating },
		{ &r->time, &r->source->n_null_time },
	};

	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		AttrNumber attno = columns[i].column->attno;

		if (attno != 0 && slot->tts_isnull[attno - 1])
		{
			(*columns[i].count)++;
			return true;
		}
	}
	return false;
}

static bool
is_long_id(const LpgSourceColumn *column, Datum datum)
{
	return (column->type == TEXTOID || column->type == VARCHAROID) &&
		   toast_raw_datum_size(datum) - VARHDRSZ > LEP_MAX_TEXT_ID;
}

static bool
is_bad_time(const LpgSourceColumn *column, Datum datum)
{
	double refused;

	(void) get_time(column, datum, &refused);
	return refused != 0;
}

/*
 * Has this row, in which nothing is NULL, a value that a training would refuse?
 * Counts it.
 */
static bool
has_refused(const SourceReceiver *r, const TupleTableSlot *slot)
{
	LpgSource *source = r->source;
	int64 *count = NULL;

	if (r->rating.attno != 0 &&
		!(fabs(get_number(slot->tts_values[r->rating.attno - 1], r->rating.type)) <= LEP_MAX_RATING))
		count = &source->n_bad_rating;
	else if (r->time.attno != 0 && is_bad_time(&r->time, slot->tts_values[r->time.attno - 1]))
		count = &source->n_bad_time;
	else if (is_long_id(&r->user, slot->tts_values[r->user.attno - 1]) ||
			 is_long_id(&r->item, slot->tts_values[r->item.attno - 1]))
		count = &source->n_long_id;
	if (count == NULL)
		return false;
	(*count)++;
	if (source->first_refused == 0)
		source->first_refused = source->n_rows;
	return true;
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	SourceReceiver *r = (SourceReceiver *) self;
	MemoryContext old;

	slot_getsomeattrs(slot, r->last_attno);
	r->source->n_rows++;
	if (r->source->n_rows % ROWS_PER_CHECK == 0)
		r->check(r->check_arg, r->source);
	if (has_null(r, slot))
		return true;

	old = MemoryContextSwitchTo(r->batch_context);
	if (r->survey && has_refused(r, slot))
	{
		MemoryContextSwitchTo(old);
		/* a batch that never begins would never end either */
		if (r->n == 0)
			MemoryContextReset(r->batch_context);
		return true;
	}
	r->users[r->n] = get_id(r, &r->user, slot->tts_values[r->user.attno - 1]);
	r->items[r->n] = get_id(r, &r->item, slot->tts_values[r->item.attno - 1]);
	if (r->rating.attno != 0)
		r->ratings[r->n] = get_number(slot->tts_values[r->rating.attno - 1], r->rating.type);
	if (r->time.attno != 0)
		r->times[r->n] = require_finite_time(r, slot->tts_values[r->time.attno - 1]);
	MemoryContextSwitchTo(old);
	if (r->filter != NULL && r->filter->accepts != NULL &&
		!r->filter->accepts(r->filter->arg, r->source, r->times[r->n]))
	{
		if (r->n == 0)
			MemoryContextReset(r->batch_context);
		return true;
	}
	if (r->time.attno != 0)
		r->source->newest_time = Max(r->source->newest_time, r->times[r->n]);
	r->row_numbers[r->n] = r->source->n_rows;
	if (++r->n == LEP_ID_BATCH)
		add_batch(r);
	return true;
}

static void
receiver_shutdown(DestReceiver *self)
{
	SourceReceiver *r = (SourceReceiver *) self;

	if (r->n > 0)
		add_batch(r);
}

static void
receiver_destroy(DestReceiver *self)
{
}

/* -------------------------------------------------------------------- query */

/* What errors call a query. */
static const LpgSourceWords ratings_words = { "the source", "source of ratings", "shop.ratings",
											  "SELECT user_id, item_id, rating FROM ..." };

/* A query that is being parsed. */
typedef struct ParsedQuery
{
	const char *text;
	const LpgSourceWords *words;
} ParsedQuery;

/* Make the position of a syntax error one in the source, as PL/pgSQL does. */
static void
source_error_callback(void *arg)
{
	const ParsedQuery *query = arg;
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(query->text);
	}
	errcontext("%s", query->words->context);
}

/* Any part of a set operation can carry INTO, but the grammar lets the first only. */
static bool
has_into(const SelectStmt *select)
{
	while (select->op != SETOP_NONE)
		select = select->larg;
	return select->intoClause != NULL;
}

/* ERROR unless the text is exactly one SELECT (VALUES, TABLE, WITH ... SELECT); it without what follows. */
static char *
check_select(const char *query, const LpgSourceWords *words)
{
	ParsedQuery parsed = { query, words };
	ErrorContextCallback callback;
	List *statements;
	const RawStmt *raw = NULL;
	Node *statement = NULL;

	callback.callback = source_error_callback;
	callback.arg = &parsed;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	statements = raw_parser(query, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;

	if (list_length(statements) == 1)
	{
		raw = linitial_node(RawStmt, statements);
		statement = raw->stmt;
	}
	if (statement == NULL || !IsA(statement, SelectStmt) || has_into((SelectStmt *) statement))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s must be one SELECT or the name of a table", words->name),
				 list_length(statements) == 1 ? errdetail("It is a statement that is no SELECT.")
											  : errdetail("It is %d statements.", list_length(statements)),
				 errhint("Give a name such as '%s', or '%s'.", words->table, words->select)));
	return raw->stmt_len > 0 ? pnstrdup(query, raw->stmt_location + raw->stmt_len) : pstrdup(query);
}

/*
 * Before the lock: nobody waits for a relation of which she may read nothing.
 * What exactly she may read, the SELECT will find.
 */
static void
check_readable(const RangeVar *rangevar, Oid relid, Oid old_relid, void *arg)
{
	AclResult aclresult;

	if (!OidIsValid(relid) || relid == old_relid)
		return;
	aclresult = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (aclresult != ACLCHECK_OK)
		aclresult = pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY);
	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, get_relkind_objtype(get_rel_relkind(relid)), rangevar->relname);
}

/* The relation of that name, locked, if rows can be read from it. */
static Relation
open_relation(const char *name)
{
	RangeVar *rangevar = makeRangeVarFromNameList(lpg_qualified_name_list(name));
	Oid relid = RangeVarGetRelidExtended(rangevar, AccessShareLock, 0, check_readable, NULL);
	Relation relation = relation_open(relid, NoLock);

	if (relation->rd_rel->relkind != RELKIND_RELATION &&
		relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE && relation->rd_rel->relkind != RELKIND_VIEW &&
		relation->rd_rel->relkind != RELKIND_MATVIEW && relation->rd_rel->relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a table or a view", RelationGetRelationName(relation))));
	return relation;
}

static const char *
quoted_name(Relation relation)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
}

/* "SELECT the columns that are read FROM the relation". */
static char *
select_from_relation(const char *name, const LepOptions *options)
{
	Relation relation = open_relation(name);
	TupleDesc desc = RelationGetDescr(relation);
	const char *columns[] = { options->user_column, options->item_column,
							  column_beside_ids(options, "rating_column", options->rating_column),
							  column_beside_ids(options, "time_column", options->time_column) };
	static const char *const option_names[] = { "user_column", "item_column", "rating_column",
												"time_column" };
	StringInfoData query;
	List *listed = NIL; /* attribute numbers */

	initStringInfo(&query);
	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		LpgSourceColumn column;

		lpg_source_column_find(&column, desc, columns[i]);
		lpg_source_column_require(&column, desc, option_names[i],
								  i < 2 || lpg_option_given(options, option_names[i]));
		if (column.attno == 0 || list_member_int(listed, column.attno))
			continue;
		appendStringInfo(&query, "%s %s", listed == NIL ? "SELECT" : ",", quote_identifier(columns[i]));
		listed = lappend_int(listed, column.attno);
	}
	appendStringInfo(&query, " FROM %s", quoted_name(relation));
	relation_close(relation, NoLock);
	return query.data;
}

static bool
is_name(const char *source)
{
	List *names;

	return SplitIdentifierString(pstrdup(source), '.', &names) && names != NIL && list_length(names) <= 3;
}

/* The SELECT that a source means. */
static char *
get_query(const char *source, const LepOptions *options)
{
	if (is_name(source))
		return select_from_relation(source, options);
	return check_select(source, &ratings_words);
}

/* keeps_snapshot: rows as the active snapshot sees them, not a new one. */
static void
execute(const char *query, DestReceiver *receiver, bool keeps_snapshot)
{
	SPIExecuteOptions options;
	bool was_read_only = lpg_owner_begin_reading();

	memset(&options, 0, sizeof(options));
	options.must_return_tuples = true;
	options.read_only = keeps_snapshot;
	options.dest = receiver;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_extended(query, &options) < 0)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
	lpg_owner_end_reading(was_read_only);
}

void
lpg_source_query(const char *source, const LpgSourceWords *words, DestReceiver *receiver)
{
	if (is_name(source))
	{
		Relation relation = open_relation(source);
		char *query = psprintf("SELECT * FROM %s", quoted_name(relation));

		relation_close(relation, NoLock);
		execute(query, receiver, true);
		return;
	}
	execute(check_select(source, words), receiver, true);
}

Oid
lpg_source_relation(const char *source)
{
	Relation relation;
	Oid relid;

	if (!is_name(source))
		return InvalidOid;
	relation = open_relation(source);
	relid = RelationGetRelid(relation);
	relation_close(relation, NoLock);
	return relid;
}

char *
lpg_source_of_items(const char *source, const LpgSourceWords *words)
{
	return psprintf("SELECT lepton_source.* FROM (\n%s\n) AS lepton_source (id) "
					"WHERE lepton_source.id OPERATOR(pg_catalog.=) ANY ($1)",
					check_select(source, words));
}

char *
lpg_source_of_user(const char *source, const LepOptions *options)
{
	/* on lines of their own: a query may end in a comment */
	return psprintf("SELECT * FROM (\n%s\n) AS lepton_source WHERE %s OPERATOR(pg_catalog.=) $1",
					get_query(source, options), quote_identifier(options->user_column));
}

/* A receiver that does everything but look at the query. */
static SourceReceiver *
create_receiver(const LepOptions *options, LepArena *arena, LpgSourceCheck check, void *check_arg,
				LpgSource *source)
{
	SourceReceiver *receiver = palloc0(sizeof(SourceReceiver));

	memset(source, 0, sizeof(*source));
	source->newest_time = PG_INT64_MIN;
	receiver->pub.rStartup = receiver_startup;
	receiver->pub.receiveSlot = receive_row;
	receiver->pub.rShutdown = receiver_shutdown;
	receiver->pub.rDestroy = receiver_destroy;
	receiver->pub.mydest = DestNone;
	receiver->source = source;
	receiver->arena = arena;
	receiver->options = options;
	receiver->check = check;
	receiver->check_arg = check_arg;
	receiver->batch_context =
		AllocSetContextCreate(CurrentMemoryContext, "lepton source batch", ALLOCSET_DEFAULT_SIZES);
	return receiver;
}

static void
read_rows(const char *query, SourceReceiver *receiver)
{
	char *select = get_query(query, receiver->options);

	lpg_changes_count(lpg_source_relation(query), &receiver->source->changes);
	execute(select, &receiver->pub, false);
	MemoryContextDelete(receiver->batch_context);
	pfree(receiver);
}

static void
check_nothing(void *arg, const LpgSource *source)
{
}

DestReceiver *
lpg_source_receiver(const LepOptions *options, LepArena *arena, LpgSource *source)
{
	return &create_receiver(options, arena, check_nothing, NULL, source)->pub;
}

void
lpg_source_notice_feedback(const LpgSource *source, const LepOptions *options, const LepRatings *ratings)
{
	const char *why = "They are all the same.";

	if (options->feedback != LEP_FEEDBACK_AUTO || ratings->feedback != LEP_FEEDBACK_IMPLICIT)
		return;
	if (!source->shape.has_rating)
		why = "There is no rating column: every row counts 1.";
	else if (ratings->looks_like_counts)
		why = "They look like counts: whole numbers from 1 with a long tail.";
	ereport(NOTICE, (errmsg("ratings of the source are taken as implicit feedback"), errdetail("%s", why),
					 errhint("Set option \"feedback\" to \"explicit\" if they are ratings, to "
							 "\"implicit\" to say that this is right.")));
}

void
lpg_source_read(const char *query, const LepOptions *options, LepArena *arena, LpgSourceCheck check,
				void *check_arg, LpgSource *source)
{
	read_rows(query, create_receiver(options, arena, check, check_arg, source));
}

void
lpg_source_read_some(const char *query, const LepOptions *options, LepArena *arena,
					 const LpgSourceFilter *filter, LpgSource *source)
{
	SourceReceiver *receiver = create_receiver(options, arena, filter->check, filter->arg, source);

	receiver->filter = filter;
	read_rows(query, receiver);
}

void
lpg_source_survey(const char *query, const LepOptions *options, LepArena *arena, LpgSourceCheck check,
				  void *check_arg, LpgSource *source)
{
	SourceReceiver *receiver = create_receiver(options, arena, check, check_arg, source);

	receiver->survey = true;
	read_rows(query, receiver);
}
