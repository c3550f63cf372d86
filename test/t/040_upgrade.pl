# ALTER EXTENSION lepton UPDATE: from every version there was, the objects of a fresh
# installation, and models that the first version has trained answer as they did, bit
# for bit, before and after.  Until somebody runs it, the functions of an old version
# meet a library that they were not declared for.
#
# old/1.0.0.sql is a dump of a database of version 1.0.0 with its answers (table
# answers), which the library of that time gave.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;
my $dump = "$FindBin::Bin/old/1.0.0.sql";

# All that belongs to the extension, a line for each thing that can be said of it.
my $objects = q{
	WITH member AS (
		SELECT d.classid, d.objid, i.type || ' ' || i.identity AS name
		FROM pg_depend d JOIN pg_extension e ON e.extname = 'lepton' AND e.oid = d.refobjid,
			LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'),
	attribute AS (
		SELECT attrelid, string_agg(concat_ws(' ', attnum, attname, format_type(atttypid, atttypmod), attnotnull,
			attcollation::regcollation, attacl, attisdropped, col_description(attrelid, attnum)), ', ' ORDER BY attnum) AS list
		FROM pg_attribute GROUP BY attrelid)
	SELECT concat(m.name, ' | ', said.line) FROM member m, LATERAL (
		SELECT concat('definition ', to_jsonb(p) - '{oid,pronamespace,proowner,prorettype,proargtypes,proallargtypes,proargdefaults,prosupport}'::text[]
			|| jsonb_build_object('arguments', pg_get_function_arguments(p.oid), 'result', pg_get_function_result(p.oid),
				'support', p.prosupport::regproc))
			FROM pg_proc p WHERE m.classid = 'pg_proc'::regclass AND p.oid = m.objid
		UNION ALL
		SELECT concat('aggregate ', to_jsonb(a)) FROM pg_aggregate a WHERE m.classid = 'pg_proc'::regclass AND a.aggfnoid = m.objid
		UNION ALL
		SELECT concat('type ', to_jsonb(t) - '{oid,typnamespace,typowner,typrelid,typarray,typelem}'::text[], ' ', a.list)
			FROM pg_type t LEFT JOIN attribute a ON a.attrelid = t.typrelid
			WHERE m.classid = 'pg_type'::regclass AND t.oid = m.objid
		UNION ALL
		SELECT concat_ws(' ', 'relation', c.relkind, c.relpersistence, c.relacl, c.reloptions, a.list, pg_get_viewdef(c.oid))
			FROM pg_class c JOIN attribute a ON a.attrelid = c.oid
			WHERE m.classid = 'pg_class'::regclass AND c.oid = m.objid
		UNION ALL
		SELECT 'comment ' || coalesce(obj_description(m.objid, m.classid::regclass::text), 'none')
		UNION ALL
		SELECT 'privileges at first ' || i.initprivs::text FROM pg_init_privs i WHERE i.classoid = m.classid AND i.objoid = m.objid
		UNION ALL
		SELECT concat_ws(' ', 'depends', d.deptype, 'on', pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid))
			FROM pg_depend d WHERE d.classid = m.classid AND d.objid = m.objid) said(line)
	UNION ALL
	SELECT concat_ws(' ', 'extension', extversion, extrelocatable, extnamespace::regnamespace, extconfig) FROM pg_extension
		WHERE extname = 'lepton'};

sub create
{
	my ($database, @statements) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $_) for @statements;
}

# the lines of $is that are not in $expected, and the reverse
sub differences
{
	my ($is, $expected) = @_;
	my %is = map { $_ => 1 } split /\n/, $is;
	my %expected = map { $_ => 1 } split /\n/, $expected;
	return join "\n", (map { "there, but not in a fresh installation: $_" } grep { !$expected{$_} } sort keys %is),
	  (map { "in a fresh installation only: $_" } grep { !$is{$_} } sort keys %expected);
}

# A database of the first version as that left it, or of $version with its tables
sub restore_old
{
	my ($database, $version) = @_;
	create($database, $version ? ("CREATE EXTENSION lepton VERSION '$version'") : ());
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $dump ],
		'the dump is restored where the extension is ' . ($version // 'new'));
}

