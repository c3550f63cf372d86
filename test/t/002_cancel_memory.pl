# Cancelled trainings, over and over in one session: each returns, none leaves a
# row or memory behind, and the version that was there serves.  Then a backend
# is killed in the middle, and the other sessions find the model whole.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "lepton.log_progress = off\nrestart_after_crash = on\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS
	SELECT n % 20011 AS user_id, n * 7 % 1009 AS item_id, 1 + (n % 20011 * 3 + n * 7 % 1009 * 5) % 5 AS rating
	FROM generate_series(1, 1000000) n;
	SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 8, "epochs": 2}');
});

# the versions, by model row and by factor rows, and what one of them answers
my $state = q{
	SELECT string_agg(version || ' ' || is_current, ',' ORDER BY version) FROM recs
	UNION ALL SELECT string_agg(DISTINCT version::text, ',') FROM recs_users
	UNION ALL SELECT string_agg(DISTINCT version::text, ',') FROM recs_items
	UNION ALL SELECT md5(string_agg(float4send(lepton_predict('recs', u, i))::text, ',' ORDER BY u, i))
		FROM generate_series(1, 50) u, generate_series(1, 50) i
};
my $before = $node->safe_psql('postgres', $state);
my $options = q{'{"algorithm": "als", "factors": 128, "epochs": 10000, "patience": 10000}'};
my $long = "SELECT lepton_train('recs', 'ratings', $options)";

# One session for it all, started by hand: psql's answers are told apart by echoed marks.
my ($in, $out, $err) = ('', '', '');
my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err,
	IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
my $n_marks = 0;

sub ask
{
	my ($query) = @_;
	my $mark = 'mark ' . ++$n_marks;

	$out = '';
	$in .= "$query;\n\\echo $mark\n";
	$session->pump until $out =~ /^\Q$mark\E$/m;
	$out =~ s/^\Q$mark\E\n//m;
	chomp $out;
	return $out;
}

my $pid = ask('SELECT pg_backend_pid()');
my $memory = q{SELECT sum(total_bytes) FROM pg_backend_memory_contexts};

# A training is past its source once its CPU has worked on factors for a while:
# the source of this size is read in under a second.
sub start_training
{
	$in .= "$long;\n";
	$session->pump_nb;
	$node->poll_query_until('postgres', qq{
		SELECT state = 'active' AND query LIKE 'SELECT lepton_train%' AND clock_timestamp() - query_start > '3 s'
		FROM pg_stat_activity WHERE pid = $pid}) or die 'the training did not run';
}

ask(q{SELECT lepton_predict('recs', 1, 1)});
my @bytes;
my @milliseconds;
for my $round (1 .. 6)
{
	my $cancelled;

	$err = '';
	start_training();
	# by the server's clock, so that psql's own start does not count
	$cancelled = $node->safe_psql('postgres',
		"SELECT extract(epoch FROM clock_timestamp()) FROM pg_cancel_backend($pid)");
	push @milliseconds, sprintf('%.0f', 1000 * (ask('SELECT extract(epoch FROM clock_timestamp())') - $cancelled));
	like($err, qr/canceling statement due to user request/, "cancel $round ends a training");
	push @bytes, ask($memory);
}
diag("from cancel to the next answer, ms: @milliseconds");
diag("bytes in memory contexts after each: @bytes");
cmp_ok($bytes[-1], '<=', $bytes[0], 'cancelled trainings leave no memory behind');
is(ask($state), $before, 'nor rows, and the same backend still serves the version that was there');

# the server ends it by itself
$err = '';
my $bytes = ask($memory);
ask("SET statement_timeout = '3s'");
my $begin = time;
ask($long);
diag(sprintf('statement_timeout of 3000 ms: back after %.0f ms', 1000 * (time - $begin)));
like($err, qr/canceling statement due to statement timeout/, 'statement_timeout ends a training');
ask('RESET statement_timeout');
cmp_ok(ask($memory), '<=', $bytes + 65536, 'and leaves no memory behind');	# of tens of megabytes

# inside a handler: the transaction goes on
is(ask(qq{
	DO \$\$ BEGIN
		PERFORM set_config('statement_timeout', '0', true);
		PERFORM lepton_train('recs', 'SELECT *, 1 / (user_id - item_id) FROM ratings', $options);
	EXCEPTION WHEN division_by_zero THEN
		PERFORM lepton_train('other', 'SELECT * FROM ratings WHERE user_id < 100', '{"algorithm": "baseline"}');
	END \$\$;
	SELECT version FROM other}), '1', 'after a failed training the same transaction can train');
is(ask($state), $before, 'and the failed one left nothing');

# the next training gets the number that the cancelled ones did not use
is(ask(q{SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "baseline"}')}), '2', 'no version is lost');
$before = ask($state);

# killed in the middle: all sessions are ended, the model is whole after recovery
start_training();
kill 'KILL', $pid or die "could not kill $pid";
$session->finish;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'the server did not come back';
is($node->safe_psql('postgres', $state), $before, 'a killed backend leaves the versions that were there');
is($node->safe_psql('postgres', q{SELECT count(*) FROM lepton_check('recs')}), '4', 'whole');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname LIKE 'recs%' AND relkind = 'r'}), '3',
	'and no table of another');

$node->stop;
done_testing();
