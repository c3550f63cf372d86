/*
 * eligible.c
 *		From a query of item ids to a bit for each item: of all that it has, or of
 *		some that are asked for.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tupdesc.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/topn.h"
#include "pg/compat.h"
#include "pg/eligible.h"
#include "pg/errors.h"
#include "pg/jsonread.h"
#include "pg/keytype.h"
#include "pg/owner.h"
#include "pg/ownerplan.h"
#include "pg/pgenv.h"
#include "pg/registry.h"
#include "pg/source.h"

static const LpgSourceWords words = { "option eligible", "option eligible", "shop.products_in_stock",
									  "SELECT id FROM products WHERE in_stock" };

/* ------------------------------------------------------------------------ choice */

/* "SELECT the ids FROM the relation": its column of item ids, or its only one. */
static char *
select_ids(Oid relid, const char *item_column)
{
	AttrNumber attno = get_attnum(relid, item_column);
	Relation relation = relation_open(relid, NoLock);
	TupleDesc desc = RelationGetDescr(relation);
	const char *column = attno > 0 ? item_column : NULL;
	int n = 0;

	for (int i = 0; i < desc->natts && attno <= 0; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		column = n++ == 0 ? pstrdup(NameStr(TupleDescAttr(desc, i)->attname)) : NULL;
	}
	if (column == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("table \"%s\" has no column \"%s\" that says which items are eligible",
							   RelationGetRelationName(relation), item_column),
						errhint("Give a query as option \"eligible\", such as 'SELECT id FROM %s'.",
								lpg_registry_qualified_name(relid))));
	relation_close(relation, NoLock);
	return psprintf("SELECT %s FROM %s", quote_identifier(column), lpg_registry_qualified_name(relid));
}

/* ------------------------------------------------------------------------ reading */

/* Told of each id; NULLs are passed over. */
typedef void (*VisitId)(void *arg, const LepId *id);

/* A DestReceiver of ids. */
typedef struct IdReceiver
{
	DestReceiver pub;
	LepIdKind kind; /* that ids must be of */
	Oid type;
	VisitId visit;
	void *arg;
	MemoryContext row_context;
} IdReceiver;

/* One column, of ids of that kind: its type. */
static Oid
check_columns(TupleDesc desc, LepIdKind wanted)
{
	LepIdKind kind;
	Oid type;

	if (desc->natts != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("option \"eligible\" has %d columns, but must have one: item ids", desc->natts),
				 errhint("Give a query such as '%s'.", words.select)));
	type = getBaseType(TupleDescAttr(desc, 0)->atttypid);
	if (!lpg_keytype_kind(type, &kind) || kind != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("option \"eligible\" gives ids of type %s, but the model's item ids are of type %s",
						format_type_be(type), lpg_keytype_name(wanted)),
				 errhint("Cast them in the query.")));
	return type;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	IdReceiver *r = (IdReceiver *) self;

	r->type = check_columns(desc, r->kind);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	IdReceiver *r = (IdReceiver *) self;
	MemoryContext old;

	slot_getsomeattrs(slot, 1);
	if (slot->tts_isnull[0])
		return true;
	old = MemoryContextSwitchTo(r->row_context);
	{
		LepId id = lpg_keytype_from_datum(slot->tts_values[0], r->type);

		r->visit(r->arg, &id);
	}
	MemoryContextSwitchTo(old);
	if (r->kind == LEP_ID_TEXT)
		MemoryContextReset(r->row_context);
	return true;
}

static void
receiver_done(DestReceiver *self)
{
}

static void
init_receiver(IdReceiver *r, LepIdKind kind, VisitId visit, void *arg)
{
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->visit = visit;
	r->arg = arg;
	r->pub.rStartup = receiver_startup;
	r->pub.receiveSlot = receive_row;
	r->pub.rShutdown = receiver_done;
	r->pub.rDestroy = receiver_done;
	r->pub.mydest = DestNone;
	r->row_context = AllocSetContextCreate(CurrentMemoryContext, "lepton eligible row", ALLOCSET_SMALL_SIZES);
}

static void
read_ids(const char *query, LepIdKind kind, VisitId visit, void *arg)
{
	IdReceiver r;

	init_receiver(&r, kind, visit, arg);
	lpg_source_query(query, &words, &r.pub);
	MemoryContextDelete(r.row_context);
}

