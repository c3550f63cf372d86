# Schemas, tables, columns and models may be called anything.  What is recorded of
# them in the models' rows holds after a dump and a restore.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Models;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE names');
$node->safe_psql('names', 'CREATE EXTENSION lepton');
my $n = create_hostile($node, 'names');
cmp_ok($n, '>=', size(30, 60), "models of $n names are trained");
create_fingerprint($node, 'names');
my $pairs = size(8, 13);
my $before = fingerprint($node, 'names', $pairs);
my $predictions = 0;
$predictions += $1 while $before =~ / predictions: (\d+)/g;
cmp_ok($predictions, '>=', size(2_000, 10_000), "$predictions predictions of them");

# Every one of these is asked of every name, by one query; the names that fail.
my %asked = (
	'is live if it was to be' => q{SELECT n FROM hostile h WHERE (SELECT details ? 'live' FROM lepton_versions(model::regclass)) <> (n % 3 = 0)},
	'lists what is eligible' => q{SELECT h.n FROM hostile h, generate_series(1, 25) u, lepton_topn(model, u, 25) l GROUP BY h.n HAVING bool_or(item_id % 5 = 0) OR count(*) < 25},
	'is whole' => q{SELECT n FROM hostile h WHERE (SELECT count(*) FROM lepton_check(model)) <> 2},
	'is exported' => q{SELECT n FROM hostile h WHERE (SELECT n_users FROM lepton_info(lepton_export(model))) <> 25},
	'has a report' => q{SELECT n FROM hostile h WHERE lepton_report(model) !~ '^<!DOCTYPE html>'},
	'explains' => q{SELECT n FROM hostile h WHERE (SELECT count(*) FROM lepton_explain(model, 1, 2)) = 0},
	'has figures' => q{SELECT n FROM hostile h WHERE (SELECT count(*) FROM lepton_stat s WHERE s.model = h.model::regclass) <> 1},
);
foreach my $what (sort keys %asked)
{
	is($node->safe_psql('names', "SELECT name FROM hostile WHERE n IN (SELECT n FROM ($asked{$what}) a)"), '', "each of them $what");
}

# restored, trained again, forgotten, given away, dropped
my $dir = $node->basedir;
my %formats = (plain => [], custom => ['-Fc'], $ENV{LEPTON_LONG} ? (inserts => ['--inserts']) : ());
foreach my $format (sort keys %formats)
{
	$node->command_ok([ 'pg_dump', @{ $formats{$format} }, '-d', $node->connstr('names'), '-f', "$dir/$format" ], "dump, $format");
	$node->safe_psql('postgres', "CREATE DATABASE names_$format TEMPLATE template0");
	my @restore = $format eq 'custom' ? ('pg_restore', '-e', '-j2') : ('psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-f');
	$node->command_ok([ @restore, $format eq 'custom' ? () : "$dir/$format", '-d', $node->connstr("names_$format"), $format eq 'custom' ? "$dir/$format" : () ], "restore, $format");
	same_fingerprint(fingerprint($node, "names_$format", $pairs), $before, "$format: rows, predictions and lists of all of them");
}
my %done = (
	'trained again' => q{CALL lepton_retrain(h.model, '{"guard": false}')},
	'published' => q{PERFORM lepton_publish(h.model, 1)},
	'pinned' => q{PERFORM lepton_pin(h.model, 1)},
	'given away' => q{PERFORM lepton_set_owner(h.model, $r$it's "mine"; --$r$)},
	'forgotten of' => q{PERFORM lepton_forget(h.model, 3, true)},
	'imported' => q{PERFORM lepton_import(h.model, lepton_export(h.model))},
	'zz dropped' => q{PERFORM lepton_drop(h.model)},
);
$node->safe_psql('names_custom', q{CREATE ROLE "it's ""mine""; --" SUPERUSER});
foreach my $what (sort keys %done)
{
	is($node->safe_psql('names_custom', qq{
		SET client_min_messages = warning;
		CREATE TEMP TABLE failed (name text, message text);
		DO \$do\$
		DECLARE
			h hostile;
		BEGIN
			FOR h IN SELECT * FROM hostile ORDER BY n LOOP
				BEGIN
					$done{$what};
				EXCEPTION WHEN OTHERS THEN INSERT INTO failed VALUES (h.name, SQLERRM);
				END;
			END LOOP;
		END \$do\$;
		SELECT * FROM failed;}), '', 'each of them is ' . ($what =~ s/^zz //r));
}
is($node->safe_psql('names_custom', q{SELECT count(*) FROM pg_class WHERE relkind = 'r' AND reloftype <> 0}), '0', 'no table of them is left');

figure('hostile names of schema, table, columns and model', $n);
figure('predictions of them compared after restores', $predictions);
$node->stop;
done_testing();
