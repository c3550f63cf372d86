/*
 * eligible.c
 *		From a query of item ids to a bit for each item.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tupdesc.h"
#include "miscadmin.h"
#include "tcop/dest.h"
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

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	IdReceiver *r = (IdReceiver *) self;
	LepIdKind kind;

	if (desc->natts != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("option \"eligible\" has %d columns, but must have one: item ids", desc->natts),
				 errhint("Give a query such as '%s'.", words.select)));
	r->type = getBaseType(TupleDescAttr(desc, 0)->atttypid);
	if (!lpg_keytype_kind(r->type, &kind) || kind != r->kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("option \"eligible\" gives ids of type %s, but the model's item ids are of type %s",
						format_type_be(r->type), lpg_keytype_name(r->kind)),
				 errhint("Cast them in the query.")));
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
read_ids(const char *query, LepIdKind kind, VisitId visit, void *arg)
{
	IdReceiver r = { .kind = kind, .visit = visit, .arg = arg };

	r.pub.rStartup = receiver_startup;
	r.pub.receiveSlot = receive_row;
	r.pub.rShutdown = receiver_done;
	r.pub.rDestroy = receiver_done;
	r.pub.mydest = DestNone;
	r.row_context = AllocSetContextCreate(CurrentMemoryContext, "lepton eligible row", ALLOCSET_SMALL_SIZES);
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
begin_reading(const LpgHandle *handle)
{
	bool again = n_reading == MAX_DEPTH;

	for (int i = 0; i < n_reading; i++)
		again |= reading[i] == handle->model;
	if (again)
		ereport(ERROR, (errcode(ERRCODE_INVALID_RECURSION),
						errmsg("option \"eligible\" of model \"%s\" asks the model itself", handle->name),
						errhint("Train it again with a query that does not.")));
	reading[n_reading++] = handle->model;
}

static void
eligible_error_callback(void *arg)
{
	errcontext("items that model \"%s\" may list, by its option eligible", (const char *) arg);
}

/* The model's owner, and what her query is; in the current context. */
static Oid
read_details(LpgHandle *handle, char **query, char **search_path)
{
	Relation model = table_open(handle->model, NoLock);
	Oid owner = model->rd_rel->relowner;
	Jsonb *details = lpg_handle_details(handle);
	JsonbValue value;

	lpg_owner_check_rows(model);
	table_close(model, NoLock);
	*query = lpg_jsonread_member(details, "eligible", &value) ? lpg_jsonread_text(&value, "query") : NULL;
	if (*query == NULL || !lpg_jsonread_member(details, "search_path", &value) || value.type != jbvString)
		lpg_registry_fail_row(handle->name, "details -> eligible");
	*search_path = lpg_owner_search_path(pnstrdup(value.val.string.val, value.val.string.len));
	return owner;
}

/* As the owner, under the query's snapshot. */
static void
read_marks(LpgHandle *handle, Marking *marking)
{
	ErrorContextCallback callback = { error_context_stack, eligible_error_callback, handle->name };
	LepIdKind kind = handle->sides[LPG_ITEMS].kind;
	MemoryContext context = CurrentMemoryContext;
	int depth = n_reading;
	LpgOwnerSaved saved;
	char *query;
	char *search_path;
	Oid owner = read_details(handle, &query, &search_path);

	begin_reading(handle);
	error_context_stack = &callback;
	lpg_owner_enter(owner, search_path, &saved);
	PG_TRY();
	{
		read_ids(query, kind, mark_id, marking);
	}
	PG_CATCH();
	{
		n_reading = depth;
		lpg_owner_rethrow(context, "The model reads which items are eligible when it is asked, as its owner. "
								   "Train it again with another option \"eligible\", or without.");
	}
	PG_END_TRY();
	n_reading = depth;
	lpg_owner_leave(&saved);
	error_context_stack = callback.previous;
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
	Marking marking;
	MemoryContext call;

	if (!handle->version.is_eligible || handle->eligible != NULL)
		return handle->eligible;
	marking.items = lpg_handle_items(handle);
	call = AllocSetContextCreate(CurrentMemoryContext, "lepton eligible", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(handle->context);
	marking.eligible = palloc0(sizeof(LpgEligible));
	lpg_env_init(&marking.eligible->env, handle->context);
	lep_arena_init(&marking.eligible->arena, &marking.eligible->env);
	marking.eligible->bits = palloc_extended(Max(lep_topn_mask_size(marking.items->n_items), 1),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	marking.eligible->news =
		lep_idmap_create(&marking.eligible->arena, handle->sides[LPG_ITEMS].kind, "items");
	if (marking.eligible->news == NULL)
		lpg_error(&marking.eligible->env.error);
	MemoryContextSwitchTo(call);
	read_marks(handle, &marking);
	MemoryContextSwitchTo(handle->context);
	list_few(marking.eligible, marking.items->n_items);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(call);
	handle->eligible = marking.eligible;
	return handle->eligible;
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
