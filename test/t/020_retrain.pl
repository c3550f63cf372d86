# A retraining that computes holds no snapshot and no transaction id, can be cut off
# at any time, and leaves neither lock nor rights behind; its source runs as the
# owner of the model, and can do nothing but read.
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
	SELECT u AS user_id, i AS item_id, CASE WHEN (u + i) % 2 = 0 THEN 5 ELSE 1 END AS rating
	FROM generate_series(1, 2000) u, generate_series(1, 400) i WHERE (u * u + i * 13 + u * i) % 7 < 2;
	SELECT lepton_train('recs', 'ratings', '{"algorithm": "als", "factors": 8, "epochs": 3}');
});

# what is going on with the sessions that retrain
sub state_of
{
	my $what = shift;
	return $node->safe_psql('postgres',
		qq{SELECT $what FROM pg_stat_activity a WHERE query LIKE 'CALL lepton_retrain%' AND state = 'active' ORDER BY query_start});
}

# A retraining in the background that takes minutes if it is left alone
my $long = q{CALL lepton_retrain('recs', '{"factors": 256, "epochs": 10000, "patience": 10000}')};

sub start_long
{
	my ($setting) = @_;
	my $run = { out => '', err => '' };
	$run->{handle} = IPC::Run::start(
		[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $setting || 'SELECT 1', '-c', $long ],
		'<', '/dev/null', '>', \$run->{out}, '2>', \$run->{err});
	return $run;
}

sub wait_until_training
{
	$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM lepton_progress WHERE phase = 'train' AND epoch > 0)})
	  or die 'the training did not run';
}

my $run = start_long();
wait_until_training();
is(state_of(q{backend_xmin IS NULL AND backend_xid IS NULL}), 't', 'while it computes it has no snapshot and no xid');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE query LIKE 'CALL lepton_retrain%' AND state = 'active' AND locktype NOT IN ('userlock', 'virtualxid')}), '0',
	'and no lock but that against other trainings');
$node->safe_psql('postgres', q{CREATE TABLE died AS SELECT n FROM generate_series(1, 1000) n; DELETE FROM died;});
like($node->safe_psql('postgres', q{SELECT pg_stat_force_next_flush(); VACUUM (INDEX_CLEANUP off) died; SELECT pg_relation_size('died')}),
	qr/^0$/m, 'VACUUM removes what died after it began');

# a second one, which waits, does not hold one either
my $second = start_long();
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'userlock' AND NOT granted})
  or die 'the second did not wait';
is(state_of(q{backend_xmin IS NULL AND backend_xid IS NULL}), "t\nt", 'nor has one that waits');
my ($out, $err);
$node->psql('postgres', q{CALL lepton_retrain('recs', '{"wait": false}')}, stderr => \$err);
like($err, qr/is being trained by another session/, 'one that does not want to wait fails');
is($node->safe_psql('postgres', q{SELECT count(*) FROM lepton_topn('recs', 2, 3)}), '3', 'readers read');

# cut off, each by other means; the one that waits cannot have the lock before
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'userlock' AND NOT granted});
$second->{handle}->finish;
like($second->{err}, qr/canceling statement due to user request/, 'a cancel ends the wait');
foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
{
	$run = start_long() if $function ne 'pg_cancel_backend';
	wait_until_training();
	state_of("$function(pid)");
	$run->{handle}->finish;
	like($run->{err}, qr/canceling statement due to user request|terminating connection/, "$function ends it");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock'}), '0', "$function lets the lock go");
	is($node->safe_psql('postgres', q{SELECT string_agg(version::text, ',') FROM recs}), '1', "$function leaves no version");
}
$run = start_long(q{SET statement_timeout = '4s'});
$run->{handle}->finish;
like($run->{err}, qr/canceling statement due to statement timeout/, 'a timeout counts for all of it');

# a session goes on as it was, after an error as after a success
is($node->safe_psql('postgres', q{
	CREATE ROLE tenant;
	CREATE SCHEMA tenant AUTHORIZATION tenant;
	SET search_path = pg_catalog, public, pg_temp;
	CREATE TABLE pg_temp.ratings AS SELECT 1 AS user_id, 1 AS item_id, 1 AS rating;
	CALL lepton_retrain('recs');
	SELECT current_user = session_user, current_setting('search_path'), current_setting('transaction_read_only'), max(version), max(n_ratings) > 1000 FROM recs;
}), 't|pg_catalog, public, pg_temp|off|2|t', 'user, settings and the read-only flag are the caller\'s again, and a temporary table is not the source');

