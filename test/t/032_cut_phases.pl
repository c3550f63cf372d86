# Whatever lepton is doing can be cut off, by a cancel, a termination or a timeout,
# at any time: it ends soon, with its threads gone, its memory given back and its
# lock let go.
#
# "Soon" is 100 ms on a machine that has nothing else to do.  What is asserted is what a
# busy one cannot break: how much CPU time the backend still uses.  Wall times are
# printed.  LEPTON_LONG: 100 times each, on more rows; LEPTON_ONLY: a pattern of names;
# LEPTON_CUTS: how often each.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Ratings;
use Session;
use Test::More;
use Time::HiRes qw(sleep time);

my $is_long = $ENV{LEPTON_LONG};
my $n_rows = $is_long ? 500_000 : 100_000;
my $n_cuts = $ENV{LEPTON_CUTS} // ($is_long ? 100 : 1);
my $only = $ENV{LEPTON_ONLY} // '.';
my $seed = $ENV{LEPTON_SEED} // 1;
srand($seed);

# The server compiles a costly query before it runs it, and looks for nothing meanwhile.
my $node = start_server("lepton.threads = 2\njit = off\nlepton.log_progress = off");
create_ratings($node, $n_rows, 20011, 3001, 1);
$node->safe_psql('postgres', q{
	CREATE TABLE words AS SELECT 'user ' || user_id AS user_id, 'item ' || item_id AS item_id FROM ratings;
	CREATE TABLE later AS SELECT user_id, (item_id + 1) % 3001 AS item_id, rating, rated_at + interval '2 years' AS rated_at FROM ratings;
	SELECT version FROM lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 32, "epochs": 2}');
	SELECT version FROM lepton_train('shop', 'SELECT user_id, item_id FROM ratings', '{"algorithm": "ials", "factors": 32, "epochs": 1}');
	SELECT version FROM lepton_train('walks', 'SELECT user_id, item_id FROM ratings', '{"algorithm": "walk"}');
	CREATE TABLE value AS SELECT lepton_export('recs') AS model;
});

# What there was before, and is afterwards.
my $state = in_one_text(rows_of_recs(), q{SELECT count(*)::text FROM pg_class});

my $watcher = Session->new($node);
my $before = $watcher->ask($state);
my @signals = ('INT', 'TERM', 0);
my %name_of = (INT => 'cancel', TERM => 'terminate', 0 => 'statement_timeout');
my $session;
my %base;		# of the session: what it holds when it has done such a thing once
my @all;
my @problems;

# What a session keeps in memory of the models, by right.
my @kept = (
	q{SELECT lepton_predict('recs', 1, 1)}, q{SELECT count(*) FROM lepton_topn('recs', 1, 5)},
	q{SELECT count(*) FROM lepton_topn_for('shop', ARRAY[1, 2], 5)}, q{SELECT count(*) FROM lepton_topn('walks', 1, 5)});

sub begin_session
{
	$session = Session->new($node);
	$session->ask($_) foreach @kept;
	%base = ();
	return;
}

