/*
 * ownerplan.c
 *		A few plans, known by the version that they belong to.
 */
#include "postgres.h"

#include "access/table.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "pg/compat.h"
#include "pg/owner.h"
#include "pg/ownerplan.h"

#define N_PLANS 16

static LpgOwnerPlan plans[N_PLANS];
static int next_plan = 0;

LpgOwnerPlan *
lpg_ownerplan_find(LpgOwnerPlanUse use, const LpgHandle *handle)
{
	for (int i = 0; i < N_PLANS; i++)
	{
		LpgOwnerPlan *plan = &plans[i];

		if (plan->model == handle->model && plan->use == use && plan->version == handle->version.version &&
			plan->generation == handle->version.generation)
			return plan;
	}
	return NULL;
}

LpgOwnerPlan
lpg_ownerplan_begin(LpgOwnerPlanUse use, const LpgHandle *handle)
{
	Relation model = table_open(handle->model, NoLock);
	LpgOwnerPlan plan;

	lpg_owner_check_rows(model);
	table_close(model, NoLock);
	memset(&plan, 0, sizeof(plan));
	plan.use = use;
	plan.model = handle->model;
	plan.version = handle->version.version;
	plan.generation = handle->version.generation;
	plan.context = AllocSetContextCreate(CurrentMemoryContext, "lepton owner's plan", ALLOCSET_SMALL_SIZES);
	return plan;
}

/* A free place, or that of the plan which was made first. */
static LpgOwnerPlan *
free_place(void)
{
	LpgOwnerPlan *place = &plans[next_plan];

	for (int i = 0; i < N_PLANS && place->is_in_use; i++)
	{
		next_plan = (next_plan + 1) % N_PLANS;
		place = &plans[next_plan];
	}
	if (place->is_in_use)
		ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
						errmsg("sources of models ask other models more than %d deep", N_PLANS)));
	next_plan = (next_plan + 1) % N_PLANS;
	if (place->plan != NULL)
		(void) SPI_freeplan(place->plan);
	if (place->context != NULL)
		MemoryContextDelete(place->context);
	memset(place, 0, sizeof(*place));
	return place;
}

LpgOwnerPlan *
lpg_ownerplan_keep(const LpgOwnerPlan *made)
{
	LpgOwnerPlan *place = free_place();

	MemoryContextSetParent(made->context, CacheMemoryContext);
	*place = *made;
	return place;
}

static void
connect_spi(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/* In SPI. */
static SPIPlanPtr
prepare(const char *query, int n_params, Oid *types)
{
	SPIPlanPtr plan = SPI_prepare_cursor(query, n_params, types, CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* What the planner says that it costs. */
static double
cost_of(SPIPlanPtr plan)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan);
	double cost;

	if (cached == NULL)
		elog(ERROR, "the plan of a model's query has no single statement");
	cost = linitial_node(PlannedStmt, cached->stmt_list)->planTree->total_cost;
	/* a plan that is not kept yet has no owner of resources */
	ReleaseCachedPlan(cached, NULL);
	return cost;
}

double
lpg_ownerplan_prepare(LpgOwnerPlan *plan, const char *query, Oid type)
{
	double cost;
	SPIPlanPtr made;

	connect_spi();
	made = prepare(query, 1, &type);
	cost = cost_of(made);
	if (SPI_keepplan(made) != 0)
		elog(ERROR, "SPI_keepplan failed");
	if (plan->plan != NULL)
		(void) SPI_freeplan(plan->plan);
	plan->plan = made;
	SPI_finish();
	return cost;
}

double
lpg_ownerplan_price(const char *query, void (*check)(void *arg, TupleDesc desc), void *arg)
{
	double cost;
	SPIPlanPtr made;

	connect_spi();
	made = prepare(query, 0, NULL);
	check(arg, linitial_node(CachedPlanSource, SPI_plan_get_plan_sources(made))->resultDesc);
	cost = cost_of(made);
	SPI_finish();
	return cost;
}

void
lpg_ownerplan_execute(LpgOwnerPlan *plan, Datum value, Oid type, DestReceiver *receiver)
{
	ParamListInfo params = makeParamList(1);
	SPIExecuteOptions options;

	connect_spi();
	params->params[0].value = value;
	params->params[0].isnull = false;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = type;
	memset(&options, 0, sizeof(options));
	options.params = params;
	options.must_return_tuples = true;
	options.read_only = true; /* under the query's own snapshot */
	options.dest = receiver;
	if (SPI_execute_plan_extended(plan->plan, &options) < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
}
