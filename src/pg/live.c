/*
 * live.c
 *		A user's rows of the moment, and who she is by them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/kernels.h"
#include "core/ratings.h"
#include "pg/basket.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/jsonread.h"
#include "pg/keytype.h"
#include "pg/live.h"
#include "pg/optjson.h"
#include "pg/owner.h"
#include "pg/ownerplan.h"
#include "pg/pgenv.h"
#include "pg/registry.h"
#include "pg/settings.h"
#include "pg/source.h"

/* ------------------------------------------------------------------------ choice */

/* Does the index find the rows of a value of this column? */
static bool
is_index_of(Oid indexid, AttrNumber column)
{
	Relation index = index_open(indexid, AccessShareLock);
	bool fits = index->rd_index->indisvalid && index->rd_index->indkey.values[0] == column &&
				RelationGetIndexPredicate(index) == NIL &&
				(index->rd_rel->relam == BTREE_AM_OID || index->rd_rel->relam == HASH_AM_OID);

	index_close(index, AccessShareLock);
	return fits;
}

static bool
has_index_of(Relation relation, const char *column)
{
	AttrNumber attno = get_attnum(RelationGetRelid(relation), column);
	List *indexes;
	ListCell *cell;

	if (attno == InvalidAttrNumber || (relation->rd_rel->relkind != RELKIND_RELATION &&
									   relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE))
		return false;
	indexes = RelationGetIndexList(relation);
	foreach (cell, indexes)
	{
		if (is_index_of(lfirst_oid(cell), attno))
			return true;
	}
	return false;
}

void
lpg_live_choose(const char *source, const LepOptions *options, LpgLiveChoice *choice)
{
	Oid relid = lpg_source_relation(source);
	Relation relation;

	memset(choice, 0, sizeof(*choice));
	choice->given = lpg_option_given(options, "live");
	choice->on = options->live;
	choice->source = source;
	if (!OidIsValid(relid))
		return;
	relation = relation_open(relid, NoLock);
	choice->source = lpg_registry_qualified_name(relid);
	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
	{
		if (choice->on)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("a model cannot be live on temporary table \"%s\"",
								   RelationGetRelationName(relation)),
							errhint("Other sessions do not see it: set option \"live\" to false.")));
	}
	else if (!choice->given)
		choice->on = has_index_of(relation, options->user_column);
	relation_close(relation, NoLock);
}

void
lpg_live_settle(LpgLiveChoice *choice, bool can_fold_in, const char *model)
{
	if (!choice->on)
		return;
	if (!can_fold_in)
	{
		choice->on = false;
		if (choice->given)
			ereport(WARNING, (errmsg("model \"%s\" is not live: it has nothing to fold users in by", model),
							  errhint("Train it again, with a larger lepton.max_training_memory.")));
	}
	else if (!choice->given)
		ereport(NOTICE,
				(errmsg("model \"%s\" is live: it goes by a user's rows in %s of the moment", model,
						choice->source),
				 errhint("Set option \"live\" to false if it is to go by those that it was trained with.")));
}

void
lpg_live_to_json(const LpgLiveChoice *choice, const LepOptions *options, const LepSourceShape *shape,
				 LpgJson *details)
{
	LpgJson json;

	if (!choice->on)
		return;
	lpg_json_key(details, "live");
	lpg_json_begin(&json, details->buffer);
	lpg_json_text(&json, "source", choice->source);
	lpg_json_text(&json, "user_column", options->user_column);
	lpg_json_text(&json, "item_column", options->item_column);
	if (shape->has_rating)
		lpg_json_text(&json, "rating_column", options->rating_column);
	if (shape->has_time)
		lpg_json_text(&json, "time_column", options->time_column);
	lpg_json_end(&json);
}

/* ------------------------------------------------------------------------ source */

/* How the rows of a version's users are read; kept with the plan of it. */
typedef struct LiveSource
{
	char *text;			/* of the source, as training options have it */
	LepOptions options; /* columns, and how rows are merged */
} LiveSource;

/* An option as the version's details have it; false if they do not. */
static bool
read_option(Jsonb *details, const char *object, const char *name, LepOptions *options)
{
	JsonbValue value;
	bool found = object == NULL ? lpg_jsonread_member(details, name, &value)
								: lpg_jsonread_find(details, object, name, &value);

	if (found && value.type == jbvString)
		lpg_option_set(options, name, &value);
	return found && value.type == jbvString;
}

