# Cancelled trainings, over and over in one session: each returns, none leaves a
# row or memory behind, and the version that was there serves.  Then a backend
# is killed in the middle, and the other sessions find the model whole.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Ratings;
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $node = start_server("lepton.log_progress = off\nrestart_after_crash = on");
create_ratings($node, 1_000_000, 20011, 1009);
$node->safe_psql('postgres', q{SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 8, "epochs": 2}')});

my $state = in_one_text(rows_of_recs(), answers_of_recs());
my $before = $node->safe_psql('postgres', $state);
my $options = q{'{"algorithm": "als", "factors": 128, "epochs": 10000, "patience": 10000}'};
my $long = "SELECT lepton_train('recs', 'ratings', $options)";

# one session for it all
my $session = Session->new($node);
my $watcher = Session->new($node);

sub start_training
{
	$session->send($long);
	$watcher->sees_phase($session, 'train') or die 'the training did not run';
	sleep 0.5;
}

$session->ask(q{SELECT lepton_predict('recs', 1, 1)});
my (@bytes, @cuts);
for my $round (1 .. 6)
{
	start_training();
	push @cuts, $session->interrupt('INT');
	like($session->err, qr/canceling statement due to user request/, "cancel $round ends a training");
	push @bytes, $session->memory;
}
diag('from cancel to the answer: ' . Session::percentiles(@cuts));
diag("bytes in memory contexts after each: @bytes");
cmp_ok($bytes[-1], '<=', $bytes[0], 'cancelled trainings leave no memory behind');
is($session->ask($state), $before, 'nor rows, and the same backend still serves the version that was there');

# the server ends it by itself
my $bytes = $session->memory;
my $cut = $session->cut($long, 3);
diag(sprintf('statement_timeout of 3000 ms: back after %.0f ms more', $cut->{wall}));
like($session->err, qr/canceling statement due to statement timeout/, 'statement_timeout ends a training');
cmp_ok($session->memory, '<=', $bytes + 65536, 'and leaves no memory behind');	# of tens of megabytes

# inside a handler: the transaction goes on
is($session->ask(qq{
	DO \$\$ BEGIN
		PERFORM lepton_train('recs', 'SELECT *, 1 / (user_id - item_id) FROM ratings', $options);
	EXCEPTION WHEN division_by_zero THEN
		PERFORM lepton_train('other', 'SELECT * FROM ratings WHERE user_id < 100', '{"algorithm": "baseline"}');
	END \$\$;
	SELECT version FROM other}), '1', 'after a failed training the same transaction can train');
is($session->ask($state), $before, 'and the failed one left nothing');

# the next training gets the number that the cancelled ones did not use
is($session->ask(q{SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "baseline"}')}), '2', 'no version is lost');
$before = $session->ask($state);

# killed in the middle: all sessions are ended, the model is whole after recovery
start_training();
kill 'KILL', $session->pid or die 'could not kill the session';
$_->quit foreach $session, $watcher;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'the server did not come back';
is($node->safe_psql('postgres', $state), $before, 'a killed backend leaves the versions that were there');
is($node->safe_psql('postgres', q{SELECT count(*) FROM lepton_check('recs')}), '4', 'whole');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname LIKE 'recs%' AND relkind = 'r'}), '3',
	'and no table of another');

$node->stop;
done_testing();