sub answers_are_the_old
{
	my ($database, $when, $which) = @_;
	my $wrong = $node->safe_psql($database, q{
		CREATE TEMP TABLE asked (question text, answer text, was text);
		DO $$
		DECLARE
			a record;
			answer text;
		BEGIN
			FOR a IN SELECT * FROM answers WHERE } . ($which // 'true') . q{ LOOP
				EXECUTE a.question INTO answer;
				INSERT INTO asked VALUES (a.question, answer, a.answer);
			END LOOP;
		END $$;
		SELECT format(E'%s\nnow  %s\nthen %s', question, answer, was) FROM asked WHERE answer IS DISTINCT FROM was
		UNION ALL SELECT 'only ' || count(*) || ' questions were asked' FROM asked HAVING count(*) < 7});
	is($wrong, '', "$when: models of 1.0.0 answer as they did then");
}

# -------------------------------------------------------------------- object by object

create('fresh', 'CREATE EXTENSION lepton');
my $newest = $node->safe_psql('fresh', q{SELECT extversion FROM pg_extension WHERE extname = 'lepton'});
my @versions = split /\n/, $node->safe_psql('fresh', q{
	SELECT version FROM pg_available_extension_versions WHERE name = 'lepton' AND NOT installed
	ORDER BY string_to_array(version, '.')::int[]});
my $fresh = $node->safe_psql('fresh', $objects);
is($versions[0], '1.0.0', 'the first version can still be installed');
for my $version (@versions)
{
	my $database = 'from_' . $version =~ tr/./_/r;
	create($database, "CREATE EXTENSION lepton VERSION '$version'", 'ALTER EXTENSION lepton UPDATE');
	is(differences($node->safe_psql($database, $objects), $fresh), '', "$version, updated, is $newest as installed");
}
create('elsewhere', 'CREATE SCHEMA s', q{CREATE EXTENSION lepton SCHEMA s VERSION '1.0.0'}, 'ALTER EXTENSION lepton UPDATE');
create('elsewhere_fresh', 'CREATE SCHEMA s', 'CREATE EXTENSION lepton SCHEMA s');
is(differences(map { $node->safe_psql($_, $objects) } 'elsewhere', 'elsewhere_fresh'), '', 'the same in another schema');

# ---------------------------------------------------------- old functions, new library

# Calls of every function that SQL can call, with arguments by their names
my $calls = q{
	SELECT CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT count(*) FROM ' END || p.proname || '(' || coalesce(a.list, '') || ');'
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'lepton',
		LATERAL (SELECT string_agg(coalesce(quote_literal(CASE
				WHEN name = 'model' THEN 'recs'
				WHEN name = 'source' THEN 'ratings'
				WHEN name = 'owner' THEN current_user
				WHEN name = 'algorithm' THEN 'als'
				WHEN name = 'grid' THEN '{"factors": [2]}'
				WHEN name = 'options' THEN CASE WHEN p.proname ~ 'evaluate|tune' THEN '{}' ELSE '{"algorithm": "als", "factors": 2}' END
				WHEN name IN ('k', 'n', 'level', 'folds', 'trials', 'time_limit', 'seed') THEN CASE name WHEN 'level' THEN '0.5' ELSE '2' END
				WHEN name IN ('popularity_penalty', 'diversity') THEN '0'
				WHEN name IN ('items', 'candidates', 'exclude', 'weights')
					THEN CASE type WHEN 'uuid[]' THEN '{00000000-0000-0000-0000-000000000007}' ELSE '{7}' END
				WHEN name IN ('user_id', 'item_id') THEN CASE type WHEN 'uuid' THEN '00000000-0000-0000-0000-000000000007' ELSE '7' END
				WHEN type = 'boolean' THEN 'true'
			END), 'NULL') || '::' || type, ', ' ORDER BY i) AS list
			FROM unnest(p.proargtypes) WITH ORDINALITY AS t(oid, i),
				LATERAL (SELECT p.proargnames[i] AS name, format_type(t.oid, NULL) AS type) named) a
	WHERE p.prokind IN ('f', 'p') AND NOT 'internal'::regtype = ANY (p.proargtypes)
	ORDER BY p.proname = 'lepton_drop', 1};

