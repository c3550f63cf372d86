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

#include "core/train.h"
#include "pg/progress.h"
#include "pg/registry.h"

/* A version to be published. */
typedef struct LpgPublication
{
	LpgTarget target;
	Oid model_type;
	const char *source;
	const LepRatings *ratings;
	const LepTrainResult *result;
	Datum options; /* jsonb, as given */
	Datum metrics; /* jsonb */
	int64 keep;
	bool live; /* users' ratings are to be told from later ones */
	LpgProgress *progress;
	const char *unpublished; /* why it is not to be the current version; NULL: it is */
} LpgPublication;

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
