/*
 * keytype.h
 *		Ids as PostgreSQL's values: which types can be ids, how they turn into a
 *		LepId and back, and how they are stored.
 *
 * smallint, integer and bigint are stored as bigint; text and varchar as text
 * COLLATE "C"; uuid as uuid.  Besides core/idmap nobody else knows that there
 * are three kinds.
 */
#ifndef LPG_KEYTYPE_H
#define LPG_KEYTYPE_H

#include "postgres.h"

#include "access/skey.h"
#include "core/idmap.h"

/* The kind for values of this type (domains resolved); false if it is no id. */
extern bool lpg_keytype_kind(Oid type, LepIdKind *kind);

/* The type that ids of this kind are stored as, and its SQL spelling. */
extern Oid lpg_keytype_stored_type(LepIdKind kind);
extern const char *lpg_keytype_name(LepIdKind kind);
extern const char *lpg_keytype_declaration(LepIdKind kind);

/* The collation of that column; InvalidOid where there is none. */
extern Oid lpg_keytype_collation(LepIdKind kind);

/*
 * The id in a datum of this base type.  Text is detoasted if it must be, in the
 * current memory context, and points into the datum otherwise.
 */
extern LepId lpg_keytype_from_datum(Datum datum, Oid type);

/* The id with text copied to the current memory context. */
extern LepId lpg_keytype_copy(const LepId *id, LepIdKind kind);

/* The datum of the stored type; text and uuid are copied to the current context. */
extern Datum lpg_keytype_to_datum(const LepId *id, LepIdKind kind);

/*
 * The id meant by an argument of a SQL function, for a model whose ids are of
 * this kind: text is read as the kind, other types must be the kind's own.
 * "what" ("user" or "item") and the model's name are for the error.
 */
extern LepId
lpg_keytype_from_argument(Datum datum, Oid type, LepIdKind kind, const char *what, const char *model);

/* A scan key "attno = id" for the stored type. */
extern void lpg_keytype_scankey(ScanKey key, AttrNumber attno, LepIdKind kind, Datum id);

/* The id as it prints, in the current memory context. */
extern char *lpg_keytype_out(const LepId *id, LepIdKind kind);

#endif /* LPG_KEYTYPE_H */