/* -------------------------------------------------------------------- while training */

typedef struct Count
{
	const LepIdMap *items;
	uint8 *seen; /* bits */
	int64 n;
} Count;

static void
count_id(void *arg, const LepId *id)
{
	Count *count = arg;
	int32 item = lep_idmap_find(count->items, id);

	if (item < 0 || lep_topn_has_bit(count->seen, item))
		return;
	count->seen[item >> 3] |= (uint8) (1 << (item & 7));
	count->n++;
}

void
lpg_eligible_choose(const LepOptions *options, const LepRatings *ratings, const char *model,
					LpgEligibleChoice *choice)
{
	Count count = { .items = ratings->items };
	Oid relid;

	memset(choice, 0, sizeof(*choice));
	if (options->eligible == NULL)
		return;
	relid = lpg_source_relation(options->eligible);
	choice->query = OidIsValid(relid) ? select_ids(relid, options->item_column) : pstrdup(options->eligible);
	count.seen = palloc0(lep_topn_mask_size(ratings->n_items));
	read_ids(choice->query, lep_idmap_kind(ratings->items), count_id, &count);
	choice->n = count.n;
	pfree(count.seen);
	if (choice->n == 0)
		ereport(WARNING,
				(errmsg("option \"eligible\" has none of the items that model \"%s\" is trained with", model),
				 errdetail("As long as that is so, its lists are empty.")));
}

void
lpg_eligible_to_json(const LpgEligibleChoice *choice, LpgJson *details)
{
	LpgJson json;

	if (choice->query == NULL)
		return;
	lpg_json_key(details, "eligible");
	lpg_json_begin(&json, details->buffer);
	lpg_json_text(&json, "query", choice->query);
	lpg_json_int(&json, "n_items", choice->n);
	lpg_json_end(&json);
}

/* --------------------------------------------------------------------- while reading */

/* Where ids go. */
typedef struct Marking
{
	const LpgItems *items;
	LpgEligible *eligible;
} Marking;

static void
mark_id(void *arg, const LepId *id)
{
	const Marking *marking = arg;
	LpgEligible *eligible = marking->eligible;
	int32 item = lep_idtable_find(marking->items->ids, id);
	int32_t row;

	if (item < 0)
		lpg_check(lep_idmap_add(eligible->news, id, 1, &row), &eligible->env.error);
	else if (!lep_topn_has_bit(eligible->bits, item))
	{
		eligible->bits[item >> 3] |= (uint8) (1 << (item & 7));
		eligible->n_known++;
	}
}

/* Models whose queries are being read, the outermost first. */
#define MAX_DEPTH 16

static Oid reading[MAX_DEPTH];
static int n_reading = 0;

static void
check_recursion(const LpgHandle *handle)
{
	bool again = n_reading == MAX_DEPTH;

	for (int i = 0; i < n_reading; i++)
		again |= reading[i] == handle->model;
	if (again)
		ereport(ERROR, (errcode(ERRCODE_INVALID_RECURSION),
						errmsg("option \"eligible\" of model \"%s\" asks the model itself", handle->name),
						errhint("Train it again with a query that does not.")));
}

static void
eligible_error_callback(void *arg)
{
	errcontext("items that model \"%s\" may list, by its option eligible", (const char *) arg);
}

/* What the owner's query is; in the current context. */
static void
read_details(LpgHandle *handle, char **query, char **search_path)
{
	Jsonb *details = lpg_handle_details(handle);
	JsonbValue value;

	*query = lpg_jsonread_member(details, "eligible", &value) ? lpg_jsonread_text(&value, "query") : NULL;
	if (*query == NULL || !lpg_jsonread_member(details, "search_path", &value) || value.type != jbvString)
		lpg_registry_fail_row(handle->name, "details -> eligible");
	*search_path = lpg_owner_search_path(pnstrdup(value.val.string.val, value.val.string.len));
}

/* ERROR where others than the owner may say what she runs. */
static Oid
model_owner(const LpgHandle *handle)
{
	Relation model = table_open(handle->model, NoLock);
	Oid owner = model->rd_rel->relowner;

	lpg_owner_check_rows(model);
	table_close(model, NoLock);
	return owner;
}

