# A cancelled training leaves the old version and a working backend; a crash
# leaves the old version whole; a dump carries models with the same bits.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS
	SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5 + (u % 7) * (i % 11)) % 5 AS rating
	FROM generate_series(1, 2000) u, generate_series(1, 400) i WHERE (u * u + i * 13 + u * i) % 7 < 2;
	SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 8, "epochs": 3}');
});

my $bits = q{
	SELECT md5(string_agg(version || ':' || id || ':' || n || float4send(bias)::text || factors::text || seen::text, ',' ORDER BY version, n)) FROM recs_users
	UNION ALL
	SELECT md5(string_agg(version || ':' || id || ':' || n || float4send(bias)::text || factors::text, ',' ORDER BY version, n)) FROM recs_items
	UNION ALL
	SELECT md5(string_agg(float4send(lepton_predict('recs', u, i))::text, ',' ORDER BY u, i)) FROM generate_series(1, 100) u, generate_series(1, 100) i
};
my $before = $node->safe_psql('postgres', $bits);

my $long = q{SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 256, "epochs": 10000, "patience": 10000}')};

# is it computing, with the source read?
sub wait_until_computing
{
	$node->poll_query_until('postgres', q{
		SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT lepton_train%' AND state = 'active'
			AND clock_timestamp() - query_start > '1.5 s')}) or die 'the training did not run';
}

# cancel and terminate, from another session
foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start(
		[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $long ], '<', '/dev/null', '>', \$out, '2>', \$err);
	wait_until_computing();
	my $begin = time;
	$node->safe_psql('postgres',
		qq{SELECT $function(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT lepton_train%' AND state = 'active'});
	$run->finish;
	diag(sprintf('%s: back after %.0f ms, psql included', $function, 1000 * (time - $begin)));
	like($err, qr/canceling statement due to user request|terminating connection/, "$function ends a training");
	is($node->safe_psql('postgres', $bits), $before, "$function leaves the version that was there");
}

# a timeout, and memory, over and over in one session
my $memory = $node->safe_psql('postgres', qq{
	SET statement_timeout = 0;
	SELECT lepton_predict('recs', 1, 1) IS NULL;
	CREATE TEMP TABLE memory (bytes bigint);
	DO \$\$ BEGIN
		FOR i IN 1..6 LOOP
			BEGIN
				PERFORM set_config('lepton.max_training_memory', '1GB', true);
				PERFORM lepton_train('recs', 'SELECT user_id, item_id, CASE WHEN user_id = 2000 THEN ''NaN''::real ELSE rating END AS rating FROM ratings');
			EXCEPTION WHEN numeric_value_out_of_range THEN NULL;
			END;
			INSERT INTO memory SELECT sum(total_bytes) FROM pg_backend_memory_contexts;
		END LOOP;
	END \$\$;
	SELECT (SELECT bytes FROM memory OFFSET 5 LIMIT 1) - (SELECT bytes FROM memory OFFSET 2 LIMIT 1);
});
$memory = (split /\n/, $memory)[-1];
cmp_ok($memory, '<', 100_000, 'failed trainings give their memory back');

my ($ret, $stdout, $stderr) = $node->psql('postgres', "SET statement_timeout = '1500ms'; $long");
like($stderr, qr/canceling statement due to statement timeout/, 'statement_timeout ends a training');
is($node->safe_psql('postgres', $bits), $before, 'and leaves the version that was there');

# a crash in the middle of a training
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start(
		[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $long ], '<', '/dev/null', '>', \$out, '2>', \$err);
	wait_until_computing();
	$node->stop('immediate');
	$run->finish;
	$node->start;
	is($node->safe_psql('postgres', $bits), $before, 'a crash leaves the version that was there');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM lepton_check('recs')}), '2', 'and leaves it whole');
}

# dump and restore
my $dump = $node->backup_dir . '/../dump.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restore');
is($node->safe_psql('restored', $bits), $before, 'a restored model has the same bits and answers');
is($node->safe_psql('restored', q{SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "baseline"}')}), '2', 'and is trained on');
$node->safe_psql('restored', 'DROP TABLE recs');
is($node->safe_psql('restored', q{SELECT to_regclass('recs_users')}), '', 'and is dropped with its tables');

$node->stop;
done_testing();
