# A training is watched from another session: where it is, when it will end, and
# that it is gone once it is cancelled; and the server's log says when it began and ended.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE TABLE ratings AS
	SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5 + (u % 7) * (i % 11)) % 5 AS rating
	FROM generate_series(1, 2000) u, generate_series(1, 400) i WHERE (u * u + i * 13 + u * i) % 7 < 2;
	SELECT lepton_train('recs', 'ratings', '{"algorithm": "baseline"}');
	CREATE DATABASE other;
});
$node->safe_psql('other', 'CREATE EXTENSION lepton');
my $n_rows = $node->safe_psql('postgres', 'SELECT count(*) FROM ratings');

my ($out, $err) = ('', '');
my $run = IPC::Run::start(
	[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c',
		q{SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 128, "epochs": 1000, "patience": 1000}')} ],
	'<', '/dev/null', '>', \$out, '2>', \$err);
$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM lepton_progress WHERE epoch >= 2)})
	or die 'no epoch came to its end';

is($node->safe_psql('postgres', q{
	SELECT datname, schema, relid::regclass, model, phase, algorithm, epochs, loss > 0, validation_loss > 0, rows_read, memory > 1e6,
		memory_peak >= memory, started_at < now(),
		pid = (SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT lepton_train%' AND state = 'active')
	FROM lepton_progress}),
	"postgres|public|recs|recs|train|als|1000|t|t|$n_rows|t|t|t|t", 'another session sees it all');
is($node->safe_psql('other', q{SELECT datname, schema, model, phase FROM lepton_progress}), 'postgres||recs|train',
	'so does one in another database, but for the schema, which it cannot know');
my $epoch = $node->safe_psql('postgres', 'SELECT epoch FROM lepton_progress');
ok($node->poll_query_until('postgres', "SELECT epoch > $epoch FROM lepton_progress"), 'epochs go on');

# a hundredth of the work is ten epochs and a few
ok($node->poll_query_until('postgres', q{SELECT estimated_end IS NOT NULL FROM lepton_progress}), 'the end is estimated in time');
is($node->safe_psql('postgres', q{
	SELECT estimated_end > now(), estimated_end - started_at BETWEEN (now() - started_at) * 5 AND (now() - started_at) * 200
	FROM lepton_progress}), 't|t', 'by what the share of the work has taken');

# the second waits
my ($out2, $err2) = ('', '');
my $second = IPC::Run::start(
	[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', q{SELECT lepton_train('recs', 'ratings', '{"algorithm": "baseline"}')} ],
	'<', '/dev/null', '>', \$out2, '2>', \$err2);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM lepton_progress WHERE phase = 'wait'}), 'one that waits says so');

$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM lepton_progress WHERE phase <> 'wait'});
$run->finish;
$second->finish;
like($err, qr/canceling statement due to user request/, 'it was cancelled');
is($err2, '', 'the second came to its turn');
is($node->safe_psql('postgres', 'SELECT count(*) FROM lepton_progress'), '0', 'nothing is left of either');

my $log = slurp_file($node->logfile);
like($log, qr/LOG: +training of model public\.recs begins\n.*DETAIL: +Source: ratings; options: \{.*"als"/, 'the log says when a training began, and with what');
like($log, qr/LOG: +version 2 of model public\.recs is trained: baseline, $n_rows ratings, \d+\.\d s, at most \d+ kB/, 'and what became of it');
unlike($log, qr/version 3/, 'of the one that was cancelled nothing');

$node->stop;
done_testing();
