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

/*
 * ERROR in a read only transaction (as a source of ratings is read in), in a
 * parallel worker and on a standby: what utility commands check, for functions
 * that change things without one.  function: its name, for the message.
 */
extern void lpg_statement_prevent_read_only(const char *function);

#endif /* LPG_STATEMENT_H */
