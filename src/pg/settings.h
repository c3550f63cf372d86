/*
 * settings.h
 *		The configuration parameters, lepton.*.
 */
#ifndef LPG_SETTINGS_H
#define LPG_SETTINGS_H

#include "postgres.h"

extern int lpg_threads;				/* 0: decided from the machine and the server's settings */
extern int lpg_cache_size;			/* kB */
extern int lpg_shared_cache_size;	/* kB; 0: none */
extern int lpg_max_training_memory; /* kB; 0: no limit */
extern bool lpg_log_progress;
extern bool lpg_live; /* false: option live of models counts for nothing */

/* Define all of them; called once, by _PG_init. */
extern void lpg_settings_init(void);

/* Cores that this process may run on. */
extern int lpg_settings_cores(void);

/* Threads that a training may use now, the backend itself included. */
extern int lpg_settings_threads(void);

#endif /* LPG_SETTINGS_H */
