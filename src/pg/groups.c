/*
 * groups.c
 *		From a query of two columns to a group number for each item.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/groups.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"
#include "pg/source.h"

/* Rows that there is room for at first. */
#define FIRST_ROOM 1024

/* A DestReceiver that fills the maps. */
typedef struct GroupReceiver
{
	DestReceiver pub;
	LpgGroups *groups;
	LepIdKind kind; /* of the model's items */
	Oid id_type;
	Oid group_type;
	FmgrInfo group_out;
	LepIdMap *names; /* of groups */
	int64 room;		 /* of group_of */
	MemoryContext row_context;
} GroupReceiver;

static const LpgSourceWords words = { "groups", "groups of items", "shop.brands",
									  "SELECT id, brand FROM products" };

/* ERROR unless the columns are an id of the model's kind and a group. */
static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	GroupReceiver *r = (GroupReceiver *) self;
	LepIdKind kind;
	Oid out;
	bool is_varlena;

	if (desc->natts != 2)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("groups have %d columns, but must have two: item id and group", desc->natts),
						errhint("Give a query such as '%s'.", words.select)));
	r->id_type = getBaseType(TupleDescAttr(desc, 0)->atttypid);
	r->group_type = getBaseType(TupleDescAttr(desc, 1)->atttypid);
	if (!lpg_keytype_kind(r->id_type, &kind) || kind != r->kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the first column of groups is of type %s, but the model's item ids are of type %s",
						format_type_be(r->id_type), lpg_keytype_name(r->kind)),
				 errhint("It is the item id, the second the group; cast it in the query.")));
	getTypeOutputInfo(r->group_type, &out, &is_varlena);
	fmgr_info_cxt(out, &r->group_out, r->groups->context);
}

/* The number of a group by its name. */
static int32
number_of(GroupReceiver *r, Datum group)
{
	char *name = OutputFunctionCall(&r->group_out, group);
	Size length = strlen(name);
	LepId id;
	int32 number;

	if (length > LEP_MAX_TEXT_ID)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a group's name is %zu bytes long, but at most %d are taken", length,
							   LEP_MAX_TEXT_ID)));
	id.v.text.data = name;
	id.v.text.len = (int32_t) length;
	lpg_check(lep_idmap_add(r->names, &id, 1, &number), &r->groups->env.error);
	return number;
}

static void
add_row(GroupReceiver *r, const LepId *id, int32 group)
{
	LpgGroups *groups = r->groups;
	int32 n_before = lep_idmap_count(groups->ids);
	int32 row;

	lpg_check(lep_idmap_add(groups->ids, id, 1, &row), &r->groups->env.error);
	if (row < n_before && groups->group_of[row] != group)
		ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
						errmsg("item %s is in more than one group", lpg_keytype_out(id, r->kind)),
						errhint("Give one row for each item, as with SELECT DISTINCT ON.")));
	if (row >= r->room)
	{
		r->room *= 2;
		groups->group_of = repalloc_huge(groups->group_of, r->room * sizeof(int32));
	}
	groups->group_of[row] = group;
}

/* Rows with a NULL say nothing. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	GroupReceiver *r = (GroupReceiver *) self;
	MemoryContext old;

	slot_getsomeattrs(slot, 2);
	if (slot->tts_isnull[0] || slot->tts_isnull[1])
		return true;
	old = MemoryContextSwitchTo(r->row_context);
	{
		LepId id = lpg_keytype_from_datum(slot->tts_values[0], r->id_type);

		add_row(r, &id, number_of(r, slot->tts_values[1]));
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->row_context);
	return true;
}

static void
receiver_done(DestReceiver *self)
{
}

static void
init_receiver(GroupReceiver *r, LpgGroups *groups, LepIdKind kind)
{
	memset(r, 0, sizeof(*r));
	r->pub.rStartup = receiver_startup;
	r->pub.receiveSlot = receive_row;
	r->pub.rShutdown = receiver_done;
	r->pub.rDestroy = receiver_done;
	r->pub.mydest = DestNone;
	r->groups = groups;
	r->kind = kind;
	lpg_env_init(&r->groups->env, groups->context);
	lep_arena_init(&r->groups->arena, &r->groups->env);
	groups->ids = lep_idmap_create(&r->groups->arena, kind, "items");
	r->names = groups->ids == NULL ? NULL : lep_idmap_create(&r->groups->arena, LEP_ID_TEXT, "groups");
	if (r->names == NULL)
		lpg_error(&r->groups->env.error);
	r->room = FIRST_ROOM;
	groups->group_of = MemoryContextAlloc(groups->context, r->room * sizeof(int32));
	r->row_context = AllocSetContextCreate(CurrentMemoryContext, "lepton groups row", ALLOCSET_SMALL_SIZES);
}

/* The group of each item of the model. */
static void
number_items(LpgGroups *groups, const LpgItems *items)
{
	groups->group = MemoryContextAllocHuge(groups->context, Max(items->n_items, 1) * sizeof(int32));
	for (int32 i = 0; i < items->n_items; i++)
	{
		LepId id = lep_idtable_id(items->ids, i);

		CHECK_FOR_INTERRUPTS();
		groups->group[i] = lpg_groups_find(groups, &id);
	}
}

int32
lpg_groups_find(const LpgGroups *groups, const LepId *id)
{
	int32 row = lep_idmap_find(groups->ids, id);

	return row < 0 ? -1 : groups->group_of[row];
}

/*
 * The context is a child of the call's until all is read, so that an error in
 * between leaves nothing behind.
 */
const LpgGroups *
lpg_groups_read(LpgList *list, const LpgItems *items, const char *source)
{
	LpgGroups *groups = list->groups;
	MemoryContext context;
	GroupReceiver receiver;

	if (groups != NULL && groups->n_refreshed == list->handle->n_refreshed &&
		strcmp(groups->source, source) == 0)
		return groups;
	list->groups = NULL;
	if (groups != NULL)
		MemoryContextDelete(groups->context);

	context = AllocSetContextCreate(list->call_context, "lepton groups", ALLOCSET_DEFAULT_SIZES);
	groups = MemoryContextAllocZero(context, sizeof(LpgGroups));
	groups->context = context;
	groups->source = MemoryContextStrdup(context, source);
	groups->n_refreshed = list->handle->n_refreshed;
	init_receiver(&receiver, groups, list->kind);
	lpg_source_query(source, &words, &receiver.pub);
	groups->n_groups = lep_idmap_count(receiver.names);
	number_items(groups, items);
	MemoryContextSetParent(context, MemoryContextGetParent(list->call_context));
	list->groups = groups;
	return groups;
}
