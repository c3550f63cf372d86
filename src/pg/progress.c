/*
 * progress.c
 *		What trainings are doing; see progress.h.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/options.h"
#include "pg/compat.h"
#include "pg/progress.h"
#include "pg/settings.h"

/*
 * The number of our command among the server's.  Those are counted from 0; this one
 * stands for the letters "lptn", so that no other extension's is likely to be it.
 */
#define LPG_PROGRESS_COMMAND ((ProgressCommandType) 0x6c70746e)

/* An estimate of the end wants so much of the work to be done. */
#define LEAST_SHARE 0.01

/* What the numbers of an entry are. */
enum
{
	VALUE_PHASE,	 /* 1 + LpgPhase; 0: the entry is just being written */
	VALUE_ALGORITHM, /* LepAlgorithm at work; LEP_ALGORITHM_AUTO: none */
	VALUE_EPOCH,
	VALUE_EPOCHS,
	VALUE_LOSS, /* bits of a double */
	VALUE_VALIDATION_LOSS,
	VALUE_ROWS,
	VALUE_MEMORY,
	VALUE_MEMORY_PEAK,
	VALUE_BEGIN, /* TimestampTz */
	VALUE_END,	 /* the same, an estimate; 0: not known */
	VALUE_NAMESPACE,
	VALUE_NAME, /* and all that follow: bytes of the model's name, which may not be there yet */
	N_NAME_VALUES = PGSTAT_NUM_PROGRESS_PARAM - VALUE_NAME
};

static const char *const phase_names[] = {
	[LPG_PHASE_WAIT] = "wait",	 [LPG_PHASE_READ] = "read", [LPG_PHASE_SORT] = "sort",
	[LPG_PHASE_TRAIN] = "train", [LPG_PHASE_TEST] = "test", [LPG_PHASE_REFIT] = "refit",
	[LPG_PHASE_WRITE] = "write",
};

