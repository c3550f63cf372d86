/*
 * report.c
 *		lepton_report(model): one page of HTML about a version.
 *
 * Only the model is read, with the caller's rights and as every reading function
 * reads it; what is in its rows goes into the page through lpg_html_text() alone.
 * Tables are queries, whose columns' names are the headings.  They run with
 * pg_catalog as the search path, so that nothing of the caller's is meant by a name.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/handle.h"
#include "pg/html.h"
#include "pg/keytype.h"
#include "pg/plot.h"
#include "pg/report.h"

/* Bytes of text of a cell that are shown. */
#define MAX_SHOWN 200

/* ---------------------------------------------------------------------- queries */

/* @. is the extension's schema, and @version the row that the report is of. */
static char *
expand(const LpgReport *r, const char *query)
{
	const char *at = query;
	StringInfoData text;

	initStringInfo(&text);
	while (*at != '\0')
	{
		if (strncmp(at, "@version", 8) == 0)
		{
			appendStringInfo(&text, "(SELECT * FROM %s.lepton_versions($1) w WHERE w.version = $2) v",
							 r->schema);
			at += 8;
		}
		else if (strncmp(at, "@.", 2) == 0)
		{
			appendStringInfo(&text, "%s.", r->schema);
			at += 2;
		}
		else
			appendStringInfoChar(&text, *at++);
	}
	return text.data;
}

int64
lpg_report_query_of(const LpgReport *r, const char *query, const char *user, const char *item)
{
	Oid types[] = { REGCLASSOID, INT8OID, TEXTOID, TEXTOID, TEXTOID };
	Datum values[] = { ObjectIdGetDatum(r->handle->model), Int64GetDatum(r->handle->version.version),
					   CStringGetTextDatum(r->name), CStringGetTextDatum(user), CStringGetTextDatum(item) };
	char *text = expand(r, query);

	if (SPI_execute_with_args(text, lengthof(types), types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "a query of the report failed: %s", text);
	return (int64) SPI_processed;
}

int64
lpg_report_query(const LpgReport *r, const char *query)
{
	return lpg_report_query_of(r, query, "", "");
}

const char *
lpg_report_value(int64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column + 1);
}

double
lpg_report_number(int64 row, int column)
{
	bool isnull;
	Datum datum = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column + 1, &isnull);

	return isnull ? NAN : DatumGetFloat8(datum);
}

/* Is there anything in the column? */
static bool
is_filled(int column)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		if (lpg_report_value((int64) row, column) != NULL)
			return true;
	}
	return false;
}

static bool
is_number(int column)
{
	Oid type = TupleDescAttr(SPI_tuptable->tupdesc, column)->atttypid;

	return type == INT4OID || type == INT8OID || type == NUMERICOID || type == FLOAT8OID || type == FLOAT4OID;
}

/* What is text may be anybody's: it does not turn its surroundings around, nor push them away. */
void
lpg_report_text(const LpgReport *r, const char *text)
{
	int shown = pg_mbcliplen(text, (int) strlen(text), MAX_SHOWN);
	char *start = pnstrdup(text, shown);

	appendStringInfoString(r->page, "<bdi>");
	lpg_html_text(r->page, start);
	appendStringInfoString(r->page, text[shown] != '\0' ? "&#8230;</bdi>" : "</bdi>");
	pfree(start);
}

static void
add_cell(const LpgReport *r, const char *tag, int column, const char *text)
{
	appendStringInfo(r->page, "<%s%s>", tag, is_number(column) ? " class=\"n\"" : "");
	if (text != NULL)
		lpg_report_text(r, text);
	else
		appendStringInfoString(r->page, "&#8211;");
	appendStringInfo(r->page, "</%s>", tag);
}

void
lpg_report_rows(const LpgReport *r)
{
	StringInfo page = r->page;
	int n_columns = SPI_tuptable->tupdesc->natts;

	appendStringInfoString(page, "<div class=\"wide\"><table><thead><tr>");
	for (int c = 0; c < n_columns; c++)
	{
		if (is_filled(c))
			add_cell(r, "th", c, SPI_fname(SPI_tuptable->tupdesc, c + 1));
	}
	appendStringInfoString(page, "</tr></thead><tbody>\n");
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		appendStringInfoString(page, "<tr>");
		for (int c = 0; c < n_columns; c++)
		{
			if (is_filled(c))
				add_cell(r, "td", c, lpg_report_value((int64) row, c));
		}
		appendStringInfoString(page, "</tr>\n");
	}
	appendStringInfoString(page, "</tbody></table></div>\n");
}

