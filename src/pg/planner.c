/*
 * planner.c
 *		What the planner is told of lists and predictions: how many rows come, and
 *		what a call costs.
 *
 * Costs are in units of cpu_operator_cost, of about 7 ns where a million rows of
 * three columns are scanned and added up in 50 ms.  Measured on one core, all in
 * memory: with 64 factors a prediction takes 0.14 us and a list of ten 4 us, and 14
 * us for 41,000 items; with 200 neighbours of each of her 27 items 5 us and 40 us,
 * of any number of items.
 * Where the model is not known when the query is planned, it is taken for one of
 * 10,000 items with 64 factors.  What it costs to load a model is left out: that is
 * once per connection.
 *
 * Looking at the model takes no more rights than calling the function: whoever may
 * not read it, or would have to wait for it, plans without.
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"
#include "pg/registry.h"

/* Of a prediction: two hash probes, and what a model adds. */
#define PREDICT_COST		   16
#define PREDICT_COST_FACTOR	   (1.0 / 16)
#define PREDICT_COST_NEIGHBORS 600 /* her items are gone through */

/* Of a list: the user by index, the call itself; then the items, and the rows. */
#define LIST_COST			  550
#define LIST_COST_ITEM		  0.008
#define LIST_COST_ITEM_FACTOR (1.0 / 1800)
#define LIST_COST_NEIGHBOR	  1
#define LIST_COST_CANDIDATE	  40
#define LIST_COST_ROW		  15

/* Of a user whose row is read in a scan; and of her items. */
#define SCAN_COST_USER			 120
#define SCAN_COST_USER_NEIGHBORS 400

/* A model that is not known. */
#define USUAL_USERS	  10000
#define USUAL_ITEMS	  10000
#define USUAL_FACTORS 64

/* Items that a user has: how many is not known of a version. */
#define USUAL_BASKET 30

/*
 * What an argument will be, as far as that can be said.  Where a function is inlined
 * the costs of its arguments are asked for without a planner: they stay as they are.
 */
static Node *
estimate_value(PlannerInfo *root, Node *argument)
{
	return root == NULL ? argument : estimate_expression_value(root, argument);
}

/* The value of an argument if it is known now. */
static Const *
known_value(PlannerInfo *root, Node *argument)
{
	Node *value = estimate_value(root, argument);

	return IsA(value, Const) && !((Const *) value)->constisnull ? (Const *) value : NULL;
}

/* The version that the call would read, if that can be told without an error and without waiting. */
static bool
read_model(FunctionCallInfo fcinfo, PlannerInfo *root, List *args, LpgVersion *version)
{
	Const *name = known_value(root, linitial(args));
	Oid type = lpg_registry_model_type(fcinfo);
	Relation model;
	Oid relid;
	bool found;

	if (name == NULL || name->consttype != TEXTOID || !ActiveSnapshotSet())
		return false;
	relid = lpg_registry_lock_readable(TextDatumGetCString(name->constvalue), type);
	if (!OidIsValid(relid))
		return false;
	model = lpg_registry_open_model(relid, type, NoLock);
	found = lpg_registry_current(model, GetActiveSnapshot(), version);
	table_close(model, NoLock);
	return found;
}

/* Behind the user or basket; lists of all have the model alone before it. */
#define LIST_FIRST 2
#define ALL_FIRST  1

/* What is known of a list when it is planned. */
typedef struct ListCall
{
	double n; /* wanted; negative: not known */
	bool has_candidates;
	double n_candidates; /* negative: not known */
	bool leaves_out;	 /* has exclude_seen, as topn and its like have */
} ListCall;

/* How many elements, where that is written there; else -1. */
static double
count_elements(PlannerInfo *root, Node *argument)
{
	Node *value = estimate_value(root, argument);

	/* of another type, it may be */
	while (IsA(value, ArrayCoerceExpr))
		value = (Node *) ((ArrayCoerceExpr *) value)->arg;
	if (IsA(value, ArrayExpr))
		return list_length(((ArrayExpr *) value)->elements);
	if (!IsA(value, Const))
		return -1;
	if (((Const *) value)->constisnull)
		return 0;
	return ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(((Const *) value)->constvalue)),
						  ARR_DIMS(DatumGetArrayTypeP(((Const *) value)->constvalue)));
}