static int64
double_bits(double value)
{
	int64 bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static double
bits_double(int64 bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* -------------------------------------------------------------------- reporting */

/*
 * Write the whole entry.  Whatever command has made it its own since we last did
 * has ended by now, or we would not be running.
 */
static void
write_entry(LpgProgress *p)
{
	int index[PGSTAT_NUM_PROGRESS_PARAM];

	if (MyBEEntry == NULL)
		return;
	p->values[VALUE_MEMORY] = (int64) p->env->bytes_now;
	p->values[VALUE_MEMORY_PEAK] = (int64) p->env->bytes_peak;
	for (int i = 0; i < PGSTAT_NUM_PROGRESS_PARAM; i++)
		index[i] = i;
	if (MyBEEntry->st_progress_command != LPG_PROGRESS_COMMAND ||
		MyBEEntry->st_progress_command_target != p->relid)
		pgstat_progress_start_command(LPG_PROGRESS_COMMAND, p->relid);
	pgstat_progress_update_multi_param(PGSTAT_NUM_PROGRESS_PARAM, index, p->values);
}

static void
init(LpgProgress *p, const LepEnv *env)
{
	memset(p, 0, sizeof(*p));
	p->env = env;
	p->values[VALUE_BEGIN] = GetCurrentTimestamp();
	p->values[VALUE_LOSS] = double_bits(NAN);
	p->values[VALUE_VALIDATION_LOSS] = double_bits(NAN);
}

void
lpg_progress_begin(LpgProgress *p, const LepEnv *env, const LpgTarget *target)
{
	char name[N_NAME_VALUES * sizeof(int64)];

	StaticAssertStmt(NAMEDATALEN <= N_NAME_VALUES * sizeof(int64), "names do not fit");
	init(p, env);
	memset(name, 0, sizeof(name));
	strlcpy(name, target->relname, NAMEDATALEN);
	memcpy(&p->values[VALUE_NAME], name, sizeof(name));
	p->relid = target->model;
	p->has_end = true;
	p->values[VALUE_NAMESPACE] = target->namespace_;
	lpg_progress_phase(p, LPG_PHASE_WAIT);
}

void
lpg_progress_begin_nameless(LpgProgress *p, LepEnv *env, LpgPhase phase)
{
	init(p, env);
	env->progress = lpg_progress_engine;
	env->progress_host = p;
	lpg_progress_phase(p, phase);
}

void
lpg_progress_phase(LpgProgress *p, LpgPhase phase)
{
	p->values[VALUE_PHASE] = 1 + phase;
	p->values[VALUE_ALGORITHM] = LEP_ALGORITHM_AUTO;
	p->values[VALUE_EPOCH] = 0;
	p->values[VALUE_EPOCHS] = 0;
	/* writing is not in the formulas that the end is estimated by */
	if (phase == LPG_PHASE_WRITE)
		p->values[VALUE_END] = 0;
	if (phase == LPG_PHASE_TRAIN)
		p->fit_begin = GetCurrentTimestamp();
	write_entry(p);
}

void
lpg_progress_resume(LpgProgress *p, Oid relid)
{
	p->relid = relid;
	write_entry(p);
}

void
lpg_progress_rows(LpgProgress *p, int64 n_rows)
{
	p->values[VALUE_ROWS] = n_rows;
	write_entry(p);
}

void
lpg_progress_end(LpgProgress *p)
{
	(void) p;
	pgstat_progress_end_command();
}

static LpgPhase
phase_of(LepPhase phase)
{
	static const LpgPhase phases[] = {
		[LEP_PHASE_SORT] = LPG_PHASE_SORT,
		[LEP_PHASE_TRAIN] = LPG_PHASE_TRAIN,
		[LEP_PHASE_TEST] = LPG_PHASE_TEST,
		[LEP_PHASE_REFIT] = LPG_PHASE_REFIT,
	};

	return phases[phase];
}

static LepAlgorithm
find_algorithm(const char *name)
{
	for (int a = 0; a < LEP_N_ALGORITHMS; a++)
	{
		if (strcmp(lep_algorithm_name((LepAlgorithm) a), name) == 0)
			return (LepAlgorithm) a;
	}
	return LEP_ALGORITHM_AUTO;
}

/* By the time that the share of the work has taken so far. */
static void
estimate_end(LpgProgress *p, double share)
{
	TimestampTz now = GetCurrentTimestamp();

	if (p->has_end && share >= LEAST_SHARE)
		p->values[VALUE_END] = now + (int64) ((double) (now - p->fit_begin) * (1 - share) / share);
}

static void
send_notice(const LepProgress *progress)
{
	const char *phase = phase_names[phase_of(progress->phase)];

	if (progress->epoch == 0)
		ereport(NOTICE, (errmsg("lepton: %s", phase)));
	else if (isnan(progress->validation_rmse))
		ereport(NOTICE, (errmsg("lepton: %s %s, epoch %d of at most %d", phase, progress->algorithm,
								progress->epoch, progress->n_epochs)));
	else
		ereport(NOTICE, (errmsg("lepton: %s %s, epoch %d of at most %d, validation RMSE %.4f", phase,
								progress->algorithm, progress->epoch, progress->n_epochs,
								progress->validation_rmse)));
}

void
lpg_progress_engine(void *host, const LepProgress *progress)
{
	LpgProgress *p = host;

	if (progress->epoch == 0)
		lpg_progress_phase(p, phase_of(progress->phase));
	else
	{
		p->values[VALUE_PHASE] = 1 + phase_of(progress->phase);
		p->values[VALUE_ALGORITHM] = find_algorithm(progress->algorithm);
		p->values[VALUE_EPOCH] = progress->epoch;
		p->values[VALUE_EPOCHS] = progress->n_epochs;
		p->values[VALUE_LOSS] = double_bits(progress->train_rmse);
		p->values[VALUE_VALIDATION_LOSS] = double_bits(progress->validation_rmse);
		estimate_end(p, progress->share);
		write_entry(p);
	}
	if (lpg_log_progress)
		send_notice(progress);
}

/* ---------------------------------------------------------------------- reading */

/* Columns of lepton_trainings(). */
enum
{
	COLUMN_PID,
	COLUMN_DATID,
	COLUMN_RELID, /* from here on NULL for who may not see it */
	COLUMN_NAMESPACE,
	COLUMN_NAME,
	COLUMN_PHASE,
	COLUMN_ALGORITHM,
	COLUMN_EPOCH,
	COLUMN_EPOCHS,
	COLUMN_LOSS,
	COLUMN_VALIDATION_LOSS,
	COLUMN_ROWS,
	COLUMN_MEMORY,
	COLUMN_MEMORY_PEAK,
	COLUMN_BEGIN,
	COLUMN_END,
	N_COLUMNS
};

static void
put(Datum *values, bool *nulls, int column, bool known, Datum value)
{
	nulls[column] = !known;
	values[column] = value;
}

static void
put_loss(Datum *values, bool *nulls, int column, int64 bits)
{
	double loss = bits_double(bits);

	put(values, nulls, column, !isnan(loss), Float8GetDatum(loss));
}

/* What an entry says, but for whose it is. */
static void
put_entry(const PgBackendStatus *entry, Datum *values, bool *nulls)
{
	const int64 *v = entry->st_progress_param;
	LepAlgorithm algorithm = (LepAlgorithm) v[VALUE_ALGORITHM];
	bool has_epoch = v[VALUE_EPOCHS] > 0;
	char name[NAMEDATALEN];

	memcpy(name, &v[VALUE_NAME], sizeof(name));
	name[sizeof(name) - 1] = '\0';
	put(values, nulls, COLUMN_RELID, OidIsValid(entry->st_progress_command_target),
		ObjectIdGetDatum(entry->st_progress_command_target));
	put(values, nulls, COLUMN_NAMESPACE, v[VALUE_NAMESPACE] != 0, ObjectIdGetDatum((Oid) v[VALUE_NAMESPACE]));
	/* of a database in another encoding it may be no text here */
	put(values, nulls, COLUMN_NAME, name[0] != '\0' && pg_verifymbstr(name, (int) strlen(name), true),
		CStringGetTextDatum(name));
	put(values, nulls, COLUMN_PHASE, true, CStringGetTextDatum(phase_names[v[VALUE_PHASE] - 1]));
	if (has_epoch)
		put(values, nulls, COLUMN_ALGORITHM, true, CStringGetTextDatum(lep_algorithm_name(algorithm)));
	put(values, nulls, COLUMN_EPOCH, has_epoch, Int32GetDatum((int32) v[VALUE_EPOCH]));
	put(values, nulls, COLUMN_EPOCHS, has_epoch, Int32GetDatum((int32) v[VALUE_EPOCHS]));
	put_loss(values, nulls, COLUMN_LOSS, v[VALUE_LOSS]);
	put_loss(values, nulls, COLUMN_VALIDATION_LOSS, v[VALUE_VALIDATION_LOSS]);
	put(values, nulls, COLUMN_ROWS, true, Int64GetDatum(v[VALUE_ROWS]));
	put(values, nulls, COLUMN_MEMORY, true, Int64GetDatum(v[VALUE_MEMORY]));
	put(values, nulls, COLUMN_MEMORY_PEAK, true, Int64GetDatum(v[VALUE_MEMORY_PEAK]));
	put(values, nulls, COLUMN_BEGIN, true, TimestampTzGetDatum(v[VALUE_BEGIN]));
	put(values, nulls, COLUMN_END, v[VALUE_END] != 0, TimestampTzGetDatum(v[VALUE_END]));
}

/*
 * Is this what we write?  The entry is another process's, of a library that may be
 * of another version: nothing in it leads past an array.
 */
static bool
is_training(const PgBackendStatus *entry)
{
	const int64 *v = entry->st_progress_param;

	return entry->st_procpid > 0 && entry->st_progress_command == LPG_PROGRESS_COMMAND &&
		   v[VALUE_PHASE] >= 1 && v[VALUE_PHASE] <= (int64) lengthof(phase_names) &&
		   v[VALUE_ALGORITHM] >= 0 && v[VALUE_ALGORITHM] < LEP_N_ALGORITHMS;
}

/* The rule of pg_stat_activity. */
static bool
may_see(Oid user)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) || has_privs_of_role(GetUserId(), user);
}

PG_FUNCTION_INFO_V1(lepton_trainings);

/*
 * lepton_trainings() -> setof (pid integer, datid oid, ...)
 *		The trainings that are running on this server, in any of its databases.
 */
Datum
lepton_trainings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int n = pgstat_fetch_stat_numbackends();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 1; i <= n; i++)
	{
		const LocalPgBackendStatus *local = lpg_local_beentry(i);
		Datum values[N_COLUMNS] = { 0 };
		bool nulls[N_COLUMNS];

		if (local == NULL || !is_training(&local->backendStatus))
			continue;
		memset(nulls, true, sizeof(nulls));
		put(values, nulls, COLUMN_PID, true, Int32GetDatum(local->backendStatus.st_procpid));
		put(values, nulls, COLUMN_DATID, true, ObjectIdGetDatum(local->backendStatus.st_databaseid));
		if (may_see(local->backendStatus.st_userid))
			put_entry(&local->backendStatus, values, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
