# Eight readers, half of them under REPEATABLE READ, while a model is trained again
# and again, dumped in a loop, and in between dropped, renamed, given away, revoked,
# rolled back: no answer mixes versions, and no error is one that PostgreSQL would not
# raise for a table.
#
# The ratings of the nth training are 100 n + 1 to 100 n + 5, and predictions are
# clipped to that: each score tells of which training it is.  LEPTON_LONG: 200
# retrainings.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(sleep time);

my $n_retrains = $ENV{LEPTON_LONG} ? 200 : 8;
my $n_readers = 8;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "lepton.threads = 2\njit = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE ROLE reader;
	CREATE ROLE heir;
	GRANT CREATE, USAGE ON SCHEMA public TO heir;
	CREATE TABLE ratings AS
	SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5 + u * i) % 5 AS rating
	FROM generate_series(1, 150) u, generate_series(1, 60) i WHERE (u * u + i * 13 + u * i) % 7 < 3;
	CREATE TABLE tick AS SELECT 1 AS n;
	GRANT SELECT ON ratings, tick TO heir;
});

my @algorithms = (
	'"algorithm": "als", "factors": 8, "epochs": 2',
	'"algorithm": "sgd", "factors": 8, "epochs": 2',
	'"algorithm": "als", "factors": 4, "epochs": 1, "storage": "int8"',
	'"algorithm": "bayes", "factors": 4, "epochs": 2',
);
my $source = 'SELECT user_id, item_id, rating + 100 * n AS rating FROM ratings, tick';
my $first = qq{BEGIN; SELECT version FROM lepton_train('recs', '$source', '{$algorithms[0]}'); GRANT SELECT ON recs TO reader; COMMIT};
$node->safe_psql('postgres', $first);

# What a statement sees: the number of the training, how many there are, how many rows told it, and
# what all of them said.  Users from 101 on may be forgotten meanwhile.
my $probe = q{SELECT 'saw ' || min(n) || ' ' || count(DISTINCT n) || ' ' || count(*) || ' ' || md5(string_agg(said, ',' ORDER BY said)) FROM (
	SELECT floor((details -> 'serving' ->> 'mean')::float8 / 100) AS n, NULL AS said FROM recs WHERE is_current
	UNION ALL SELECT floor(p / 100), concat_ws(' ', 'predict', u, i, p) FROM generate_series(1, 5) u, generate_series(1, 5) i, lepton_predict('recs', u, i) p
	UNION ALL SELECT floor(score / 100), concat_ws(' ', 'topn', u, l) FROM generate_series(11, 14) u, LATERAL lepton_topn('recs', u, 5) l
	UNION ALL SELECT floor(score / 100), NULL FROM lepton_topn_users('recs', 7, 5)
	UNION ALL SELECT floor(score / 100), concat_ws(' ', 'all', l) FROM lepton_topn_all('recs', 1) l WHERE user_id <= 100) t};