/* What the version's details say; a column that was not there is named by no name. */
static bool
read_details(Jsonb *details, LiveSource *source, char **search_path)
{
	LepOptions *options = &source->options;
	JsonbValue live;
	char *text;

	lep_options_init(options);
	if (!read_option(details, "live", "user_column", options) ||
		!read_option(details, "live", "item_column", options) ||
		!read_option(details, NULL, "feedback", options) ||
		!read_option(details, NULL, "duplicates", options) || !lpg_jsonread_member(details, "live", &live))
		return false;
	if (!read_option(details, "live", "rating_column", options))
		options->rating_column[0] = '\0';
	if (!read_option(details, "live", "time_column", options))
		options->time_column[0] = '\0';
	source->text = lpg_jsonread_text(&live, "source");
	text = lpg_jsonread_member(details, "search_path", &live) && live.type == jbvString
			   ? pnstrdup(live.val.string.val, live.val.string.len)
			   : NULL;
	if (text == NULL || source->text == NULL)
		return false;
	*search_path = lpg_owner_search_path(text);
	return true;
}

static LpgOwnerPlan *
make_source(LpgHandle *handle)
{
	LpgOwnerPlan plan = lpg_ownerplan_begin(LPG_PLAN_LIVE, handle);
	MemoryContext old = MemoryContextSwitchTo(plan.context);
	LiveSource *source = palloc0(sizeof(LiveSource));

	if (!read_details(lpg_handle_details(handle), source, &plan.search_path))
		lpg_registry_fail_row(handle->name, "details -> live");
	plan.data = source;
	MemoryContextSwitchTo(old);
	return lpg_ownerplan_keep(&plan);
}

static void
fail_recursion(const LpgHandle *handle)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_RECURSION),
					errmsg("the source of model \"%s\" asks the model itself", handle->name),
					errhint("Take what asks it out of the source, or train the model with option \"live\" "
							"false.")));
}

/* ------------------------------------------------------------------------ reading */

/* One read, for errors. */
typedef struct LiveRead
{
	const LpgHandle *handle;
	LpgOwnerPlan *plan;
	const LiveSource *source; /* of the plan */
	const LepId *id;
	LepIdKind kind;
	Oid owner;
	LepArena *arena;
	LpgSource rows;
} LiveRead;

static void
live_error_callback(void *arg)
{
	const LiveRead *read = arg;

	errcontext("rows of user %s for model \"%s\", which is live", lpg_keytype_out(read->id, read->kind),
			   read->handle->name);
}

/* As the owner: the user's rows into the builder. */
static void
execute(LiveRead *read)
{
	const LiveSource *source = read->source;
	Oid type = lpg_keytype_stored_type(read->kind);

	if (read->plan->plan == NULL)
		lpg_ownerplan_prepare(read->plan, lpg_source_of_user(source->text, &source->options), type);
	lpg_ownerplan_execute(read->plan, lpg_keytype_to_datum(read->id, read->kind), type,
						  lpg_source_receiver(&source->options, read->arena, &read->rows));
}

static void
read_as_owner(LiveRead *read)
{
	ErrorContextCallback callback = { error_context_stack, live_error_callback, read };
	MemoryContext context = CurrentMemoryContext;
	LpgOwnerSaved saved;

	if (read->plan->is_in_use)
		fail_recursion(read->handle);
	error_context_stack = &callback;
	lpg_owner_enter(read->owner, read->plan->search_path, &saved);
	read->plan->is_in_use = true;
	PG_TRY();
	{
		execute(read);
	}
	PG_CATCH();
	{
		read->plan->is_in_use = false;
		lpg_owner_rethrow(
			context, "The model reads its source when it is asked, as its owner. SET lepton.live = off to "
					 "have it answer as it was trained, or train it again with option \"live\" false.");
	}
	PG_END_TRY();
	read->plan->is_in_use = false;
	lpg_owner_leave(&saved);
	error_context_stack = callback.previous;
}

/* ERROR where the source's ids are no longer of the model's kinds. */
static void
check_kinds(const LiveRead *read)
{
	const LepSourceShape *shape = &read->rows.shape;
	const LpgHandleSide *sides = read->handle->sides;

	if (shape->user_kind == sides[LPG_USERS].kind && shape->item_kind == sides[LPG_ITEMS].kind)
		return;
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("the source of model \"%s\" has other ids than the model now", read->handle->name),
					errhint("SET lepton.live = off to have it answer as it was trained, or train it again "
							"under another name.")));
}