void
lpg_report_table(const LpgReport *r, const char *query)
{
	if (lpg_report_query(r, query) > 0)
		lpg_report_rows(r);
}

/* ------------------------------------------------------------------------- plots */

/* A plot of the last query's rows: the first column is x or, as text, what is under the bars. */
static void
add_plot(const LpgReport *r, LpgPlot *plot)
{
	bool has_x = is_number(0);
	double *x = palloc(Max(SPI_processed, 1) * sizeof(double));
	int n_series = Min(SPI_tuptable->tupdesc->natts - 1, LPG_PLOT_SERIES);

	plot->n = (int) SPI_processed;
	plot->bar = palloc(Max(SPI_processed, 1) * sizeof(char *));
	plot->x = has_x ? x : NULL;
	plot->n_series = 0;
	for (int s = 0; s < n_series; s++)
	{
		double *y;

		if (!is_filled(s + 1))
			continue;
		y = palloc(Max(SPI_processed, 1) * sizeof(double));
		for (int i = 0; i < plot->n; i++)
			y[i] = lpg_report_number(i, s + 1);
		plot->name[plot->n_series] = SPI_fname(SPI_tuptable->tupdesc, s + 2);
		plot->y[plot->n_series++] = y;
	}
	for (int i = 0; i < plot->n; i++)
	{
		x[i] = has_x ? lpg_report_number(i, 0) : i;
		plot->bar[i] = has_x ? NULL : unconstify(char *, lpg_report_value(i, 0));
	}
	lpg_plot(r->page, plot);
}

void
lpg_report_heading(const LpgReport *r, const char *heading, const char *text)
{
	appendStringInfo(r->page, "<h2>%s</h2>\n", heading);
	if (text != NULL)
		appendStringInfo(r->page, "<p>%s</p>\n", text);
}

/* ---------------------------------------------------------------------- sections */

static const char style[] =
	":root{color-scheme:light "
	"dark;--ground:#fff;--text:#1d2327;--soft:#5b666f;--rule:#d9dee2;--panel:#f5f7f8;"
	"--c0:#0b62a8;--c1:#c2570c;--c2:#5c7a12}\n"
	"@media (prefers-color-scheme:dark){:root{--ground:#14181b;--text:#e4e8eb;--soft:#9aa6af;--rule:#343c42;"
	"--panel:#1c2226;--c0:#6cb4f0;--c1:#f0985a;--c2:#a9c95a}}\n"
	"*{box-sizing:border-box}\n"
	"html{-webkit-text-size-adjust:100%}\n"
	"body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:56rem;background:var(--ground);color:var(--text);"
	"font:1rem/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\n"
	"h1{font-size:1.75rem;line-height:1.2;margin:0;overflow-wrap:anywhere}\n"
	"h2{font-size:1.2rem;line-height:1.3;margin:2.75rem 0 .5rem;padding-top:.75rem;border-top:1px solid "
	"var(--rule)}\n"
	"h3{font-size:1rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}\n"
	"p{margin:.5rem 0;max-width:42rem}\n"
	".soft,figcaption,dt,th{color:var(--soft)}\n"
	"dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.5rem;margin:1.25rem 0}\n"
	"dl div{background:var(--panel);padding:.6rem .8rem}\n"
	"dt{font-size:.85rem}dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums;overflow-wrap:"
	"anywhere}\n"
	".wide{overflow-x:auto;margin:.75rem 0}\n"
	"table{border-collapse:collapse;font-size:.93rem;font-variant-numeric:tabular-nums}\n"
	"th{font-weight:500;text-align:left;vertical-align:bottom}\n"
	"th,td{padding:.3rem 1.25rem .3rem 0;border-bottom:1px solid var(--rule)}\n"
	"td{vertical-align:top}td bdi{display:inline-block;max-width:18rem;overflow-wrap:break-word}\n"
	"th.n,td.n{text-align:right;white-space:nowrap}\n"
	".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:0 2rem;"
	"align-items:start}\n"
	"pre{background:var(--panel);padding:.75rem 1rem;margin:.75rem "
	"0;white-space:pre-wrap;overflow-wrap:anywhere;"
	"font:.88rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}\n"
	"figure{margin:1rem 0}svg{width:100%;height:auto;max-width:44rem;display:block}\n"
	"svg text{fill:var(--soft);font:12px system-ui,sans-serif;font-variant-numeric:tabular-nums}\n"
	".grid{stroke:var(--rule);stroke-width:1;fill:none}.line{fill:none;stroke-width:2;stroke-linejoin:round}"
	"\n"
	".c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}\n"
	".bar{stroke:none}.bar.c0{fill:var(--c0)}.bar.c1{fill:var(--c1)}.bar.c2{fill:var(--c2)}\n"
	"figcaption{font-size:.88rem;padding-left:3rem}figcaption span{margin-right:1.25rem;white-space:nowrap}\n"
	"i{display:inline-block;width:.8em;height:.8em;margin-right:.4em;border-radius:2px}\n"
	"i.c0{background:var(--c0)}i.c1{background:var(--c1)}i.c2{background:var(--c2)}\n"
	"summary{cursor:pointer;color:var(--soft)}\n"
	"@media (max-width:40rem){body{padding:1.25rem 1rem 3rem}svg "
	"text{font-size:17px}figcaption{padding-left:0}}\n"
	"@media print{body{max-width:none}}\n";

