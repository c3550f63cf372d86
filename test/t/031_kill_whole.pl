# SIGKILL at random points, and at each stage of a training, of the backend or of
# the whole server: after recovery each version that is there is whole, and has
# exactly the rows and the predictions of one that nobody disturbed.
#
# Trainings are reproducible, so what a version must be is known beforehand: it is
# trained once under another name, in peace.  LEPTON_LONG: 200 random points.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(sleep time);

my $n_points = $ENV{LEPTON_LONG} ? 200 : 10;
my $n_rounds = $ENV{LEPTON_LONG} ? 5 : 1;
my $seed = $ENV{LEPTON_SEED} // 1;
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
restart_after_crash = on
lepton.threads = 2
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS
	SELECT DISTINCT ON (user_id, item_id) user_id, item_id, 1 + (user_id * 3 + item_id * 5 + user_id * item_id) % 5 AS rating
	FROM (SELECT n % 5003 AS user_id, n * 7 % 1009 + n / 100000 AS item_id FROM generate_series(1, 200000) n) t;
	-- all that a version is, but for its number and whom it has forgotten
	CREATE FUNCTION rows_of(model text, of_version bigint) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		users text;
		items text;
		predictions text;
	BEGIN
		EXECUTE format('SELECT md5(string_agg(n || '':'' || id || '':'' || n_ratings || '':'' || float4send(bias)::text
			|| coalesce(factors::text, '''') || coalesce(seen::text, ''''), '','' ORDER BY n)) FROM %I WHERE version = $1 AND mod(id, 100) <> 7',
			model || '_users') USING of_version INTO users;
		EXECUTE format('SELECT md5(string_agg(n || '':'' || id || '':'' || n_ratings || '':'' || float4send(bias)::text
			|| coalesce(factors::text, '''') || coalesce(neighbors::text, ''''), '','' ORDER BY n)) FROM %I WHERE version = $1',
			model || '_items') USING of_version INTO items;
		EXECUTE 'SELECT md5(string_agg(float4send(lepton_predict($1, u, i, version => $2))::text, '','' ORDER BY u, i))
			FROM generate_series(8, 57) u, generate_series(1, 50) i' USING model, of_version INTO predictions;
		RETURN users || items || predictions;
	END $$;
});

# what is trained, and what it must come to
my %kinds = (
	als => '"algorithm": "als", "factors": 16, "epochs": 6, "patience": 6',
	bayes => '"algorithm": "bayes", "factors": 8, "epochs": 6',
	sgd => '"algorithm": "sgd", "factors": 16, "epochs": 4, "patience": 4',
	ials => '"algorithm": "ials", "feedback": "implicit", "factors": 16, "epochs": 2',
	walk => '"algorithm": "walk", "feedback": "implicit"',
);
my %expected;
my %seconds;
foreach my $kind (sort keys %kinds)
{
	my $begin = time;
	$node->safe_psql('postgres', "SELECT version FROM lepton_train('peace', 'ratings', '{$kinds{$kind}}')");
	$seconds{$kind} = time - $begin;
	$expected{$kind} = $node->safe_psql('postgres', q{SELECT rows_of('peace', max(version)) FROM peace});
}
is(scalar(keys %{ { reverse %expected } }), scalar(keys %kinds), 'kinds of versions can be told apart');

sub train
{
	my ($model, $kind) = @_;
	return "SELECT version FROM lepton_train('$model', 'ratings', '{$kinds{$kind}}')";
}

# What the current version is, is trained again.
my $retrain = q{CALL lepton_retrain('recs', '{"guard": false}')};
my $current = q{SELECT algorithm FROM recs WHERE is_current};

$node->safe_psql('postgres', train('recs', $_)) foreach 'als', 'walk';

# ------------------------------------------------------------------- after a crash

# The versions of a model: none that is not what it must be, no rows without one.
sub check_model
{
	my ($model, $what) = @_;
	my $versions = $node->safe_psql('postgres',
		"SELECT version, algorithm, is_current, rows_of('$model', version) FROM $model ORDER BY version");
	my (@wrong, @numbers);
	my $n_current = 0;

	foreach my $row (split /\n/, $versions)
	{
		my ($version, $kind, $is_current, $rows) = split /\|/, $row;
		push @numbers, $version;
		$n_current++ if $is_current eq 't';
		push @wrong, "version $version ($kind)" if $rows ne $expected{$kind};
	}
	my $problem = join(', ', map { "$_ is not what it was trained to" } @wrong);
	$problem .= "; $n_current versions are current" if $n_current != 1;
	foreach my $side ('users', 'items')
	{
		my $there = $node->safe_psql('postgres',
			"SELECT coalesce(string_agg(DISTINCT version::text, ' ' ORDER BY version::text), '') FROM ${model}_$side");
		my $known = join(' ', sort @numbers);
		$problem .= "; rows of $side are of versions $there, not $known" if $there ne $known;
	}
	my ($ret, $out, $err) = $node->psql('postgres', "SELECT count(*) FROM lepton_check('$model')");
	$problem .= "; lepton_check: $err" if $ret != 0 || $out != 2 * @numbers;
	return $problem eq '' ? () : "$what: $model: $problem";
}