/* Her ratings now, merged, and which user of them she is; NULL if she has none. */
static const LepRatings *
read_ratings(LpgHandle *handle, const LepId *id, LepArena *arena, int32 *user)
{
	Relation model = table_open(handle->model, NoLock);
	LiveRead read = { .handle = handle, .id = id, .kind = handle->sides[LPG_USERS].kind, .arena = arena };
	LepRatings *ratings = NULL;

	read.owner = model->rd_rel->relowner;
	table_close(model, NoLock);
	read.plan = lpg_ownerplan_find(LPG_PLAN_LIVE, handle);
	if (read.plan == NULL)
		read.plan = make_source(handle);
	read.source = read.plan->data;
	read_as_owner(&read);
	check_kinds(&read);
	if (lep_ratings_rows(read.rows.builder) == 0)
		return NULL;
	lep_ratings_allow_few(read.rows.builder);
	lpg_check(lep_ratings_finish(read.rows.builder, &read.source->options, &ratings), &arena->env->error);
	/* a collation may find others who are equal to her */
	*user = lep_idmap_find(ratings->users, id);
	return *user < 0 ? NULL : ratings;
}

/* ------------------------------------------------------------------------- people */

/* Ratings looked up between two looks for interrupts. */
#define RATINGS_PER_CHECK 1024

/* Of one user's ratings: those of items that the model knows; *digest: of them. */
static void
take_known(LpgHandle *handle, const LepRatings *ratings, int32 user, LpgPerson *person, LpgBasket *basket,
		   uint64 *digest)
{
	const LpgItems *items = lpg_handle_items(handle);
	int64 first = ratings->user_start[user];
	int64 n = ratings->user_start[user + 1] - first;

	memset(basket, 0, sizeof(*basket));
	basket->counts_once = true;
	basket->items = palloc_extended(n * sizeof(int32), MCXT_ALLOC_HUGE);
	basket->weights = palloc_extended(n * sizeof(float), MCXT_ALLOC_HUGE);
	person->new_seen = palloc_extended(n * sizeof(LepId), MCXT_ALLOC_HUGE);
	*digest = 0;
	for (int64 j = first; j < first + n; j++)
	{
		LepId id = lep_idmap_id(ratings->items, ratings->item[j]);
		int32 item = lep_idtable_find(items->ids, &id);

		if (j % RATINGS_PER_CHECK == 0)
			lpg_env_check_interrupts();
		if (item < 0)
		{
			/* text ids point into memory that goes */
			person->new_seen[person->n_new_seen++] = lpg_keytype_copy(&id, handle->sides[LPG_ITEMS].kind);
			continue;
		}
		*digest += lep_ratings_hash(ratings, j);
		basket->items[basket->n] = item;
		basket->weights[basket->n++] = ratings->rating[j];
	}
}

/* Who she is by a basket.  Where there are no factors her bias stays: nothing else is learned of her. */
static void
become(LpgHandle *handle, const LpgBasket *basket, float *row, LpgPerson *person)
{
	float bias = person->user.bias;

	person->has_variance = false;
	person->variance = 0;
	person->seen = basket->items;
	person->n_seen = basket->n;
	lpg_basket_user(handle, basket, &person->user);
	if (handle->version.n_factors == 0)
		person->user.bias = bias;
	if (person->user.row == NULL)
		return;
	memcpy(row, person->user.row, lep_row_stride(handle->version.n_factors) * sizeof(float));
	person->user.row = row;
}

/* What the rows of the moment change of her, as found. */
static void
apply_rows(LpgHandle *handle, const LepId *id, const LpgFound *found, float *row, LpgPerson *person)
{
	LpgBasket basket = { .counts_once = true };
	const LepRatings *ratings;
	uint64 digest = 0;
	int32 user = -1;
	LepEnv env;
	LepArena arena;

	lpg_env_init(&env, CurrentMemoryContext);
	lep_arena_init(&arena, &env);
	ratings = read_ratings(handle, id, &arena, &user);
	if (ratings != NULL && !(found->has_digest && lep_ratings_digest(ratings, user) == found->digest))
		take_known(handle, ratings, user, person, &basket, &digest);
	else if (ratings != NULL)
		digest = found->digest;
	lep_arena_drop(&arena);
	if (!(found->has_digest && digest == found->digest))
		become(handle, &basket, row, person);
}

void
lpg_live_find(LpgHandle *handle, const LepId *id, bool wants_seen, float *row, LpgPerson *person)
{
	int32 *seen = NULL;
	int64 n_seen = 0;
	LpgFound found = lpg_handle_lookup(handle, LPG_USERS, id, row,
									   wants_seen || handle->version.has_neighbors ? &seen : NULL, &n_seen);

	memset(person, 0, sizeof(*person));
	person->user = (LepServedUser){ found.known, found.bias, found.factors, { seen, NULL, n_seen } };
	person->has_variance = found.known;
	person->variance = found.variance;
	person->seen = seen;
	person->n_seen = n_seen;
	if (handle->version.live && lpg_live)
		apply_rows(handle, id, &found, row, person);
}
