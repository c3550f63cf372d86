/*
 * registry.h
 *		Which tables are models, who may read them, and what a version's row
 *		says.
 *
 * A model is a plain table OF lepton_model; the catalog is the registry.  Its
 * rows name two factor tables.  Access works like a view's: the caller needs
 * SELECT on the model; the factor tables are then read with the rights of the
 * model's owner, after lpg_registry_check_factors() has made sure that they are
 * plain tables of that same owner with the expected columns and with nothing on
 * them that runs code.  A forged row opens nothing that its owner cannot read
 * anyway.
 *
 * Locks: AccessShareLock on all three tables for a reader, taken here and kept
 * to the end of the transaction; one training of a model at a time by a lock of
 * our own kind (lpg_registry_lock_training), which readers, VACUUM and ANALYZE
 * do not meet.
 */
#ifndef LPG_REGISTRY_H
#define LPG_REGISTRY_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/primnodes.h"
#include "storage/lockdefs.h"
#include "utils/jsonb.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "core/idmap.h"
#include "core/model.h"
#include "core/options.h"

/* Attributes of the composite type lepton_model; only ever added at the end. */
enum
{
	LPG_MODEL_VERSION = 1,
	LPG_MODEL_CREATED_AT,
	LPG_MODEL_IS_CURRENT,
	LPG_MODEL_ALGORITHM,
	LPG_MODEL_OPTIONS,
	LPG_MODEL_SOURCE,
	LPG_MODEL_N_USERS,
	LPG_MODEL_N_ITEMS,
	LPG_MODEL_N_RATINGS,
	LPG_MODEL_METRICS,
	LPG_MODEL_DETAILS,
	LPG_MODEL_USERS,
	LPG_MODEL_ITEMS,
	LPG_MODEL_GENERATION,
	LPG_MODEL_NATTS = LPG_MODEL_GENERATION
};

/* Columns of the two factor tables; the last differs in name only.  See columns.h. */
enum
{
	LPG_FACTORS_VERSION = 1,
	LPG_FACTORS_ID,
	LPG_FACTORS_N,
	LPG_FACTORS_N_RATINGS,
	LPG_FACTORS_BIAS,
	LPG_FACTORS_VARIANCE, /* NULL: not known */
	LPG_FACTORS_FACTORS,
	LPG_FACTORS_EXTRA, /* seen of users, neighbors of items */
	LPG_FACTORS_NATTS = LPG_FACTORS_EXTRA
};

typedef enum LpgSide
{
	LPG_USERS,
	LPG_ITEMS
} LpgSide;

/* What reading needs to know of a version; all checked against their limits. */
typedef struct LpgVersion
{
	int64 version;
	int64 generation; /* random; a new one whenever the version's rows change */
	Oid users;
	Oid items;
	int32 n_users;
	int32 n_items;

	/* from details -> 'serving' */
	bool implicit; /* learned from implicit feedback */
	int n_factors;
	bool has_neighbors;
	int64 n_neighbors; /* entries of all items */
	double mean;
	float min_score;
	float max_score;
	LepUnknown unknown;
	bool exclude_seen;
	bool live;		  /* users are as the source has them at the moment */
	bool is_eligible; /* only some items may be listed: option eligible */
	LepLevels levels; /* n = 0: predictions are means */
} LpgVersion;

/* A model's name, resolved as far as it can be. */
typedef struct LpgTarget
{
	Oid model;		/* InvalidOid: not there yet */
	Oid namespace_; /* where it is or would be */
	char *relname;
} LpgTarget;

/*
 * Parse a name as regclass does.  Errors quote it.
 */
extern RangeVar *lpg_registry_parse_name(const char *name);

/*
 * The model of that name, with AccessShareLock.  ERROR if there is no such
 * relation or it is no model; SELECT on it is checked.
 */
extern Oid lpg_registry_find(const char *name, Oid model_type);