static void
begin_page(const LpgReport *r)
{
	appendStringInfoString(r->page,
						   "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head>"
						   "<meta charset=\"utf-8\"/>\n<title>");
	lpg_html_text(r->page, r->name);
	appendStringInfo(r->page,
					 "</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
					 "<style>\n%s</style></head>\n<body>\n<h1>",
					 style);
	lpg_html_text(r->page, r->name);
	appendStringInfoString(r->page, "</h1>\n");
}

/* Pairs of a name and a value, side by side. */
static void
add_tiles(const LpgReport *r, const char *query)
{
	if (lpg_report_query(r, query) != 1)
		return;
	appendStringInfoString(r->page, "<dl>");
	for (int c = 0; c < SPI_tuptable->tupdesc->natts; c++)
	{
		const char *value = lpg_report_value(0, c);

		if (value == NULL)
			continue;
		appendStringInfoString(r->page, "<div><dt>");
		lpg_html_text(r->page, SPI_fname(SPI_tuptable->tupdesc, c + 1));
		appendStringInfoString(r->page, "</dt><dd>");
		lpg_html_text(r->page, value);
		appendStringInfoString(r->page, "</dd></div>\n");
	}
	appendStringInfoString(r->page, "</dl>\n");
}

/* Text with its lines. */
static void
add_lines(StringInfo page, const char *text)
{
	char *copy = pstrdup(text);
	char *line = copy;

	appendStringInfoString(page, "<pre>");
	while (line != NULL)
	{
		char *end = strchr(line, '\n');

		if (end != NULL)
			*end = '\0';
		lpg_html_text(page, line);
		if (end != NULL)
			appendStringInfoChar(page, '\n');
		line = end == NULL ? NULL : end + 1;
	}
	appendStringInfoString(page, "</pre>\n");
	pfree(copy);
}

static void
add_sources(const LpgReport *r)
{
	add_tiles(
		r,
		"SELECT v.version, CASE WHEN v.is_current THEN 'current' ELSE coalesce('not published: ' || "
		"(v.details ->> 'unpublished'), "
		"'an earlier one') END AS state, v.algorithm, to_char(v.created_at, 'YYYY-MM-DD HH24:MI') AS "
		"trained, "
		"to_char(v.n_users, 'FM999,999,999,999') AS users, to_char(v.n_items, 'FM999,999,999,999') AS items, "
		"to_char(v.n_ratings, 'FM999,999,999,999') AS ratings, round(100.0 * v.n_ratings / "
		"nullif(v.n_users::numeric * v.n_items, 0), 3) || ' %' AS density, "
		"v.details ->> 'feedback' AS feedback FROM @version");
	lpg_report_heading(r, "Trained on", NULL);
	if (lpg_report_query(r, "SELECT v.source FROM @version WHERE v.source IS NOT NULL") == 1)
		add_lines(r->page, lpg_report_value(0, 0));
	add_tiles(
		r, "SELECT (v.details -> 'rows' ->> 'read')::bigint AS \"rows read\", (v.details -> 'rows' ->> "
		   "'train')::bigint AS \"to learn from\", "
		   "(v.details -> 'rows' ->> 'validation')::bigint AS \"for validation\", (v.details -> 'rows' ->> "
		   "'test')::bigint AS \"held out as test\", "
		   "(v.details -> 'rows' ->> 'merged_duplicates')::bigint AS \"duplicates merged\", "
		   "(SELECT sum(value::bigint)::bigint FROM jsonb_each_text(v.details -> 'rows') WHERE key ~ "
		   "'^null_') AS \"dropped for a NULL\", "
		   "(v.details -> 'rows' ->> 'cold')::bigint AS \"of too rare users and items\" FROM @version "
		   "WHERE jsonb_typeof(v.details -> 'rows') = 'object'");
}

