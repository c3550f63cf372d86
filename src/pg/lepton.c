/*
 * lepton.c
 *		What the server needs to load the extension.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/handle.h"
#include "pg/settings.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	lpg_settings_init();
	lpg_handle_init();
}
