# An inspection that is cut off ends at once wherever it is, and leaves no
# memory behind; and it runs on a standby, with the primary's answer.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Ratings;
use Session;
use Test::More;
use Time::HiRes qw(time);

my $node = start_server('', allows_streaming => 1);
create_ratings($node, 1_000_000, 20011, 1009, 1);
my $inspect = q{SELECT md5(string_agg(i::text, ',')) FROM lepton_inspect('ratings') i};
my $session = Session->new($node);
$session->ask($inspect);
my $begin = time;
my $whole = $session->ask($inspect);
my $seconds = time - $begin;
like($whole, qr/^[0-9a-f]{32}$/, 'an inspection that is left alone ends');

# timeouts spread over its whole length
my @cuts = grep { $_->{was_cut} } map { $session->cut($inspect, $seconds * $_ / 20) } 1 .. 19;
diag(sprintf('%.2f s whole; ', $seconds) . Session::percentiles(@cuts));
cmp_ok(scalar(@cuts), '>=', 10, 'timeouts cut it off all along');
# of CPU time: a busy machine makes it no longer
is(scalar(grep { $_->{cpu} > 300 } @cuts), 0, 'and at once');
$session->quit;

# over and over in one transaction, failing in the middle of the source: as much memory as before
my $grown = $node->safe_psql('postgres', q{
	CREATE TEMP TABLE memory (run int, bytes numeric);
	DO $$
	BEGIN
		FOR i IN 1..6 LOOP
			BEGIN
				PERFORM count(*) FROM lepton_inspect('SELECT user_id, item_id, 1 / (500000 - row_number() OVER ()) AS rating, rated_at FROM ratings');
				RAISE 'it did not fail';
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
			INSERT INTO memory SELECT i, sum(total_bytes) FROM pg_backend_memory_contexts;
		END LOOP;
	END $$;
	SELECT max(bytes) FILTER (WHERE run = 6) - max(bytes) FILTER (WHERE run = 2) FROM memory;
});
diag("memory that four more failures in one transaction add: $grown bytes");
cmp_ok($grown, '<', 1024 * 1024, 'a failed inspection leaves no memory');

# a standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $inspect), $whole, 'a standby answers the same');

done_testing();
