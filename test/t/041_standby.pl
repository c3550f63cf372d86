# A hot standby with feedback serves while its primary trains again and again: no
# query of it is cancelled, and its answers are the primary's, to the bit.  What
# writes is refused there with one error.  Promoted, it goes on by itself.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Models;

my $retrains = size(6, 100);
my $pairs = size(10, 100);

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "autovacuum = off\n");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION lepton');
create_gallery($primary, 'postgres', 'public');
create_fingerprint($primary, 'postgres');

create_verify($primary, 'postgres');
$primary->safe_psql('postgres', q{
	SET client_min_messages = warning;
	ALTER TABLE ratings SET (vacuum_truncate = off);
	SELECT lepton_train('gone', 'recs_ratings', '{"algorithm": "als", "factors": 8, "epochs": 2}');
	SELECT lepton_train('gone_too', 'recs_ratings', '{"algorithm": "als", "factors": 8, "epochs": 2}');
});

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# a conflict cancels after a second, not after half a minute
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1\nmax_standby_streaming_delay = 1s\n");
$standby->start;

sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}
catch_up();
$primary->poll_query_until('postgres', 'SELECT backend_xmin IS NOT NULL FROM pg_stat_replication') or die 'the standby sends no feedback';

# ---- retrains under queries

my $bench = start_verifying($standby, 'postgres');

# a transaction that stays with what it saw first, through all retrains
my $long = $standby->background_psql('postgres');
my $saw = $long->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM says(1)');
for my $i (1 .. $retrains)
{
	change_models($primary, 'postgres', $i);
	$primary->safe_psql('postgres', join ' ', map { "VACUUM $_;" } map({ ($_, "${_}_users", "${_}_items") } 'recs', 'lively', 'lively_walk'), 'ratings', 'noted');
}
catch_up();
is($primary->safe_psql('postgres', 'SELECT max(version) FROM recs'), $retrains + 1, 'the primary has trained');
is($long->query_safe('SELECT * FROM says(1)'), $saw, 'a transaction of the standby sees what it saw, whatever was trained and vacuumed');
$long->query_safe('COMMIT');
cmp_ok($primary->safe_psql('postgres', 'SELECT count(*) FROM recs WHERE version = 1'), '==', 0, 'which the primary no longer has');
$long->quit;
my $now = $standby->background_psql('postgres');
$now->set_query_timer_restart;
$now->query_safe('SELECT verify()');
my ($verified, $errors) = stop_verifying($bench);
is($errors, '', 'no query of the standby fails, and none has a wrong answer');
is($standby->safe_psql('postgres', 'SELECT confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock FROM pg_stat_database_conflicts WHERE datname = current_database()'),
	'0', 'none was cancelled');
cmp_ok($verified, '>', 0, 'and there were some');
figure("verifying transactions on the standby during $retrains retrains", $verified);
figure('cancelled queries', 0 + $standby->safe_psql('postgres', 'SELECT sum(confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock) FROM pg_stat_database_conflicts'));

# ---- what VACUUM could cut off from tables that somebody of the standby has open

# her transaction holds no snapshot, which would keep the rows
my $open = $standby->background_psql('postgres');
my $few = q{SELECT lepton_train('gone', 'SELECT * FROM recs_ratings LIMIT 500', '{"algorithm": "als", "factors": 8, "epochs": 2, "keep": 1}');};
my $asked = q{SELECT count(*) FROM lepton_topn('gone', 1, 1, false)};
$primary->safe_psql('postgres', "SET client_min_messages = warning; $few");
catch_up();
$open->query_safe("BEGIN; $asked");
# the first goes to the end of the table, the second into the room that VACUUM has found before it
$primary->safe_psql('postgres', $_) foreach 'VACUUM gone_users, gone_items', $few, 'VACUUM gone_users, gone_items';
catch_up();
is($open->query_safe("$asked; COMMIT"), 1, 'VACUUM does not shorten the tables: that would cancel whoever has read them');
$open->quit;

# ---- the same answers, to the bit

my $before = fingerprint($primary, 'postgres', $pairs);
same_fingerprint(fingerprint($standby, 'postgres', $pairs), $before, 'rows, predictions and lists of all kinds of models are the primary\'s');
my $each = sprintf(q{SELECT u || ' ' || i || ' ' || float4send(lepton_predict('recs', u, i))::text FROM generate_series(1, %1$s) u, generate_series(1, 100) i
	UNION ALL SELECT u || ' ' || n || ' ' || md5(string_agg(l.item_id || ' ' || float4send(score)::text || origin, ',' ORDER BY rank)) FROM generate_series(1, %1$s) u, generate_series(1, 100) n, lepton_topn('recs', u, n) l GROUP BY u, n
	ORDER BY 1}, size(20, 100));
