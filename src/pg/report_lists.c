/*
 * report_lists.c
 *		What a version's lists are like: how popular what is listed is, and the lists
 *		of a few users with their reasons.
 *
 * Users are taken evenly from all of them in the order of their ids, so that two
 * reports of a version show the same.
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/keytype.h"
#include "pg/plot.h"
#include "pg/report.h"
#include "pg/store.h"

#define N_SAMPLE	200 /* users whose lists are counted */
#define N_SHOWN		5	/* and those that are shown */
#define LIST_LENGTH 10
#define N_POINTS	50

typedef struct Sample
{
	const LpgReport *report;
	Relation table;
	LpgSide side;
	MemoryContext context;

	int n_users;
	char **user; /* [n_users] ids as text */
	int32 *n_rated;

	int32 n_items;
	int32 *count;	/* [n_items] ratings of each item */
	HTAB *listed;	/* how often an item is listed, by its id */
	int64 n_places; /* of all lists */
	double *places; /* [n_items] of the item of that popularity, most popular first */
} Sample;

/* An item that is in a list. */
typedef struct Listed
{
	char *id; /* key */
	int32 n;
	int32 ratings;
} Listed;

static uint32
hash_id(const void *key, Size size)
{
	const char *id = *(char *const *) key;

	return hash_bytes((const unsigned char *) id, (int) strlen(id));
}

static int
compare_id(const void *a, const void *b, Size size)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The id in a row, as text of the database's encoding. */
static char *
id_text(const Sample *s, TupleTableSlot *slot)
{
	bool isnull;
	Datum datum = slot_getattr(slot, LPG_FACTORS_ID, &isnull);
	Oid output;
	bool is_varlena;

	getTypeOutputInfo(TupleDescAttr(RelationGetDescr(s->table), LPG_FACTORS_ID - 1)->atttypid, &output,
					  &is_varlena);
	return OidOutputFunctionCall(output, datum);
}

/* The place of a user in the sample, -1 if she is not in it. */
static int
place_of(const Sample *s, int32 n)
{
	int64 n_users = s->report->handle->version.n_users;
	int place = (int) ((int64) n * s->n_users / n_users);

	return ((int64) place * n_users + s->n_users - 1) / s->n_users == n ? place : -1;
}

static void
visit_user(void *arg, TupleTableSlot *slot)
{
	Sample *s = arg;
	bool isnull;
	int32 n = DatumGetInt32(slot_getattr(slot, LPG_FACTORS_N, &isnull));
	int place = n < 0 || n >= s->report->handle->version.n_users ? -1 : place_of(s, n);

	if (place < 0)
		return;
	s->user[place] = id_text(s, slot);
	s->n_rated[place] = DatumGetInt32(slot_getattr(slot, LPG_FACTORS_N_RATINGS, &isnull));
}

static void
visit_item(void *arg, TupleTableSlot *slot)
{
	Sample *s = arg;
	bool isnull;
	int32 ratings = DatumGetInt32(slot_getattr(slot, LPG_FACTORS_N_RATINGS, &isnull));
	char *id = id_text(s, slot);
	Listed *listed = hash_search(s->listed, &id, HASH_FIND, NULL);

	if (s->n_items < s->report->handle->version.n_items)
		s->count[s->n_items++] = ratings;
	if (listed != NULL)
		listed->ratings = ratings;
	pfree(id);
}

static void
scan(Sample *s, LpgSide side, LpgRowVisitor visit)
{
	const LpgHandle *handle = s->report->handle;

	s->table = table_open(handle->sides[side].table, NoLock);
	lpg_store_scan(s->table, handle->version.version, GetActiveSnapshot(), visit, s);
	table_close(s->table, NoLock);
}

/* "", "_text" or "_uuid": what functions that give the model's items end in. */
static const char *
item_suffix(const LpgReport *r)
{
	LepIdKind kind = r->handle->sides[LPG_ITEMS].kind;

	return kind == LEP_ID_INT64 ? "" : kind == LEP_ID_TEXT ? "_text" : "_uuid";
}

/*
 * A list of a user: rank, item, score, origin; how long it is.  All arguments are
 * given, each with its type: no other function of that schema can have those.
 */
static int64
query_list(const Sample *s, const char *user)
{
	char *query = psprintf(
		"SELECT l.rank, l.item_id::text AS item, round(l.score::numeric, 3) AS score, l.origin "
		"FROM @.lepton_topn%s($3, $4, %d::bigint, NULL::boolean, NULL::%s[], 0::float8, "
		"NULL::integer, NULL::text, 0::float8, $2) l ORDER BY l.rank",
		item_suffix(s->report), LIST_LENGTH, lpg_keytype_name(s->report->handle->sides[LPG_ITEMS].kind));

	return lpg_report_query_of(s->report, query, user, "");
}

/* ---------------------------------------------------------------- popularity */

static void
count_list(Sample *s, const char *user)
{
	int64 n = query_list(s, user);

	for (int64 row = 0; row < n; row++)
	{
		const char *id = lpg_report_value(row, 1);
		bool found;
		Listed *listed = hash_search(s->listed, &id, HASH_ENTER, &found);

		if (!found)
		{
			listed->id = MemoryContextStrdup(s->context, id);
			listed->n = 0;
			listed->ratings = 0;
		}
		listed->n++;
		s->n_places++;
	}
}

static int
compare_descending(const void *a, const void *b)
{
	int32 x = *(const int32 *) a;
	int32 y = *(const int32 *) b;

	return x > y ? -1 : x < y;
}

