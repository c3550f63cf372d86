# Items read by one session are mapped by the others: the same answers, one copy,
# counted right whatever ends a session, and never what a transaction may take back.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Ratings;
use Session;
use Test::More;

my $node = start_server("restart_after_crash = on\n# segments of shared memory are files of this server, which can be counted\ndynamic_shared_memory_type = mmap");
create_ratings($node, 100_000, 2003, 20011);
$node->safe_psql('postgres', q{
	CREATE TABLE bought AS SELECT 'u' || user_id AS user_id, 'item ' || item_id AS item_id FROM ratings WHERE item_id < 500;
	SELECT lepton_train('recs', 'ratings', '{"algorithm": "sgd", "factors": 32, "epochs": 2}');
	SELECT lepton_train('walks', 'bought', '{"algorithm": "walk"}');
	CREATE ROLE reader;
	GRANT SELECT ON recs TO reader;
});

my $list = "SELECT md5(string_agg(u || ':' || rank || ':' || item_id || ':' || float4send(score)::text, ',' ORDER BY u, rank))"
  . " FROM generate_series(1, 50) u, lepton_topn('recs', u, 10)";
my $words = "SELECT string_agg(item_id, ',' ORDER BY rank) FROM lepton_topn_text('walks', 'u7', 10)";
my $held = "SELECT model || ' ' || place || ' ' || sessions FROM lepton_cache() ORDER BY 1";

sub n_segments { return scalar(my @files = glob($node->data_dir . '/pg_dynshmem/*')); }

my $n_others = n_segments();
my $first = Session->new($node);
my $answer = $first->ask($list);
is($first->ask($held), 'recs shared 1', 'what a session reads is there for others');
my $second = Session->new($node);
is($second->ask($list), $answer, 'another session maps it, with the same answers');
is($first->ask($held), 'recs shared 2', 'it is there once, and known by two');
my $text = $first->ask($words);
is($second->ask($words), $text, 'ids of text and neighbours are shared, too');
is($second->ask($held), "recs shared 2\nwalks shared 2", 'both models');
$second->quit;
$node->poll_query_until('postgres', "SELECT sessions = 1 FROM lepton_cache() WHERE model = 'recs'::regclass")
  or die 'the session that ended is still counted';
pass('a session that ends is counted no more');

# rights are asked for before anything that is held
my ($ret, $out, $err) = $node->psql('postgres', "SET ROLE reader; SELECT count(*) FROM lepton_topn('recs', 1, 5)");
is($out, '5', 'a reader of the model is answered');
$node->safe_psql('postgres', 'REVOKE SELECT ON recs FROM reader');
($ret, $out, $err) = $node->psql('postgres', "SET ROLE reader; SELECT count(*) FROM lepton_topn('recs', 1, 5)");
like($err, qr/permission denied/, 'and refused when the right is gone');
is($node->safe_psql('postgres', 'SET ROLE reader; SELECT count(*) FROM lepton_cache()'), '0',
	'who may not read a model does not see it held');

# a transaction that has written keeps what it reads to itself
my $version = q{SELECT version FROM lepton_train('mine', 'ratings', '{"algorithm": "sgd", "factors": 8, "epochs": 1}')};
like($first->ask("BEGIN; $version; SELECT count(*) FROM lepton_topn('mine', 1, 3); $held"),
	qr/^mine session 1$/m, 'a version that is not committed is held by its session alone');
unlike($node->safe_psql('postgres', $held), qr/mine/, 'and known to no other');
$first->ask('ROLLBACK');

# many at once on a cold cache, some of them cancelled in the middle
for my $round (1 .. 8)
{
	$node->safe_psql('postgres', q{SELECT version FROM lepton_train('recs', 'ratings',
		'{"algorithm": "sgd", "factors": 32, "epochs": 1, "keep": 1}')});
	my @runs;
	for my $i (1 .. 6)
	{
		my $limit = $i % 3 ? 0 : 3 * $round;
		my %r = (out => '', err => '', limit => $limit);
		$r{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			"SET statement_timeout = $limit", '-c', $list ], '>', \$r{out}, '2>', \$r{err},
			IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
		push @runs, \%r;
	}
	$_->{run}->finish for @runs;
	my %answers = map { $_->{out} => 1 } grep { !$_->{limit} } @runs;
	is(scalar keys %answers, 1, "round $round: everybody has the same answer");
	is(join('', grep { $_ ne '' && !/canceling statement due to statement timeout/ } map { $_->{err} } @runs),
		'', "round $round: nobody has an error but those that were cancelled");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM lepton_cache() WHERE place = 'reading'"), '0',
	'no cancelled reader has left anything half done');

$first->quit;

# what is bounded stays so
$node->append_conf('postgresql.conf', "lepton.shared_cache_size = '6MB'\n");
$node->reload;
for my $i (1 .. 4)
{
	$node->safe_psql('postgres', qq{SELECT lepton_train('small$i', 'ratings', '{"algorithm": "sgd", "factors": 16, "epochs": 1}')});
	$node->safe_psql('postgres', "SELECT count(*) FROM lepton_topn('small$i', 1, 5)");
	cmp_ok($node->safe_psql('postgres', "SELECT sum(bytes) FROM lepton_cache() WHERE sessions = 0"), '<=', 6 * 1024 * 1024,
		"the limit holds with small$i");
}
like($node->safe_psql('postgres', $held), qr/^small4 shared 0$/m, 'the longest unused went, the last is there');
is(n_segments() - $n_others, $node->safe_psql('postgres', q{SELECT count(*) FROM lepton_cache() WHERE place = 'shared'}), 'and no segment of those that went');
$node->append_conf('postgresql.conf', "lepton.shared_cache_size = 0\n");
$node->reload;
is($node->safe_psql('postgres', "SELECT count(*) FROM lepton_topn('small3', 1, 5); SELECT place FROM lepton_cache() WHERE model = 'small3'::regclass"),
	"5\nsession", 'with no shared memory each session reads for itself');

# a backend that is killed takes the shared memory with it, and nothing else
$node->append_conf('postgresql.conf', "lepton.shared_cache_size = '64MB'\n");
$node->reload;
my $killed = Session->new($node);
$answer = $killed->ask($list);
kill 'KILL', $killed->pid;
$killed->quit;
$node->poll_query_until('postgres', 'SELECT true') or die 'the server does not come back';
is($node->safe_psql('postgres', 'SELECT count(*) FROM lepton_cache()'), '0', 'after a crash nothing is held');
is($node->safe_psql('postgres', $list), $answer, 'and the answers are the same');
$node->stop;
done_testing();
