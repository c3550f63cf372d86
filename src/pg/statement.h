/*
 * statement.h
 *		Utility statements that the extension runs on the caller's behalf.
 *
 * They run as the current user, so that the server checks the rights; names in
 * them are qualified and quoted by the caller.
 */
#ifndef LPG_STATEMENT_H
#define LPG_STATEMENT_H

#include "postgres.h"

/* Run one utility statement. */
extern void lpg_statement_run(const char *statement);

/* ALTER TABLE ... OWNER TO, of a qualified and quoted name. */
extern void lpg_statement_set_owner(const char *table, const char *owner);

#endif /* LPG_STATEMENT_H */
