/*
 * users.c
 *		Users by id: a table of hashes, and slabs of users, each beside her row.
 *
 * In a query over pairs in any order nearly all of its time is waiting for
 * memory, so a user is two steps away: a slot of the table, then all that is known
 * of her in one piece.
 */
#include "postgres.h"

#include "access/table.h"
#include "common/hashfn.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/kernels.h"
#include "core/model.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/live.h"
#include "pg/pgenv.h"
#include "pg/settings.h"
#include "pg/users.h"

/* Users that fit whatever lepton.cache_size says. */
#define MIN_USERS 16

/* A look-up takes as long as reading eight users in a scan, or two pages of other versions. */
#define LOOKUP_USERS 8
#define LOOKUP_PAGES 2

/* Users of a slab, at most: it has room for as many as there are already. */
#define MAX_SLAB_USERS 4096

/* Bytes of a user that are prefetched: about as many cache lines as can be on their way at once. */
#define MAX_PREFETCH 640

/* One user, with her row behind. */
typedef struct KeptUser
{
	LpgUser user;
	LepId id; /* text: a copy */
} KeptUser;

#define ROW_OFFSET TYPEALIGN(LEP_ALIGNMENT, sizeof(KeptUser))

typedef struct UserSlot
{
	uint64 hash;
	KeptUser *kept; /* NULL: free */
} UserSlot;

struct LpgUsers
{
	LpgHandle *handle;
	LepIdKind kind;
	MemoryContext context; /* of all below; reset to forget */
	UserSlot *slots;	   /* [n_slots], a power of 2; NULL: nobody looked up yet */
	uint64 n_slots;
	int64 n_users;
	Size user_size; /* with the row */
	char *slab;		/* where the next user is */
	int64 n_slab;	/* that fit there */
	Size bytes;		/* held */
	const KeptUser *last;
	int64 n_repeats; /* of the last one */
	bool has_all;	 /* of the version: whoever is not here is nobody */
	int64 n_before;	 /* that are looked up before all are read; -1: not known yet */
	LepEnv env;
	LepArena arena; /* of slabs and table: in huge pages where they are large */
};

/* Whom the version does not know. */
static const LpgUser nobody;

/* Held by all call sites. */
static Size bytes_held = 0;

static void
release(void *arg)
{
	LpgUsers *users = arg;

	bytes_held -= users->bytes;
	users->bytes = 0;
}

LpgUsers *
lpg_users_create(MemoryContext context)
{
	LpgUsers *users = MemoryContextAllocZero(context, sizeof(LpgUsers));
	MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));

	users->context = AllocSetContextCreate(context, "lepton users", ALLOCSET_SMALL_SIZES);
	callback->func = release;
	callback->arg = users;
	MemoryContextRegisterResetCallback(context, callback);
	return users;
}

void
lpg_users_forget(LpgUsers *users, LpgHandle *handle)
{
	MemoryContext context = users->context;

	release(users);
	MemoryContextReset(context);
	memset(users, 0, sizeof(*users));
	users->context = context;
	users->handle = handle;
	users->kind = handle->sides[LPG_USERS].kind;
	users->user_size = ROW_OFFSET + lep_row_stride(handle->version.n_factors) * sizeof(float);
	users->n_before = -1;
	lpg_env_init(&users->env, context);
	lep_arena_init(&users->arena, &users->env);
}

static void *
hold(LpgUsers *users, Size size)
{
	void *memory = MemoryContextAllocHuge(users->context, size);

	users->bytes += size;
	bytes_held += size;
	return memory;
}

/* The same, aligned, for what can be large. */
static void *
hold_array(LpgUsers *users, int64 n, Size size)
{
	void *memory = lep_arena_alloc(&users->arena, n, size);

	if (memory == NULL)
		lpg_error(&users->env.error);
	users->bytes += n * size;
	bytes_held += n * size;
	return memory;
}

static Size
users_limit(void)
{
	return (Size) lpg_cache_size * (1024 / 4);
}

static bool
is_full(const LpgUsers *users)
{
	return users->n_users >= MIN_USERS && bytes_held >= users_limit();
}

/* ------------------------------------------------------------------- the table */

