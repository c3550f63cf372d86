/*
 * shared.c
 *		Items of model versions shared between sessions.
 *
 * One segment of dynamic shared memory holds the items of a version.  A small
 * directory in the main shared memory says which there are: it is taken from what
 * the server keeps spare for that (as pg_prewarm's autoprewarm does), so nothing
 * need be preloaded.  Segments are pinned, and go when their room is needed and no
 * session maps them.
 *
 * What is published is what its transaction could see under rows that never
 * change: a transaction that has written publishes nothing, since what it sees may
 * not come to be.  Access to the model was checked before anybody asks here.
 *
 * A database is known by its OID and by the transaction that made its row: CREATE
 * DATABASE can be told the OID of one that was dropped, and a copy of a database has
 * the models of the other, with all their numbers.
 *
 * The directory's lock is held for mapping too, so that an entry cannot go, and a
 * count cannot be wrong, in between; mapping takes microseconds.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/compat.h"
#include "pg/pgenv.h"
#include "pg/settings.h"
#include "pg/shared.h"

/* The directory is of the layout of this library: another version's is another one. */
#define DIRECTORY_NAME "lepton shared items 2"
#define TRANCHE_NAME   "lepton shared items"

#define N_ENTRIES 64

/* How long to wait for another session's reading, in milliseconds. */
#define MAX_WAIT 10000

/* Bytes copied between two looks for interrupts. */
#define COPY_BYTES ((Size) 16 * 1024 * 1024)

typedef enum SharedState
{
	SHARED_FREE,
	SHARED_READING, /* somebody reads the items and will publish them, or free the entry */
	SHARED_READY
} SharedState;

typedef struct SharedEntry
{
	SharedState state;
	Oid database;
	TransactionId born; /* the database's row */
	LpgItemsKey key;
	Size size; /* of the segment; while reading, an estimate */
	Size id_offset;
	dsm_handle handle;
	int n_mapped;
	uint64 last_used; /* by the directory's clock */
} SharedEntry;

typedef struct SharedDirectory
{
	int tranche;
	LWLock lock; /* of all that follows */
	ConditionVariable changed;
	uint64 clock;
	SharedEntry entries[N_ENTRIES];
} SharedDirectory;

static SharedDirectory *directory = NULL;
static TransactionId born = InvalidTransactionId; /* of this session's database */
static bool no_directory = false;				  /* it was tried */
static bool told = false;						  /* that segments cannot be had */

/* ---------------------------------------------------------------- the directory */

static void
init_directory(void)
{
	memset(directory, 0, sizeof(*directory));
	directory->tranche = lpg_new_tranche(TRANCHE_NAME);
	LWLockInitialize(&directory->lock, directory->tranche);
	ConditionVariableInit(&directory->changed);
}

/* What went wrong, for the server's log; the answer to a query does not depend on it. */
static void
log_failure(MemoryContext context, const char *hint)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	ereport(LOG, (errmsg("lepton cannot share items between sessions: %s", error->message),
				  errdetail("Each session reads them for itself."), errhint("%s", hint)));
	FreeErrorData(error);
}

static TransactionId
read_birth(void)
{
	HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	TransactionId xmin;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
	xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
	ReleaseSysCache(tuple);
	return xmin;
}

static void
attach_directory(void)
{
	MemoryContext context = CurrentMemoryContext;
	bool found;

	if (directory != NULL || no_directory)
		return;
	born = read_birth();
	no_directory = true;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	PG_TRY();
	{
		directory = ShmemInitStruct(DIRECTORY_NAME, sizeof(SharedDirectory), &found);
		if (!found)
			init_directory();
	}
	PG_CATCH();
	{
		/* the error has reset the count that releasing the lock takes one from */
		HOLD_INTERRUPTS();
		LWLockRelease(AddinShmemInitLock);
		directory = NULL;
		log_failure(context, "Restart the server, or set lepton.shared_cache_size to 0.");
		return;
	}
	PG_END_TRY();
	LWLockRelease(AddinShmemInitLock);
	lpg_register_tranche(directory->tranche, TRANCHE_NAME);
}

static Size
shared_limit(void)
{
	return (Size) lpg_shared_cache_size * 1024;
}

static bool
is_of_database(const SharedEntry *entry)
{
	return entry->database == MyDatabaseId && entry->born == born;
}

static SharedEntry *
find_entry(const LpgItemsKey *key)
{
	for (int i = 0; i < N_ENTRIES; i++)
	{
		SharedEntry *entry = &directory->entries[i];

		if (entry->state != SHARED_FREE && is_of_database(entry) && lpg_items_key_equal(&entry->key, key))
			return entry;
	}
	return NULL;
}

static bool
can_go(const SharedEntry *entry)
{
	return entry->state == SHARED_READY && entry->n_mapped == 0;
}

static void
drop_entry(SharedEntry *entry)
{
	dsm_unpin_segment(entry->handle);
	memset(entry, 0, sizeof(*entry));
}