/* Something that is done as the owner, under the query's snapshot. */
typedef void (*OwnersWork)(LpgHandle *handle, void *arg);

/* plan: that is made or run by it, and keeps its place meanwhile; NULL: none. */
static void
work_as_owner(LpgHandle *handle, const char *search_path, LpgOwnerPlan *plan, OwnersWork work, void *arg)
{
	ErrorContextCallback callback = { error_context_stack, eligible_error_callback, handle->name };
	MemoryContext context = CurrentMemoryContext;
	Oid owner = model_owner(handle);
	int depth = n_reading;
	LpgOwnerSaved saved;

	check_recursion(handle);
	error_context_stack = &callback;
	lpg_owner_enter(owner, search_path, &saved);
	/* from here on errors are caught: what is noted before would be noted for ever */
	reading[n_reading++] = handle->model;
	if (plan != NULL)
		plan->is_in_use = true;
	PG_TRY();
	{
		work(handle, arg);
	}
	PG_CATCH();
	{
		n_reading = depth;
		if (plan != NULL)
			plan->is_in_use = false;
		lpg_owner_rethrow(context, "The model reads which items are eligible when it is asked, as its owner. "
								   "Train it again with another option \"eligible\", or without.");
	}
	PG_END_TRY();
	n_reading = depth;
	if (plan != NULL)
		plan->is_in_use = false;
	lpg_owner_leave(&saved);
	error_context_stack = callback.previous;
}

