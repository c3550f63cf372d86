/*
 * value.h
 *		A model that is a value of type bytea (core/modelbytes.h), as reading
 *		functions see it.
 *
 * Opening one detoasts it once, checks the head and the checksum, and reads no row.
 * What is read of it later is checked then: bytes can be anything.  Nothing here
 * asks for rights or for a snapshot's rows: whoever has the value may read it.
 *
 * Whether an argument is the value that is open already is asked for each row of a
 * query.  A constant always is; what is stored outside of its row is known by its
 * toast pointer; any other is compared, byte by byte.
 */
#ifndef LPG_VALUE_H
#define LPG_VALUE_H

#include "postgres.h"

#include "fmgr.h"
#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "core/modelbytes.h"
#include "pg/cache.h"
#include "pg/registry.h"

typedef struct LpgValue LpgValue;

/* Largest value that is ever made: pg_dump cannot carry larger ones. */
#define LPG_MAX_VALUE_BYTES ((Size) 256 * 1024 * 1024)

/*
 * Open an argument of a call; everything is in the context, and goes with it.  ERROR
 * for bytes that are damaged, or more than LPG_MAX_VALUE_BYTES.
 */
extern LpgValue *lpg_value_open(FunctionCallInfo fcinfo, int argument, MemoryContext context);

/*
 * Is the same argument of this call the value?  is_new: something may have been committed or
 * taken back since it was last asked.
 */
extern bool lpg_value_is(const LpgValue *value, FunctionCallInfo fcinfo, bool is_new);

extern const LepModelBytes *lpg_value_bytes(const LpgValue *value);

/* What a version's row would say of it; its number, its generation and its tables are 0. */
extern void lpg_value_version(const LpgValue *value, LpgVersion *version);

/* Row of a user or an item, -1 where it has none. */
extern int32 lpg_value_find(const LpgValue *value, LpgSide side, const LepId *id);

/* The id of row n; text is valid in this database, and points into the value. */
extern LepId lpg_value_id(const LpgValue *value, LpgSide side, int32 n);

/*
 * Numbers of row n, and its factors into a row of lep_row_stride(n_factors)
 * floats, which may be NULL for 0 factors.
 */
extern void
lpg_value_read_row(const LpgValue *value, LpgSide side, int32 n, LepModelRow *row, float *factors);

/* The item numbers in the seen of user n, in the current memory context. */
extern int32 *lpg_value_read_seen(const LpgValue *value, int32 n, int64 *n_seen);

/* The items, loaded when first asked for.  ERROR if they would not fit into lepton.cache_size. */
extern LpgItems *lpg_value_items(LpgValue *value);

/* Would they? */
extern bool lpg_value_fits(const LpgValue *value);

/*
 * A document, converted to the database's encoding, in the current memory context.
 * NULL where it is empty.
 */
extern char *lpg_value_text(const LpgValue *value, LepModelDocument document);
extern Jsonb *lpg_value_json(const LpgValue *value, LepModelDocument document);

/* When it was trained; false where it does not say. */
extern bool lpg_value_created_at(const LpgValue *value, TimestampTz *created_at);

/* ERROR: what the engine says is wrong with a value. */
extern _Noreturn void lpg_value_fail(const LepError *error);

/* ERROR unless all ids of text, of both sides, can be in this database. */
extern void lpg_value_check_texts(const LpgValue *value);

#endif /* LPG_VALUE_H */
