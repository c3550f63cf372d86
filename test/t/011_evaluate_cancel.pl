# Evaluations, cross-validations and tunings that are cut off, all in one session:
# each ends at once wherever it is, with its threads gone and its memory given
# back; the model serves as before, and the same question gets the same answer.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "lepton.log_progress = off\nlepton.threads = 2\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS
	SELECT n % 20011 AS user_id, n * 7 % 1009 AS item_id, 1 + (n % 20011 * 3 + n * 7 % 1009 * 5) % 5 AS rating
	FROM generate_series(1, 600000) n;
	CREATE TABLE others AS SELECT * FROM ratings WHERE (user_id + item_id) % 3 = 0;
	SELECT lepton_train('recs', 'SELECT * FROM ratings WHERE (user_id + item_id) % 3 <> 0',
		'{"algorithm": "als", "factors": 16, "epochs": 2}');
});

# psql by hand: its answers are told apart by echoed marks
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

# Ask with a timeout of so many ms: how many ms too late it ended, undef if it did not take that long.
sub cut
{
	my ($query, $timeout) = @_;
	my $begin;

	$err = '';
	ask("SET statement_timeout = $timeout");
	$begin = time;
	ask($query);
	my $late = 1000 * (time - $begin) - $timeout;
	ask('RESET statement_timeout');
	return $err =~ /canceling statement due to statement timeout/ ? $late : undef;
}

my $pid = ask('SELECT pg_backend_pid()');

sub threads { return scalar(my @tasks = glob("/proc/$pid/task/*")); }

sub memory { return ask('SELECT sum(total_bytes) FROM pg_backend_memory_contexts'); }

# the versions, by model row and by factor rows; all relations; and what the model answers
my $state = q{
	SELECT string_agg(version || ' ' || is_current || ' ' || metrics, ',' ORDER BY version) FROM recs
	UNION ALL SELECT string_agg(DISTINCT version::text, ',') FROM recs_users
	UNION ALL SELECT string_agg(DISTINCT version::text, ',') FROM recs_items
	UNION ALL SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_class
	UNION ALL SELECT md5(string_agg(float4send(lepton_predict('recs', u, i))::text, ',' ORDER BY u, i))
		FROM generate_series(1, 50) u, generate_series(1, 50) i
};
my $before = ask($state);
my $n_threads = threads();

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
	my $whole = ask($query);
	# once more, with what it reads in the cache
	my $begin = time;
	is(ask($query), $whole, "$name: the same answer twice");
	my $seconds = time - $begin;
	my ($n_cut, $latest, $bytes) = (0, 0);

	like($whole, qr/^[0-9a-f]{32}$/, "$name: left alone it ends");
	foreach my $part (1 .. 12)
	{
		my $late = cut($query, int(1000 * $seconds * $part / 13) || 1);

		$bytes //= memory();
		next if !defined $late;
		$n_cut++;
		$latest = $late if $late > $latest;
	}
	diag(sprintf('%s: %.2f s whole; cut off %d times, at most %.0f ms late', $name, $seconds, $n_cut, $latest));
	cmp_ok($n_cut, '>=', 6, "$name: timeouts cut it off all along");
	cmp_ok($latest, '<', 500, "$name: and at once");
	if (defined $long_query)
	{
		my $late = cut($long_query, 3000);

		# the NOTICE comes when the source is read and planned for, and before anything is learned
		like($err, qr/NOTICE:  $name will take about \d+ seconds of one core\n/, "$name: it is said how long it would take");
		ok(defined $late, "$name: cut off while it learns");
		cmp_ok($late // 0, '<', 500, "$name: at once there too");
	}
	is(threads(), $n_threads, "$name: no thread is left");
	cmp_ok(memory(), '<=', $bytes + 65536, "$name: no memory is left");	# the work takes megabytes
	is(ask($query), $whole, "$name: the same answer afterwards");
}
is(ask($state), $before, 'nothing was written, and the same backend still serves the model');

# in a handler: the transaction goes on
is(ask(q{
	DO $$ BEGIN
		PERFORM lepton_tune('SELECT *, 1 / (user_id - item_id) FROM ratings', '{"factors": [4]}', '{"algorithm": "als"}');
	EXCEPTION WHEN division_by_zero THEN
		PERFORM lepton_evaluate('recs', 'others');
	END $$;
	SELECT 'went on'}), 'went on', 'after a failed tuning the same transaction can evaluate');

# cancelled from elsewhere
$err = '';
$in .= "$questions[2][2];\n";
$session->pump_nb;
$node->poll_query_until('postgres', qq{
	SELECT state = 'active' AND query LIKE 'SELECT lepton_tune%' AND clock_timestamp() - query_start > '2 s'
	FROM pg_stat_activity WHERE pid = $pid}) or die 'the tuning did not run';
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
is(ask($state), $before, 'a cancelled tuning writes nothing');
like($err, qr/canceling statement due to user request/, 'and says that it was cancelled');

$in .= "\\q\n";
$session->finish;
$node->stop;
done_testing();