static void
add_quality(const LpgReport *r)
{
	lpg_report_heading(
		r, "How good it is",
		"On ratings that were held out, before the published model was trained on all of them.");
	lpg_report_table(r,
					 "SELECT m.label AS error, round((v.metrics ->> m.key)::numeric, 4) AS \"this version\", "
					 "round((v.metrics ->> ('baseline_' || m.key))::numeric, 4) AS \"biases alone\", "
					 "round((v.metrics ->> ('mean_' || m.key))::numeric, 4) AS \"the mean alone\" "
					 "FROM @version, (VALUES ('rmse', 'RMSE'), ('mae', 'MAE')) m(key, label) WHERE v.metrics "
					 "->> m.key IS NOT NULL");
	lpg_report_table(
		r, "SELECT m.label || CASE WHEN m.of_lists THEN ' of ' || (v.metrics ->> 'k') ELSE '' END AS lists, "
		   "round((v.metrics ->> m.key)::numeric, 4) AS \"this version\", "
		   "round((v.metrics ->> ('popular_' || m.key))::numeric, 4) AS \"the most popular\" "
		   "FROM @version, (VALUES ('ndcg', 'NDCG', true), ('precision', 'precision', true), ('recall', "
		   "'recall', true), ('f1', 'F1', true), "
		   "('hit_rate', 'hit rate', true), ('map', 'MAP', true), ('mrr', 'MRR', true), ('novelty', "
		   "'novelty, bits', true), "
		   "('catalogue_coverage', 'share of the catalogue', true), ('gini', 'Gini coefficient', true)) "
		   "m(key, label, of_lists) WHERE v.metrics ->> m.key IS NOT NULL");
	lpg_report_heading(r, "Versions", NULL);
	lpg_report_table(r, "SELECT w.version, to_char(w.created_at, 'YYYY-MM-DD HH24:MI') AS trained, "
						"w.algorithm, w.n_ratings AS ratings, "
						"round((w.metrics ->> 'rmse')::numeric, 4) AS \"RMSE\", round((w.metrics ->> "
						"'ndcg')::numeric, 4) AS \"NDCG\", "
						"CASE WHEN w.is_current THEN 'current' ELSE coalesce('not published: ' || (w.details "
						"->> 'unpublished'), 'earlier') END AS state "
						"FROM @.lepton_versions($1) w ORDER BY w.version DESC LIMIT 20");
}

