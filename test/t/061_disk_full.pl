# The disk is full from the n-th byte of a training on: a clean error, the model
# as it was, no row of the version that did not come to be, and the next training
# succeeds.  And /dev/shm is full: each session reads for itself, and says so in the
# log.  pg_wal is none of it: without room there PostgreSQL itself panics.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Faults;

my $server = Faults->new('disk', "temp_file_limit = -1");
my $node = $server->{node};
$node->safe_psql('postgres', q{
	CREATE TABLE ratings AS
	SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating
	FROM generate_series(1, 400) u, generate_series(1, 60) i WHERE (u * 7 + i * 11) % 3 = 0;
});
my $options = '"algorithm": "als", "factors": 40, "epochs": 1, "keep": 1';
my $train = qq{SELECT lepton_train('recs', 'ratings', '{$options}') \\g /dev/null};
my $state = q{SELECT hashtext((SELECT string_agg(concat_ws(':', u, item_id, score), ',' ORDER BY u, rank) FROM generate_series(1, 20) u, lepton_topn('recs', u, 5)))
	|| ' ' || (SELECT count(*) FROM recs WHERE is_current)
	|| ' ' || (SELECT count(*) FROM recs_users u WHERE NOT EXISTS (SELECT FROM recs r WHERE r.version = u.version))
	|| ' ' || (SELECT count(*) FROM recs_items i WHERE NOT EXISTS (SELECT FROM recs r WHERE r.version = i.version)) AS state \gset};
$server->run($train);
my ($before) = $server->run("$state\n\\echo :state\nSELECT version FROM recs;");
my ($expected, $version) = split /\n/, $before;
like($expected, qr/^-?[0-9]+ 1 0 0$/, 'a model is there');

# Statement, and room for so many bytes: its SQLSTATE, then the state and the version with room again.
sub with_room
{
	my ($bytes, $statement) = @_;

	$server->give(bytes_left => $bytes, n_writes => 0);
	my ($code) = $server->run("$statement\n\\echo :SQLSTATE");
	my $refused = $server->given('n_writes');
	$server->give(bytes_left => -1);
	my ($after) = $server->run("$state\n\\echo :state\nSELECT version FROM recs WHERE is_current;");
	return ($code, $refused, split /\n/, $after);
}

# Every page that a training adds, until all of them find room.
sub fill_disk
{
	my ($name, $statement) = @_;
	my ($n_full, $bytes, $done, @wrong) = (0, 0, 0);
	my $page = 8192;
	my $step = $ENV{LEPTON_LONG} ? $page : 7 * $page;

	until ($done || $bytes > 1000 * $page)
	{
		my ($code, $refused, $after, $now) = with_room($bytes, $statement);
		my @bad;

		$done = $refused == 0;
		$n_full++ unless $done;
		push @bad, "code $code" if $code ne ($done ? '00000' : '53100');
		push @bad, "state $after" if $after ne $expected;
		push @bad, "version $now after $version" if $now != $version + $done;
		push @wrong, "$name, room for $bytes bytes: " . join(', ', @bad) if @bad;
		$version = $now;
		$bytes += $step;
	}
	ok($done, "$name: with room enough it succeeds");
	ok(!@wrong && $n_full > 0, "$name: wherever the disk is full") or diag(join("\n", "full $n_full times", @wrong));
	diag("figure: $name, places where the disk was full = $n_full");
}

fill_disk('train', $train);
fill_disk('retrain', q{CALL lepton_retrain('recs');});

# what does not fit into work_mem goes to files, too
my ($code, $refused, $after) =
  with_room(0, q{SET work_mem = '64kB'; SELECT count(*) FROM (SELECT * FROM lepton_topn_all('recs', 40) OFFSET 0) s \g /dev/null});
is($code, '53100', 'a list that does not fit on disk is an error');
cmp_ok($refused, '>', 0, 'since there was no room');
is($after, $expected, 'and nothing else');

# a new model, and a copy: nothing of them is left
$server->give(bytes_left => 3 * 8192);
my ($out) = $server->run(qq{SELECT lepton_train('second', 'ratings', '{$options}') \\g /dev/null
	\\echo :SQLSTATE
	SELECT lepton_import('copy', lepton_export('recs')) \\g /dev/null
	\\echo :SQLSTATE});
$server->give(bytes_left => -1);
is($out, "53100\n53100", 'a first training and an import fail cleanly');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname ~ '^(second|copy)'}), '0', 'without a trace');

# full shared memory
my $held = q{SELECT place FROM lepton_cache() WHERE model = 'recs'::regclass AND version = (SELECT version FROM recs WHERE is_current);};
$server->run($train);
my $offset = -s $node->logfile;
$server->give(no_shared_memory => 1, n_segments => 0);
my ($answer) = $server->run("$state\n\\echo :state\n$held\n$state\n\\echo :state");
is($answer, "$expected\nsession\n$expected", 'without shared memory a session reads for itself, and answers right');
cmp_ok($server->given('n_segments'), '>', 0, 'segments were refused');
my $log = substr(slurp_file($node->logfile), $offset);
like($log, qr/LOG: .*lepton cannot share items between sessions/, 'the log says so');
$server->give(no_shared_memory => 0);
($answer) = $server->run("$state\n\\echo :state\n$held");
is($answer, "$expected\nshared", 'with room again the next session shares');

unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no backend crashed');
$node->stop;
done_testing();