# who names the table locks it; to others the model may go at any moment
my $by_name = $probe =~ s/SELECT floor\(\(details.* FROM recs WHERE is_current/SELECT floor(lepton_predict('recs', 6, 1) \/ 100) AS n, NULL AS said/r;
my ($n_told) = $node->safe_psql('postgres', $probe) =~ /^saw 1 1 (\d+) /;
cmp_ok($n_told, '>', 1 + 25 + 20 + 5 + 50, "each answer tells it $n_told times");

# Errors that are right, and in the course of what.  All others are wrong; a
# serialization failure (40001) of a reader and a deadlock (40P01) always are.
my %right = (
	'42P01' => [ 'drop', 'rename' ],		# the model does not exist
	'42501' => [ 'revoke', 'own' ],			# permission denied; its tables have another owner than the model
	'55000' => ['drop'],					# it was made anew by a transaction that this one's snapshot does not see
);

# When these things were going on: since the step of that number, until that one.
my %course;
my ($step, $in_step, $trained) = (0, 0, 1);
my (@problems, %met, %said);
my ($n_answers, $n_fresh, $n_dumps, $n_restored) = (0, 0, 0, 0);

sub is_right
{
	my ($code, $since) = @_;
	return scalar(grep { my $what = $_; grep { $_->[1] >= $since } @{ $course{$what} // [] } } @{ $right{$code} // [] });
}

sub check_errors
{
	my ($who, $err, $since) = @_;

	while ($err =~ /(?:ERROR|FATAL|PANIC): +([0-9A-Z]{5}): (.*)/g)
	{
		next if $1 eq '25P02';		# the transaction has failed before
		$met{$1}++;
		push @problems, "$who: $1: $2" if !is_right($1, $since);
	}
	return;
}

# What the statements of an answer have seen: the numbers of the trainings.
sub check_answers
{
	my ($who, $answer) = @_;
	my @seen;

	while ($answer =~ /^saw (\S+) (\d+) (\d+) (\S+)$/mg)
	{
		$n_answers++;
		push @seen, $1;
		push @problems, "$who: an answer mixes $2 versions" if $2 != 1;
		push @problems, "$who: an answer has $3 rows, not $n_told" if $3 != $n_told;
		# whoever asks, and whenever
		$said{$1} //= $4;
		push @problems, "$who: training $1 says something else than it did" if $4 ne $said{$1};
	}
	return @seen;
}

# ------------------------------------------------------------------------ readers

my @readers = map { { session => Session->new($node), number => $_ } } 1 .. $n_readers;
$_->{session}->ask("\\set VERBOSITY verbose\nSET ROLE reader") foreach @readers;

sub begin_reading
{
	my $reader = shift;

	$reader->{since} = $in_step ? $step : $step + 1;
	# what it must see, if nothing is going on
	$reader->{trained} = $in_step || scalar(grep { $_->[-1][1] > $step } values %course) ? undef : $trained;
	my $query = $reader->{number} % 4 < 2 ? $by_name : $probe;
	if ($reader->{number} % 2)
	{
		$reader->{session}->send("BEGIN ISOLATION LEVEL READ COMMITTED; $query; $query; COMMIT");
	}
	else
	{
		$reader->{session}->send("BEGIN ISOLATION LEVEL REPEATABLE READ; $query; SELECT pg_sleep(random() * 0.03); $query; $query; COMMIT");
	}
	return;
}

sub end_reading
{
	my $reader = shift;
	my $who = $reader->{number} % 2 ? 'READ COMMITTED' : 'REPEATABLE READ';
	my $answer = $reader->{session}->answer;
	my %seen;

	if (!defined $answer)
	{
		push @problems, "$who: the connection is gone: " . $reader->{session}->err;
		return;
	}
	check_errors($who, $reader->{session}->err, $reader->{since});
	$seen{$_}++ foreach check_answers($who, $answer);
	push @problems, "$who: a transaction has seen the versions of trainings " . join(', ', sort keys %seen)
	  if keys %seen > 1 && $reader->{number} % 2 == 0;
	# nothing has changed all the while: it must be what was there
	if (defined $reader->{trained} && $reader->{since} == $step + 1)
	{
		$n_fresh++;
		push @problems, "$who: has seen " . join(', ', keys %seen) . ", but training $reader->{trained} is the current one"
		  if join(',', keys %seen) ne $reader->{trained};
	}
	return;
}

# -------------------------------------------------------------------------- dumps

my $dump_file = $node->basedir . '/dump.sql';
my $dump;

sub begin_dump
{
	$dump = { out => '', err => '', since => $in_step ? $step : $step + 1 };
	$dump->{run} = IPC::Run::start([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump_file ],
		'<', \undef, '>', \$dump->{out}, '2>', \$dump->{err});
	return;
}

# What it dumped is one version, wherever it is restored.
sub end_dump
{
	$dump->{run}->finish;
	$n_dumps++;
	if ($dump->{run}->result != 0)
	{
		push @problems, "pg_dump: $dump->{err}" if !is_right('42P01', $dump->{since});
		return;
	}
	return if $n_dumps % 4 != 1;
	my $out;
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS restored');
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump_file ],
		"dump $n_dumps can be restored");
	# the model was not there, perhaps
	return if $node->safe_psql('restored', q{SELECT to_regclass('recs') IS NULL}) eq 't';
	$n_restored++;
	# dumped amid a change of owner, its tables may have two
	$node->safe_psql('restored', q{SELECT lepton_set_owner('recs', current_user)});
	$out = $node->safe_psql('restored', $probe);
	push @problems, "a restored dump: $out" if check_answers('a restored dump', $out) != 1;
	return;
}

# -------------------------------------------------------------------------- steps

# Statements, one a step; what is in the course of them: + begins, - ends with the step.
my @steps;
foreach my $i (1 .. $n_retrains)
{
	# what readers still see is deleted, but for where it is gone back to
	my $keep = $i % 8 == 5 ? 2 : 1;
	my $options = $algorithms[ $i % @algorithms ] . qq{, "keep": $keep};

	push @steps, [ 'UPDATE tick SET n = n + 1' ];
	push @steps, [ "CALL lepton_retrain('recs', '{\"guard\": false, $options}')", trained => 1 ];
	push @steps, (
		[ [ 'ALTER TABLE recs RENAME TO recs_away', '+' => 'rename' ], [ 'ALTER TABLE recs_away RENAME TO recs', '-' => 'rename' ] ],
		[ [ 'REVOKE SELECT ON recs FROM reader', '+' => 'revoke' ], [ 'GRANT SELECT ON recs TO reader', '-' => 'revoke' ] ],
		[ [ q{SELECT lepton_set_owner('recs', 'heir')} ], [ q{SELECT lepton_set_owner('recs', current_user)} ] ],
		[ [ q{SELECT lepton_drop('recs')}, '+' => 'drop' ], [ 'UPDATE tick SET n = n + 1' ], [ $first, '-' => 'drop', trained => 1 ] ],
		[ [ 'ALTER TABLE recs OWNER TO heir', '+' => 'own' ], [ q{SELECT lepton_set_owner('recs', current_user)}, '-' => 'own' ] ],
		[ [ q{SELECT version FROM lepton_rollback('recs')}, back => 1 ], [ q{SELECT version FROM lepton_publish('recs', (SELECT max(version) FROM recs))}, back => -1 ] ],
		[ [ 'DROP TABLE recs', '+' => 'drop' ], [ 'UPDATE tick SET n = n + 1' ], [ $first, '-' => 'drop', trained => 1 ] ],
		[ [ "SELECT count(*) FROM lepton_forget('recs', 140 + $i % 10, even_if_in_source => true)" ], [ 'VACUUM recs_users' ] ],
	)[ $i % 8 ]->@*;
}

my $trainer = Session->new($node);
$trainer->ask("\\set VERBOSITY verbose");
my $current;
my $tick = 1;
my $before_rollback = 1;

sub begin_step
{
	my ($statement, %what) = @{ shift @steps };

	$step++;
	$in_step = 1;
	$current = \%what;
	push @{ $course{ $what{'+'} } }, [ $step, 1e9 ] if $what{'+'};
	$tick++ if $statement =~ /^UPDATE tick/;
	$trainer->send($statement);
	return;
}

sub end_step
{
	push @problems, 'the trainer: ' . $trainer->err if $trainer->err =~ /ERROR|FATAL/;
	$course{ $current->{'-'} }[-1][1] = $step if $current->{'-'};
	if ($current->{trained})
	{
		$before_rollback = $trained;
		$trained = $tick;
	}
	($trained, $before_rollback) = ($before_rollback, $trained) if $current->{back};
	$in_step = 0;
	return;
}

my $begin = time;
my $pause = 0;
begin_reading($_) foreach @readers;
begin_dump();
while (@steps || $in_step)
{
	if ($in_step)
	{
		if ($trainer->done)
		{
			end_step();
			# so that readers meet it as it is, too
			$pause = time + 0.02 + 0.08 * rand;
		}
	}
	elsif (time > $pause)
	{
		begin_step();
	}
	foreach my $reader (@readers)
	{
		next if !$reader->{session}->done && $reader->{session}->is_there;
		end_reading($reader);
		last if !$reader->{session}->is_there;
		begin_reading($reader);
	}
	# it dies where the process has ended since it was last asked
	if (!eval { $dump->{run}->pump_nb; 1 })
	{
		end_dump();
		begin_dump();
	}
	last if @problems > 20;
	sleep 0.001;
}
end_reading($_) foreach @readers;
$dump->{run}->finish;
$_->{session}->quit foreach @readers;
$trainer->quit;

diag(sprintf('figure: %d readers x %d retrainings = %d answers in %.0f s, %d of them known beforehand; %d dumps, %d restored',
	$n_readers, $n_retrains, $n_answers, time - $begin, $n_fresh, $n_dumps, $n_restored));
diag('figure: errors that were right = ' . join(', ', map { "$met{$_} x $_" } sort keys %met));
is(join("\n", @problems), '', 'no answer mixes versions, and no error is wrong');
cmp_ok($n_answers, '>', $n_retrains * $n_readers, 'readers were answered all along');
cmp_ok($n_fresh, '>', $n_retrains / 4, 'many while nothing changed: they had what was current');
cmp_ok($n_restored, '>', 0, 'and dumps were restored');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM lepton_check('recs')}), 't', 'the model is whole');
unlike(slurp_file($node->logfile), qr/XX000|PANIC|TRAP|terminated by signal/, 'nothing in the log of the server');

$node->stop;
done_testing();