# A user who is forgotten is in no version, or in all that had her.
sub check_forgotten
{
	my ($user, $what) = @_;
	my $n = $node->safe_psql('postgres', qq{
		SELECT count(DISTINCT EXISTS (SELECT FROM recs_users u WHERE u.version = r.version AND u.id = $user)) FROM recs r});
	return $n eq '1' ? () : "$what: user $user is half forgotten";
}

sub check_all
{
	my ($what, $user) = @_;
	my @problems;
	my $fresh;

	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'the server did not come back';
	push @problems, check_model('recs', $what);
	push @problems, check_forgotten($user, $what) if defined $user;
	$fresh = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname LIKE 'fresh%' AND relkind = 'r'});
	if ($fresh eq '3')
	{
		push @problems, check_model('fresh', $what);
	}
	elsif ($fresh ne '0')
	{
		push @problems, "$what: there are $fresh tables of a model";
	}
	return @problems;
}

# -------------------------------------------------------------------------- killing

# Kill the session in the middle of what it does, by itself or with the server.
sub kill_session
{
	my ($session, $whole_server) = @_;
	my $was_over = $session->done;

	if ($whole_server)
	{
		# as a machine that is switched off, but that the system lives
		Session::kill_server($node);
		$node->start;
	}
	else
	{
		kill 'KILL', $session->pid;
	}
	$session->answer;
	$session->quit;
	return !$was_over;
}

# -------------------------------------------------------------------- random points

my @problems;
my $n_amid = 0;
my $n_rolled_on = 0;
my @algorithms = sort keys %kinds;
my $user = 7;

foreach my $point (1 .. $n_points)
{
	my $kind = $algorithms[ $point % @algorithms ];
	my ($what, $query, $limit) = @{ (
		[ "train $kind", train('recs', $kind), $seconds{$kind} ],
		[ 'retrain', $retrain, $seconds{ $node->safe_psql('postgres', $current) } ],
		[ "train $kind, a new model", train('fresh', $kind), $seconds{$kind} ],
		[ 'forget', "SELECT count(*) FROM lepton_forget('recs', $user, even_if_in_source => true)", 0.03 ],
		[ 'rollback', q{SELECT version FROM lepton_rollback('recs')}, 0.02 ],
		[ 'drop', q{SELECT lepton_drop('fresh')}, 0.03 ],
	)[ $point % 6 ] };
	my $session = Session->new($node);

	# somebody has items in shared memory when it happens
	$session->ask(q{SELECT count(*) FROM lepton_topn('recs', 8, 5)});
	if ($what eq 'drop')
	{
		$session->ask(q{SELECT to_regclass('fresh') IS NULL}) eq 'f' or $session->ask(train('fresh', 'walk'));
	}
	$session->send($query);
	sleep rand($limit);
	$n_amid++ if kill_session($session, $point % 4 == 0);
	push @problems, check_all("point $point ($what)", $what eq 'forget' ? $user : undef);
	$user += 100;
	if ($point % 3 == 0)
	{
		my ($ret, $out, $err) = $node->psql('postgres', train('recs', 'walk') . q{; SELECT lepton_rollback('recs')});
		push @problems, "point $point ($what): the next training: $err" if $ret != 0;
		$n_rolled_on++;
	}
}
diag("figure: kill -9 at random points = $n_points, $n_amid of them amid the work; " . scalar(@problems) . ' models not whole');
is(join("\n", @problems), '', "killed at $n_points random points, everything is whole, and the next training works");
cmp_ok($n_amid, '>=', $n_points / 3, 'enough of them were amid the work');

# ------------------------------------------------------------------------- stages

@problems = ();
my %killed;
foreach my $round (1 .. $n_rounds)
{
	foreach my $stage ('wait', 'read', 'sort', 'train', 'test', 'refit', 'write')
	{
		foreach my $form ($n_rounds > 1 ? ('train', 'retrain') : ($stage eq 'train' || $stage eq 'write' ? 'retrain' : 'train'))
		{
			my $kind = 'als';
			$node->safe_psql('postgres', train('recs', $kind)) if $node->safe_psql('postgres', $current) ne $kind;
			my $holder = Session->new($node);
			my $watcher = Session->new($node);
			my ($session, $found);

			# whoever wants to train waits for the one that has not committed
			$holder->ask('BEGIN; ' . train('recs', 'walk')) if $stage eq 'wait';
			for my $attempt (1 .. 20)
			{
				$session = Session->new($node);
				$session->send($form eq 'train' ? train('recs', $kind) : $retrain);
				$found = $watcher->sees_phase($session, $stage);
				last if $found;
				$session->answer;
				$session->quit;
			}
			if ($found)
			{
				$killed{$stage}++;
				kill_session($session, $round % 2 == 0);
			}
			$_->quit foreach $holder, $watcher;
			push @problems, check_all("$form, stage $stage");
		}
	}
}
diag('figure: kill -9 by stage = ' . join(', ', map { "$_ $killed{$_}" } sort keys %killed) . '; ' . scalar(@problems) . ' models not whole');
is(join("\n", @problems), '', 'killed at each stage, everything is whole');
is(join(' ', sort keys %killed), 'read refit sort test train wait write', 'each stage was met');

my ($ret, $out, $err) = $node->psql('postgres', train('recs', 'als'));
is($ret, 0, 'and the next training works');
is(join("\n", check_all('at the end')), '', 'and is whole');

$node->stop;
done_testing();
