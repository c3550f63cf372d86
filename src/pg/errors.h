/*
 * errors.h
 *		From the engine's statuses to PostgreSQL's errors: the SQLSTATEs and
 *		texts of everything that the engine refuses.
 */
#ifndef LPG_ERRORS_H
#define LPG_ERRORS_H

#include "postgres.h"

#include "core/status.h"

/* Raise the error; does not return. */
extern _Noreturn void lpg_error(const LepError *error);

/* The same for bytes found in a column of a table; table NULL: in an argument of that name. */
extern _Noreturn void lpg_error_bytes(const LepError *error, const char *table, const char *column);

/* lpg_error unless status is LEP_OK. */
static inline void
lpg_check(LepStatus status, const LepError *error)
{
	if (unlikely(status != LEP_OK))
		lpg_error(error);
}

/* Bytes in the unit that a person would use, in the current memory context. */
extern char *lpg_errors_size(double bytes);

#endif /* LPG_ERRORS_H */