static inline uint64
hash_id(LepIdKind kind, const LepId *id)
{
	uint64 h;

	switch (kind)
	{
		case LEP_ID_TEXT:
			return hash_bytes_extended((const unsigned char *) id->v.text.data, id->v.text.len, 0);
		case LEP_ID_UUID:
			return hash_bytes_extended(id->v.uuid, sizeof(id->v.uuid), 0);
		case LEP_ID_INT64:
			break;
	}
	/* MurmurHash3's finalizer: no two integers have the same */
	h = (uint64) id->v.i64;
	h = (h ^ (h >> 33)) * UINT64CONST(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64CONST(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

/* The slot of an id, or the free one for it. */
static inline UserSlot *
find_slot(const LpgUsers *users, uint64 hash, const LepId *id)
{
	uint64 mask = users->n_slots - 1;

	for (uint64 at = hash & mask;; at = (at + 1) & mask)
	{
		UserSlot *slot = &users->slots[at];

		if (slot->kept == NULL)
			return slot;
		if (slot->hash == hash &&
			(users->kind == LEP_ID_INT64 || lep_id_compare(users->kind, &slot->kept->id, id) == 0))
			return slot;
	}
}

/* At least every second slot stays free. */
static void
grow_table(LpgUsers *users)
{
	UserSlot *old = users->slots;
	uint64 n_old = users->n_slots;
	uint64 n = Max(4 * MIN_USERS, 2 * n_old);

	users->slots = memset(hold_array(users, n, sizeof(UserSlot)), 0, n * sizeof(UserSlot));
	users->n_slots = n;
	for (uint64 at = 0; at < n_old; at++)
	{
		if (old[at].kept != NULL)
			*find_slot(users, old[at].hash, &old[at].kept->id) = old[at];
	}
	if (old == NULL)
		return;
	lep_arena_free(&users->arena, old);
	users->bytes -= n_old * sizeof(UserSlot);
	bytes_held -= n_old * sizeof(UserSlot);
}

/* ------------------------------------------------------------------- the users */

/* Where the next n go. */
static void
make_slab(LpgUsers *users, int64 n)
{
	users->slab = hold_array(users, n, users->user_size);
	users->n_slab = n;
}

/* Where the next one goes. */
static KeptUser *
next_user(LpgUsers *users)
{
	if (users->n_slab == 0)
		make_slab(users, Min(Max(MIN_USERS, users->n_users), MAX_SLAB_USERS));
	return (KeptUser *) users->slab;
}

/* What is known of her, whose row is behind `kept`; her items, too, where the version asks for them. */
static void
fill_user(LpgUsers *users, const LpgPerson *person, KeptUser *kept)
{
	memset(&kept->user, 0, sizeof(kept->user));
	kept->user.known = person->user.known;
	kept->user.bias = person->user.bias;
	kept->user.has_variance = person->has_variance;
	kept->user.variance = person->variance;
	kept->user.factors = person->user.row;
	if (users->handle->version.has_neighbors && person->user.basket.n > 0)
	{
		Size size = person->user.basket.n * sizeof(int32);

		kept->user.basket.rows = memcpy(hold(users, size), person->user.basket.rows, size);
		kept->user.basket.n = person->user.basket.n;
	}
}

/* next_user(), who is filled in, is one of ours from now on. */
static void
enter_user(LpgUsers *users, uint64 hash, const LepId *id, KeptUser *kept)
{
	UserSlot *slot;

	kept->id = *id;
	if (users->kind == LEP_ID_TEXT)
		kept->id.v.text.data = memcpy(hold(users, Max(id->v.text.len, 1)), id->v.text.data, id->v.text.len);
	if (2 * users->n_users >= (int64) users->n_slots)
		grow_table(users);
	slot = find_slot(users, hash, id);
	slot->hash = hash;
	slot->kept = kept;
	users->n_users++;
	users->slab += users->user_size;
	users->n_slab--;
}

/* Looked up before anything is counted: an error leaves nobody half known. */
static const KeptUser *
add_user(LpgUsers *users, uint64 hash, const LepId *id)
{
	KeptUser *kept = next_user(users);
	LpgPerson person;

	lpg_live_find(users->handle, id, false, (float *) ((char *) kept + ROW_OFFSET), &person);
	fill_user(users, &person, kept);
	enter_user(users, hash, id, kept);
	return kept;
}

/* ------------------------------------------------------------------ all at once */

/* A scan of the version's users. */
typedef struct UserLoader
{
	LpgUsers *users;
	Relation table;
	MemoryContext row_context;
	bool is_full; /* there was no room for all */
} UserLoader;

static void
load_user(UserLoader *loader, TupleTableSlot *slot)
{
	LpgUsers *users = loader->users;
	const LpgVersion *version = &users->handle->version;
	LepId id = lpg_store_read_id(slot, users->kind);
	uint64 hash = hash_id(users->kind, &id);
	LpgPerson person = { .has_variance = true };
	LpgFactorRow row;
	KeptUser *kept;

	if (find_slot(users, hash, &id)->kept != NULL)
		return;
	kept = next_user(users);
	row.factors = (float *) ((char *) kept + ROW_OFFSET);
	lpg_store_read_row(loader->table, slot, version, LPG_USERS, &row);
	person.user.known = true;
	person.user.bias = row.bias;
	person.user.row = row.factors;
	person.variance = row.variance;
	if (version->has_neighbors)
		person.user.basket.rows = lpg_store_read_seen(loader->table, slot, version, &person.user.basket.n);
	fill_user(users, &person, kept);
	enter_user(users, hash, &id, kept);
}

/* LpgRowVisitor */
static void
visit_user(void *arg, TupleTableSlot *slot)
{
	UserLoader *loader = arg;
	MemoryContext old;

	loader->is_full = loader->is_full || is_full(loader->users);
	if (loader->is_full)
		return;
	old = MemoryContextSwitchTo(loader->row_context);
	load_user(loader, slot);
	MemoryContextSwitchTo(old);
	MemoryContextReset(loader->row_context);
}

/* Those who are not here yet: room for all is made at once, so that they lie as they are read. */
static void
load_all(LpgUsers *users)
{
	LpgHandle *handle = users->handle;
	UserLoader loader = { .users = users };

	loader.row_context =
		AllocSetContextCreate(CurrentMemoryContext, "lepton users row", ALLOCSET_DEFAULT_SIZES);
	make_slab(users, handle->version.n_users);
	while (users->n_slots < 2 * (uint64) handle->version.n_users)
		grow_table(users);
	loader.table = table_open(handle->sides[LPG_USERS].table, NoLock);
	lpg_store_scan(loader.table, handle->version.version, GetActiveSnapshot(), visit_user, &loader);
	table_close(loader.table, NoLock);
	MemoryContextDelete(loader.row_context);
	users->has_all = !loader.is_full;
	users->n_before = PG_INT64_MAX;
}

/*
 * How many are looked up before all are read: as many as cost as much.  Never all
 * where they would not fit, or are what the source says at the moment, or in a value,
 * where they are found without a table.  Their items
 * are not counted: that there is no room is seen on the way.
 */
static int64
count_before(const LpgUsers *users)
{
	const LpgVersion *version = &users->handle->version;
	/* between two and four slots a user */
	Size size = lep_mul_size(version->n_users, users->user_size + 4 * sizeof(UserSlot));
	Relation table;
	int64 n_pages;

	if (users->handle->value != NULL || (version->live && lpg_live) ||
		lep_add_size(bytes_held, size) > users_limit())
		return PG_INT64_MAX;
	table = table_open(users->handle->sides[LPG_USERS].table, NoLock);
	n_pages = RelationGetNumberOfBlocks(table);
	table_close(table, NoLock);
	return Max(version->n_users / LOOKUP_USERS, n_pages / LOOKUP_PAGES) + MIN_USERS;
}

/* ------------------------------------------------------------------------- finding */

/* What will be read of her, all at once: each piece would else be waited for before the next. */
static inline void
prefetch_user(const LpgUsers *users, const KeptUser *kept)
{
	for (Size at = 0; at < Min(users->user_size, MAX_PREFETCH); at += LEP_ALIGNMENT)
		__builtin_prefetch((const char *) kept + at);
}

/* The last one again? */
static inline bool
is_last(const LpgUsers *users, const LepId *id)
{
	return users->last != NULL && lep_id_compare(users->kind, &users->last->id, id) == 0;
}

uint64
lpg_users_begin(const LpgUsers *users, const LepId *id)
{
	uint64 hash;

	if (is_last(users, id))
		return 0;
	hash = hash_id(users->kind, id);
	if (users->n_slots > 0)
		__builtin_prefetch(&users->slots[hash & (users->n_slots - 1)]);
	return hash;
}

/* Somebody who is not here; NULL: nobody. */
static const KeptUser *
find_new(LpgUsers *users, const LepId *id, uint64 hash)
{
	int64 n_before;

	if (users->has_all)
		return NULL;
	if (users->n_before < 0)
		users->n_before = count_before(users);
	if (users->n_users >= users->n_before)
	{
		load_all(users);
		if (users->has_all)
			return find_slot(users, hash, id)->kept;
	}
	if (is_full(users))
	{
		/* they did not all fit, and will not the next time */
		n_before = users->n_before;
		lpg_users_forget(users, users->handle);
		users->n_before = n_before;
	}
	return add_user(users, hash, id);
}

const LpgUser *
lpg_users_find(LpgUsers *users, const LepId *id, uint64 hash)
{
	const KeptUser *kept = NULL;

	if (is_last(users, id))
	{
		users->n_repeats++;
		return &users->last->user;
	}
	users->n_repeats = 0;
	users->last = NULL;
	if (users->n_users > 0)
		kept = find_slot(users, hash, id)->kept;
	if (kept != NULL)
		prefetch_user(users, kept);
	else
		kept = find_new(users, id, hash);
	users->last = kept;
	return kept == NULL ? &nobody : &kept->user;
}

int64
lpg_users_repeats(const LpgUsers *users)
{
	return users->n_repeats;
}