static LpgEligible *
create_marks(LpgHandle *handle, const LpgItems *items)
{
	LpgEligible *eligible = palloc0(sizeof(LpgEligible));

	lpg_env_init(&eligible->env, CurrentMemoryContext);
	lep_arena_init(&eligible->arena, &eligible->env);
	eligible->bits =
		palloc_extended(Max(lep_topn_mask_size(items->n_items), 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	eligible->news = lep_idmap_create(&eligible->arena, handle->sides[LPG_ITEMS].kind, "items");
	if (eligible->news == NULL)
		lpg_error(&eligible->env.error);
	return eligible;
}

/* All of them. */
typedef struct AllMarks
{
	const char *query;
	Marking marking;
} AllMarks;

/* OwnersWork */
static void
read_marks(LpgHandle *handle, void *arg)
{
	AllMarks *all = arg;

	read_ids(all->query, handle->sides[LPG_ITEMS].kind, mark_id, &all->marking);
}

/* Few are looked at one by one, as candidates are. */
static void
list_few(LpgEligible *eligible, int32 n_items)
{
	int64 n = 0;

	if (eligible->n_known >= n_items / 8)
		return;
	eligible->few = palloc((eligible->n_known + 1) * sizeof(int32));
	for (int32 i = 0; i < n_items; i++)
	{
		if (lep_topn_has_bit(eligible->bits, i))
			eligible->few[n++] = i;
	}
}

const LpgEligible *
lpg_eligible_get(LpgHandle *handle)
{
	MemoryContext old;
	MemoryContext call;
	AllMarks all;
	char *query;
	char *search_path;

	if (!handle->version.is_eligible || handle->eligible != NULL)
		return handle->eligible;
	all.marking.items = lpg_handle_items(handle);
	call = AllocSetContextCreate(CurrentMemoryContext, "lepton eligible", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(handle->context);
	all.marking.eligible = create_marks(handle, all.marking.items);
	MemoryContextSwitchTo(call);
	read_details(handle, &query, &search_path);
	all.query = query;
	work_as_owner(handle, search_path, NULL, read_marks, &all);
	MemoryContextSwitchTo(handle->context);
	list_few(all.marking.eligible, all.marking.items->n_items);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(call);
	handle->eligible = all.marking.eligible;
	return handle->eligible;
}

/* ------------------------------------------------------------------------- some of them */

/* Ids in an array that the planner does not know: so many are planned for. */
#define PLANNED_IDS 10

/* What is kept with the plan of asking for some ids. */
typedef struct Asking
{
	char *query;	  /* of all */
	double cost_each; /* of an id that is asked for, as the planner counts */
	double cost_all;
} Asking;

/* One question. */
typedef struct Question
{
	LpgOwnerPlan *plan;
	const LpgItemSet *some;
	Marking marking;
} Question;

/* LpgOwnerPlan's check */
static void
check_query(void *arg, TupleDesc desc)
{
	const LpgHandle *handle = arg;

	(void) check_columns(desc, handle->sides[LPG_ITEMS].kind);
}

/* OwnersWork */
static void
prepare_asking(LpgHandle *handle, void *arg)
{
	LpgOwnerPlan *plan = arg;
	Asking *asking = plan->data;
	Oid type = get_array_type(lpg_keytype_stored_type(handle->sides[LPG_ITEMS].kind));

	asking->cost_all = lpg_ownerplan_price(asking->query, check_query, handle);
	asking->cost_each =
		lpg_ownerplan_prepare(plan, lpg_source_of_items(asking->query, &words), type) / PLANNED_IDS;
}

static LpgOwnerPlan *
find_asking(LpgHandle *handle)
{
	LpgOwnerPlan *plan = lpg_ownerplan_find(LPG_PLAN_ELIGIBLE, handle);
	LpgOwnerPlan made;
	MemoryContext old;

	if (plan == NULL)
	{
		made = lpg_ownerplan_begin(LPG_PLAN_ELIGIBLE, handle);
		old = MemoryContextSwitchTo(made.context);
		made.data = palloc0(sizeof(Asking));
		read_details(handle, &((Asking *) made.data)->query, &made.search_path);
		MemoryContextSwitchTo(old);
		plan = lpg_ownerplan_keep(&made);
	}
	/* what it costs may have changed, too */
	if (plan->plan == NULL || !SPI_plan_is_valid(plan->plan))
		work_as_owner(handle, plan->search_path, plan, prepare_asking, plan);
	return plan;
}

static Datum
make_array(const LpgItemSet *some, const LpgItems *items, LepIdKind kind)
{
	int64 n = some->n + some->n_new;
	Datum *ids = palloc_extended(Max(n, 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	Oid type = lpg_keytype_stored_type(kind);
	int16 len;
	bool by_value;
	char align;

	for (int64 i = 0; i < n; i++)
	{
		LepId id = i < some->n ? lep_idtable_id(items->ids, some->numbers[i]) : some->new_ids[i - some->n];

		ids[i] = lpg_keytype_to_datum(&id, kind);
	}
	get_typlenbyvalalign(type, &len, &by_value, &align);
	return PointerGetDatum(construct_array(ids, (int) n, type, len, by_value, align));
}

/* OwnersWork */
static void
ask(LpgHandle *handle, void *arg)
{
	Question *question = arg;
	LepIdKind kind = handle->sides[LPG_ITEMS].kind;
	IdReceiver r;

	init_receiver(&r, kind, mark_id, &question->marking);
	lpg_ownerplan_execute(question->plan, make_array(question->some, question->marking.items, kind),
						  get_array_type(lpg_keytype_stored_type(kind)), &r.pub);
	MemoryContextDelete(r.row_context);
}

const LpgEligible *
lpg_eligible_ask(LpgHandle *handle, const LpgItemSet *some)
{
	Question question = { .some = some };
	const Asking *asking;
	double cost;

	if (!handle->version.is_eligible || handle->eligible != NULL)
		return NULL;
	question.plan = find_asking(handle);
	asking = question.plan->data;
	cost = asking->cost_each * (double) (some->n + some->n_new);
	if (handle->eligible_cost + cost > asking->cost_all / 2)
		return NULL;
	handle->eligible_cost += cost;
	question.marking.items = lpg_handle_items(handle);
	question.marking.eligible = create_marks(handle, question.marking.items);
	work_as_owner(handle, question.plan->search_path, question.plan, ask, &question);
	return question.marking.eligible;
}

void
lpg_eligible_apply(const LpgEligible *eligible, LpgItemSet *candidates)
{
	int64 kept = 0;

	if (eligible == NULL)
		return;
	for (int64 i = 0; i < candidates->n_new; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (lep_idmap_find(eligible->news, &candidates->new_ids[i]) >= 0)
			candidates->new_ids[kept++] = candidates->new_ids[i];
	}
	candidates->n_new = kept;
	if (!candidates->is_given && eligible->few != NULL)
	{
		candidates->is_given = true;
		candidates->numbers = eligible->few;
		candidates->n = eligible->n_known;
	}
}
