# Evaluations, cross-validations and tunings that are cut off, all in one session:
# each ends at once wherever it is, with its threads gone and its memory given
# back; the model serves as before, and the same question gets the same answer.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Ratings;
use Session;
use Test::More;
use Time::HiRes qw(time);

my $node = start_server("lepton.log_progress = off\nlepton.threads = 2");
create_ratings($node, 600_000, 20011, 1009);
$node->safe_psql('postgres', q{
	CREATE TABLE others AS SELECT * FROM ratings WHERE (user_id + item_id) % 3 = 0;
	SELECT lepton_train('recs', 'SELECT * FROM ratings WHERE (user_id + item_id) % 3 <> 0',
		'{"algorithm": "als", "factors": 16, "epochs": 2}');
});

my $session = Session->new($node);

my $state = in_one_text(rows_of_recs(), answers_of_recs(),
	q{SELECT string_agg(metrics::text, ',' ORDER BY version) FROM recs}, q{SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_class});
my $before = $session->ask($state);
my $n_threads = $session->threads;

my $rows = q{SELECT md5(string_agg(r::text, ',')) FROM };
my $quick = q{"algorithm": "als", "epochs": 3, "patience": 3};
my $long = q{"algorithm": "als", "factors": 128, "epochs": 10000, "patience": 10000};
my @questions = (
	[ 'evaluation', "$rows lepton_evaluate('recs', 'others') r" ],
	[ 'cross-validation', "$rows lepton_cross_validate('ratings', '{\"factors\": 16, $quick}', 2) r",
		"SELECT lepton_cross_validate('ratings', '{$long}')" ],
	[ 'tuning', "$rows lepton_tune('ratings', '{\"factors\": [4, 8, 12, 16]}', '{$quick}', metric => 'ndcg') r",
		"SELECT lepton_tune('ratings', '{\"regularization\": [0.1, 0.2]}', '{$long}')" ],
);

foreach my $question (@questions)
{
	my ($name, $query, $long_query) = @$question;
	my $whole = $session->ask($query);
	# once more, with what it reads in the cache
	my $begin = time;
	is($session->ask($query), $whole, "$name: the same answer twice");
	my $seconds = time - $begin;
	my (@cuts, $bytes);

	like($whole, qr/^[0-9a-f]{32}$/, "$name: left alone it ends");
	foreach my $part (1 .. 12)
	{
		push @cuts, $session->cut($query, $seconds * $part / 13);
		$bytes //= $session->memory;
	}
	diag(sprintf('%s: %.2f s whole; ', $name, $seconds) . Session::percentiles(@cuts));
	@cuts = grep { $_->{was_cut} } @cuts;
	cmp_ok(scalar(@cuts), '>=', 6, "$name: timeouts cut it off all along");
	if (defined $long_query)
	{
		my $cut = $session->cut($long_query, 3);

		# the NOTICE comes when the source is read and planned for, and before anything is learned
		like($session->err, qr/NOTICE:  $name will take about \d+ seconds of one core\n/, "$name: it is said how long it would take");
		is($cut->{was_cut}, 1, "$name: cut off while it learns");
		push @cuts, $cut;
	}
	# of CPU time: a busy machine makes it no longer
	is(scalar(grep { $_->{cpu} > 500 } @cuts), 0, "$name: and at once");
	is($session->threads, $n_threads, "$name: no thread is left");
	cmp_ok($session->memory, '<=', $bytes + 65536, "$name: no memory is left");	# the work takes megabytes
	is($session->ask($query), $whole, "$name: the same answer afterwards");
}
is($session->ask($state), $before, 'nothing was written, and the same backend still serves the model');

# in a handler: the transaction goes on
is($session->ask(q{
	DO $$ BEGIN
		PERFORM lepton_tune('SELECT *, 1 / (user_id - item_id) FROM ratings', '{"factors": [4]}', '{"algorithm": "als"}');
	EXCEPTION WHEN division_by_zero THEN
		PERFORM lepton_evaluate('recs', 'others');
	END $$;
	SELECT 'went on'}), 'went on', 'after a failed tuning the same transaction can evaluate');

# cancelled from elsewhere
$session->send($questions[2][2]);
$node->poll_query_until('postgres', qq{
	SELECT state = 'active' AND query LIKE 'SELECT lepton_tune%' AND clock_timestamp() - query_start > '2 s'
	FROM pg_stat_activity WHERE pid = } . $session->pid) or die 'the tuning did not run';
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
$session->answer;
like($session->err, qr/canceling statement due to user request/, 'a cancelled tuning says so');
is($session->ask($state), $before, 'and writes nothing');

$session->quit;
$node->stop;
done_testing();
