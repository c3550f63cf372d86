# One backend that trains, asks, fails and drops, over and over: its memory is what it
# was, in contexts and as the system counts it, and so is the shared memory.
#
# A straight line is fitted to what is held after each batch of the second half; its
# slope is printed, and what the second half may have grown by is asserted.
# LEPTON_LONG: 10,000 trainings and 100,000 calls.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time);

my $n_trainings = $ENV{LEPTON_LONG} ? 10_000 : 400;
my $n_calls = $ENV{LEPTON_LONG} ? 100_000 : 4000;
my $n_batches = $ENV{LEPTON_LONG} ? 100 : 20;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
lepton.threads = 2
jit = off
dynamic_shared_memory_type = mmap
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS
	SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5 + u * i) % 5 AS rating, timestamptz '2024-01-01' + u * i * interval '1 hour' AS rated_at
	FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE (u * u + i * 13 + u * i) % 7 < 3;
	CREATE TABLE live_ratings AS SELECT * FROM ratings;
	CREATE INDEX ON live_ratings (user_id);
	CREATE TABLE words AS SELECT 'user ' || user_id AS user_id, md5(item_id::text)::uuid AS item_id FROM ratings;
	SELECT version FROM lepton_train('steady', 'live_ratings', '{"algorithm": "als", "factors": 8}');
	SELECT version FROM lepton_train('steady_shop', 'SELECT user_id, item_id FROM ratings', '{"algorithm": "ials", "factors": 8}');
	CREATE TABLE value AS SELECT lepton_export('steady') AS model;
});

# trainings, each as a statement of its own
my @trainings = map { "SELECT version FROM lepton_train('m', 'ratings', '{$_}')" } (
	'"algorithm": "baseline"',
	'"algorithm": "sgd", "factors": 8, "epochs": 2',
	'"algorithm": "als", "factors": 8, "epochs": 2',
	'"algorithm": "bayes", "factors": 4, "epochs": 2',
	'"algorithm": "bayes", "factors": 4, "epochs": 2, "time_bins": 4',
	'"algorithm": "popular", "feedback": "implicit"',
	'"algorithm": "walk", "feedback": "implicit"',
	'"algorithm": "slim", "feedback": "implicit"',
	'"algorithm": "ials", "feedback": "implicit", "factors": 8, "epochs": 1',
	'"algorithm": "blend", "feedback": "implicit"',
);
push @trainings, (
	q{SELECT version FROM lepton_train('w', 'words', '{"algorithm": "walk"}')},
	q{SELECT lepton_info(lepton_train(user_id, item_id, rating::float8, '{"algorithm": "als", "factors": 4, "epochs": 1}')) IS NULL FROM ratings GROUP BY user_id % 2},
	q{CALL lepton_retrain('m', '{"guard": false}')},
	# taken back, by a transaction and by a part of one
	q{BEGIN; SELECT version FROM lepton_train('m', 'ratings', '{"algorithm": "sgd", "factors": 4, "epochs": 1}'); SELECT count(*) FROM lepton_topn('m', 1, 5); ROLLBACK},
	q{BEGIN; SAVEPOINT s; SELECT version FROM lepton_train('m', 'ratings', '{"algorithm": "als", "factors": 4, "epochs": 1}'); SELECT lepton_predict('m', 1, 1); ROLLBACK TO s; COMMIT},
	# an error while it reads, computes, or is about to publish
	q{SELECT version FROM lepton_train('m', 'SELECT user_id, item_id, 1 / (user_id - 50) AS rating FROM ratings', '{}')},
	q{SET statement_timeout = 20; SELECT version FROM lepton_train('m', 'ratings', '{"algorithm": "als", "factors": 64, "epochs": 10000, "patience": 10000}'); RESET statement_timeout},
	q{DO $$ BEGIN PERFORM lepton_train('m', 'words', '{"algorithm": "popular"}'); EXCEPTION WHEN datatype_mismatch THEN NULL; END $$},
	q{SELECT lepton_drop('m')},
	q{SELECT count(*) FROM lepton_cross_validate('ratings', '{"algorithm": "sgd", "factors": 4, "epochs": 1}', folds => 2)},
);

# and what is asked in between, with the number of calls that it makes
my @questions = (
	[ q{SELECT sum(lepton_predict('steady', u, i)) FROM generate_series(1, 10) u, generate_series(1, 3) i}, 30 ],
	[ q{SELECT count(*) FROM generate_series(1, 20) u, LATERAL lepton_topn('steady', u, 5)}, 20 ],
	[ q{SELECT count(*) FROM generate_series(1, 10) u, LATERAL lepton_topn_for('steady_shop', ARRAY[u, u + 1]::bigint[], 5)}, 10 ],
	[ q{SELECT count(*) FROM generate_series(1, 10) u, LATERAL lepton_topn('m', u, 5)}, 10 ],
	[ q{SELECT sum(lepton_predict('m', u, 3)) FROM generate_series(1, 10) u}, 10 ],
	[ q{SELECT count(*) FROM value, LATERAL lepton_topn(model, 5, 5)}, 1 ],
	[ q{SELECT count(*) FROM lepton_topn_all('steady', 3)}, 1 ],
	[ q{BEGIN; INSERT INTO live_ratings VALUES (999, 3, 5); SELECT count(*) FROM lepton_topn('steady', 999, 5); ROLLBACK}, 1 ],
	[ q{DO $$ BEGIN PERFORM lepton_topn('steady', 1, 5, max_per_group => 0, groups => 'SELECT 1, 2'); EXCEPTION WHEN OTHERS THEN NULL; END $$}, 1 ],
);