/* The same, wherever CREATE TABLE would make it if it is not there; no lock. */
extern LpgTarget lpg_registry_find_target(const char *name, Oid model_type);

/* The model of that name, no lock, no rights checked; InvalidOid if there is none. */
extern Oid lpg_registry_find_unlocked(const char *name, Oid model_type);

/*
 * The model of that name, AccessShareLock held; InvalidOid where there is none, the
 * user may not read it, or the lock cannot be had at once.
 */
extern Oid lpg_registry_lock_readable(const char *name, Oid model_type);

/*
 * Open a model with this lock; ERROR unless it is there and is what a model must
 * be: plain, permanent, of our type, without row security.  Every scan of a
 * model begins here.  Closed by table_close(rel, NoLock).
 */
extern Relation lpg_registry_open_model(Oid relid, Oid model_type, LOCKMODE lockmode);

/* The model that a training has tied the table to, or InvalidOid. */
extern Oid lpg_registry_recorded_model(Oid table);

/* Told when the catalogs say something else of this relation; InvalidOid: of any. */
extern void lpg_registry_forget_tie(Oid relid);

/* ERROR unless the current user owns the model. */
extern void lpg_registry_check_owner(Oid model);

/*
 * ERROR unless the table can hold this side's factors of the model and nothing
 * on it runs code.  *kind: of its ids.
 */
extern void lpg_registry_check_factors(Relation model, Relation table, LpgSide side, LepIdKind *kind);

/* ERROR if something on the model's own table runs code when it is written to. */
extern void lpg_registry_check_model_code(Relation model);

/* The oid of type lepton_model, in the schema of the function being called. */
extern Oid lpg_registry_model_type(FunctionCallInfo fcinfo);

/*
 * The version that is current under the snapshot.  False if there is none.
 */
extern bool lpg_registry_current(Relation model, Snapshot snapshot, LpgVersion *version);

/* The version of this number, current or not.  False if the snapshot sees none. */
extern bool lpg_registry_find_version(Relation model, Snapshot snapshot, int64 number, LpgVersion *version);

/* Read a version from a model row's values; ERROR where they make no sense. */
extern void
lpg_registry_read_version(Relation model, const Datum *values, const bool *nulls, LpgVersion *version);

/*
 * The column details of a version's row, in the current context; NULL if the
 * snapshot does not see the row, or if it has none.
 */
extern Jsonb *lpg_registry_details(Relation model, Snapshot snapshot, int64 version);

/* ERROR: there is no model of this name. */
extern _Noreturn void lpg_registry_fail_no_model(const char *name);

/* ERROR: the model has no version of this number. */
extern _Noreturn void lpg_registry_fail_version(const char *model, int64 number);

/* ERROR: this part of a version's row is damaged. */
extern _Noreturn void lpg_registry_fail_row(const char *model, const char *what);

/* Open one of a version's factor tables and check it; closed by table_close(rel, NoLock). */
extern Relation lpg_registry_open_factors(Relation model, const LpgVersion *version, LpgSide side,
										  LOCKMODE lockmode, LepIdKind *kind);

/*
 * Until the end of the transaction no one else trains this model.  wait = false:
 * ERROR if somebody does.
 */
extern void lpg_registry_lock_training(const LpgTarget *target, bool wait);

/*
 * The same until lpg_registry_unlock_session(), across transactions.  False: somebody
 * trains it, and the caller does not want to wait.  To be released on every error,
 * those of this function included, which may come when the lock is held; releasing
 * what is not held does nothing.  The end of the session releases it, too.
 */
extern bool lpg_registry_lock_session(const LpgTarget *target, bool wait);
extern void lpg_registry_unlock_session(const LpgTarget *target);

/* ERROR: somebody trains the model. */
extern _Noreturn void lpg_registry_fail_training(const LpgTarget *target);

/* "schema.name" as it would be typed, for messages and statements. */
extern char *lpg_registry_qualified_name(Oid relid);

#endif /* LPG_REGISTRY_H */