for my $version (@versions)
{
	my $database = 'calls_' . $version =~ tr/./_/r;
	restore_old($database, $version);
	answers_are_the_old($database, "functions of $version");

	my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
	my $script = "\\set VERBOSITY verbose\n" . $node->safe_psql($database, $calls);
	my ($out, $err) = ('', '');
	$node->psql($database, $script, stdout => \$out, stderr => \$err, on_error_stop => 0);
	my $n_calls = () = $script =~ /;$/mg;
	# what does not fit the model's kind of ids is refused, and what 1.0.0 did not learn
	my @errors = $err =~ /ERROR:  (.*)/g;
	my @strange = grep { !/^(42804: (user|item) ids of model "recs" are of type bigint|22P02: .* uuid|55000: model "recs" (has no|cannot))/ } @errors;
	diag("figure: calls of $version = $n_calls, refused " . scalar(@errors));
	is(join("\n", @strange), '', "functions of $version: no other error than of kinds of ids and of what the model has not");
	unlike($err, qr/connection|server closed/, "functions of $version: no call ends the session");
	is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, "functions of $version: the server goes on");
}

# ----------------------------------------------------------------------------- updating

restore_old('updated', '1.0.0');
$node->safe_psql('updated', 'ALTER EXTENSION lepton UPDATE');
is(differences($node->safe_psql('updated', $objects), $fresh), '', 'with models there, too, the objects are those of a fresh installation');
answers_are_the_old('updated', 'after the update');

is($node->safe_psql('updated', q{SELECT lepton_predict(lepton_export('recs'), 7, 3) = lepton_predict('recs', 7, 3)}), 't',
	'a model of 1.0.0 can be exported');

# a dump of then, restored beside the extension of now
restore_old('restored');
answers_are_the_old('restored', 'restored');

# ------------------------------------------------------------- the models' further life

for my $database ('updated', 'restored')
{
	# training again makes tables with room for what is new; the versions before stay where they are
	$node->safe_psql($database, q{CALL lepton_retrain('recs', '{"guard": false}')});
	is($node->safe_psql($database,
			q{SELECT string_agg(concat_ws(' ', version, is_current, algorithm, users, items), ', ' ORDER BY version) FROM recs}),
		'2 f als recs_users recs_items, 3 t als recs_users1 recs_items1', "$database: a version of now has tables of its own");
	is($node->safe_psql($database, q{SELECT count(*) FROM recs_users WHERE version = 1}), '0', "$database: keep reaches the old tables");
	is($node->safe_psql($database, q{SELECT count(*) FROM lepton_check('recs')}), '4', "$database: old and new tables are whole");
	like($node->safe_psql($database, q{SELECT string_agg(format_type(atttypid, NULL), ' ' ORDER BY attnum) FROM pg_attribute
			WHERE attrelid = 'recs_users1'::regclass AND attname = 'variance'}), qr/^real$/, "$database: the new ones have variances");
	$node->safe_psql($database, q{SELECT lepton_rollback('recs')});
	answers_are_the_old($database, "$database, rolled back", q{question ~ 'lepton_(predict|topn)'});
	$node->safe_psql($database, q{SELECT lepton_forget('recs', 7, even_if_in_source => true)});
	is($node->safe_psql($database, q{SELECT (SELECT count(*) FROM recs_users WHERE id = 7) + (SELECT count(*) FROM recs_users1 WHERE id = 7)}),
		'0', "$database: a user is removed from old and new tables");
	$node->safe_psql($database, $_) for (q{CALL lepton_retrain('recs', '{"guard": false}')}) x 3;
	is($node->safe_psql($database, q{SELECT string_agg(DISTINCT users::text, ', ') FROM recs}), 'recs_users1', "$database: the old versions are gone");
	$node->safe_psql($database, q{SELECT lepton_drop('recs'), lepton_drop('"My Shop".recs'), lepton_drop('bought')});
	is($node->safe_psql($database, q{
			SELECT string_agg(oid::regclass::text, ', ' ORDER BY oid::regclass::text COLLATE "C") FROM pg_class
			WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, '"My Shop"'::regnamespace)}),
		'"My Shop".ratings, answers, purchases, ratings', "$database: all tables go with the models");
}

$node->stop;
done_testing();
