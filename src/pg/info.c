/*
 * info.c
 *		lepton_info(): what answers here, for whoever reports a problem or compares
 *		two servers.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "core/kernels.h"
#include "pg/compat.h"
#include "pg/settings.h"

static void
put_topic(FunctionCallInfo fcinfo, const char *topic, const char *value)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum values[2];
	bool nulls[2] = { false, value == NULL };

	values[0] = CStringGetTextDatum(topic);
	values[1] = value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* The extension's version in this database; NULL where it is not there. */
static char *
installed_version(void)
{
	Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
	char *version = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("lepton"));
	scan = systable_beginscan(extensions, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum value =
			heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(extensions), &isnull);

		if (!isnull)
			version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);
	return version;
}

/* The levels that this machine and this build have, worst first. */
static char *
usable_kernels(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		if (!lep_cpu_supports((LepKernelLevel) level) || lep_kernels_of((LepKernelLevel) level) == NULL)
			continue;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 lep_kernel_level_name((LepKernelLevel) level));
	}
	return names.data;
}

PG_FUNCTION_INFO_V1(lepton_info);

/*
 * lepton_info() -> setof (topic text, value text)
 */
Datum
lepton_info(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	put_topic(fcinfo, "version", installed_version());
	put_topic(fcinfo, "built for PostgreSQL", PG_VERSION);
	put_topic(fcinfo, "PostgreSQL", GetConfigOption("server_version", false, false));
	put_topic(fcinfo, "kernel", lep_kernel_level_name(lep_kernels->level));
	put_topic(fcinfo, "kernels that run here", usable_kernels());
	put_topic(fcinfo, "cores", psprintf("%d", lpg_settings_cores()));
	put_topic(fcinfo, "threads", psprintf("%d", lpg_settings_threads()));
	put_topic(fcinfo, "lepton.cache_size", GetConfigOptionByName("lepton.cache_size", NULL, false));
	put_topic(fcinfo, "lepton.shared_cache_size",
			  GetConfigOptionByName("lepton.shared_cache_size", NULL, false));
	put_topic(fcinfo, "lepton.max_training_memory",
			  GetConfigOptionByName("lepton.max_training_memory", NULL, false));
	return (Datum) 0;
}