/* Another generation of the same version: its rows have changed, nobody will ask for it again. */
static void
drop_former(const LpgItemsKey *key)
{
	for (int i = 0; i < N_ENTRIES; i++)
	{
		SharedEntry *entry = &directory->entries[i];

		if (can_go(entry) && is_of_database(entry) && entry->key.model == key->model &&
			entry->key.version == key->version && entry->key.generation != key->generation)
			drop_entry(entry);
	}
}

static SharedEntry *
longest_unused(void)
{
	SharedEntry *oldest = NULL;

	for (int i = 0; i < N_ENTRIES; i++)
	{
		SharedEntry *entry = &directory->entries[i];

		if (can_go(entry) && (oldest == NULL || entry->last_used < oldest->last_used))
			oldest = entry;
	}
	return oldest;
}

/* Is there room for so many bytes?  Then also a free entry in *free. */
static bool
has_room(Size needed, SharedEntry **free)
{
	Size held = needed;

	*free = NULL;
	for (int i = 0; i < N_ENTRIES; i++)
	{
		SharedEntry *entry = &directory->entries[i];

		if (entry->state == SHARED_FREE)
			*free = entry;
		else
			held = lep_add_size(held, entry->size);
	}
	return *free != NULL && held <= shared_limit();
}

/* An entry for items that this session will read; NULL: there is no room for them. */
static SharedEntry *
reserve(const LpgItemsKey *key, Size needed)
{
	SharedEntry *entry;

	drop_former(key);
	while (!has_room(needed, &entry))
	{
		SharedEntry *oldest = longest_unused();

		if (oldest == NULL || needed > shared_limit())
			return NULL;
		drop_entry(oldest);
	}
	entry->state = SHARED_READING;
	entry->database = MyDatabaseId;
	entry->born = born;
	memcpy(&entry->key, key, sizeof(*key));
	entry->size = needed;
	return entry;
}

/* Nothing came of it.  Also called where the backend exits: Datum is the entry's number. */
static void
give_up(int code, Datum number)
{
	SharedEntry *entry = &directory->entries[DatumGetInt32(number)];

	LWLockAcquire(&directory->lock, LW_EXCLUSIVE);
	memset(entry, 0, sizeof(*entry));
	LWLockRelease(&directory->lock);
	ConditionVariableBroadcast(&directory->changed);
}

/* ------------------------------------------------------------------- segments */

/* on_dsm_detach_callback: the mapping's end, at the latest with the backend. */
static void
unmapped(dsm_segment *segment, Datum number)
{
	SharedEntry *entry = &directory->entries[DatumGetInt32(number)];

	LWLockAcquire(&directory->lock, LW_EXCLUSIVE);
	Assert(entry->state == SHARED_READY && entry->handle == dsm_segment_handle(segment));
	entry->n_mapped--;
	LWLockRelease(&directory->lock);
}

/* Have the mapping's end counted.  That takes memory: count_mapping(), which does not, must follow at once. */
static void
watch_mapping(const SharedEntry *entry, dsm_segment *segment)
{
	on_dsm_detach(segment, unmapped, Int32GetDatum((int32) (entry - directory->entries)));
}

/* This backend maps the segment until it frees the items; the lock is held. */
static void
count_mapping(SharedEntry *entry)
{
	entry->n_mapped++;
	entry->last_used = ++directory->clock;
}

/* The items of a ready entry; the lock is held.  NULL: the segment is not to be had. */
static LpgItems *
map_entry(SharedEntry *entry)
{
	LpgItems *items = lpg_items_create(&entry->key);
	dsm_segment *segment = NULL;

	/* a backend maps a segment once */
	if (dsm_find_mapping(entry->handle) == NULL)
		segment = dsm_attach(entry->handle);
	if (segment == NULL)
	{
		lpg_items_free(items);
		return NULL;
	}
	dsm_pin_mapping(segment);
	lpg_items_own(items, segment);
	lpg_items_open(items, entry->id_offset);
	watch_mapping(entry, segment);
	count_mapping(entry);
	return items;
}

/*
 * A segment that belongs to nobody yet, or NULL: /dev/shm may be small, as it is in
 * containers.
 */
static dsm_segment *
create_segment(Size size)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner outer = CurrentResourceOwner;
	ResourceOwner owner = ResourceOwnerCreate(outer, "lepton shared items");
	dsm_segment *volatile segment = NULL;

	CurrentResourceOwner = owner;
	PG_TRY();
	{
		segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
		CurrentResourceOwner = outer;
		if (segment != NULL)
			dsm_pin_mapping(segment);
	}
	PG_CATCH();
	{
		int code = geterrcode();

		CurrentResourceOwner = outer;
		if (code != ERRCODE_OUT_OF_MEMORY && code != ERRCODE_DISK_FULL &&
			code != ERRCODE_INSUFFICIENT_RESOURCES)
			PG_RE_THROW();
		if (told)
			FlushErrorState();
		else
			log_failure(context, "Make /dev/shm larger, or set lepton.shared_cache_size to less.");
		told = true;
		MemoryContextSwitchTo(context);
	}
	PG_END_TRY();
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(owner);
	return segment;
}

static void
copy_block(char *to, const char *from, Size size)
{
	for (Size at = 0; at < size; at += COPY_BYTES)
	{
		lpg_env_check_interrupts();
		memcpy(to + at, from + at, Min(COPY_BYTES, size - at));
	}
}

