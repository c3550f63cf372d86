/*
 * cache.c
 *		The items of model versions that this backend holds.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/cache.h"
#include "pg/cache_load.h"
#include "pg/errors.h"
#include "pg/settings.h"
#include "pg/shared.h"

/*
 * What is shared can be had again at once, and while one session maps it the room
 * that it takes is nobody else's: when something new is asked for, former versions
 * most of all, it goes if it was not used for this long, in milliseconds.
 */
#define IDLE_MAPPING 60000

/* Entries, last used first. */
static dlist_head entries = DLIST_STATIC_INIT(entries);

static Size
cache_limit(void)
{
	return (Size) lpg_cache_size * 1024;
}

static LpgItems *
find_entry(const LpgItemsKey *key)
{
	dlist_iter iter;

	dlist_foreach (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);

		if (!entry->stale && lpg_items_key_equal(&entry->key, key))
			return entry;
	}
	return NULL;
}

static void
free_entry(LpgItems *entry)
{
	dlist_delete(&entry->node);
	lpg_items_free(entry);
}

/* Bytes that calls in progress hold, and that cannot be freed. */
static Size
pinned_size(void)
{
	dlist_iter iter;
	Size pinned = 0;

	dlist_foreach (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);

		if (entry->pins > 0)
			pinned = lep_add_size(pinned, lpg_items_size(entry));
	}
	return pinned;
}

static bool
fits(Size needed)
{
	return lep_add_size(needed, pinned_size()) <= cache_limit();
}

bool
lpg_cache_fits(const LpgVersion *version)
{
	LpgItemsKey key = lpg_items_key(InvalidOid, version, LEP_ID_INT64);

	return fits(lpg_items_estimate(&key));
}

static void
free_idle_mappings(void)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();
	dlist_mutable_iter iter;

	dlist_foreach_modify (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);

		if (entry->pins == 0 && entry->segment != NULL &&
			TimestampDifferenceExceeds(entry->last_used, now, IDLE_MAPPING))
			free_entry(entry);
	}
}

/* Free entries that nobody holds, stale ones and the longest unused, until `needed` fits. */
static void
make_room(Size needed)
{
	Size held = pinned_size();
	dlist_mutable_iter iter;

	/* from the most recent on: what no longer fits beside those goes */
	dlist_foreach_modify (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);
		Size with_entry = lep_add_size(held, lpg_items_size(entry));

		if (entry->pins > 0)
			continue;
		if (entry->stale || lep_add_size(with_entry, needed) > cache_limit())
			free_entry(entry);
		else
			held = with_entry;
	}
}

void
lpg_cache_each(LpgCacheVisitor visit, void *arg)
{
	dlist_iter iter;

	dlist_foreach (iter, &entries)
		visit(dlist_container(LpgItems, node, iter.cur), arg);
}

/*
 * Rows of a transaction that is taken back may be in what it has loaded.  Only
 * marked here: whoever holds an entry still lets it go.
 */
void
lpg_cache_at_abort(void)
{
	dlist_iter iter;

	dlist_foreach (iter, &entries)
	{
		LpgItems *entry = dlist_container(LpgItems, node, iter.cur);

		entry->stale |= entry->uncommitted;
	}
}

void
lpg_cache_at_commit(void)
{
	dlist_iter iter;

	dlist_foreach (iter, &entries)
		dlist_container(LpgItems, node, iter.cur)->uncommitted = false;
}

/*
 * The entry's context is a child of the current one until it is complete, so
 * that an error in between leaves nothing behind.
 */
static LpgItems *
keep(LpgItems *entry)
{
	/* what is shared was read by a transaction that had not written */
	entry->uncommitted = entry->segment == NULL && TransactionIdIsValid(GetTopTransactionIdIfAny());
	MemoryContextSetParent(entry->context, CacheMemoryContext);
	dlist_push_head(&entries, &entry->node);
	entry->last_used = GetCurrentStatementStartTimestamp();
	return entry;
}

static LpgItems *
peek(const LpgItemsKey *key)
{
	LpgItems *entry = find_entry(key);

	if (entry != NULL)
	{
		dlist_move_head(&entries, &entry->node);
		entry->last_used = GetCurrentStatementStartTimestamp();
		entry->pins++;
	}
	return entry;
}

LpgItems *
lpg_cache_peek(Oid model, const LpgVersion *version, LepIdKind kind)
{
	LpgItemsKey key = lpg_items_key(model, version, kind);

	return peek(&key);
}

/* What reading a table takes. */
typedef struct TableRead
{
	const LpgItemsKey *key;
	const LpgVersion *version;
	Relation items;
	Snapshot snapshot;
} TableRead;

/* LpgItemsReader */
static LpgItems *
read_table(void *arg)
{
	const TableRead *read = arg;

	return lpg_cache_load(read->key, read->version, read->items, read->snapshot);
}

LpgItems *
lpg_cache_get(Relation model, const LpgVersion *version, Relation items, LepIdKind kind, Snapshot snapshot)
{
	LpgItemsKey key = lpg_items_key(RelationGetRelid(model), version, kind);
	LpgItems *entry = peek(&key);
	Size needed = lpg_items_estimate(&key);

	if (entry != NULL)
		return entry;
	if (!fits(needed))
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("the items of model \"%s\" take %zu kB, but lepton.cache_size is %d kB",
							   RelationGetRelationName(model), (needed + 1023) / 1024, lpg_cache_size),
						errdetail("Other models that the same query reads hold %zu kB of it.",
								  (pinned_size() + 1023) / 1024),
						errhint("SET lepton.cache_size to more, or train with fewer factors or neighbors.")));
	free_idle_mappings();
	make_room(needed);
	entry = keep(lpg_shared_get(&key, read_table, &(TableRead){ &key, version, items, snapshot }));
	entry->pins++;
	return entry;
}

void
lpg_cache_keep_folding(LpgItems *items, LpgFolding *folding, MemoryContext context, Size bytes)
{
	MemoryContextSetParent(context, items->context);
	items->folding = folding;
	items->env.bytes_now = lep_add_size(items->env.bytes_now, bytes);
}

LepServeScratch *
lpg_cache_scratch(LpgItems *items)
{
	LepArena *arena = &items->scratch_arena;
	LepServeScratch *scratch;
	LepStatus status;

	if (items->scratch != NULL)
		return items->scratch;
	scratch = lep_arena_alloc(arena, 1, sizeof(LepServeScratch));
	status = scratch == NULL ? LEP_ERR_MEMORY : lep_serve_scratch(arena, &items->served, scratch);
	if (status != LEP_OK)
	{
		/* the items live on: each call that fails would leave a part */
		lep_arena_drop(arena);
		lpg_error(&items->env.error);
	}
	items->scratch = scratch;
	return scratch;
}

void
lpg_cache_unpin(LpgItems *items)
{
	Assert(items->pins > 0);
	items->pins--;
}
