# The postmaster dies while lepton is at work: its backend ends soon, wherever it is,
# so that the server can be started again, and the model is whole then.
#
# LEPTON_LONG: 100 times in each phase; LEPTON_ONLY: a pattern of names; LEPTON_CUTS:
# how often each.  What is asserted of time is generous.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Ratings;
use Session;
use Test::More;
use Time::HiRes qw(sleep time);

my $is_long = $ENV{LEPTON_LONG};
my $n_deaths = $ENV{LEPTON_CUTS} // ($is_long ? 100 : 1);
my $only = $ENV{LEPTON_ONLY} // '.';
srand($ENV{LEPTON_SEED} // 1);

my $node = start_server("lepton.threads = 2\njit = off");
create_ratings($node, 300_000, 20011, 3001);
$node->safe_psql('postgres', q{SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 16, "epochs": 2}')});
my $state = in_one_text(rows_of_recs(), answers_of_recs());
my $before = $node->safe_psql('postgres', $state);

my $training = q{SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 32, "epochs": %1$s, "patience": %1$s}')};
# minutes of work where they can be had: a backend that did not look would go on for as long
my $epochs = 10_000;
my @courses = (
	# minutes of rows: a backend that did not look would read all of them
	[ 'a long source', q{SELECT version FROM lepton_train('recs', 'SELECT n % 1000 AS user_id, n % 77 AS item_id, 1 AS rating FROM (SELECT generate_series(1, 200000000) AS n) t')}, 'read' ],
	(map { [ "phase $_", sprintf($training, $_ eq 'train' ? $epochs : 4), $_ ] } 'wait', 'read', 'sort', 'train', 'test', 'refit', 'write'),
	# arguments that depend on the row: else the executor would go over one answer again and again
	[ 'lepton_evaluate', q{SELECT count(*) FROM generate_series(1, 1000000) i, LATERAL lepton_evaluate('recs', 'ratings', 9 + i % 2)} ],
	[ 'lepton_cross_validate', qq{SELECT count(*) FROM lepton_cross_validate('ratings', '{"algorithm": "als", "factors": 64, "epochs": $epochs, "patience": $epochs}')} ],
	[ 'lepton_topn_all', q{SELECT count(*) FROM generate_series(1, 1000000) i, LATERAL lepton_topn_all('recs', 99 + i % 2)} ],
	[ 'lepton_topn_for', q{SELECT count(*) FROM generate_series(1, 1000000) i, LATERAL lepton_topn_for('recs', ARRAY[i % 3000, 3]::bigint[], weights => ARRAY[5, 1], n => 20)} ],
);

my (@all, @idle, @problems);
foreach my $course (grep { $_->[0] =~ /$only/ } @courses)
{
	my ($what, $query, $phase) = @$course;
	my @cuts;

	for my $attempt (1 .. 2 * $n_deaths + 10)
	{
		last if @cuts == $n_deaths;
		my $watcher = Session->new($node);
		my $session = Session->new($node);
		my @sessions = ($session, $watcher);
		my $met = 1;

		if ($what eq 'phase wait')
		{
			push @sessions, Session->new($node);
			$sessions[-1]->ask('BEGIN; ' . sprintf($training, 1));
		}
		$session->send($query);
		$met = $watcher->sees_phase($session, $phase) if defined $phase;
		sleep(rand(defined $phase ? 0.02 : 0.5));
		if ($met && !$session->done)
		{
			my $outlived = Session::kill_server($node, 1);
			my $cut = { what => $what, wall => $outlived->{ $session->pid }, was_cut => 1 };

			push @cuts, $cut;
			# what a process takes to end, whatever it did
			push @idle, { wall => $outlived->{ $watcher->pid }, was_cut => 1 };
			$_->quit foreach @sessions;
			$node->start;
			push @problems, "$what: the model is not what it was" if $node->safe_psql('postgres', $state) ne $before;
		}
		else
		{
			$session->answer;
			$_->quit foreach @sessions;
			$before = $node->safe_psql('postgres', $state);
		}
	}
	diag("$what: " . Session::percentiles(@cuts)) if $is_long;
	push @problems, "$what: met only " . scalar(@cuts) . ' times' if @cuts < $n_deaths;
	push @all, @cuts;
}
diag('figure: from the death of the postmaster to that of the backend = ' . Session::percentiles(@all));
diag('figure: to that of one that does nothing = ' . Session::percentiles(@idle));
is(join("\n", @problems), '', 'the model is whole after each');
my ($slowest) = sort { $b->{wall} <=> $a->{wall} } @all;
cmp_ok($slowest->{wall}, '<', 20_000, "no backend outlives its postmaster for long: the slowest was $slowest->{what}");
my ($ret, $out, $err) = $node->psql('postgres', sprintf($training, 1));
is($ret, 0, 'and the next training works');

$node->stop;
done_testing();
