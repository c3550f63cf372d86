# Random queries of sqlsmith, as a role without rights, over a database with models of several kinds and with the
# functions of the extension: no crash, and no internal error of the extension.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'sqlsmith is not installed (apt-get install sqlsmith)' if system('sqlsmith --version >/dev/null 2>&1') != 0;

my $n_queries = $ENV{LEPTON_LONG} ? 10_000 : 300;
my $seed = $ENV{LEPTON_SEED} // ($ENV{LEPTON_LONG} ? time : 15);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
	log_error_verbosity = verbose
	log_min_error_statement = error
	lepton.max_training_memory = '256MB'
	statement_timeout = '2s'
	track_functions = all
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating, timestamptz '2025-01-01' + (u + i) * interval '9 hours' AS rated_at FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
	CREATE INDEX ON ratings (user_id);
	SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 4, "epochs": 2, "live": false}');
	SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 4, "epochs": 2, "live": false}');
	SELECT version FROM lepton_train('live', 'ratings', '{"algorithm": "sgd", "factors": 4, "epochs": 2, "live": true}');
	SELECT version FROM lepton_train('walks', 'SELECT ''u'' || user_id AS user_id, ''i'' || item_id AS item_id FROM ratings WHERE rating > 2', '{"algorithm": "walk"}');
	SELECT version FROM lepton_train('keys', 'SELECT md5(user_id::text)::uuid AS user_id, md5(item_id::text)::uuid AS item_id, rating FROM ratings', '{"algorithm": "baseline"}');
	CREATE ROLE smith LOGIN;
	GRANT SELECT ON ratings, recs, live, walks, recs_users, recs_items TO smith;
	CREATE SCHEMA smith AUTHORIZATION smith;
});

# What sqlsmith makes arguments from is columns: there are some with names of models, sources, options, values, lists.
# It does not call functions that give rows, so those are wrapped.  And since a function of ours would be one of
# thousands, a view of pg_proc before the catalog's shows it ours and a few of the others; and one of pg_type types of
# which there are values where the catalog has those that only functions are declared with.
$node->safe_psql('postgres', q{
	CREATE TABLE smith.arguments (model text, source text, options jsonb, value bytea, user_id bigint, item_id bigint, n bigint, k integer, level float8, ids bigint[], weights float8[], at timestamptz, version bigint, exclude_seen boolean, factors bytea, user_text text, item_uuid uuid);
	INSERT INTO smith.arguments
	SELECT m, s, o::jsonb, CASE WHEN m IN ('recs', 'walks') THEN lepton_export(m) END, g, g * 3, g, g, g / 10.0, ARRAY[g, NULL, g * 2], ARRAY[g, 0.5, 2], timestamptz '2025-01-01' + g * interval '1 day', nullif(g, 3), g % 2 = 0, (SELECT factors FROM recs_users WHERE id = g LIMIT 1), 'u' || g, md5(g::text)::uuid
	FROM unnest(ARRAY['recs', 'live', 'walks', 'keys', 'smith.mine', 'nosuch']) WITH ORDINALITY a(m, g), unnest(ARRAY['ratings', 'SELECT user_id, item_id FROM ratings', 'smith.arguments']) s, unnest(ARRAY['{}', '{"algorithm": "baseline"}']) o;
	CREATE FUNCTION smith.topn(m text, u bigint, n bigint, e boolean, x bigint[], v bigint) RETURNS bigint[] LANGUAGE sql STABLE AS 'SELECT array_agg(item_id) FROM public.lepton_topn(m, u, n, e, x, version => v)';
	CREATE FUNCTION smith.topn_of(m text, u bigint, n bigint, c bigint[], e boolean) RETURNS bigint[] LANGUAGE sql STABLE AS 'SELECT array_agg(item_id) FROM public.lepton_topn(m, u, n, candidates => c, exclude_seen => e)';
	CREATE FUNCTION smith.topn_value(m bytea, u bigint, n bigint) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS 'SELECT array_agg(item_id) FROM public.lepton_topn(m, u, n)';
	CREATE FUNCTION smith.topn_text(m text, u text, n bigint) RETURNS text[] LANGUAGE sql STABLE AS 'SELECT array_agg(item_id) FROM public.lepton_topn_text(m, u, n)';
	CREATE FUNCTION smith.topn_at(m text, u bigint, at timestamptz, n bigint) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.lepton_topn_at(m, u, at, n)';
	CREATE FUNCTION smith.topn_for(m text, i bigint[], w float8[], n bigint) RETURNS bigint[] LANGUAGE sql STABLE AS 'SELECT array_agg(item_id) FROM public.lepton_topn_for(m, i, w, n)';
	CREATE FUNCTION smith.topn_all(m text, n bigint) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.lepton_topn_all(m, n)';
	CREATE FUNCTION smith.topn_users(m text, i bigint, n bigint) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.lepton_topn_users(m, i, n)';
	CREATE FUNCTION smith.similar(m text, i bigint, n bigint) RETURNS bigint[] LANGUAGE sql STABLE AS 'SELECT array_agg(item_id) FROM public.lepton_similar(m, i, n)';
	CREATE FUNCTION smith.similar_users(m text, i bigint, n bigint) RETURNS bigint[] LANGUAGE sql STABLE AS 'SELECT array_agg(user_id) FROM public.lepton_similar_users(m, i, n)';
	CREATE FUNCTION smith.explained(m text, u bigint, i bigint) RETURNS float8 LANGUAGE sql STABLE AS 'SELECT sum(contribution) FROM public.lepton_explain(m, u, i)';
	CREATE FUNCTION smith.evaluated(m text, s text, k integer, r float8, o jsonb) RETURNS float8 LANGUAGE sql AS 'SELECT max(value) FROM public.lepton_evaluate(m, s, k, r, o)';
	CREATE FUNCTION smith.inspected(s text, o jsonb) RETURNS text LANGUAGE sql AS 'SELECT max(value) FROM public.lepton_inspect(s, o)';
	CREATE FUNCTION smith.checked(m text) RETURNS bigint LANGUAGE sql AS 'SELECT sum(n_rows)::bigint FROM public.lepton_check(m)';
	CREATE FUNCTION smith.trained(m text, s text, o jsonb) RETURNS bigint LANGUAGE sql AS 'SELECT version FROM public.lepton_train(''smith.mine'', s, o)';
	CREATE FUNCTION smith.forgotten(m text, u bigint, e boolean) RETURNS bigint LANGUAGE sql AS 'SELECT max(count) FROM public.lepton_forget(m, u, e)';
	CREATE VIEW smith.lists AS SELECT a.user_id, r.* FROM smith.arguments a, LATERAL public.lepton_topn('recs', a.user_id, 3) r;
	CREATE VIEW smith.predictions AS SELECT user_id, item_id, public.lepton_predict('live', user_id, item_id) AS p FROM public.ratings;
	GRANT SELECT ON ALL TABLES IN SCHEMA smith TO smith;
	CREATE VIEW smith.pg_proc AS SELECT * FROM pg_catalog.pg_proc
	WHERE proname LIKE 'lepton%' OR pronamespace = 'smith'::regnamespace OR proname IN ('count', 'max', 'min', 'sum', 'avg', 'abs', 'length', 'lower', 'upper', 'md5', 'coalesce', 'round', 'substr', 'int8pl', 'int8mi', 'float8', 'int8', 'text', 'array_length', 'array_agg', 'string_agg', 'jsonb_build_object', 'row_number', 'rank');
	CREATE TYPE smith.mood AS ENUM ('good', 'bad');
	CREATE VIEW smith.pg_type AS
	SELECT oid, coalesce(t.as_type, typname) AS typname, CASE WHEN t.as_type = 'mood' THEN 'smith'::regnamespace ELSE typnamespace END AS typnamespace, typdelim, typrelid, typelem, typarray, typtype
	FROM pg_catalog.pg_type LEFT JOIN (VALUES ('anyrange', 'int4range'), ('anymultirange', 'int4multirange'), ('anycompatiblerange', 'int4range'), ('anycompatiblemultirange', 'int4multirange'), ('anyenum', 'mood')) t(name, as_type) ON t.name = typname;
	GRANT SELECT ON smith.pg_proc, smith.pg_type TO smith;
	ALTER ROLE smith SET search_path = smith, pg_catalog, public;
});

