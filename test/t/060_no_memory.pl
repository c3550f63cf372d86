# The n-th palloc of a statement fails, once and from then on, in whatever lepton
# does in a server: out of memory or the right answer, the model unchanged or
# whole, nothing left behind, and the next call in the same session is right.  So
# too where malloc and mmap fail, in sessions that have read nothing yet.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Faults;

my $server = Faults->new('memory', 'lepton.live = on', 'log_min_messages = fatal');
my $node = $server->{node};
$node->safe_psql('postgres', q{
	CREATE TABLE ratings AS
	SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating, timestamptz '2026-01-01' + u * interval '1 hour' AS rated_at
	FROM generate_series(1, 30) u, generate_series(1, 25) i WHERE (u * 7 + i * 11) % 3 <> 0;
	CREATE INDEX ON ratings (user_id);
	CREATE TABLE bought AS SELECT 'u' || user_id AS user_id, 'i' || item_id AS item_id FROM ratings WHERE rating > 2;
	CREATE TABLE eligible AS SELECT 'i' || i AS item_id FROM generate_series(1, 20) i;
	SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 4, "epochs": 2, "keep": 1}');
	SELECT lepton_train('walks', 'bought', '{"algorithm": "walk", "keep": 1, "eligible": "eligible"}');
	CREATE TABLE kept AS SELECT lepton_export('recs') AS model;
	CREATE FUNCTION try_predict(text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		answer text := '';
	BEGIN
		FOR u IN 1 .. 3 LOOP
			BEGIN
				answer := answer || round(lepton_predict($1, u, 3)::numeric, 3) || ' ';
			EXCEPTION WHEN out_of_memory THEN
				-- and again
				answer := answer || round(lepton_predict($1, u, 3)::numeric, 3) || ' ';
			END;
		END LOOP;
		RETURN answer;
	END $$;
});

# Everything that a reader can ask of the two models, and rows that belong to no version.
my $state = q{SELECT hashtext(concat(
	(SELECT string_agg(concat_ws(':', u, item_id, score), ',' ORDER BY u, rank) FROM generate_series(1, 6) u, lepton_topn('recs', u, 5)),
	(SELECT string_agg(concat_ws(':', u, item_id, score), ',' ORDER BY u, rank) FROM generate_series(1, 6) u, lepton_topn_text('walks', 'u' || u, 5)),
	lepton_predict('recs', 3, 7)))
	|| ' ' || (SELECT count(*) FROM recs WHERE is_current)
	|| ' ' || (SELECT count(*) FROM recs_users u WHERE NOT EXISTS (SELECT FROM recs r WHERE r.version = u.version))
	|| ' ' || (SELECT count(*) FROM lepton_cache() WHERE place = 'reading') AS state \gset};

sub trains
{
	my ($name, $source, $options, %more) = @_;

	$server->sweep(name => "train $options", state => $state, long => 400, %more,
		op => qq{SELECT n_ratings > 0 AS answer FROM lepton_train('$name', '$source', '{"keep": 1, $options}') \\gset});
}

sub asks
{
	my ($name, $answer, %more) = @_;

	$server->sweep(name => $name, state => $state, op => "SELECT $answer AS answer \\gset", %more);
}

my $list = q{(SELECT hashtext(string_agg(item_id || ':' || score, ',' ORDER BY rank)) FROM lepton_topn('recs', 3, 10))};
my $words = q{(SELECT hashtext(string_agg(item_id || ':' || score, ',' ORDER BY rank)) FROM lepton_topn_text('walks', 'u3', 10))};
my $new = q{SELECT lepton_train('fresh', 'ratings', '{"algorithm": "als", "factors": 2, "epochs": 1, "keep": 1, "live": false}') \g /dev/null};
my $fresh = q{(SELECT hashtext(string_agg(item_id || ':' || score, ',' ORDER BY rank)) FROM lepton_topn('fresh', 3, 10))};

# the calls that a query makes a million times: every request
asks('predict', q{lepton_predict('recs', 3, 7)}, most => 20);
asks('topn', $list, most => 20);
asks('topn of neighbours, some eligible', $words, most => 60, from => 0.7);
# PL/pgSQL leaves its subtransaction open where its handler finds no memory: once only
asks('predict, caught and called again', q{try_predict('recs')}, most => 15, modes => ['once']);

# the first in a session, which has read nothing, and of a version that nobody has read
my $load = "\\connect -\nLOAD 'lepton';";
asks('topn, first of the session', $list, before => $load, long => 1500);
asks('topn, first of all', $fresh, before => "$new\n$load", most => 15);
asks('topn, first of all', $fresh, before => "$new\n$load", most => 10, site => 'malloc');
# and the library itself
asks('predict, first of the session', q{lepton_predict('recs', 3, 7)}, before => '\connect -', site => 'malloc');