# What is left behind by what was cut off.
sub look_after
{
	my ($what) = @_;
	my ($threads, $memory, $rss);

	if (!Session::is_alive($session->pid))
	{
		$session->quit;
		begin_session();
		return;
	}
	$threads = $session->threads;
	$memory = $session->memory;
	$rss = $session->rss;
	if (!%base)
	{
		# the first one has filled the caches of the catalogs
		%base = (memory => $memory, rss => $rss);
	}
	push @problems, "$what: $threads threads are there" if $threads != 1;
	push @problems, "$what: a lock is held"
	  if $watcher->ask(q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock' AND pid = } . $session->pid) ne '0';
	push @problems, "$what: memory contexts have grown from $base{memory} to $memory bytes" if $memory > $base{memory} + 2 * 1024 * 1024;
	push @problems, "$what: the process has grown from $base{rss} to $rss bytes" if $rss > $base{rss} + 24 * 1024 * 1024;
	return;
}

sub look_at_state
{
	my ($what) = @_;
	my $now = $watcher->ask($state);

	push @problems, "$what: something is left: '$before' was '$now' afterwards" if $now ne $before;
	return;
}

# One statement, cut off; false if it had come to its end before.
sub cut_once
{
	my ($what, $signal, $cut, $cuts) = @_;

	$cut->{what} = "$what, $name_of{$signal}";
	if ($cut->{was_cut})
	{
		push @$cuts, $cut;
		diag(sprintf('slow: %s: %.0f ms, %.0f ms of CPU', $cut->{what}, $cut->{wall}, $cut->{cpu})) if $cut->{wall} > 100;
	}
	elsif ($session->err =~ /ERROR/)
	{
		push @problems, "$what: " . $session->err;
	}
	look_after($what);
	return $cut->{was_cut};
}

begin_session();

# ---------------------------------------------------------- all along their course
my %algorithms = (
	baseline => '"algorithm": "baseline"',
	sgd => '"algorithm": "sgd", "factors": 32, "epochs": 5',
	als => '"algorithm": "als", "factors": 32, "epochs": 4',
	bayes => '"algorithm": "bayes", "factors": 16, "epochs": 4',
	'bayes with times' => '"algorithm": "bayes", "factors": 16, "epochs": 4, "time_bins": 16',
	popular => '"algorithm": "popular", "feedback": "implicit"',
	walk => '"algorithm": "walk", "feedback": "implicit"',
	slim => '"algorithm": "slim", "feedback": "implicit"',
	ials => '"algorithm": "ials", "feedback": "implicit", "factors": 32, "epochs": 2',
	blend => '"algorithm": "blend", "feedback": "implicit"',
	auto => '"time_limit": 1',
	'auto, implicit' => '"time_limit": 1, "feedback": "implicit"',
);
my @courses = map { [ "training with $_", "SELECT version FROM lepton_train('trained', 'ratings', '{$algorithms{$_}}')" ] } sort keys %algorithms;
my $grid = '{"factors": [8, 16], "regularization": [0.1, 0.2]}';

# minutes of work, cut off when they have begun: what looks for nothing meanwhile goes on
my $most = '"epochs": 10000, "patience": 10000';
my %endless = (
	sgd => qq{"algorithm": "sgd", "factors": 32, $most},
	als => qq{"algorithm": "als", "factors": 32, $most},
	bayes => '"algorithm": "bayes", "factors": 16, "epochs": 10000',
	'bayes with times' => '"algorithm": "bayes", "factors": 16, "epochs": 10000, "time_bins": 16',
	ials => '"algorithm": "ials", "feedback": "implicit", "factors": 32, "epochs": 10000',
);
push @courses, map { [ "endless training with $_", "SELECT version FROM lepton_train('recs', 'ratings', '{$endless{$_}}')", 1 ] } sort keys %endless;
push @courses, (
	[ 'endless lepton_cross_validate', qq{SELECT count(*) FROM lepton_cross_validate('ratings', '{$endless{sgd}}')}, 1 ],
	[ 'endless lepton_tune', qq{SELECT count(*) FROM lepton_tune('ratings', '$grid', '{"algorithm": "als", $most}')}, 1 ],
);

push @courses, (
	[ 'training on words', q{SELECT version FROM lepton_train('in_words', 'words', '{"algorithm": "ials", "factors": 8, "epochs": 1}')} ],
	[ 'retraining', q{CALL lepton_retrain('recs', '{"algorithm": "als", "factors": 16, "epochs": 2, "guard": false}')} ],
	[ 'the aggregate', q{SELECT lepton_train(user_id, item_id, rating::float8, '{"algorithm": "als", "factors": 16, "epochs": 2}') IS NULL FROM ratings} ],
	[ 'the aggregate, many groups', q{SELECT sum(length(m)) FROM (SELECT lepton_train(user_id, item_id, rating::float8, '{"algorithm": "sgd", "factors": 8, "epochs": 2, "feedback": "explicit"}') AS m FROM ratings GROUP BY user_id % 50) t} ],
	[ 'lepton_inspect', q{SELECT count(*) FROM lepton_inspect('ratings')} ],
	[ 'lepton_evaluate', q{SELECT count(*) FROM lepton_evaluate('recs', 'later', 10)} ],
	[ 'lepton_cross_validate', q{SELECT count(*) FROM lepton_cross_validate('ratings', '{"algorithm": "sgd", "factors": 8, "epochs": 2}', folds => 2)} ],
	[ 'lepton_tune', qq{SELECT count(*) FROM lepton_tune('ratings', '$grid', '{"algorithm": "als", "epochs": 1}')} ],
	[ 'lepton_drift', q{SELECT count(*) FROM lepton_drift('recs', 'later')} ],
	[ 'lepton_report', q{SELECT length(lepton_report('recs'))} ],
	[ 'lepton_export', q{SELECT sum(length(lepton_export(m))) FROM unnest(ARRAY['recs', 'shop', 'walks', 'recs', 'shop', 'walks']) m} ],
	[ 'lepton_import', q{SELECT r.version FROM value, lepton_import('imported', model) r} ],
	[ 'a value', q{SELECT sum(lepton_predict(model, u, i)) FROM value, generate_series(1, 2000) u, generate_series(1, 500) i} ],
	[ 'lepton_check', q{SELECT count(*) FROM lepton_check('recs')} ],
	[ 'lepton_topn_all', q{SELECT count(*) FROM lepton_topn_all('recs', 100)} ],
	[ 'lepton_topn_all by neighbours', q{SELECT count(*) FROM lepton_topn_all('walks', 100)} ],
	[ 'lepton_topn_for in LATERAL', q{SELECT count(*) FROM generate_series(1, 5000) i, LATERAL lepton_topn_for('shop', ARRAY[i % 3000, (i + 5) % 3000, (i * 7) % 3000]::bigint[], 20) r} ],
	[ 'lepton_topn_for with ratings in LATERAL', q{SELECT count(*) FROM generate_series(1, 3000) i, LATERAL lepton_topn_for('recs', ARRAY[i % 3000, (i + 5) % 3000]::bigint[], weights => ARRAY[5, 1], n => 20) r} ],
	[ 'lepton_topn in LATERAL', q{SELECT count(*) FROM generate_series(1, 20000) u, LATERAL lepton_topn('recs', u, 20) r} ],
	[ 'lepton_topn of all items', q{SELECT count(*) FROM generate_series(1, 20) u, LATERAL lepton_topn('recs', u, 100000, candidates => (SELECT array_agg(c) FROM generate_series(1, 100000) c)) r} ],
	[ 'lepton_predict', q{SELECT sum(lepton_predict('recs', u, i)) FROM generate_series(1, 2000) u, generate_series(1, 1000) i} ],
	[ 'lepton_similar_users', q{SELECT count(*) FROM generate_series(1, 30) u, LATERAL lepton_similar_users('recs', u, 10) r} ],
	[ 'lepton_topn_users', q{SELECT count(*) FROM generate_series(1, 30) i, LATERAL lepton_topn_users('recs', i, 10) r} ],
	[ 'lepton_explain', q{SELECT count(*) FROM generate_series(1, 2000) u, LATERAL lepton_explain('shop', u, 7) r} ],
	[ 'lepton_topn_agg', q{SELECT count(*) FROM (SELECT lepton_topn_agg(item_id, rating, 100) FROM ratings GROUP BY user_id % 100) t} ],
);

# A user with a million items: no loop over one row may keep a backend from looking.
if ($is_long && ($only =~ /a million items/ || 'a million items' =~ /$only/))
{
	my $everything = q{ARRAY(SELECT generate_series(1, 1000000))};

	foreach my $statement (
		q{CREATE TABLE vast AS SELECT 0 AS user_id, i AS item_id, 1 + i % 5 AS rating FROM generate_series(1, 1000000) i
			UNION ALL SELECT 1 + n % 100000, 1 + (n::bigint * 7919 + n / 100000 * 31) % 1000000, 1 + n % 5 FROM generate_series(1, 1000000) n},
		q{SELECT version FROM lepton_train('vast_recs', 'vast', '{"algorithm": "als", "factors": 16, "epochs": 1}')},
		q{SELECT version FROM lepton_train('vast_shop', 'SELECT user_id, item_id FROM vast', '{"algorithm": "ials", "factors": 16, "epochs": 1}')},
		q{SELECT version FROM lepton_train('vast_walks', 'SELECT user_id, item_id FROM vast', '{"algorithm": "walk"}')})
	{
		$watcher->ask($statement);
		push @problems, 'a million items: ' . $watcher->err if $watcher->err =~ /ERROR/;
	}
	push @courses, map { [ "a million items: $_", "SELECT version FROM lepton_train('trained', 'vast', '{$algorithms{$_}}')" ] } sort keys %algorithms;
	push @kept, map { "SELECT count(*) FROM lepton_topn('vast_$_', 0, 5)" } 'recs', 'shop', 'walks';
	$session->quit;
	begin_session();
	foreach my $model ('recs', 'shop', 'walks')
	{
		my $basket = $everything . ($model eq 'recs' ? ', weights => ARRAY(SELECT 5 FROM generate_series(1, 1000000))' : '');

		push @courses, (
			[ "a million items: lists of $model", qq{SELECT count(*) FROM generate_series(1, 20) i, LATERAL lepton_topn('vast_$model', 0, 10 + i % 2)} ],
			[ "a million items: lists of a basket, $model", qq{SELECT count(*) FROM generate_series(1, 20) i, LATERAL lepton_topn_for('vast_$model', $basket, n => 10 + i % 2)} ],
			[ "a million items: lists with reasons, $model", qq{SELECT count(*) FROM generate_series(1, 20) i, LATERAL lepton_explain('vast_$model', 0, 7 + i % 2)} ],
		);
	}
}

foreach my $course (grep { $_->[0] =~ /$only/ } @courses)
{
	my ($what, $query, $is_endless) = @$course;
	my @cuts;
	my $begin = time;
	my $seconds;

	if (!$is_endless)
	{
		# in a transaction that is taken back, so that it can be done again
		my $in_transaction = $query !~ /^CALL/ ? 'BEGIN; ' : '';
		$session->ask($in_transaction . $query . ($in_transaction && '; ROLLBACK'));
		push @problems, "$what: " . $session->err if $session->err =~ /ERROR/;
		$seconds = time - $begin;
	}
	# a retraining that was left alone leaves a version
	$before = $watcher->ask($state);
	for my $n (1 .. $n_cuts)
	{
		my $signal = $signals[ ($n + @all) % @signals ];
		my $cut;

		if ($is_endless)
		{
			$signal = $signal eq 'TERM' ? $signal : 'INT';
			$session->send($query);
			push @problems, "$what: it does not begin" if !$watcher->sees_phase($session, 'train');
			sleep(0.2 * rand);
			$cut = $session->interrupt($signal);
		}
		else
		{
			$cut = $session->cut($query, $seconds * (0.02 + 0.93 * rand), $signal);
		}
		my $was_cut = cut_once($what, $signal, $cut, \@cuts);

		# so does one that came to its end; other models are dropped below
		$before = $watcher->ask($state) if !$was_cut && $query =~ /^CALL/;
	}
	diag("$what, of " . ($is_endless ? 'minutes' : int(1000 * $seconds) . ' ms') . ': ' . Session::percentiles(@cuts)) if $is_long;
	push @all, @cuts;
	$session->ask('SELECT lepton_drop(m, if_exists => true) FROM unnest(ARRAY[\'in_words\', \'imported\', \'trained\']) m');
	push @problems, "$what, dropped: " . $session->err if $session->err =~ /ERROR/;
	look_at_state($what);
}

# ------------------------------------------------------------ phase by phase
my $training = q{lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 32, "epochs": 4}')};
my $query = "SELECT version FROM $training";
my %seconds = map { split /=/ } split /,/, $session->ask(
	"BEGIN; SELECT string_agg(key || '=' || value, ',') FROM $training t, jsonb_each_text(t.details -> 'seconds'); ROLLBACK");
$seconds{train} = $seconds{fit};
$before = $watcher->ask($state);

foreach my $phase (grep { "phase $_" =~ /$only/ } 'wait', 'read', 'sort', 'train', 'test', 'refit', 'write')
{
	my $holder = Session->new($node);
	my @cuts;

	$holder->ask(q{BEGIN; SELECT version FROM lepton_train('recs', 'later', '{"algorithm": "baseline"}')}) if $phase eq 'wait';
	foreach my $signal ('INT', 'TERM', 0)
	{
		my $n = 0;

		for my $attempt (1 .. 3 * $n_cuts + 10)
		{
			my $cut;

			last if $n == $n_cuts;
			# the server's clock starts with the statement: it is set when the phase begins
			if ($signal eq '0')
			{
				my $until = 0;

				for my $earlier ('read', 'sort', 'split', 'fit', 'test', 'refit', 'write')
				{
					last if $phase eq 'wait' || $earlier eq $phase || ($earlier eq 'fit' && $phase eq 'train');
					$until += $seconds{$earlier} // 0;
				}
				$cut = $session->cut($query, $until + ($seconds{$phase} // 0.1) * rand, 0);
			}
			else
			{
				$session->send($query);
				if ($watcher->sees_phase($session, $phase))
				{
					sleep(rand($seconds{$phase} // 0.1));
					$cut = $session->interrupt($signal);
				}
				else
				{
					$session->answer;
					$before = $watcher->ask($state);
					next;
				}
			}
			cut_once("phase $phase", $signal, $cut, \@cuts) ? $n++ : ($before = $watcher->ask($state));
		}
	}
	$holder->ask('ROLLBACK');
	$holder->quit;
	diag("phase $phase: " . Session::percentiles(@cuts)) if $is_long;
	push @problems, "phase $phase: only " . scalar(@cuts) . ' cut off' if @cuts < 3 * $n_cuts / 2;
	look_at_state("phase $phase");
	push @all, @cuts;
}

foreach my $signal (@signals)
{
	my @cuts = grep { $_->{what} =~ /, $name_of{$signal}$/ } @all;
	diag("figure: $name_of{$signal} to its answer = " . Session::percentiles(@cuts));
}
diag('figure: all = ' . Session::percentiles(@all));
is(join("\n", @problems), '', 'whatever was cut off leaves no thread, no memory, no lock, no row');
my ($slowest) = sort { $b->{cpu} <=> $a->{cpu} } @all;
cmp_ok($slowest->{cpu}, '<', 500, "none works on for long: the slowest was $slowest->{what}");
cmp_ok(scalar(@all), '>', $only eq '.' ? @courses * $n_cuts : 0, 'enough were cut off amid the work');

$session->quit;
$watcher->quit;
$node->stop;
done_testing();