static void
add_training(const LpgReport *r)
{
	LpgPlot curve = { .title = "error by epoch", .x_label = "epoch", .y_label = "RMSE" };
	LpgPlot users = { .title = "error by ratings of the user",
					  .x_label = "ratings of the user to learn from",
					  .y_label = "RMSE",
					  .from_zero = true };
	LpgPlot items = { .title = "error by ratings of the item",
					  .x_label = "ratings of the item to learn from",
					  .y_label = "RMSE",
					  .from_zero = true };
	static const char by_count[] =
		"SELECT CASE WHEN (g ->> 'from')::bigint < 2 THEN g ->> 'from' ELSE (g ->> 'from') || '+' END, "
		"(g ->> 'rmse')::float8 AS \"RMSE of held-out ratings\" FROM @version, "
		"jsonb_array_elements(v.details -> 'test_by_count' -> '%s') g "
		"WHERE jsonb_typeof(v.details -> 'test_by_count' -> '%s') = 'array' ORDER BY (g ->> 'from')::bigint";

	lpg_report_heading(r, "Training", NULL);
	if (lpg_report_query(r, "SELECT (p ->> 'epoch')::float8 AS epoch, (p ->> 'train_rmse')::float8 AS "
							"\"ratings that it learns from\", "
							"(p ->> 'validation_rmse')::float8 AS \"ratings held out for validation\" FROM "
							"@version, jsonb_array_elements(v.details -> 'curve') p "
							"WHERE jsonb_typeof(v.details -> 'curve') = 'array' AND coalesce(p ->> "
							"'train_rmse', p ->> 'validation_rmse') IS NOT NULL ORDER BY 1") > 1)
		add_plot(r, &curve);
	lpg_report_table(r,
					 "SELECT t ->> 'algorithm' AS considered, CASE WHEN (t ->> 'chosen')::boolean THEN "
					 "'chosen' WHEN (t ->> 'ran')::boolean THEN 'tried' ELSE t ->> 'reason' END AS outcome, "
					 "round((t ->> 'validation_rmse')::numeric, 4) AS \"validation RMSE\", round((t ->> "
					 "'validation_ndcg')::numeric, 4) AS \"validation NDCG\", "
					 "nullif((t ->> 'epochs')::int, 0) AS epochs, round((t ->> "
					 "'estimated_seconds')::numeric, 2) AS \"estimated seconds of a core\" "
					 "FROM @version, jsonb_array_elements(v.details -> 'trials') t WHERE "
					 "jsonb_typeof(v.details -> 'trials') = 'array'");
	if (lpg_report_query(r, psprintf(by_count, "users", "users")) > 0)
	{
		lpg_report_heading(r, "Error by number of ratings", NULL);
		add_plot(r, &users);
		if (lpg_report_query(r, psprintf(by_count, "items", "items")) > 0)
			add_plot(r, &items);
	}
}

static void
add_circumstances(const LpgReport *r)
{
	LpgPlot stages = {
		.title = "seconds by stage", .x_label = "stage", .y_label = "seconds", .from_zero = true
	};

	lpg_report_heading(r, "What it took", NULL);
	if (lpg_report_query(
			r, "SELECT s.name, (v.details -> 'seconds' ->> s.name)::float8 AS \"seconds\" "
			   "FROM @version, unnest(ARRAY['read', 'sort', 'split', 'fit', 'test', 'refit', 'write']) WITH "
			   "ORDINALITY s(name, nth) "
			   "WHERE jsonb_typeof(v.details -> 'seconds' -> s.name) = 'number' ORDER BY s.nth") > 0)
	{
		lpg_report_rows(r);
		add_plot(r, &stages);
	}
	add_tiles(r, "SELECT pg_size_pretty((v.details ->> 'memory_peak')::bigint) AS \"memory, most\", "
				 "pg_size_pretty((v.details ->> 'memory_estimate')::bigint) AS \"as estimated\", "
				 "v.details ->> 'threads' AS threads, v.details ->> 'kernel' AS kernel FROM @version");
	appendStringInfoString(r->page, "<details><summary>Options</summary>\n");
	lpg_report_table(r, "SELECT o.key AS option, o.value, CASE WHEN v.options ? o.key THEN 'given' ELSE "
						"'default, or chosen' END AS origin "
						"FROM @version, jsonb_each_text(v.details -> 'options') o WHERE "
						"jsonb_typeof(v.details -> 'options') = 'object' ORDER BY 1");
	appendStringInfoString(r->page, "</details>\n");
}

/* --------------------------------------------------------------------- interface */

/* With pg_catalog as the search path; errors roll it back. */
static void
write_page(const LpgReport *r)
{
	int nestlevel = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	begin_page(r);
	add_sources(r);
	add_quality(r);
	add_training(r);
	lpg_report_lists(r);
	add_circumstances(r);
	appendStringInfoString(r->page, "</body></html>\n");
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
}

PG_FUNCTION_INFO_V1(lepton_report);

/*
 * lepton_report(model text, version bigint) -> text
 */
Datum
lepton_report(PG_FUNCTION_ARGS)
{
	LpgReport report;
	StringInfoData page;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the model's name is NULL")));
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = lpg_handle_create(fcinfo);
	report.handle = fcinfo->flinfo->fn_extra;
	(void) lpg_handle_refresh(report.handle, fcinfo);
	report.name = lpg_registry_qualified_name(report.handle->model);
	report.schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
	initStringInfo(&page);
	report.page = &page;
	write_page(&report);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(page.data, page.len));
}
