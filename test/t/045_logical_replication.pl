# A subscriber to FOR ALL TABLES serves the publisher's models, with its answers,
# through trainings, rollbacks, forgetting; what stops it, and what docs/operations.md
# says mends that.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Models;

my $retrains = size(5, 100);
my $pairs = size(10, 40);

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
# workers that failed start again soon
$subscriber->append_conf('postgresql.conf', "wal_retrieve_retry_interval = 200ms\n");
$subscriber->start;

# the statements of docs/operations.md
sub copy_tables
{
	my (@tables) = @_;
	my $dump = $publisher->basedir . '/tables.sql';

	$publisher->command_ok([ 'pg_dump', '-s', '-d', $publisher->connstr('postgres'), '-f', $dump, map { ('-t', $_) } @tables ], "pg_dump -s of @tables");
	$subscriber->command_ok([ 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $subscriber->connstr('postgres'), '-f', $dump ], 'into the subscriber');
	$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION s REFRESH PUBLICATION');
	$subscriber->wait_for_subscription_sync($publisher, 's');
	return;
}

# both have the same rows and answers
sub same_models
{
	my ($what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$publisher->wait_for_catchup('s');
	return same_fingerprint(fingerprint($subscriber, 'postgres', $pairs), fingerprint($publisher, 'postgres', $pairs), $what);
}

$publisher->safe_psql('postgres', 'CREATE EXTENSION lepton; CREATE PUBLICATION p FOR ALL TABLES');
create_gallery($publisher, 'postgres', 'public');
create_fingerprint($publisher, 'postgres');
create_verify($publisher, 'postgres');
my $dump = $publisher->basedir . '/schema.sql';
$publisher->command_ok([ 'pg_dump', '-s', '--no-publications', '-d', $publisher->connstr('postgres'), '-f', $dump ], 'dump of the schema');
$subscriber->command_ok([ 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $subscriber->connstr('postgres'), '-f', $dump ], 'into the subscriber');
$subscriber->safe_psql('postgres', sprintf q{CREATE SUBSCRIPTION s CONNECTION '%s' PUBLICATION p}, $publisher->connstr('postgres') =~ s/'/''/gr);
$subscriber->wait_for_subscription_sync($publisher, 's');
same_models('what was trained before is copied');

# ---- while the publisher trains
my $verifying = start_verifying($subscriber, 'postgres');
my $session = $subscriber->background_psql('postgres');
my $old = $subscriber->background_psql('postgres');
my $saw = $old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM says(1)');
my $seen = '';
for my $i (1 .. $retrains)
{
	change_models($publisher, 'postgres', $i);
	$publisher->wait_for_catchup('s');
	my $version = $session->query_safe(q{SELECT version FROM lepton_models WHERE model = 'recs'::regclass});
	my $cached = $session->query_safe(q{SELECT count(*) FROM lepton_topn('recs', 2, 3); SELECT count(*) > 0 FROM lepton_cache() WHERE model = 'recs'::regclass AND version = (SELECT version FROM recs WHERE is_current)});
	$seen .= "$version " if $cached ne "3\nt" || $session->query_safe('SELECT verify() = max(id) FROM noted') ne 't';
}
is($seen, '', "a session of the subscriber goes over to each of $retrains versions, and its memory, too");
is($old->query_safe('SELECT * FROM says(1)'), $saw, 'a transaction sees what it saw');
$old->query_safe('COMMIT');
$_->quit foreach $session, $old;
my ($verified, $errors) = stop_verifying($verifying);
is($errors, '', 'no query fails meanwhile, and none has a wrong answer');
cmp_ok($verified, '>', 0, 'and there were some');
same_models('all models have the publisher\'s rows and answers');
figure("verifying transactions on a subscriber during $retrains retrains", $verified);

# ---- what is done to versions
$publisher->safe_psql('postgres', q{
	SELECT lepton_publish('als', 2);
	SELECT lepton_pin('als', 3, false);
	SELECT lepton_forget('sgd', 7, true);
	SELECT lepton_import('popular', lepton_export('popular'));
});
same_models('publishing, pinning, forgetting and importing arrive');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM lepton_models m, lepton_check(m.model::text) c WHERE n_rows IS NULL}), '0', 'all is whole');

# ---- the first training of a model
my $log = -s $subscriber->logfile;
$publisher->safe_psql('postgres', q{SELECT lepton_train('fresh', 'recs_ratings', '{"algorithm": "als", "factors": 3, "epochs": 2}'); INSERT INTO ratings (user_id, item_id, rating) VALUES (500, 1, 5)});
$subscriber->wait_for_log(qr/logical replication target relation "public.fresh(_users|_items|)" does not exist/, $log);
pass('the first training of a model stops the subscriber');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM ratings WHERE user_id = 500'), '0', 'other tables wait');
copy_tables('fresh', 'fresh_users', 'fresh_items');
same_models('its tables let it go on');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM ratings WHERE user_id = 500'), '1', 'and nothing is lost');
$publisher->safe_psql('postgres', q{CALL lepton_retrain('fresh', '{"guard": false}')});
same_models('later trainings need nothing');

# ---- dropped and made again
$publisher->safe_psql('postgres', q{SELECT lepton_drop('fresh')});
$publisher->wait_for_catchup('s');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM lepton_topn('fresh', 2, 3)}), '3', 'a model that was dropped stays with the subscriber');
$log = -s $subscriber->logfile;
$publisher->safe_psql('postgres', q{SELECT lepton_train('fresh', 'of_text', '{"algorithm": "als", "factors": 3, "epochs": 2}')});
$subscriber->wait_for_log(qr/ERROR: /, $log);
$subscriber->safe_psql('postgres', q{SELECT lepton_drop('fresh')});
copy_tables('fresh', 'fresh_users', 'fresh_items');
same_models('dropped on both sides it is made again');

# ---- not in binary: the row's regclass columns would be numbers of the publisher's
$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION s SET (binary = true)');
$publisher->safe_psql('postgres', q{SELECT lepton_train('fresh', 'of_text', '{"algorithm": "als", "factors": 3, "epochs": 2}')});
$publisher->wait_for_catchup('s');
my ($ret, $out, $err) = $subscriber->psql('postgres', q{SELECT count(*) FROM lepton_topn_text('fresh', 'u 1', 3)});
isnt($ret, 0, 'a binary subscription does not carry the tables of a version');
like($err, qr/binary/, 'and the error says so') or diag($err);
$subscriber->safe_psql('postgres', q{
	ALTER SUBSCRIPTION s SET (binary = false);
	UPDATE fresh SET users = 'fresh_users', items = 'fresh_items';
});
same_models('the names are written over the numbers');

$subscriber->stop;
$publisher->stop;
done_testing();
