# Attacks that take more than one database or session: the numbers of another database's models, a schema that was
# prepared before the extension came, settings from before the library was loaded, what a transaction prepared.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 4\nautovacuum = off\n");
$node->start;

# ------------------------------------------------------- another database with the same numbers

$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', q{
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS
	SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 200) u, generate_series(1, 100) i WHERE (u + i * 3) % 4 > 0;
	SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 4, "epochs": 2}');
});
my $list = "SELECT string_agg(item_id || ':' || score, ' ' ORDER BY rank) FROM lepton_topn('recs', 1, 5, false)";
my $held = "SELECT string_agg(model || ' ' || version || ' ' || place, ',') FROM lepton_cache()";
my $one = $node->safe_psql('one', $list);

# A copy of it with other items in it: changed by hand, since nothing else leaves the generation as it is.
$node->safe_psql('postgres', 'CREATE DATABASE two TEMPLATE one');
is($node->safe_psql('two', 'SELECT oid FROM pg_class WHERE relname = \'recs\''),
	$node->safe_psql('one', 'SELECT oid FROM pg_class WHERE relname = \'recs\''), 'a copy has the same numbers');
$node->safe_psql('two', 'UPDATE recs_items SET bias = 100 WHERE id = 42');
my $two = $node->safe_psql('two', $list);
like($two, qr/^42:/, 'its changed rows are its own');
is($node->safe_psql('two', $held), 'recs 1 shared', 'what is shared there');
is($node->safe_psql('one', $list), $one, 'are not those of the other');
is($node->safe_psql('one', $held), 'recs 1 shared', 'nor seen there');
is($node->safe_psql('two', $list), $two, 'nor do they become so');
my $oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'two'");
$node->safe_psql('postgres', 'DROP DATABASE two');
$node->safe_psql('postgres', "CREATE DATABASE two TEMPLATE one OID = $oid");
is($node->safe_psql('two', $list), $one, 'a database of the number of one that was dropped does not answer from its items');
$node->safe_psql($_, qq{SELECT version FROM lepton_train('recs', 'SELECT user_id, item_id, CASE WHEN item_id = ${\($_ eq 'one' ? 7 : 8)} THEN 5 ELSE 1 + item_id % 3 END AS rating FROM ratings', '{"algorithm": "baseline"}')}) for 'one', 'two';
like($node->safe_psql('one', $list), qr/^7:/, 'version 2 of the one');
like($node->safe_psql('two', $list), qr/^8:/, 'is not version 2 of the other');

# --------------------------------------------------------------- what a transaction prepared

my $best = "SELECT item_id FROM lepton_topn('recs', 1, 1, false)";
$node->safe_psql('one', 'UPDATE recs SET generation = generation + 1 WHERE version = 2');
my $prepared = $node->safe_psql('one', qq{
	BEGIN;
	UPDATE recs_items SET bias = 100 WHERE id = 3 AND version = 2;
	$best;
	PREPARE TRANSACTION 'lepton';
	$best;
	ROLLBACK PREPARED 'lepton';
	$best;
});
is($prepared, "3\n7\n7", 'what is prepared is seen by nobody, nor by the session that prepared it');
$prepared = $node->safe_psql('one', qq{
	BEGIN;
	UPDATE recs_items SET bias = 100 WHERE id = 4 AND version = 2;
	UPDATE recs SET generation = generation + 1 WHERE version = 2;
	$best;
	PREPARE TRANSACTION 'lepton';
	$best;
	COMMIT PREPARED 'lepton';
	$best;
});
is($prepared, "4\n7\n4", 'until it is committed');
my ($ret, $out, $err) = $node->psql('one', q{BEGIN; SELECT version FROM lepton_train('other', 'ratings', '{"algorithm": "baseline"}'); PREPARE TRANSACTION 'lepton'; SELECT count(*) FROM lepton_topn('other', 1); ROLLBACK PREPARED 'lepton'; SELECT to_regclass('other') IS NULL}, on_error_stop => 0);
like($out, qr/^t$/m, 'a training that was prepared and rolled back leaves nothing');

# ------------------------------------------------------ objects from before the extension

