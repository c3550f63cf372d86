/*
 * publish.h
 *		Making a model's tables and putting a trained version into them.
 *
 * All in the caller's transaction: rows of both factor tables, the version's row,
 * the deletion of versions beyond `keep`.  Rows go in past the executor, so that
 * no trigger, rule or default of the owner's runs with the rights of whoever
 * trains; the tables are checked for such things first.
 */
#ifndef LPG_PUBLISH_H
#define LPG_PUBLISH_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "core/train.h"
#include "pg/progress.h"
#include "pg/registry.h"

/* Writes all rows of a side into its table. */
typedef void (*LpgWriteSide)(void *arg, Relation table, int64 version, LpgSide side);

/* What the version's row says of what is published. */
typedef struct LpgContents
{
	LepIdKind kinds[2]; /* by LpgSide */
	const char *algorithm;
	int64 n_users;
	int64 n_items;
	int64 n_ratings;
	TimestampTz created_at;
} LpgContents;

/* A version to be published: ratings and result, or what is written otherwise. */
typedef struct LpgPublication
{
	LpgTarget target;
	Oid model_type;
	const char *source; /* NULL: not from one */
	const LepRatings *ratings;
	const LepTrainResult *result;
	LpgWriteSide write_side; /* NULL: from ratings and result */
	void *write_arg;
	LpgContents contents; /* given if write_side is */
	Datum options;		  /* jsonb, as given */
	Datum metrics;		  /* jsonb */
	int64 keep;
	bool live;				 /* users' ratings are to be told from later ones */
	LpgProgress *progress;	 /* NULL: none to report */
	const char *unpublished; /* why it is not to be the current version; NULL: it is */
} LpgPublication;

/*
 * Find the model of this name, or where it would be, check that the user may train it,
 * and keep others from that until the end of the transaction.
 */
extern void lpg_publish_lock(LpgPublication *publication, const char *name, bool wait);

/*
 * ERROR unless the current transaction can see the newest version of an existing
 * model (serialization failure otherwise); call with the training lock held.
 */
extern void lpg_publish_check_snapshot(Oid model, Oid model_type);

/* ERROR if an existing model has ids of other kinds than these. */
extern void lpg_publish_check_kinds(Oid model, Oid model_type, LepIdKind user_kind, LepIdKind item_kind);

/*
 * Create the tables if need be, and write the factor rows.  values and nulls are
 * of LPG_MODEL_NATTS: all but details is filled in.
 */
extern void lpg_publish_factors(LpgPublication *publication, Datum *values, bool *nulls);

/*
 * Write the version's row, make it the current one unless it is not to be, delete
 * versions beyond keep.
 */
extern void lpg_publish_version(LpgPublication *publication, Datum *values, bool *nulls);

#endif /* LPG_PUBLISH_H */