# ---- whose rights: a superuser retrains what is a tenant's
$node->safe_psql('postgres', q{
	CREATE TABLE secret AS SELECT 1 AS n;
	CREATE TABLE tenant.rows AS SELECT * FROM ratings WHERE user_id < 300;
	ALTER TABLE tenant.rows OWNER TO tenant;
	CREATE TABLE tenant.log (what text);
	ALTER TABLE tenant.log OWNER TO tenant;
	SET ROLE tenant;
	CREATE FUNCTION tenant.trap() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
	CREATE FUNCTION tenant.who() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''read as %'', current_user; RETURN true; END';
	SET search_path = "$user", public;
	SELECT lepton_train('tenant.m', 'SELECT r.* FROM (SELECT trap() OFFSET 0) t(ok), rows r WHERE ok', '{"algorithm": "als", "factors": 4}');
});
$node->psql('postgres', q{CREATE OR REPLACE FUNCTION tenant.trap() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''read as %'', current_user; RETURN true; END'; CALL lepton_retrain('tenant.m')}, stderr => \$err);
like($err, qr/read as tenant/, 'the source runs as the owner, under the recorded path');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT relowner) FROM pg_class WHERE relname IN ('m', 'm_users', 'm_items')}), '1', 'and what is written is the owner\'s');

# what the owner's code tries when a superuser calls
my %traps = (
	'SET ROLE' => [ q{EXECUTE 'SET ROLE NONE'}, qr/cannot set parameter "role" within security-restricted operation/ ],
	'set_config of session_authorization' => [ q{PERFORM set_config('session_authorization', 'postgres', false)}, qr/security-restricted operation|permission denied/ ],
	'ALTER ROLE' => [ q{EXECUTE 'ALTER ROLE tenant SUPERUSER'}, qr/read-only transaction|must be superuser|permission denied/ ],
	'ALTER TABLE' => [ q{EXECUTE 'ALTER TABLE tenant.log ADD COLUMN n int'}, qr/read-only transaction/ ],
	'INSERT' => [ q{INSERT INTO tenant.log VALUES ('was here')}, qr/read-only transaction/ ],
	'reading what is not hers' => [ q{PERFORM * FROM public.secret}, qr/permission denied for table secret/ ],
	'writing again' => [ q{SET transaction_read_only = off}, qr/transaction read-write mode must be set before any query/ ],
	'COMMIT' => [ q{COMMIT}, qr/invalid transaction termination/ ],
	'a cursor that lives on' => [ q{EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'}, qr/security-restricted operation|cannot/ ],
	'retraining in it' => [ q{CALL public.lepton_retrain('tenant.m', '{"wait": false}')}, qr/read-only transaction/ ],
);
foreach my $what (sort keys %traps)
{
	my ($code, $expected) = @{ $traps{$what} };
	$code =~ s/'/''/g;
	$node->safe_psql('postgres', qq{CREATE OR REPLACE FUNCTION tenant.trap() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN $code; RETURN true; END'});
	$node->psql('postgres', q{CALL lepton_retrain('tenant.m')}, stderr => \$err);
	like($err, $expected, "the source cannot: $what");
}
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION tenant.trap() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END'});
is($node->safe_psql('postgres', q{SELECT count(*) FROM tenant.log}), '0', 'nothing of it was written');
is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant'}), 'f', 'nobody rose');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock'}), '0', 'no lock is left');

# who may call, and whose row it may be
$node->safe_psql('postgres', q{CREATE ROLE writer; GRANT USAGE ON SCHEMA tenant TO writer; GRANT SELECT ON tenant.m TO writer;});
$node->psql('postgres', q{SET ROLE writer; CALL lepton_retrain('tenant.m')}, stderr => \$err);
like($err, qr/must be owner of table m/, 'a reader may not retrain');
foreach my $grant ('INSERT', 'UPDATE', 'UPDATE (source)')
{
	$node->safe_psql('postgres', "GRANT $grant ON tenant.m TO writer");
	$node->psql('postgres', q{CALL lepton_retrain('tenant.m')}, stderr => \$err);
	like($err, qr/may be written by other roles than its owner/, "a model whose source others may write is refused: $grant");
	$node->safe_psql('postgres', "REVOKE $grant ON tenant.m FROM writer");
}
$node->safe_psql('postgres', q{CALL lepton_retrain('tenant.m')});
$node->safe_psql('postgres', q{GRANT tenant TO writer; SET ROLE writer; CALL lepton_retrain('tenant.m')});
is($node->safe_psql('postgres', q{SELECT max(version) FROM tenant.m}), '4', 'a member of the owner may retrain');

$node->stop;
done_testing();