my @here = split /\n/, $primary->safe_psql('postgres', $each);
my @there = split /\n/, $standby->safe_psql('postgres', $each);
my $different = grep { $here[$_] ne ($there[$_] // '') } 0 .. $#here;
is($different, 0, 'so is each of ' . @here . ' predictions and lists');
figure('predictions and lists of which standby and primary were compared', scalar @here);
figure('that differ', $different);

# sessions share what they read
# a former generation of the version may be there, too
my $held = q{SELECT bool_or(place = 'shared' AND sessions >= 2) FROM lepton_cache() WHERE model = 'recs'::regclass AND version = (SELECT version FROM lepton_models WHERE model = 'recs'::regclass)};
my $reader = $standby->background_psql('postgres');
$reader->set_query_timer_restart;
$_->query_safe("SELECT count(*) FROM lepton_topn('recs', 2, 5)") foreach $now, $reader;
is($now->query_safe($held), 't', 'sessions of a standby share items');

# ---- what writes

my %writing = (
	lepton_train => q{SELECT lepton_train('recs', 'recs_ratings')},
	'lepton_train, options as text' => q{SELECT lepton_train('recs', 'recs_ratings', '{}'::text)},
	lepton_retrain => q{CALL lepton_retrain('recs')},
	'lepton_retrain, of a function' => q{DO $$ BEGIN CALL lepton_retrain('recs'); END $$},
	lepton_rollback => q{SELECT lepton_rollback('recs')},
	lepton_publish => q{SELECT lepton_publish('recs', 1)},
	lepton_pin => q{SELECT lepton_pin('recs', 1)},
	lepton_forget => q{SELECT * FROM lepton_forget('recs', 1)},
	lepton_drop => q{SELECT lepton_drop('recs')},
	lepton_set_owner => q{SELECT lepton_set_owner('recs', 'postgres')},
	lepton_import => q{SELECT lepton_import('other', lepton_export('recs'))},
);
foreach my $what (sort keys %writing)
{
	my ($function) = $what =~ /^(\w+)/;
	my ($ret, $out, $err) = $standby->psql('postgres', $writing{$what}, extra_params => [ '-v', 'VERBOSITY=verbose' ]);

	like($err, qr/ERROR:  25006: cannot execute $function\(\) in a read-only transaction/, "refused on a standby: $what");
}

# ---- a model is dropped while the standby reads it

# replay waits for whoever reads
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\n");
$standby->reload;
my $list = q{SELECT md5(string_agg(u || l::text, ',' ORDER BY u, rank)) FROM generate_series(1, 50) u, lepton_topn('gone', u, 10) l};
my $answer = $reader->query_safe("BEGIN; $list");
$primary->safe_psql('postgres', q{SELECT lepton_drop('gone')});
$standby->poll_query_until('postgres', 'SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)') or die 'the drop does not wait';
is($reader->query_safe($list), $answer, 'whoever reads a model that is dropped reads on to the end of her transaction');
$reader->query_safe('COMMIT');
catch_up();
my ($ret, $out, $err) = $standby->psql('postgres', $list, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/ERROR:  42P01: model "gone" does not exist/, 'then there is no such model');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname ~ '^gone_(users|items)'}), '0', 'nor its tables');

# or cancels her
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 0\n");
$standby->reload;
my ($script, $bench_out, $bench_err) = map { $standby->basedir . "/gone.$_" } 'sql', 'out', 'err';
append_to_file($script, "BEGIN;\nSELECT count(*) FROM lepton_topn_all('gone_too', 10);\nSELECT count(*) FROM lepton_topn('gone_too', 1, 10);\nCOMMIT;\n");
my $cancelled = IPC::Run::start([ 'pgbench', '-n', '-c', 2, '-T', 36000, '--verbose-errors', '-f', $script, $standby->connstr('postgres') ], '>', $bench_out, '2>', $bench_err);
$standby->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ 'gone_too' AND pid <> pg_backend_pid())}) or die 'nobody reads';
$primary->safe_psql('postgres', q{DROP TABLE gone_too});
catch_up();
$cancelled->finish;
my @failures = grep { /ERROR|FATAL/ } split /\n/, slurp_file($bench_err);
cmp_ok(scalar @failures, '>=', 2, 'whoever reads a model that is dropped has an error');
is(scalar(grep { !/conflict with recovery|model "gone_too" does not exist|table of model "gone_too" does not exist|was dropped meanwhile/ } @failures), 0, 'and it says why')
  or diag(join "\n", @failures);
is($standby->safe_psql('postgres', q{SELECT count(*) FROM lepton_cache() WHERE place = 'reading'}), '0', 'nothing is left half read');
is($now->query_safe(q{SELECT verify() = max(id) FROM noted}), 't', 'a session that did not read it has noticed nothing');

# ---- promotion

$before = fingerprint($primary, 'postgres', $pairs);
my $said = $now->query_safe('SELECT s.* FROM (SELECT version FROM noted ORDER BY id DESC LIMIT 1) n, says(n.version) s');
catch_up();
$primary->stop;
$standby->promote;
same_fingerprint(fingerprint($standby, 'postgres', $pairs), $before, 'promoted, it answers as before');
is($now->query_safe('SELECT s.* FROM (SELECT version FROM noted ORDER BY id DESC LIMIT 1) n, says(n.version) s'), $said, 'so it does in a session from before');
$now->query_safe(q{SET client_min_messages = warning; CALL lepton_retrain('recs', '{"guard": false, "seed": 1000}'); CALL lepton_retrain('lively', '{"guard": false}')});
is($now->query_safe(q{SELECT max(version) FILTER (WHERE is_current) = max(version) FROM recs}), 't', 'and trains');
is($now->query_safe(q{SELECT n_rows > 0 FROM lepton_check('recs') LIMIT 1}), 't', 'what it trains is whole');
is($now->query_safe(q{BEGIN; INSERT INTO ratings (user_id, item_id, rating) SELECT 3, item_id, 5 FROM lepton_topn('lively', 3, 1); SELECT count(*) FROM lepton_topn('lively', 3, 100) l JOIN ratings r USING (item_id) WHERE r.user_id = 3; COMMIT}),
	'0', 'a live model sees what is inserted');
isnt($standby->safe_psql('postgres', 'SELECT max(id) FROM ratings'), '', 'identities go on');
$now->query_safe('DROP TABLE recs');
is($now->query_safe(q{SELECT to_regclass('recs_users') IS NULL AND to_regclass('recs_items') IS NULL}), 't', 'its tables still belong to a model');
$_->quit foreach $now, $reader;
$standby->stop;
done_testing();
