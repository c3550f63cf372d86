# pg_upgrade carries models: by copies and by links, of any name, with the same
# bytes and answers; and they are trained and dropped afterwards.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Models;

my $pairs = size(10, 100);
my $old = PostgreSQL::Test::Cluster->new('old');
$old->init;
$old->start;
$old->safe_psql('postgres', 'CREATE ROLE alice; CREATE ROLE app; CREATE DATABASE shop; CREATE DATABASE names');
$old->safe_psql('shop', 'CREATE EXTENSION lepton; CREATE SCHEMA shop AUTHORIZATION alice; GRANT USAGE ON SCHEMA shop TO app');
create_gallery($old, 'shop', 'shop', 'alice');
$old->safe_psql('shop', 'GRANT SELECT ON shop.als TO app; CREATE TABLE shop.empty OF public.lepton_model');
$old->safe_psql('names', 'CREATE EXTENSION lepton');
create_hostile($old, 'names');
create_fingerprint($old, $_) foreach 'shop', 'names';
my %before = (shop => fingerprint($old, 'shop', $pairs), names => fingerprint($old, 'names', size(5, 25)));
my $settled = q{SELECT string_agg(concat_ws(' ', oid, relname, pg_get_userbyid(relowner), relacl, reloptions, reloftype::regtype), ', ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'};
my $settled_before = $old->safe_psql('shop', $settled);
$old->stop;

# pg_upgrade writes where it stands
chdir ${PostgreSQL::Test::Utils::tmp_check};
my $bin = $old->config_data('--bindir');

# by links last: the old cluster is no more after it
foreach my $mode ($ENV{LEPTON_LONG} ? 'copy' : (), 'link')
{
	my $new = PostgreSQL::Test::Cluster->new("new_$mode");
	$new->init;
	my @upgrade = ('pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin, '-s', $new->host,
		'-p', $old->port, '-P', $new->port, $mode eq 'link' ? '--link' : ());

	command_ok([ @upgrade, '--check' ], "$mode: pg_upgrade --check");
	command_ok([@upgrade], "$mode: pg_upgrade");
	$new->start;
	same_fingerprint(fingerprint($new, 'shop', $pairs), $before{shop}, "$mode: rows, predictions and lists");
	same_fingerprint(fingerprint($new, 'names', size(5, 25)), $before{names}, "$mode: of any name, too");
	is($new->safe_psql('shop', $settled), $settled_before, "$mode: owners, privileges, identifiers");
	is($new->safe_psql('shop', q{SELECT count(*) FROM lepton_stat WHERE rows_inserted IS NOT NULL OR rows_deleted IS NOT NULL}), '0', "$mode: counters that pg_upgrade does not carry are not guessed");
	is($new->safe_psql('shop', q{SET ROLE alice; SET client_min_messages = warning; CALL lepton_retrain('shop.als'); CALL lepton_retrain('shop.lively', '{"guard": false}'); SELECT max(version) FROM shop.als}), '4', "$mode: models are trained again");
	is($new->safe_psql('shop', q{SELECT lepton_drop('shop.walk'); DROP TABLE shop.als; SELECT count(*) FROM pg_class WHERE relname ~ '^(als|walk)_(users|items)'}), "\n0", "$mode: and dropped with their tables");
	figure("pg_upgrade by $mode: models that answer as before", scalar(() = $before{shop} =~ / row: /g) + scalar(() = $before{names} =~ / row: /g));
	$new->stop;
}
done_testing();