/*
 * The arguments of interest by their types: n is the first bigint from argument
 * `first` on, candidates are an array between n and exclude_seen.
 */
static void
read_call(PlannerInfo *root, List *args, int first, ListCall *call)
{
	bool has_n = false;

	*call = (ListCall){ .n = -1, .n_candidates = -1 };
	for (int i = first; i < list_length(args) && !call->leaves_out; i++)
	{
		Node *argument = list_nth(args, i);
		Oid type = exprType(argument);

		if (type == INT8OID && !has_n)
		{
			Const *n = known_value(root, argument);

			has_n = true;
			if (n != NULL)
				call->n = Max(0.0, (double) DatumGetInt64(n->constvalue));
		}
		else if (type == BOOLOID)
			call->leaves_out = true;
		else if (has_n && OidIsValid(get_element_type(type)))
		{
			call->has_candidates = true;
			call->n_candidates = count_elements(root, argument);
		}
	}
}

/* As many rows as are wanted, and no more than there can be; 0: not known. */
static double
estimate_rows(FunctionCallInfo fcinfo, PlannerInfo *root, List *args)
{
	LpgVersion version;
	ListCall call;
	double rows;

	read_call(root, args, LIST_FIRST, &call);
	if (call.n < 0)
		return 0;
	rows = call.n;
	if (call.has_candidates && call.n_candidates >= 0)
		rows = Min(rows, call.n_candidates);
	else if (call.leaves_out && !call.has_candidates && rows > 1000 &&
			 read_model(fcinfo, root, args, &version))
		rows = Min(rows, version.n_items);
	return Max(1.0, rows);
}

/* Of a list with what it has to look at and gives, but for the user and the call. */
static double
cost_items(const LpgVersion *version, const ListCall *call)
{
	double per_item = LIST_COST_ITEM + version->n_factors * LIST_COST_ITEM_FACTOR;
	double cost;

	cost = version->n_items * per_item;
	if (version->has_neighbors)
		cost +=
			USUAL_BASKET * LIST_COST_NEIGHBOR * ((double) version->n_neighbors / Max(version->n_items, 1));
	if (call->n_candidates >= 0)
		cost = Min(cost, call->n_candidates * LIST_COST_CANDIDATE);
	if (call->n > 0)
		cost += LIST_COST_ROW * Min(call->n, version->n_items);
	return cost;
}

/* The version that the call would read, or what is usual. */
static void
guess_model(FunctionCallInfo fcinfo, PlannerInfo *root, List *args, LpgVersion *version)
{
	if (!read_model(fcinfo, root, args, version))
		*version = (LpgVersion){ .n_users = USUAL_USERS, .n_items = USUAL_ITEMS, .n_factors = USUAL_FACTORS };
}

/* In operators; negative: as declared. */
static double
cost_list(FunctionCallInfo fcinfo, PlannerInfo *root, List *args)
{
	LpgVersion version;
	ListCall call;

	read_call(root, args, LIST_FIRST, &call);
	if (!call.leaves_out)
		return -1;
	guess_model(fcinfo, root, args, &version);
	return LIST_COST + cost_items(&version, &call);
}

static double
cost_prediction(FunctionCallInfo fcinfo, PlannerInfo *root, List *args)
{
	LpgVersion version;

	if (!read_model(fcinfo, root, args, &version))
		return -1;
	return PREDICT_COST + version.n_factors * PREDICT_COST_FACTOR +
		   (version.has_neighbors ? PREDICT_COST_NEIGHBORS : 0);
}

/* The answer to a request for costs, in operators; negative: none. */
static Node *
answer_cost(SupportRequestCost *request, double operators)
{
	if (operators < 0)
		return NULL;
	request->startup = 0;
	request->per_tuple = operators * cpu_operator_cost;
	return (Node *) request;
}

PG_FUNCTION_INFO_V1(lepton_topn_support);

