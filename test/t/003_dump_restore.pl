# A dump carries models like any table: the same bytes and the same answers in
# another database; dropping and training again work there without help.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE SCHEMA "My Shop";
	CREATE TABLE ratings AS
	SELECT u AS user_id, 'item ' || i AS item_id, 1 + (u * 3 + i * 5 + (u % 7) * (i % 11)) % 5 AS rating
	FROM generate_series(1, 300) u, generate_series(1, 100) i WHERE (u * u + i * 13 + u * i) % 7 < 2;
	SELECT lepton_train('"My Shop".recs', 'ratings', '{"algorithm": "als", "factors": 8}');
	SELECT lepton_train('"My Shop".recs', 'ratings', '{"algorithm": "sgd", "factors": 16}');
	CREATE TABLE "My Shop".plain AS SELECT * FROM ratings LIMIT 0;
	CREATE TABLE models AS SELECT v AS version, lepton_export('"My Shop".recs', v) AS model FROM generate_series(1, 2) v;
});

# bytes of both versions, predictions, lists; of values, too, which are exported as they were
my $content = q{
	SELECT md5(string_agg(x::text, ',' ORDER BY version, n)) FROM "My Shop".recs_users x
	UNION ALL SELECT md5(string_agg(x::text, ',' ORDER BY version, n)) FROM "My Shop".recs_items x
	UNION ALL SELECT string_agg(concat_ws(' ', version, is_current, generation, metrics, details, users, items), ',' ORDER BY version)
		FROM "My Shop".recs
	UNION ALL SELECT md5(string_agg(float4send(lepton_predict('"My Shop".recs', u, 'item ' || i))::text, ',' ORDER BY u, i))
		FROM generate_series(1, 310) u, generate_series(1, 110) i
	UNION ALL SELECT md5(string_agg(l::text, ',' ORDER BY u, rank))
		FROM generate_series(1, 310) u, LATERAL lepton_topn_text('"My Shop".recs', u, 10) l
	UNION ALL SELECT string_agg(concat_ws(' ', md5(model), lepton_predict(model, '7', 'item 3'), model = lepton_export('"My Shop".recs', version)), ',' ORDER BY version)
		FROM models
	UNION ALL SELECT md5(string_agg(float4send(lepton_predict(model, u, 'item ' || i))::text, ',' ORDER BY u, i))
		FROM models, generate_series(1, 310) u, generate_series(1, 110) i WHERE version = 2
};
my $before = $node->safe_psql('postgres', $content);
my $dump = $node->basedir . '/dump.sql';
my $tables = q{SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class
	WHERE relnamespace = '"My Shop"'::regnamespace AND relkind = 'r'};

sub restore
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $dump ],
		"restore into $database");
}

$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'dump');

restore('as_it_was');
is($node->safe_psql('as_it_was', $content), $before, 'the same bytes, predictions and lists');
is($node->safe_psql('as_it_was', q{SELECT count(*) FROM lepton_check('"My Shop".recs')}), '4', 'every row is whole');
is($node->safe_psql('as_it_was', q{SELECT model || ' ' || version || ' ' || n_versions FROM lepton_models}),
	'"My Shop".recs 2 2', 'lepton_models shows it');

# a second dump is of what the first one was
my $second = $node->basedir . '/second.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('as_it_was'), '-f', $second ], 'dump of the restored');
my @dumps = map { my $text = slurp_file($_); $text =~ s/^\\(un)?restrict .*$//mg; $text } ($dump, $second);
ok($dumps[0] eq $dumps[1], 'the dump of a restored database is the dump it came from');

# pg_dump loses what binds the tables: lepton_drop needs no such bond, and takes nothing else
$node->safe_psql('as_it_was', q{SELECT lepton_drop('"My Shop".recs')});
is($node->safe_psql('as_it_was', $tables), 'plain', 'lepton_drop takes all three tables and no other');

# training binds them again
restore('trained_again');
is($node->safe_psql('trained_again',
		q{SELECT version FROM lepton_train('"My Shop".recs', 'ratings', '{"algorithm": "baseline"}')}),
	'3', 'the next version');
is($node->safe_psql('trained_again', $tables), 'plain,recs,recs_items,recs_users', 'in the tables that were there');
is($node->safe_psql('trained_again', q{SELECT string_agg(version::text, ',' ORDER BY version) FROM "My Shop".recs}),
	'2,3', 'the oldest has left');
$node->safe_psql('trained_again', 'DROP TABLE "My Shop".recs');
is($node->safe_psql('trained_again', $tables), 'plain', 'DROP TABLE then takes the factor tables along');

# without that, DROP TABLE takes the model alone: the name can be trained anew
restore('dropped');
$node->safe_psql('dropped', 'DROP TABLE "My Shop".recs');
is($node->safe_psql('dropped', q{SELECT version FROM lepton_train('"My Shop".recs', 'ratings', '{"algorithm": "baseline"}')}),
	'1', 'tables that a restored model left behind do not stand in the way');
is($node->safe_psql('dropped', q{SELECT count(*) FROM lepton_topn_text('"My Shop".recs', 2, 5)}), '5', 'and the new model serves');

$node->stop;
done_testing();
