/*
 * owner.h
 *		Running what the rows of a model say, its source above all, with the rights
 *		of the model's owner, whoever asks.
 *
 * As a view's, such a query reads what its owner may read and the caller need
 * not.  Unlike a view's, its functions run with the owner's rights, too, so that
 * it is a security-restricted operation in which nothing can be written and
 * nothing of the session changed; and names in it are looked up under the search
 * path of the training, not the caller's, with temporary objects last.
 *
 * The rows of a model are data: whoever may write them may have the owner run
 * what she likes.  So nothing of the kind is run where another role than the
 * owner has been granted that (members of pg_write_all_data and superusers need
 * no grant, and could do it).
 */
#ifndef LPG_OWNER_H
#define LPG_OWNER_H

#include "postgres.h"

#include "utils/relcache.h"

/* What was there before. */
typedef struct LpgOwnerSaved
{
	Oid user;
	int sec_context;
	int nestlevel;
	bool was_read_only;
} LpgOwnerSaved;

/* A search path as a training recorded it, with pg_temp last; in the current context. */
extern char *lpg_owner_search_path(const char *recorded);

/*
 * From here to the end of the current level of settings, how the owner's texts are
 * read: under this search path, of lpg_owner_search_path(), and as the standard has
 * strings, whatever the caller has set.
 */
extern void lpg_owner_set_text_rules(const char *search_path);

/*
 * From here to lpg_owner_end_reading() nothing can be written, by nobody's function
 * either: answers what to give that.  The transaction's own flag, and not the setting,
 * which nobody can change for a while in PostgreSQL 17.  The end of a
 * (sub)transaction takes it back after an ERROR.
 */
extern bool lpg_owner_begin_reading(void);
extern void lpg_owner_end_reading(bool was_read_only);

/* ERROR if a grant lets anybody but the owner write the model's rows. */
extern void lpg_owner_check_rows(Relation model);

/*
 * From here to lpg_owner_leave() the current user is the owner, settings and
 * writes are restricted, and the search path is this one, of
 * lpg_owner_search_path().  An ERROR in between is undone by the end of the
 * (sub)transaction.
 */
extern void lpg_owner_enter(Oid owner, const char *search_path, LpgOwnerSaved *saved);

/*
 * In PG_CATCH(): throw the error on, in this context.  What did not find its
 * relations or columns, or may not read them, gets this text as a hint, or as a detail where a
 * hint is there.
 */
extern _Noreturn void lpg_owner_rethrow(MemoryContext context, const char *help);

extern void lpg_owner_leave(const LpgOwnerSaved *saved);

#endif /* LPG_OWNER_H */