/* The first item, most popular first, that has no more ratings than these. */
static int32
rank_of(const Sample *s, int32 ratings)
{
	int32 low = 0;
	int32 high = s->n_items;

	while (low < high)
	{
		int32 middle = low + (high - low) / 2;

		if (s->count[middle] > ratings)
			low = middle + 1;
		else
			high = middle;
	}
	return Min(low, s->n_items - 1);
}

/* Places by popularity; how many items are listed. */
static int64
place_items(Sample *s)
{
	HASH_SEQ_STATUS status;
	Listed *listed;
	int64 n = 0;

	/* the rows of items that are in memory may have been deleted by hand */
	if (s->n_items == 0)
		return 0;
	qsort(s->count, s->n_items, sizeof(int32), compare_descending);
	hash_seq_init(&status, s->listed);
	while ((listed = hash_seq_search(&status)) != NULL)
	{
		s->places[rank_of(s, listed->ratings)] += listed->n;
		n++;
	}
	return n;
}

static void
plot_popularity(const Sample *s)
{
	double x[N_POINTS + 1];
	double ratings[N_POINTS + 1];
	double places[N_POINTS + 1];
	LpgPlot plot = { .title = "popularity of what is rated and of what is listed",
					 .x_label = "share of the items, the most popular first, %",
					 .y_label = "share, %",
					 .n = N_POINTS + 1,
					 .x = x,
					 .n_series = 2,
					 .name = { "of all ratings", "of the places in lists" },
					 .y = { ratings, places },
					 .from_zero = true };
	double all = 0;
	double sum_ratings = 0;
	double sum_places = 0;
	int32 i = 0;

	for (int32 item = 0; item < s->n_items; item++)
		all += s->count[item];
	for (int p = 0; p <= N_POINTS; p++)
	{
		for (; i < (int64) s->n_items * p / N_POINTS; i++)
		{
			sum_ratings += s->count[i];
			sum_places += s->places[i];
		}
		x[p] = 100.0 * p / N_POINTS;
		ratings[p] = all > 0 ? 100 * sum_ratings / all : NAN;
		places[p] = s->n_places > 0 ? 100 * sum_places / (double) s->n_places : NAN;
	}
	lpg_plot(s->report->page, &plot);
}

static void
add_popularity(Sample *s)
{
	int64 n_listed;

	for (int u = 0; u < s->n_users; u++)
	{
		if (s->user[u] != NULL)
			count_list(s, s->user[u]);
	}
	scan(s, LPG_ITEMS, visit_item);
	n_listed = place_items(s);
	lpg_report_heading(s->report, "Popularity and coverage", NULL);
	appendStringInfo(
		s->report->page,
		"<p>Lists of %d of %d users. %lld of %d items are on them: %.1f %% of the catalogue.</p>\n",
		s->n_users, s->report->handle->version.n_users, (long long) n_listed, s->n_items,
		s->n_items > 0 ? 100.0 * (double) n_listed / s->n_items : 0.0);
	plot_popularity(s);
}

/* --------------------------------------------------------------------- lists */

/* Why the first of the list is on it. */
static void
add_reasons(const Sample *s, const char *user, const char *item)
{
	char *query =
		psprintf("SELECT e.reason AS \"why the first\", e.item_id::text AS item, "
				 "round(e.contribution::numeric, 3) AS contribution, "
				 "round(e.similarity::numeric, 3) AS similarity FROM @.lepton_explain%s($3, "
				 "$4, $5::%s, $2) e "
				 "WHERE coalesce(e.contribution, e.similarity) IS NOT NULL LIMIT 8",
				 item_suffix(s->report), lpg_keytype_name(s->report->handle->sides[LPG_ITEMS].kind));

	if (lpg_report_query_of(s->report, query, user, item) > 0)
		lpg_report_rows(s->report);
}

static void
add_user(const Sample *s, int u)
{
	const LpgReport *r = s->report;
	char *first = NULL;
	int64 n;

	appendStringInfoString(r->page, "<h3>");
	lpg_report_text(r, s->user[u]);
	appendStringInfo(r->page, " <span class=\"soft\">%d ratings</span></h3>\n", s->n_rated[u]);
	n = query_list(s, s->user[u]);
	if (n == 0)
	{
		appendStringInfoString(r->page, "<p class=\"soft\">Nothing is left to be listed.</p>\n");
		return;
	}
	first = MemoryContextStrdup(s->context, lpg_report_value(0, 1));
	appendStringInfoString(r->page, "<div class=\"pair\">\n");
	lpg_report_rows(r);
	add_reasons(s, s->user[u], first);
	appendStringInfoString(r->page, "</div>\n");
}

void
lpg_report_lists(const LpgReport *report)
{
	const LpgVersion *version = &report->handle->version;
	HASHCTL control = { .keysize = sizeof(char *),
						.entrysize = sizeof(Listed),
						.hash = hash_id,
						.match = compare_id,
						.hcxt = CurrentMemoryContext };
	Sample sample = { .report = report,
					  .context = CurrentMemoryContext,
					  .n_users = Min(N_SAMPLE, version->n_users) };

	sample.user = palloc0(Max(sample.n_users, 1) * sizeof(char *));
	sample.n_rated = palloc0(Max(sample.n_users, 1) * sizeof(int32));
	sample.count = palloc_extended(Max(version->n_items, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	sample.places =
		palloc_extended(Max(version->n_items, 1) * sizeof(double), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	sample.listed = hash_create("lepton listed items", 1024, &control,
								HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	scan(&sample, LPG_USERS, visit_user);
	add_popularity(&sample);
	lpg_report_heading(report, "Some users and their lists", NULL);
	for (int i = 0; i < Min(N_SHOWN, sample.n_users); i++)
	{
		int u = (int) ((int64) i * sample.n_users / Min(N_SHOWN, sample.n_users));

		if (sample.user[u] != NULL)
			add_user(&sample, u);
	}
}