/*
 * Private items, copied to a segment and the entry, and mapped; NULL: there is no
 * segment to be had.  All that may fail is done before the lock is taken: after an
 * error give_up() takes it, and would wait for ourselves.
 */
static LpgItems *
publish(SharedEntry *entry, const LpgItems *items)
{
	Size id_offset = TYPEALIGN(LEP_ALIGNMENT, items->image_size);
	Size size = lep_add_size(id_offset, items->id_size);
	LpgItems *mapped = lpg_items_create(&entry->key);
	dsm_segment *segment = create_segment(size);

	if (segment == NULL)
	{
		lpg_items_free(mapped);
		return NULL;
	}
	lpg_items_own(mapped, segment);
	copy_block(dsm_segment_address(segment), items->image_block, items->image_size);
	copy_block((char *) dsm_segment_address(segment) + id_offset, items->id_block, items->id_size);
	lpg_items_open(mapped, id_offset);
	watch_mapping(entry, segment);
	LWLockAcquire(&directory->lock, LW_EXCLUSIVE);
	count_mapping(entry);
	dsm_pin_segment(segment);
	entry->handle = dsm_segment_handle(segment);
	entry->size = size;
	entry->id_offset = id_offset;
	entry->state = SHARED_READY;
	LWLockRelease(&directory->lock);
	ConditionVariableBroadcast(&directory->changed);
	return mapped;
}

/* ------------------------------------------------------------------ interface */

/* Read the items for an entry of ours, and share them. */
static LpgItems *
read_and_publish(SharedEntry *entry, LpgItemsReader reader, void *arg)
{
	Datum number = Int32GetDatum((int32) (entry - directory->entries));
	LpgItems *items;
	LpgItems *mapped;

	PG_ENSURE_ERROR_CLEANUP(give_up, number);
	{
		items = reader(arg);
		mapped = publish(entry, items);
	}
	PG_END_ENSURE_ERROR_CLEANUP(give_up, number);
	if (mapped == NULL)
	{
		give_up(0, number);
		return items;
	}
	lpg_items_free(items);
	return mapped;
}

/* Find, map, or reserve: what can be done without waiting.  *is_reading: somebody else reads them. */
static LpgItems *
try_get(const LpgItemsKey *key, SharedEntry **reserved, bool *is_reading)
{
	LpgItems *items = NULL;
	SharedEntry *entry;

	*reserved = NULL;
	LWLockAcquire(&directory->lock, LW_EXCLUSIVE);
	entry = find_entry(key);
	*is_reading = entry != NULL && entry->state == SHARED_READING;
	if (entry != NULL && entry->state == SHARED_READY)
		items = map_entry(entry);
	else if (entry == NULL && !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		*reserved = reserve(key, lpg_items_estimate(key));
	LWLockRelease(&directory->lock);
	return items;
}

/* Until the entry that somebody else fills is ready or gone, or the time is over; false: it is over. */
static bool
wait_for_reader(const LpgItemsKey *key, TimestampTz until)
{
	bool is_reading = true;

	ConditionVariablePrepareToSleep(&directory->changed);
	while (is_reading)
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
		const SharedEntry *entry;

		if (left <= 0)
			break;
		LWLockAcquire(&directory->lock, LW_SHARED);
		entry = find_entry(key);
		is_reading = entry != NULL && entry->state == SHARED_READING;
		LWLockRelease(&directory->lock);
		if (is_reading)
			(void) ConditionVariableTimedSleep(&directory->changed, left, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return !is_reading;
}

LpgItems *
lpg_shared_get(const LpgItemsKey *key, LpgItemsReader reader, void *arg)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MAX_WAIT);
	LpgItems *items;
	SharedEntry *reserved;
	bool is_reading;

	if (lpg_shared_cache_size > 0 && IsUnderPostmaster)
		attach_directory();
	if (directory == NULL || lpg_shared_cache_size == 0)
		return reader(arg);
	do
	{
		items = try_get(key, &reserved, &is_reading);
	} while (is_reading && wait_for_reader(key, until));
	if (items != NULL)
		return items;
	return reserved != NULL ? read_and_publish(reserved, reader, arg) : reader(arg);
}

LpgSharedUse *
lpg_shared_uses(int *n)
{
	LpgSharedUse *uses = palloc0(N_ENTRIES * sizeof(LpgSharedUse));

	*n = 0;
	if (lpg_shared_cache_size > 0 && IsUnderPostmaster)
		attach_directory();
	if (directory == NULL)
		return uses;
	LWLockAcquire(&directory->lock, LW_SHARED);
	for (int i = 0; i < N_ENTRIES; i++)
	{
		const SharedEntry *entry = &directory->entries[i];

		if (entry->state != SHARED_FREE && is_of_database(entry))
			uses[(*n)++] = (LpgSharedUse){ .key = entry->key,
										   .size = entry->size,
										   .n_mapped = entry->n_mapped,
										   .is_ready = entry->state == SHARED_READY };
	}
	LWLockRelease(&directory->lock);
	return uses;
}