/*
 * Planner support of functions that give lists: their rows, by the argument n and
 * what there is; and for lepton_topn and its like the cost.
 */
Datum
lepton_topn_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	Node *answer = NULL;

	if (IsA(request, SupportRequestRows) && is_funcclause(((SupportRequestRows *) request)->node))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;

		rows->rows = estimate_rows(fcinfo, rows->root, ((FuncExpr *) rows->node)->args);
		answer = rows->rows > 0 ? request : NULL;
	}
	else if (IsA(request, SupportRequestCost) && is_funcclause(((SupportRequestCost *) request)->node))
	{
		SupportRequestCost *cost = (SupportRequestCost *) request;

		answer = answer_cost(cost, cost_list(fcinfo, cost->root, ((FuncExpr *) cost->node)->args));
	}
	PG_RETURN_POINTER(answer);
}

/* An estimate of a call in full. */
typedef struct CallEstimate
{
	double rows;
	double operators;
} CallEstimate;

static CallEstimate
estimate_all(FunctionCallInfo fcinfo, PlannerInfo *root, List *args)
{
	LpgVersion version;
	ListCall call;
	double length;

	guess_model(fcinfo, root, args, &version);
	read_call(root, args, ALL_FIRST, &call);
	length = Min(call.n < 0 ? 10 : call.n, version.n_items);
	if (call.n_candidates >= 0)
		length = Min(length, call.n_candidates);
	return (CallEstimate){ Max(1.0, version.n_users * length),
						   version.n_users * (SCAN_COST_USER + cost_items(&version, &call)) };
}

static CallEstimate
estimate_users(FunctionCallInfo fcinfo, PlannerInfo *root, List *args)
{
	LpgVersion version;
	ListCall call;

	guess_model(fcinfo, root, args, &version);
	read_call(root, args, LIST_FIRST, &call);
	return (CallEstimate){ Max(1.0, Min(call.n < 0 ? 10 : call.n, version.n_users)),
						   version.n_users *
							   (SCAN_COST_USER + (version.has_neighbors ? SCAN_COST_USER_NEIGHBORS : 0)) };
}

/* The answer of a support function that knows both. */
static Datum
answer_estimate(FunctionCallInfo fcinfo, CallEstimate (*estimate)(FunctionCallInfo, PlannerInfo *, List *))
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	Node *answer = NULL;

	if (IsA(request, SupportRequestRows) && is_funcclause(((SupportRequestRows *) request)->node))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;

		rows->rows = estimate(fcinfo, rows->root, ((FuncExpr *) rows->node)->args).rows;
		answer = request;
	}
	else if (IsA(request, SupportRequestCost) && is_funcclause(((SupportRequestCost *) request)->node))
	{
		SupportRequestCost *cost = (SupportRequestCost *) request;

		answer = answer_cost(cost, estimate(fcinfo, cost->root, ((FuncExpr *) cost->node)->args).operators);
	}
	PG_RETURN_POINTER(answer);
}

PG_FUNCTION_INFO_V1(lepton_topn_all_support);

/* Planner support of lepton_topn_all: a list of n for each user there is. */
Datum
lepton_topn_all_support(PG_FUNCTION_ARGS)
{
	return answer_estimate(fcinfo, estimate_all);
}

PG_FUNCTION_INFO_V1(lepton_topn_users_support);

/* Planner support of lepton_topn_users: n rows, for a scan of the users. */
Datum
lepton_topn_users_support(PG_FUNCTION_ARGS)
{
	return answer_estimate(fcinfo, estimate_users);
}

PG_FUNCTION_INFO_V1(lepton_predict_support);

/* Planner support of lepton_predict: its cost, by what the model is made of. */
Datum
lepton_predict_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	Node *answer = NULL;

	if (IsA(request, SupportRequestCost) && is_funcclause(((SupportRequestCost *) request)->node))
	{
		SupportRequestCost *cost = (SupportRequestCost *) request;

		answer = answer_cost(cost, cost_prediction(fcinfo, cost->root, ((FuncExpr *) cost->node)->args));
	}
	PG_RETURN_POINTER(answer);
}
