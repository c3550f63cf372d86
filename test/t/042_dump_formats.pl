# Models through every way that pg_dump and pg_restore have: the same bytes and the
# same answers, owners and privileges as they were, and everything goes on there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Models;

my $pairs = size(10, 100);
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE alice LOGIN;
	CREATE ROLE bob LOGIN;
	CREATE ROLE app LOGIN;
	CREATE DATABASE shop;
});
$node->safe_psql('shop', q{
	CREATE EXTENSION lepton;
	CREATE SCHEMA shop AUTHORIZATION alice;
	GRANT USAGE ON SCHEMA shop TO app;
});
my @models = create_gallery($node, 'shop', 'shop', 'alice');

# tables of the type that are no trainings, a value in a column, and who may what
$node->safe_psql('shop', q{
	SET ROLE alice;
	CREATE TABLE shop.empty OF public.lepton_model (PRIMARY KEY (version));
	CREATE TABLE shop.als_log OF public.lepton_model;
	INSERT INTO shop.als_log SELECT * FROM shop.als;
	CREATE TABLE shop.models AS SELECT lepton_export('shop.als') AS model;
	CREATE VIEW shop.lists AS SELECT u AS user_id, l.* FROM generate_series(1, 5) u, public.lepton_topn('shop.lively', u, 5) l;
	GRANT SELECT ON shop.als, shop.lively, shop.lists TO app;
	GRANT SELECT ON shop.walk TO PUBLIC;
});
create_fingerprint($node, 'shop');
my $before = fingerprint($node, 'shop', $pairs);
my $settled = q{
	SELECT string_agg(concat_ws(' ', relname, relkind, pg_get_userbyid(relowner), relacl, reloptions, reloftype::regtype), ', ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'v')
	UNION ALL SELECT string_agg(concat_ws(' ', attrelid::regclass, attname, atttypid::regtype, attnotnull, attstorage), ', ' ORDER BY attrelid::regclass::text, attnum) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' AND attnum > 0
	UNION ALL SELECT string_agg(indexdef, ', ' ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'shop'
	UNION ALL SELECT md5(model) FROM shop.models
	UNION ALL SELECT md5(string_agg(l::text, ',' ORDER BY version)) FROM shop.als_log l
	UNION ALL SELECT md5(string_agg(l::text, ',' ORDER BY user_id, rank)) FROM shop.lists l};
my $settled_before = $node->safe_psql('shop', $settled);
my $n_restored = 0;

sub run_ok
{
	my ($what, @command) = @_;
	my ($out, $err) = ('', '');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = IPC::Run::run(\@command, '<', '/dev/null', '>', \$out, '2>', \$err);
	ok($ok && $err eq '', $what) or diag("@command: $err");
	return;
}

sub new_database
{
	my ($database, $owner, $sql) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER $owner TEMPLATE template0");
	$node->safe_psql($database, $sql) if defined $sql;
	return;
}

# The restored database is the old one, and goes on by itself.
sub check_restored
{
	my ($database, $how, %options) = @_;
	my $as = $options{as} // 'alice';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	create_fingerprint($node, $database);
	same_fingerprint(fingerprint($node, $database, $pairs), $before, "$how: rows, predictions and lists");
	is($node->safe_psql($database, $settled), $settled_before, "$how: owners, privileges, columns, indexes, values") if !$options{as};
	is($node->safe_psql($database, "SELECT count(*) FROM lepton_models m, lepton_check(m.model::text) c WHERE c.n_rows IS NULL"), '0', "$how: every row is whole");
	is($node->safe_psql($database, "SET ROLE $as; SET client_min_messages = warning; SET search_path = shop, public; " . join(' ', map { "CALL lepton_retrain('$_', '{\"guard\": false}');" } $ENV{LEPTON_LONG} ? @models : @models[ 0, -2 ])
			. q{SELECT string_agg(DISTINCT pg_get_userbyid(c.relowner), ',') FROM pg_class c WHERE relname ~ '^(als|lively)' AND relkind = 'r'}),
		$as, "$how: models are trained again, for their owner");
	is($node->safe_psql($database, q{INSERT INTO shop.ratings (user_id, item_id, rating) VALUES (1000, 1, 5) RETURNING id > (SELECT max(id) FROM shop.ratings) AND line > (SELECT max(line) FROM shop.ratings)}),
		't', "$how: identities and serials go on");
	is($node->safe_psql($database, q{SET ROLE app; SELECT count(*) FROM lepton_topn('shop.lively', 1000, 10) l WHERE item_id <> 1}), '10', "$how: a reader may read, and live models are live") if !$options{as};
	is($node->safe_psql($database, q{DROP TABLE shop.als; SELECT count(*) FROM pg_class WHERE relname IN ('als_users', 'als_items')}), '0', "$how: after a training DROP TABLE takes the factor tables along");
	$n_restored++;
	return;
}

my $dir = $node->basedir;
my @connect = ('-d', $node->connstr('shop'));

# ---- of the whole database
run_ok('pg_dump', 'pg_dump', @connect, '-f', "$dir/plain.sql");
new_database('plain', 'postgres');
run_ok('psql', 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('plain'), '-f', "$dir/plain.sql");
check_restored('plain', 'plain');

run_ok('pg_dump -Fc', 'pg_dump', '-Fc', @connect, '-f', "$dir/custom");
new_database('custom', 'postgres');
run_ok('pg_restore -j2', 'pg_restore', '-e', '-j2', '-d', $node->connstr('custom'), "$dir/custom");
check_restored('custom', 'custom, -j2');

if ($ENV{LEPTON_LONG})
{
	run_ok('pg_dump --inserts', 'pg_dump', '--inserts', @connect, '-f', "$dir/inserts.sql");
	new_database('inserts', 'postgres');
	run_ok('psql', 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('inserts'), '-f', "$dir/inserts.sql");
	check_restored('inserts', '--inserts');

	run_ok('pg_dump -Fd -j2', 'pg_dump', '-Fd', '-j2', @connect, '-f', "$dir/directory");
	new_database('directory', 'postgres');
	run_ok('pg_restore -j2', 'pg_restore', '-e', '-j2', '-d', $node->connstr('directory'), "$dir/directory");
	check_restored('directory', 'directory, -j2');

	run_ok('pg_dump --column-inserts --rows-per-insert', 'pg_dump', '--column-inserts', '--rows-per-insert=50', '--quote-all-identifiers', '--serializable-deferrable', @connect, '-f', "$dir/columns.sql");
	new_database('columns', 'postgres');
	run_ok('psql', 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-1', '-d', $node->connstr('columns'), '-f', "$dir/columns.sql");
	check_restored('columns', '--column-inserts, in one transaction');

	new_database('sections', 'postgres');
	run_ok("pg_restore --section=$_", 'pg_restore', '-e', '-j2', "--section=$_", '-d', $node->connstr('sections'), "$dir/custom") foreach 'pre-data', 'data', 'post-data';
	check_restored('sections', 'section by section');

	# the schema first, with its indexes, and the data into it
	new_database('halves', 'postgres');
	run_ok('pg_restore --schema-only', 'pg_restore', '-e', '--schema-only', '-d', $node->connstr('halves'), "$dir/custom");
	run_ok('pg_restore --data-only', 'pg_restore', '-e', '-j2', '--data-only', '-d', $node->connstr('halves'), "$dir/custom");
	check_restored('halves', '--schema-only, then --data-only');
}

# ---- of one schema: the extension must be there
run_ok('pg_dump -n', 'pg_dump', '-Fc', '-n', 'shop', @connect, '-f', "$dir/schema");
new_database('one_schema', 'postgres', 'CREATE EXTENSION lepton');
run_ok('pg_restore -j2', 'pg_restore', '-e', '-j2', '-d', $node->connstr('one_schema'), "$dir/schema");
check_restored('one_schema', 'one schema');
new_database('without', 'postgres');
my ($out, $err) = ('', '');
IPC::Run::run([ 'pg_restore', '-e', '-d', $node->connstr('without'), "$dir/schema" ], '>', \$out, '2>', \$err);
like($err, qr/type "public.lepton_model" does not exist/, 'without the extension the restore says what is missing');

# ---- as somebody else, who is no superuser
new_database('as_bob', 'bob', 'CREATE EXTENSION lepton');
run_ok('pg_restore -O', 'pg_restore', '-e', '-O', '-x', '--no-comments', '-j2', '-d', $node->connstr('as_bob') . ' user=bob', "$dir/custom");
check_restored('as_bob', 'as another role', as => 'bob');
is($node->safe_psql('as_bob', q{SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ',') FROM pg_class WHERE relnamespace = 'shop'::regnamespace}), 'bob', 'as another role: everything is hers');

# ---- a model alone: three tables
my @two = ('als', 'lively_walk');
run_ok('pg_dump -t', 'pg_dump', @connect, (map { ('-t', "shop.$_") } map { ($_, "${_}_users", "${_}_items") } @two), '-f', "$dir/tables.sql");
new_database('tables', 'postgres', 'CREATE EXTENSION lepton; CREATE SCHEMA shop AUTHORIZATION alice; GRANT USAGE ON SCHEMA shop TO app');
run_ok('psql', 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('tables'), '-f', "$dir/tables.sql");
create_fingerprint($node, 'tables');
my %as_trained = (set => 'SET lepton.live = off;', where => q{model IN ('shop.als', 'shop.lively_walk')});
same_fingerprint(fingerprint($node, 'tables', $pairs, %as_trained), fingerprint($node, 'shop', $pairs, %as_trained), 'three tables are a model');
my ($ret, $stdout, $stderr) = $node->psql('tables', q{SELECT * FROM lepton_topn('shop.lively_walk', 1, 5)});
like($stderr, qr/relation "shop\.ratings" does not exist.*lepton\.live/s, 'a live model without its ratings says so, and what to do');
is($node->safe_psql('tables', q{SELECT lepton_drop('shop.als'); SELECT count(*) FROM pg_class WHERE relname ~ '^als' AND relkind = 'r'}), "\n0", 'lepton_drop finds all three');

# ---- under another schema name: only by renaming it afterwards
my $lists = q{SELECT md5(string_agg(l::text, ',' ORDER BY u, rank)) FROM generate_series(1, 20) u, lepton_topn_text('%s.walk', 'u ' || u, 5) l};
$node->safe_psql('custom', 'ALTER SCHEMA shop RENAME TO store');
is($node->safe_psql('custom', sprintf $lists, 'store'), $node->safe_psql('shop', sprintf $lists, 'shop'), 'models of a renamed schema answer as before');
($ret, $stdout, $stderr) = $node->psql('custom', q{SELECT * FROM lepton_topn('store.lively', 2, 5)});
like($stderr, qr/schema "shop" does not exist.*lepton\.live/s, 'what they read goes by its former name, and the error says what to set');
($ret, $stdout, $stderr) = $node->psql('custom', q{CALL lepton_retrain('store.lively')});
like($stderr, qr/relation "ratings" does not exist/, 'so does a retraining');
is($node->safe_psql('custom', q{
	SET client_min_messages = warning;
	SELECT is_current FROM lepton_train('store.lively', 'store.ratings', '{"algorithm": "als", "factors": 4, "live": true, "eligible": "SELECT item_id FROM store.products"}');
	CALL lepton_retrain('store.lively', '{"guard": false}');
	SELECT count(*) FROM lepton_topn('store.lively', 2, 5)}), "t\n5", 'until they are trained by their new names');

figure('ways of pg_dump and pg_restore, each with the same rows, predictions and lists', $n_restored);
$node->stop;
done_testing();
