/*
 * users.c
 *		Users by id: a table of hashes, and slabs of users, each beside her row.
 *
 * In a query over pairs in any order nearly all of its time is waiting for
 * memory, so a user is two steps away: a slot of the table, then all that is known
 * of her in one piece.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "core/kernels.h"
#include "core/model.h"
#include "pg/compat.h"
#include "pg/live.h"
#include "pg/settings.h"
#include "pg/users.h"

/* Users that fit whatever lepton.cache_size says. */
#define MIN_USERS 16

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
};

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
}

static void *
hold(LpgUsers *users, Size size)
{
	void *memory = MemoryContextAllocHuge(users->context, size);

	users->bytes += size;
	bytes_held += size;
	return memory;
}

static bool
is_full(const LpgUsers *users)
{
	return users->n_users >= MIN_USERS && bytes_held >= (Size) lpg_cache_size * (1024 / 4);
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
	Size size = sizeof(UserSlot) * Max(4 * MIN_USERS, 2 * n_old);

	users->slots = memset(hold(users, size), 0, size);
	users->n_slots = size / sizeof(UserSlot);
	for (uint64 at = 0; at < n_old; at++)
	{
		if (old[at].kept != NULL)
			*find_slot(users, old[at].hash, &old[at].kept->id) = old[at];
	}
	if (old == NULL)
		return;
	pfree(old);
	users->bytes -= n_old * sizeof(UserSlot);
	bytes_held -= n_old * sizeof(UserSlot);
}

/* ------------------------------------------------------------------- the users */

/* Where the next one goes. */
static KeptUser *
next_user(LpgUsers *users)
{
	if (users->n_slab == 0)
	{
		int64 n = Min(Max(MIN_USERS, users->n_users), MAX_SLAB_USERS);
		char *slab = hold(users, n * users->user_size + LEP_ALIGNMENT);

		users->slab = (char *) TYPEALIGN(LEP_ALIGNMENT, slab);
		users->n_slab = n;
	}
	return (KeptUser *) users->slab;
}

/* Her items, too, where the version asks for them. */
static void
look_up(LpgUsers *users, const LepId *id, KeptUser *kept)
{
	LpgPerson person;

	lpg_live_find(users->handle, id, false, (float *) ((char *) kept + ROW_OFFSET), &person);
	memset(&kept->user, 0, sizeof(kept->user));
	kept->user.known = person.user.known;
	kept->user.bias = person.user.bias;
	kept->user.has_variance = person.has_variance;
	kept->user.variance = person.variance;
	kept->user.factors = person.user.row;
	if (users->handle->version.has_neighbors && person.user.basket.n > 0)
	{
		Size size = person.user.basket.n * sizeof(int32);

		kept->user.basket.rows = memcpy(hold(users, size), person.user.basket.rows, size);
		kept->user.basket.n = person.user.basket.n;
	}
}

/* Looked up before anything is counted: an error leaves nobody half known. */
static const KeptUser *
add_user(LpgUsers *users, uint64 hash, const LepId *id)
{
	KeptUser *kept = next_user(users);
	UserSlot *slot;

	look_up(users, id, kept);
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
	return kept;
}

/* What will be read of her, all at once: each piece would else be waited for before the next. */
static inline void
prefetch_user(const LpgUsers *users, const KeptUser *kept)
{
	for (Size at = 0; at < Min(users->user_size, MAX_PREFETCH); at += LEP_ALIGNMENT)
		__builtin_prefetch((const char *) kept + at);
}

const LpgUser *
lpg_users_find(LpgUsers *users, const LepId *id)
{
	uint64 hash;
	const KeptUser *kept = NULL;

	if (users->last != NULL && lep_id_compare(users->kind, &users->last->id, id) == 0)
		return &users->last->user;
	users->last = NULL;
	hash = hash_id(users->kind, id);
	if (users->n_users > 0)
		kept = find_slot(users, hash, id)->kept;
	if (kept != NULL)
		prefetch_user(users, kept);
	else
	{
		if (is_full(users))
			lpg_users_forget(users, users->handle);
		kept = add_user(users, hash, id);
	}
	users->last = kept;
	return &kept->user;
}