my $session = Session->new($node);
my ($done_trainings, $done_calls) = (0, 0);
my %held;		# by what: after each batch, so many bytes

sub n_segments { return scalar(my @files = glob($node->data_dir . '/pg_dynshmem/*')); }

# Trainings in turn, each with questions behind it.
sub run_batch
{
	my ($trainings, $calls) = @_;
	my @statements;

	for (1 .. $trainings)
	{
		push @statements, $trainings[ $done_trainings++ % @trainings ];
		# what was dropped is there again with the next round
		next if $statements[-1] =~ /lepton_drop/;
		for (my $until = $done_calls + $calls / $trainings; $done_calls < $until;)
		{
			my ($query, $n) = @{ $questions[ int($done_calls / 7 + @statements) % @questions ] };
			push @statements, $query;
			$done_calls += $n;
		}
	}
	while (my @some = splice @statements, 0, 100)
	{
		$session->ask(join(";\n", @some));
		# those that are meant, and what is asked of "m" between its drop and the next training
		my @errors = grep { !/division by zero|canceling statement due to statement timeout|model "m" does not exist/ }
		  $session->err =~ /ERROR: +(.*)/g;
		die "unexpected: $errors[0]" if @errors;
	}
	return;
}

sub measure
{
	my $contexts = $session->ask(q{
		SELECT sum(total_bytes) FILTER (WHERE name = 'TopMemoryContext'), sum(total_bytes),
			sum(total_bytes) FILTER (WHERE is_catalog),
			sum(used_bytes) FILTER (WHERE is_catalog)
		FROM (SELECT *, 'CacheMemoryContext' IN (name, parent) AND name NOT LIKE 'lepton%' AS is_catalog FROM pg_backend_memory_contexts) c});
	my ($top, $all, $catalog, $catalog_used) = split /\|/, $contexts;

	push @{ $held{TopMemoryContext} }, $top;
	push @{ $held{'all contexts'} }, $all;
	push @{ $held{'contexts but for the catalog cache'} }, $all - $catalog;
	# The catalog cache keeps what it was asked of tables that were dropped meanwhile.  It takes
	# its blocks in ever larger steps, and the system gives what it uses of them.
	push @{ $held{'RssAnon but for the catalog cache'} }, $session->rss - $catalog_used;
	push @{ $held{mappings} }, scalar(split /\n/, slurp_file('/proc/' . $session->pid . '/maps'));
	push @{ $held{segments} }, n_segments();
	return;
}

# Slope of the straight line through the second half, per batch.
sub slope
{
	my @y = @_[ @_ / 2 .. $#_ ];
	my $n = @y;
	my ($mean_x, $mean_y, $xy, $xx) = (($n - 1) / 2, 0, 0, 0);

	$mean_y += $_ / $n foreach @y;
	for my $x (0 .. $n - 1)
	{
		$xy += ($x - $mean_x) * ($y[$x] - $mean_y);
		$xx += ($x - $mean_x)**2;
	}
	return $xy / $xx;
}

my $begin = time;
for my $batch (1 .. $n_batches)
{
	run_batch($n_trainings / $n_batches, $n_calls / $n_batches);
	measure();
}
diag(sprintf('%d trainings and %d calls in %.0f s', $done_trainings, $done_calls, time - $begin));

my %limit = (
	'TopMemoryContext' => 64 * 1024,
	'contexts but for the catalog cache' => ($ENV{LEPTON_LONG} ? 256 : 96) * 1024,
	'RssAnon but for the catalog cache' => 512 * 1024,
	'mappings' => 16,
	'segments' => 8,
);
foreach my $what (sort keys %held)
{
	my @values = @{ $held{$what} };
	my ($middle, $last) = ($values[ $#values / 2 ], $values[-1]);

	diag(sprintf('figure: %s = %d after the first batch, %d in the middle, %d at the end; slope %.2f a training',
		$what, $values[0], $middle, $last, slope(@values) / ($n_trainings / $n_batches)));
	cmp_ok($last - $middle, '<', $limit{$what}, "$what: the second half adds nothing") if defined $limit{$what};
}
is($session->threads, 1, 'no thread is left');
is($session->ask(q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock'}), '0', 'no lock is left');

$session->quit;
$node->stop;
done_testing();
