# The nightly job as it is run: pg_cron calls lepton_retrain.  Jobs @reboot run when
# the server starts, so each start is a night.  The second sees new ratings; on the
# third the ratings are spoiled, and the job fails where an operator looks.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $sharedir = `pg_config --sharedir`;
chomp $sharedir;
plan skip_all => 'pg_cron is not installed (tools/setup test)' unless -e "$sharedir/extension/pg_cron.control";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.host = '@{[ $node->host ]}'
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_cron;
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS
	SELECT u AS user_id, i AS item_id, CASE WHEN (u + i) % 2 = 0 THEN 5 ELSE 1 END AS rating
	FROM generate_series(1, 60) u, generate_series(1, 40) i WHERE (u * 7 + i * 3) % 5 <> 1;
	SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 4}');
	SELECT cron.schedule('recs', '@reboot', $$CALL lepton_retrain('recs')$$);
});

# One night: how its job ended
sub night
{
	my $n = shift;
	$node->restart;
	$node->poll_query_until('postgres', qq{SELECT count(*) = $n FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')})
	  or die "night $n did not end";
	return $node->safe_psql('postgres', q{SELECT status, return_message FROM cron.job_run_details ORDER BY runid DESC LIMIT 1});
}

like(night(1), qr/^succeeded/, 'the job of the first night succeeds');
is($node->safe_psql('postgres', q{SELECT version, n_users FROM recs WHERE is_current}), '2|60', 'its version is current');

$node->safe_psql('postgres', q{INSERT INTO ratings SELECT 61, i, CASE WHEN i % 2 = 1 THEN 5 ELSE 1 END FROM generate_series(1, 20) i});
like(night(2), qr/^succeeded/, 'the job of the second night succeeds');
is($node->safe_psql('postgres', q{SELECT version, n_users FROM recs WHERE is_current}), '3|61', 'it has the new ratings');
is($node->safe_psql('postgres', q{SELECT lepton_predict('recs', 61, 31) > 4, lepton_predict('recs', 61, 32) < 2}), 't|t', 'and what they say');

$node->safe_psql('postgres', q{UPDATE ratings SET rating = 1 + hashint4(user_id * 1000 + item_id) & 3});
my $failed = night(3);
like($failed, qr/^failed/, 'the job that makes a worse version fails');
like($failed, qr/version 4 of model "recs" was trained, but not published/, 'and says which version that is');
is($node->safe_psql('postgres', q{SELECT string_agg(version || ' ' || is_current, ', ' ORDER BY version) FROM recs}), '2 false, 3 true, 4 false', 'the good one still serves');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock'}), '0', 'nothing is locked');

$node->stop;
done_testing();
