# Every kernel level that this machine has gives the same bits: of models trained
# at any level, asked at any level, whatever their storage, from memory that was
# filled at any level.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Models;

my $pairs = size(15, 120);
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION lepton');
my @levels = split /[, ]+/, $node->safe_psql('postgres', q{SELECT value FROM lepton_info() WHERE topic = 'kernels that run here'});
is(scalar(grep { $_ eq 'portable' } @levels), 1, 'portable kernels run everywhere, beside ' . (@levels - 1) . ' levels of this machine');

create_fingerprint($node, 'postgres');
create_gallery($node, 'postgres', 'public');
my $expected = fingerprint($node, 'postgres', $pairs, set => 'SET lepton.kernel = portable;');

# items that another session has read, at another level, and items read at this one
foreach my $memory ('256MB', 0)
{
	$node->append_conf('postgresql.conf', "lepton.shared_cache_size = $memory\n");
	$node->reload;
	foreach my $level (@levels)
	{
		same_fingerprint(fingerprint($node, 'postgres', $pairs, set => "SET lepton.kernel = $level;"), $expected,
			"$level: predictions and lists are those of portable kernels, " . ($memory ? 'items shared' : 'items read'));
	}
}

# a session that changes its level in between
my $list = q{SELECT md5(string_agg(m || u || l::text, ',' ORDER BY m, u, rank)) FROM unnest(ARRAY['als', 'als_half', 'als_bytes', 'ials_bytes', 'blend', 'lively']) m, generate_series(1, 20) u, lepton_topn(m, u, 10) l};
my %answers = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', join ' ', map { "SET lepton.kernel = $_; $list;" } @levels, reverse @levels);
is(scalar keys %answers, 1, 'a session that changes its level goes on with the same answers');

# trained at each level
my $trained = '';
my $n = 0;
foreach my $level (@levels)
{
	$node->safe_psql('postgres', "CREATE DATABASE at_$level");
	$node->safe_psql("at_$level", "CREATE EXTENSION lepton; ALTER DATABASE at_$level SET lepton.kernel = $level");
	create_fingerprint($node, "at_$level");
	create_gallery($node, "at_$level", 'public');
	is($node->safe_psql("at_$level", q{SELECT DISTINCT details ->> 'kernel' FROM als}), $level, "$level: that is what trains");
	my $here = fingerprint($node, "at_$level", $pairs, where => q{what <> 'row'}, set => 'RESET lepton.kernel;');
	$trained = $here if $trained eq '';
	$n = () = $here =~ / predictions: /g;
	same_fingerprint($here, $trained, "$level: what is trained has the bits that portable kernels give");
}

figure('kernel levels of this machine', join(' ', @levels));
figure('versions of models that are asked, and trained, at each', $n);
$node->stop;
done_testing();