$node->safe_psql('postgres', 'CREATE DATABASE hostile; CREATE ROLE attacker');
# of an update's script the server itself sees to it that what is replaced is the extension's
my $script = join '', map { slurp_file($_) } grep { !/--.*--/ } glob(`pg_config --sharedir` =~ s/\n//r . '/extension/lepton--*.sql');
unlike($script, qr/CREATE OR REPLACE|IF NOT EXISTS/i, 'no script of an installation takes over what is there');
$node->safe_psql('hostile', 'CREATE SCHEMA s AUTHORIZATION attacker');
for my $object (
	'TYPE s.lepton_model AS (a int)', 'TABLE s.lepton_models (a int)', 'VIEW s.lepton_progress AS SELECT 1',
	q{FUNCTION s.lepton_predict(text, bigint, bigint, timestamptz, bigint) RETURNS real LANGUAGE sql AS 'SELECT 1::real'},
	q{FUNCTION s.lepton_topn_agg_add(bytea, bigint, float8, bigint) RETURNS bytea LANGUAGE sql AS 'SELECT $1'},
	q{FUNCTION s.lepton_versions(regclass) RETURNS int LANGUAGE sql AS 'SELECT 1'}, q{FUNCTION s.lepton_cache() RETURNS int LANGUAGE sql AS 'SELECT 1'},
	q{FUNCTION s.lepton_trainings(x int DEFAULT 0) RETURNS int LANGUAGE sql AS 'SELECT 1'},
	q{AGGREGATE s.lepton_topn_agg(bigint, float8, bigint) (SFUNC = s.state, STYPE = bigint)})
{
	($ret, $out, $err) = $node->psql('hostile', qq{BEGIN; SET ROLE attacker; CREATE FUNCTION s.state(bigint, bigint, float8, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'; CREATE $object; RESET ROLE; CREATE EXTENSION lepton SCHEMA s; COMMIT});
	like($err, qr/already exists|is not a member of extension|is not unique/, 'an object of a name that is needed is not taken over: ' . substr($object, 0, 50));
}

# Functions that fit as well as the extension's own, or better, to some of its calls; operators and types of the names
# that it uses.  None is called when a superuser reads.
$node->safe_psql('hostile', q{
	SET ROLE attacker;
	CREATE FUNCTION s.warn(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'captured: % by %', what, current_user; RETURN true; END $$;
	CREATE TYPE s.row AS (version bigint, created_at timestamptz, is_current boolean, algorithm text, options jsonb, source text, n_users bigint, n_items bigint, n_ratings bigint, metrics jsonb, details jsonb, users regclass, items regclass, generation bigint);
	CREATE FUNCTION s.lepton_versions(oid) RETURNS SETOF s.row LANGUAGE plpgsql AS $$ BEGIN PERFORM s.warn('lepton_versions'); END $$;
	CREATE FUNCTION s.lepton_versions(oid, VARIADIC int[]) RETURNS SETOF s.row LANGUAGE plpgsql AS $$ BEGIN PERFORM s.warn('lepton_versions'); END $$;
	CREATE FUNCTION s.lepton_changes(json) RETURNS TABLE (inserted bigint, updated bigint, deleted bigint) LANGUAGE plpgsql AS $$ BEGIN PERFORM s.warn('lepton_changes'); END $$;
	CREATE FUNCTION s.lepton_topn(text, bigint, bigint, bigint[], boolean, bigint[]) RETURNS TABLE (rank int, item_id bigint, score real, origin text) LANGUAGE plpgsql AS $$ BEGIN PERFORM s.warn('lepton_topn'); END $$;
	CREATE FUNCTION s.has_table_privilege(oid, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN s.warn('has_table_privilege'); END $$;
	CREATE FUNCTION s.count() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM s.warn('count'); RETURN 1; END $$;
	CREATE FUNCTION s.same(oid, regtype) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN s.warn('operator'); END $$;
	CREATE OPERATOR s.= (LEFTARG = oid, RIGHTARG = regtype, FUNCTION = s.same);
	CREATE FUNCTION s.get(jsonb, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM s.warn('operator'); RETURN ''; END $$;
	CREATE OPERATOR s.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = s.get);
	CREATE DOMAIN s.regclass AS oid CHECK (s.warn('type') OR VALUE > 0);
	CREATE DOMAIN s.text AS pg_catalog.text CHECK (s.warn('type'));
	RESET ROLE;
	CREATE EXTENSION lepton SCHEMA s;
});
($ret, $out, $err) = $node->psql('hostile', q{
	CREATE TABLE ratings AS SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 20) u, generate_series(1, 10) i;
	SELECT version FROM s.lepton_train('recs', 'ratings', '{"algorithm": "baseline"}');
	SELECT count(*) FROM s.lepton_models;
	SELECT count(*) FROM s.lepton_stat;
	SELECT count(*) FROM s.lepton_progress;
	PREPARE p AS SELECT count(*) FROM s.lepton_topn($1, $2, $3, $4, $5, $6);
	EXECUTE p('recs', '1', '3', '{1,2,3}', 'false', '{}');
});
is($err, '', 'nothing that the attacker made before is called');
is($out, "1\n1\n1\n0\n3", 'and all answers');

# -------------------------------------------------- settings from before the library is loaded

$node->safe_psql('one', 'CREATE ROLE nobody LOGIN; GRANT USAGE ON SCHEMA public TO nobody');
my @as_nobody = (extra_params => [ '-U', 'nobody' ]);
my $loaded = "SELECT count(*) > 0 FROM lepton_info(); SHOW lepton.max_training_memory";
($ret, $out, $err) = $node->psql('one', "SET lepton.max_training_memory = 0; $loaded", @as_nobody);
like($out, qr/^t\n4GB$/, 'a limit that was set before there was one does not hold');
like($err, qr/permission denied to set parameter "lepton.max_training_memory"/, 'and it is said why');
($ret, $out, $err) = $node->psql('one', "SET lepton.threads = 3; SELECT count(*) > 0 FROM lepton_info(); SHOW lepton.threads", @as_nobody);
like($out, qr/^t\n3$/, 'what is hers to set holds');
($ret, $out, $err) = $node->psql('one', 'ALTER ROLE nobody SET lepton.max_training_memory = 0', @as_nobody);
like($err, qr/permission denied to set parameter/, 'nor for all her sessions');
{
	local $ENV{PGOPTIONS} = '-c lepton.max_training_memory=0';
	($ret, $out, $err) = $node->psql('one', $loaded, @as_nobody);
	like($out, qr/^t\n4GB$/, 'nor when she connects');
}
$node->safe_psql('one', "ALTER ROLE nobody SET lepton.max_training_memory = '123MB'");
is($node->safe_psql('one', $loaded, @as_nobody), "t\n123MB", 'a superuser sets it for a role');
$node->safe_psql('one', 'ALTER ROLE nobody RESET ALL; GRANT SET ON PARAMETER lepton.max_training_memory TO nobody');
is($node->safe_psql('one', "SET lepton.max_training_memory = '124MB'; $loaded", @as_nobody), "t\n124MB", 'or lets her');

# ------------------------------------- a training of a database in another encoding is shown as text

$node->safe_psql('postgres', "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'; CREATE DATABASE unicode TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
$node->safe_psql($_, 'CREATE EXTENSION lepton') for 'latin', 'unicode';
my ($in, $training, $problems) = ('', '', '');
my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('latin'), '-c', q{SET client_encoding = 'LATIN1'}, '-c', q{DO $$ BEGIN EXECUTE format('SELECT lepton_train(%L, %L, %L)', quote_ident('r' || chr(233) || chr(228)), 'SELECT u AS user_id, i AS item_id, (u * i) % 5 AS rating FROM generate_series(1, 400) u, generate_series(1, 400) i', '{"algorithm": "sgd", "factors": 64, "epochs": 10000, "validation_fraction": 0}'); END $$} ],
	'<', \$in, '>', \$training, '2>', \$problems, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
ok($node->poll_query_until('unicode', 'SELECT count(*) = 1 FROM lepton_trainings() WHERE relid IS NULL AND phase IS NOT NULL'), 'a training of another database is seen');
($ret, $out, $err) = $node->psql('unicode', q{SET client_encoding = 'UTF8'; SELECT coalesce(model, 'not shown'), length(convert_to(coalesce(model, ''), 'UTF8')) FROM lepton_trainings()});
is("$err$out", 'not shown|0', 'a name that is no text here is not shown');
$node->safe_psql('unicode', 'SELECT pg_cancel_backend(pid) FROM lepton_trainings()');
eval { $run->finish };

# ------------------------------------------------------------------- long lists that are cancelled

$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE TABLE wide (ids bigint[]);
	ALTER TABLE wide ALTER ids SET STORAGE EXTERNAL;
	INSERT INTO wide SELECT array_agg(g * 7919 % 1000003) FROM generate_series(1::bigint, 5000000) g;
	SELECT version FROM lepton_train('recs', 'SELECT g % 100 AS user_id, g % 77 AS item_id, g % 5 AS rating FROM generate_series(1, 2000) g', '{"algorithm": "als", "factors": 4, "epochs": 2}');
});
my $session = Session->new($node);
my $wide = q{SELECT count(*) FROM wide, lepton_topn('recs', 1, 10, ids, false)};
my ($cpu, $begin) = ($session->cpu_ms, time);
is($session->ask($wide), 10, 'five million candidates are answered');
my ($whole, $seconds) = ($session->cpu_ms - $cpu, time - $begin);
for my $share (0.2, 0.4, 0.6)
{
	my $cut = $session->cut($wide, $share * $seconds, 'INT');

	# of CPU time: a busy machine makes it no longer
	cmp_ok($cut->{cpu}, '<', $whole / 4, "and after $share of that cancelled at once");
	like($session->err, qr/canceling statement due to user request/, 'by that') if $cut->{was_cut};
}
$session->quit;
$node->stop;
done_testing();