trains('recs', 'ratings', '"algorithm": "als", "factors": 4, "epochs": 2', most => 15, long => 1e9, also_others => 1);
trains('recs', 'ratings', '"algorithm": "als", "factors": 4, "epochs": 2', site => 'malloc', before => $load);
trains('other', 'ratings', $_, most => 3)
  for '"algorithm": "baseline"', '"algorithm": "sgd", "epochs": 2', '"algorithm": "bayes", "factors": 2, "epochs": 4', '"time_limit": 0.01';
trains('others', 'bought', $_, most => 3)
  for '"algorithm": "ials", "epochs": 2', '"algorithm": "popular"', '"algorithm": "slim"', '"algorithm": "walk"', '"algorithm": "blend"';
$server->sweep(name => 'retrain', state => $state, op => q{CALL lepton_retrain('recs');}, long => 1500);

asks('the aggregate', q{(SELECT lepton_predict(m, 3, 7) FROM
	(SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 2, "epochs": 1}') AS m FROM ratings OFFSET 0) s)}, long => 800);
my $parallel = q{SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 100; SET min_parallel_table_scan_size = 0; SET cpu_tuple_cost = 10;};
my $in_parts = q{SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 2, "epochs": 1}') AS m FROM ratings OFFSET 0};
like($node->safe_psql('postgres', "$parallel EXPLAIN $in_parts"), qr/Partial Aggregate/, 'parts of a group come from other processes');
asks('the aggregate of parts', "(SELECT lepton_predict(m, 3, 7) FROM ($in_parts) s)", before => $parallel, most => 6, long => 400);
asks('the aggregate by groups', q{(SELECT sum(length(m)) FROM
	(SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "baseline"}') AS m FROM ratings GROUP BY user_id % 3) s)}, most => 6, long => 400);
asks('a value', q{(SELECT lepton_predict(model, 3, 7) FROM kept)}, most => 6);
asks('a list of a value', q{(SELECT count(*) FROM kept, lepton_topn(model, 3, 10))}, most => 6);
asks('export', q{length(lepton_export('recs'))}, most => 6, long => 800);
asks('import', q{(SELECT (lepton_import('copy', model)).n_users FROM kept)}, most => 6, long => 800);
asks('bulk', q{(SELECT hashtext(string_agg(item_id || ':' || score, ',' ORDER BY user_id, rank)) FROM lepton_topn_all('recs', 3))}, most => 6, long => 800);
asks('a basket', q{(SELECT hashtext(string_agg(item_id::text, ',' ORDER BY rank)) FROM lepton_topn_for('recs', '{1, 2, 3}', weights => '{5, 4, 3}', n => 10))}, most => 6);
asks('users', q{(SELECT hashtext(string_agg(user_id::text, ',' ORDER BY rank)) FROM lepton_topn_users('recs', 3))}, most => 6);
asks('similar', q{(SELECT hashtext(string_agg(item_id::text, ',' ORDER BY rank)) FROM lepton_similar('recs', 3))}, most => 6);
asks('explain', q{(SELECT hashtext(string_agg(contribution::text, ',')) FROM lepton_explain('recs', 3, 7))}, most => 6);
asks('evaluate', q{(SELECT hashtext(string_agg(value::text, ',')) FROM lepton_evaluate('recs', 'ratings'))}, most => 6, long => 800);
asks('folds', q{(SELECT count(*) > 0 FROM lepton_cross_validate('ratings', '{"algorithm": "baseline"}', 2))}, most => 3, long => 400);
asks('tune', q{(SELECT count(*) > 0 FROM lepton_tune('ratings', '{"factors": [2, 3]}', '{"algorithm": "als", "epochs": 1}'))}, most => 3, long => 400);
asks('inspect', q{(SELECT count(*) > 0 FROM lepton_inspect('ratings'))}, most => 3, long => 800);
asks('report', q{length(lepton_report('recs')) > 0}, most => 3, long => 800);
asks('check', q{lepton_check('recs') IS NOT NULL}, most => 3, long => 800);

# pins of calls that failed would keep what was read from making room
my ($out) = $server->run(qq{SELECT count(*) FROM lepton_topn('recs', 3, 5);
	$state
	SET lepton.cache_size = '64kB';
	SELECT count(*) FROM lepton_topn('recs', 3, 5);});
is($out, "5\n5", 'what is held makes room');

# threads that cannot be made
my ($expected) = $server->run("$state\n\\echo :state");
$server->give(threads_left => 0);
my $train = q{SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 4, "epochs": 2, "keep": 1}') \g /dev/null};
my ($alone) = $server->run("SET lepton.threads = 4;\n$train\nSELECT count(*) FROM lepton_topn_all('recs', 2);\n$state\n\\echo :state\nSELECT fault_threads();");
is($alone, "60\n$expected\n1", 'without a thread more the answers are the same');
my $n_threads = $server->given('n_threads');
SKIP:
{
	skip 'one core: nobody asks for threads', 1 if `nproc` < 2;
	cmp_ok($n_threads, '>', 0, 'threads were refused');
}
$server->give(threads_left => -1);

my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal|PANIC|TRAP:/, 'no backend crashed');
$node->stop;
done_testing();