my $target = "host=" . $node->host . " port=" . $node->port . " dbname=postgres user=smith";
my $before = $node->safe_psql('postgres', "SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname LIKE 'lepton%'");
my $start = time;
my ($stdout, $stderr) = ('', '');
my $ran = IPC::Run::run([ 'sqlsmith', "--target=$target", "--max-queries=$n_queries", "--seed=$seed", '--exclude-catalog', '--verbose' ],
	'>', \$stdout, '2>', \$stderr, IPC::Run::timeout(7200));
my $seconds = time - $start;
ok($ran, 'sqlsmith comes to its end') or diag substr($stderr, -2000);
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server answers');
my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal|TRAP:|PANIC/, 'no crash');

# An error of ours has as its place a function and a file that the library names.
my $library = slurp_file(`pg_config --pkglibdir` =~ s/\n//r . '/lepton.so');
my (%states, @internal, $error);
for my $line (split /\n/, $log)
{
	$error = { state => $1, text => $2 } if $line =~ /(?:ERROR|FATAL|PANIC):  (\w{5}): (.*)/;
	next unless $error;
	$error->{is_ours} = index($library, "/$2\0") >= 0 && index($library, "\0$1\0") >= 0
	  if $line =~ /LOCATION:  (\w+), (\S+):\d+/;
	if ($line =~ /STATEMENT:  /)
	{
		$states{ $error->{state} }++;
		push @internal, "$error->{text}" if $error->{state} eq 'XX000' && ($error->{is_ours} || $error->{text} =~ /lepton/);
		undef $error;
	}
}
is(join("\n", @internal), '', 'no internal error of the extension');
my $n_errors = 0;
$n_errors += $_ for values %states;
cmp_ok($n_errors, '<', 0.8 * $n_queries, 'most queries are not refused before they run');
my ($calls, $functions) = split /\|/, $node->safe_psql('postgres', "SELECT coalesce(sum(calls), 0) - $before, count(*) FROM pg_stat_user_functions WHERE funcname LIKE 'lepton%'");
cmp_ok($calls, '>', $n_queries / 10, 'functions of the extension are called');
diag sprintf('figure: sqlsmith = %d queries, seed %d, %d calls of %d functions of lepton, %d queries with an error, 0 crashes, %d internal errors of lepton, %d s',
	$n_queries, $seed, $calls, $functions, $n_errors, scalar @internal, $seconds);
note join(', ', map { "$_: $states{$_}" } sort keys %states);
$node->stop;
done_testing();
