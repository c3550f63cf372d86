# Every function of the extension with every argument at its edges, and with arguments at random, of right and of
# wrong kinds, as a role without rights: a call works or fails with an error of its own, in time and in memory that
# are bounded.  What there is to call comes from the catalog, so that what is new is called, too.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $long = $ENV{LEPTON_LONG};
my $n_random = $long ? 100_000 : 1_000;
my $seed = $ENV{LEPTON_SEED} // ($long ? time : 15);
srand($seed);

# no call takes longer; and what is cancelled ends soon after
my $timeout = 2000;
my $late = $timeout + 8000;
my $max_memory = 2 * 1024 * 1024;    # kB of a backend, all told

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', qq{
	lepton.max_training_memory = '256MB'
	log_min_duration_statement = $late
	max_parallel_maintenance_workers = 1
});
$node->start;

my $kinds = { bigint => 'i', text => 't', uuid => 'u' };
my $expression = { bigint => '%s', text => q{'x' || %s}, uuid => q{md5(%s::text)::uuid} };
$node->safe_psql('postgres', q{
	CREATE EXTENSION lepton;
	CREATE ROLE caller LOGIN;
	CREATE SCHEMA calls AUTHORIZATION caller;
	ALTER ROLE caller SET search_path = calls, public;
	CREATE TABLE secret AS SELECT 1 AS user_id, 2 AS item_id;
	CREATE FUNCTION memory() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT substring(pg_read_file('/proc/self/status'), 'VmHWM:\s*(\d+)') $$;
	SELECT version FROM lepton_train('others', 'SELECT u AS user_id, i AS item_id, (u * i) % 5 AS rating FROM generate_series(1, 9) u, generate_series(1, 9) i', '{"algorithm": "baseline"}');
});

# Models of all pairs of kinds, as tables and as values, and sources of their ids.
my @setup = (
	q{CREATE TABLE ratings AS SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating, timestamptz '2025-01-01' + (u + i) * interval '9 hours' AS rated_at FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0},
	q{CREATE INDEX ON ratings (user_id)},
	q{CREATE TABLE many AS SELECT g % 1009 AS user_id, g * 7 % 2003 AS item_id, 1 + g % 5 AS rating FROM generate_series(1, 20000) g},
	q{CREATE VIEW groups_i AS SELECT DISTINCT item_id, item_id % 3 AS g FROM ratings},
	q{CREATE VIEW groups_t AS SELECT 'x' || item_id AS item_id, g FROM groups_i},
	q{CREATE VIEW groups_u AS SELECT md5(item_id::text)::uuid AS item_id, g FROM groups_i},
	q{CREATE TABLE models (name text, model bytea)},
	q{CREATE TABLE forged OF lepton_model},
);
for my $user (sort keys %$kinds)
{
	for my $item (sort keys %$kinds)
	{
		my ($name, $u, $i) = ("m_$kinds->{$user}$kinds->{$item}", sprintf($expression->{$user}, 'user_id'), sprintf($expression->{$item}, 'item_id'));
		push @setup, qq{CREATE VIEW s_$kinds->{$user}$kinds->{$item} AS SELECT $u AS user_id, $i AS item_id, rating, rated_at FROM ratings};
		push @setup, qq{SELECT version FROM lepton_train('$name', 's_$kinds->{$user}$kinds->{$item}', '{"algorithm": "als", "factors": 2, "epochs": 2, "live": false}')} for 1 .. 2;
		push @setup, qq{INSERT INTO models SELECT '$name', lepton_export('$name')};
	}
}
push @setup, (
	q{SELECT version FROM lepton_train('m_live', 'ratings', '{"algorithm": "als", "factors": 2, "epochs": 2, "live": true}')},
	q{SELECT version FROM lepton_train('m_time', 'ratings', '{"algorithm": "bayes", "factors": 2, "time_bins": 4, "live": false}')},
	q{SELECT version FROM lepton_train('m_walk', 'SELECT user_id, item_id FROM ratings WHERE rating > 2', '{"algorithm": "walk"}')},
	q{SELECT version FROM lepton_train('m_ials', 'SELECT user_id, item_id FROM ratings WHERE rating > 2', '{"algorithm": "ials", "factors": 2, "epochs": 2}')},
	q{SELECT version FROM lepton_train('m_eligible', 'ratings', '{"algorithm": "baseline", "eligible": "SELECT item_id FROM ratings WHERE item_id < 9", "live": false}')},
	q{INSERT INTO models SELECT name, lepton_export(name) FROM unnest(ARRAY['m_walk', 'm_ials']) name},
	q{INSERT INTO forged SELECT * FROM m_ii},
	q{UPDATE forged SET users = 'pg_class', items = 'secret'},
);
my ($ret, $out, $err);
for my $statement (@setup)
{
	($ret, $out, $err) = $node->psql('postgres', $statement, extra_params => [ '-U', 'caller' ]);
	note "$statement: $err" if $ret;
}
is($node->safe_psql('postgres', 'SELECT count(*) > 13 FROM lepton_models', extra_params => [ '-U', 'caller' ]), 't', 'there are models of all kinds');

# ------------------------------------------------------------------------ what there is to call

my @functions;
for my $line (split /\n/, $node->safe_psql('postgres', q{
	SELECT p.proname, p.prokind, (SELECT coalesce(string_agg(format_type(t, NULL), ',' ORDER BY o), '') FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(t, o)),
		coalesce(array_to_string(p.proargnames[1:p.pronargs], ','), '')
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'lepton' ORDER BY p.proname, p.oid}))
{
	my ($name, $kind, $types, $names) = split /\|/, $line, -1;
	push @functions, { name => $name, kind => $kind, types => [ split /,/, $types ], names => [ split /,/, $names ] };
}
cmp_ok(scalar @functions, '>', 100, 'functions are found');
my @options = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', q{
	SELECT DISTINCT ON (option) option, type, CASE WHEN a = 'auto' THEN 'als' ELSE a END, min, max FROM unnest(ARRAY['auto', 'baseline', 'sgd', 'als', 'ials', 'bayes', 'walk', 'slim', 'blend']) a, lepton_options(a) ORDER BY option, a = 'auto'});
my @algorithms = split /\n/, $node->safe_psql('postgres', q{SELECT unnest(words) FROM lepton_options() WHERE option = 'algorithm'});

# ------------------------------------------------------------------------------------- values

my @integers = qw(0 1 -1 2 32767 32768 65535 65536 2147483646 2147483647 -2147483648);
my @bigints = (@integers, qw(2147483648 4294967295 4294967296 4611686018427387904 9223372036854775806 9223372036854775807 -9223372036854775808));
my @reals = qw(0 -0 1 -1 0.5 1e-3 NaN Infinity -Infinity 1e38 -1e38 4.9e-324 1e-45 2147483648 9.3e18);
my @arrays = ('{}', '{NULL}', '{{1,2},{3,NULL}}', '[-5:-3]={1,2,3}', '[2147483646:2147483646]={1}', '{1,1,1}', '{1,99}', '{{{1}}}');
my %edges = (
	smallint => [qw(0 1 -1 32767 -32768)],
	integer => \@integers,
	bigint => \@bigints,
	real => [ grep { !/324|18/ } @reals ],
	'double precision' => [ @reals, '1e308', '-1e308' ],
	boolean => [qw(t f)],
	'timestamp with time zone' => ['infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59', 'epoch', '2025-01-03'],
	text => ['', ' ', 'x1', '1', "'", '"', '%s%n', '\\', "\x{c3}\x{a9}", 'a.b.c.d', 'pg_catalog.pg_class', '-1', '9223372036854775808'],
	uuid => ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'c4ca4238-a0b9-2382-0dcc-509a6f75849b'],
	jsonb => ['{}', '[]', 'null', '7', '"x"', '{"": 1}', '{"factors": null}', '{"factors": [1]}', '{"parts": [{}, {}]}', '{"factors": 1e400}', '[[[[{}]]]]'],
	bytea => ['', '\x00', '\x4c45504d', '\x4c4550460101020000000000', '\x4c45504601010000', '\xffffffffffffffffffffffffffffffff'],
	regclass => ['m_ii', 'forged', 'pg_class', '0', '4294967295', 'ratings'],
	internal => [], '"any"' => ['1', 'x'],
	'bigint[]' => \@arrays, 'double precision[]' => [ @arrays, '{NaN}', '{Infinity,1}', '{-1,1e38}', '{4.9e-324}' ],
	'text[]' => [ @arrays, '{""}', '{"x1",x2}' ],
	'uuid[]' => ['{}', '{NULL}', '{00000000-0000-0000-0000-000000000000}', '[5:5]={c4ca4238-a0b9-2382-0dcc-509a6f75849b}'],
);

sub quote
{
	my ($value, $type) = @_;

	return 'NULL::' . $type unless defined $value;
	$value =~ s/'/''/g;
	$value =~ s/\\/\\\\/g;
	return ($value =~ /\\/ ? 'E' : '') . "'$value'::$type";
}

# The kinds of ids in a function's list of arguments and in its name: which model fits.  Where it gives users the name
# has their kind.
sub kinds_of
{
	my ($f) = @_;
	my ($user, $item) = ('i', 'i');

	$item = $kinds->{$1} if $f->{name} =~ /^lepton_\w+?_(text|uuid)(_of_|$)/;
	$user = $kinds->{$1} if $f->{name} =~ /_of_(text|uuid)$/;
	for my $a (0 .. $#{ $f->{types} })
	{
		my $name = $f->{names}[$a] // '';
		my $kind = $kinds->{ $f->{types}[$a] =~ s/\[\]$//r };
		next unless $kind;
		$user = $kind if $name eq 'user_id' && $f->{name} !~ /similar_users/;
		$item = $kind if $name eq 'item_id' && $f->{name} =~ /predict|explain|similar/;
		$user = $kind if $name eq 'item_id' && $f->{name} =~ /topn_users/;
	}
	($user, $item) = ($item, $user) if $f->{name} =~ /similar_users|topn_users/;
	return $user . $item;
}

# A value that an argument is meant to have.
sub right_value
{
	my ($f, $a) = @_;
	my ($type, $name) = ($f->{types}[$a], $f->{names}[$a] // '');
	my $kinds_of = kinds_of($f);

	return "(SELECT model FROM calls.models WHERE name = 'm_$kinds_of')" if $type eq 'bytea' && $name eq 'model';
	return quote("m_$kinds_of", $type) if $name eq 'model' && $type =~ /text|regclass/;
	return quote("s_$kinds_of", 'text') if $name eq 'source';
	return quote('caller', 'text') if $name eq 'owner';
	return quote('scratch', 'text') if $name eq 'name';
	return quote('als', 'text') if $name eq 'algorithm';
	return quote('rmse', 'text') if $name eq 'metric';
	return quote('groups_' . substr($kinds_of, 1), 'text') if $name eq 'groups';
	return quote('{"factors": [2, 3]}', 'jsonb') if $name eq 'grid';
	return quote('{"algorithm": "baseline"}', $type) if $name eq 'options' && $f->{name} =~ /train$|validate|tune|retrain/;
	return quote('{}', $type) if $name =~ /options|details/;
	return quote('{2,3}', $type) if $type =~ /^(bigint|double precision)\[\]$/;
	return quote('{x2,x3}', $type) if $type eq 'text[]';
	return quote('{c81e728d-9d4c-2f63-6f06-7f89cc14862c}', $type) if $type eq 'uuid[]';
	# arguments that drivers send without a type
	return quote($kinds_of =~ /u$/ ? '{}' : $kinds_of =~ /t$/ ? '{x2,x3}' : '{2,3}', 'text') if $name =~ /candidates|exclude$/;
	return quote('f', $type) if $name eq 'exclude_seen';
	return quote('0.5', $type) if $name =~ /level|diversity|popularity_penalty/;
	return quote($name eq 'version' ? 1 : 2, $type) if $type =~ /int|double|real/;
	return quote('x2', $type) if $type eq 'text';
	return quote('c81e728d-9d4c-2f63-6f06-7f89cc14862c', $type) if $type eq 'uuid';
	return quote('2025-01-05', $type) if $type =~ /timestamp/;
	return quote('f', $type) if $type eq 'boolean';
	return 'NULL' if $type eq 'internal';
	return '2' if $type eq '"any"';
	return 'NULL::' . $type;
}

# The call of a function with these arguments, all of it undone.
sub call
{
	my ($f, @arguments) = @_;
	my $list = join(', ', @arguments);

	return "BEGIN; CALL $f->{name}($list); ROLLBACK" if $f->{kind} eq 'p';
	return "BEGIN; SELECT $f->{name}($list) FROM generate_series(1, 3); ROLLBACK" if $f->{kind} eq 'a';
	return "BEGIN; SELECT * FROM $f->{name}($list); ROLLBACK";
}

# ----------------------------------------------------------------------------------- running

my %figures;

# Statements by one backend, one a line; every error that is none of an argument's, and what else must not be.
sub run
{
	my ($what, @statements) = @_;
	my $file = $node->basedir . '/calls.sql';
	my $log_position = -s $node->logfile;
	my (%states, %messages, @internal);
	my ($line, $stderr) = (0, '');

	open my $fh, '>:raw', $file or die $!;
	print $fh "\\o /dev/null\n\\set VERBOSITY verbose\nSET statement_timeout = $timeout; SET client_min_messages = error;\n";
	tr/\n/ / for @statements;
	print $fh "$_;\n" for @statements;
	print $fh "ROLLBACK; RESET ALL; \\o\nSELECT 'memory ' || public.memory();\n";
	close $fh;
	my $stdout = '';
	my $start = time;
	IPC::Run::run([ 'psql', '-XAtq', '-U', 'caller', '-d', $node->connstr('postgres'), '-f', $file ], '>', \$stdout, '2>', \$stderr);
	for my $text (split /\n/, $stderr)
	{
		# the second of two statements of a transaction that has failed says nothing
		if ($text =~ /^psql:[^:]*:(\d+): (?:ERROR|FATAL|PANIC):  (?!25P02)(\w{5}): (.*)/)
		{
			$line = $1;
			$states{$2}++;
			$messages{"$2: " . substr($3 =~ s/\d+/n/gr, 0, 90)}++;
			push @internal, "$3: $statements[$line - 4]" if $2 eq 'XX000' || $2 eq '57P02';
		}
	}
	my $errors = 0;
	$errors += $_ for values %states;
	is(join("\n", @internal[ 0 .. ($#internal > 9 ? 9 : $#internal) ]), '', "$what: no internal error");
	my $log = slurp_file($node->logfile, $log_position);
	unlike($log, qr/terminated by signal|TRAP:|PANIC/, "$what: no crash");
	unlike($log, qr/duration: .* ms/, "$what: each ends in time");
	my ($memory) = $stdout =~ /memory (\d+)/;
	cmp_ok($memory // 0, '<', $max_memory, "$what: memory is bounded");
	is($node->safe_psql('postgres', 'SELECT 1'), '1', "$what: the server answers");
	note "$messages{$_} x $_" for grep { defined } (sort { $messages{$b} <=> $messages{$a} } keys %messages)[ 0 .. 59 ];
	my %sum = (calls => scalar @statements, errors => $errors, cancelled => $states{57014} // 0, internal => scalar @internal, seconds => time - $start);
	$figures{$what}{$_} += $sum{$_} for keys %sum;
	$figures{$what}{memory} = $memory // 0 if ($memory // 0) > ($figures{$what}{memory} // 0);
}

# ------------------------------------------------------------------------- each at its edges

# Overloads of a function go through the same code: in short each value of an argument is tried with one of them, in turn.
my (@calls, %by_value);
for my $f (@functions)
{
	my @right = map { right_value($f, $_) } 0 .. $#{ $f->{types} };
	my $family = $f->{name} =~ s/(_of)?_(text|uuid)(?=_|$)//gr;
	push @{ $by_value{$family} }, call($f, @right);
	for my $a (0 .. $#right)
	{
		for my $value (@{ $edges{ $f->{types}[$a] } }, undef)
		{
			my @arguments = @right;
			$arguments[$a] = quote($value, $f->{types}[$a] eq '"any"' ? 'text' : $f->{types}[$a]);
			$arguments[$a] = 'NULL' if $f->{types}[$a] eq 'internal';
			push @{ $by_value{ join '|', $family, $f->{names}[$a] // $a, $value // 'NULL' } }, call($f, @arguments);
		}
	}
}
for my $key (sort keys %by_value)
{
	my @overloads = @{ $by_value{$key} };
	push @calls, $long ? @overloads : $overloads[ @calls % @overloads ];
}
run('arguments at their edges', @calls);

my @trainings;
for my $option (@options)
{
	my ($name, $type, $algorithm, $min, $max) = @$option;
	my $source = $algorithm =~ /walk|slim|ials|blend/ ? 'SELECT user_id, item_id FROM ratings WHERE rating > 2' : 'ratings';
	my @numbers = (@bigints, qw(0.5 -0.5 1e-300 1e300 1e400 1e39));
	push @numbers, $min, $max, map { sprintf $type =~ /integer/ ? '%.0f' : '%.17g', $_ } $min - 1, $max + 1 if $type =~ /integer|real/ && length $max;
	my @values = $type =~ /range|numbers/ ? map { "[$_, $numbers[-$_ % 7]]" } 0 .. 6 : $type =~ /integer|real/ ? @numbers : ('0', '""', '"x"', 'null', '[]', 'true', '{}');
	push @values, '[0, 0]', '[1, -1]', '[-1e38, 1e38]', '[1e400, 0]' if $type =~ /range|numbers/;
	for my $value (@values)
	{
		my $json = ($name eq 'algorithm' ? '' : qq("algorithm": "$algorithm", )) . qq("$name": $value);
		push @trainings, "BEGIN; SELECT version FROM lepton_train('edge', '$source', '{$json}'); SELECT * FROM lepton_topn('edge', 1, 3); ROLLBACK";
	}
}
run('options at their edges', @trainings);

# ---------------------------------------------------------------------------------- at random

sub pick { return $_[ int(rand(@_)) ]; }

sub random_option
{
	my ($depth) = @_;
	my $name = pick(@options)->[0];

	return qq("$name": ) . ($name eq 'algorithm' ? '"' . pick(@algorithms) . '"' : random_json($depth));
}

sub random_json
{
	my ($depth) = @_;

	return pick(@bigints, @{ $edges{'double precision'} }[ 0 .. 5 ], 'true', 'null', '"x"', '1e400') if $depth > 2 || rand() < 0.5;
	return '[' . join(', ', map { random_json($depth + 1) } 1 .. rand(4)) . ']' if rand() < 0.4;
	return '{' . join(', ', map { random_option($depth + 1) } 1 .. rand(4)) . '}';
}

sub random_value
{
	my ($f, $a) = @_;
	my $type = $f->{types}[$a];
	my $name = $f->{names}[$a] // '';
	my $dice = rand();

	return right_value($f, $a) if $dice < 0.6;
	return 'NULL' if $dice < 0.63;
	return quote(pick(map { @$_ } values %edges), 'text') . '::' . $type if $dice < 0.65 && $type !~ /internal|any/;
	$type = pick('bigint', 'text', 'uuid', 'numeric', 'jsonb') if $type eq '"any"';
	return quote(random_json(0), $type) if $type eq 'jsonb' || $name eq 'options';
	if ($type eq 'bytea')
	{
		my $model = '(SELECT model FROM calls.models WHERE name = ' . quote(pick(qw(m_ii m_tu m_ut m_walk m_ials)), 'text') . ')';
		return $model if rand() < 0.3;
		return "set_byte($model, " . int(rand(400)) . ', ' . int(rand(256)) . ')' if rand() < 0.6;
		return "substr($model, 1, " . int(rand(500)) . ')' if rand() < 0.5;
	}
	return quote(pick(qw(m_ii m_tt m_uu m_ti m_live m_time m_walk m_ials m_eligible forged scratch others public.others ratings nosuch), @{ $edges{text} }), $type) if $name eq 'model' || $name eq 'name';
	return quote(pick(qw(ratings s_ii s_tu s_uu many secret nosuch), 'SELECT 1', 'SELECT user_id, item_id FROM ratings', 'SELECT user_id, user_id AS item_id, NULL::int AS rating FROM ratings', 'SELECT item_id AS user_id, user_id AS item_id, 7e37::real AS rating FROM ratings', 'VALUES (1, 2)', 'SELECT * FROM ratings WHERE false', 'SELECT pg_sleep(9) AS user_id, 1 AS item_id', @{ $edges{text} }), 'text') if $name =~ /source|groups/;
	return quote(pick(@{ $edges{$type} // [] }, undef), $type =~ /internal/ ? 'text' : $type) if $type !~ /\[\]|internal/;
	return 'NULL' if $type eq 'internal';
	return "array_fill(" . quote(pick(grep { defined } @{ $edges{ $type =~ s/\[\]//r } }), $type =~ s/\[\]//r) . ', ARRAY[' . pick(1, 3, 1000, 100000) . '])' if rand() < 0.2;
	return quote(pick(@{ $edges{$type} }, undef), $type);
}

my @random;
for (1 .. $n_random)
{
	my $f = pick(@functions);
	my @arguments = map { random_value($f, $_) } 0 .. $#{ $f->{types} };
	# some with arguments too few
	pop @arguments while @arguments > 2 && rand() < 0.2;
	my $call = call($f, @arguments);
	$call =~ s/^BEGIN; (CALL .*); ROLLBACK$/$1/s if rand() < 0.5;
	push @random, $call;
}
diag "seed: $seed" if $long;
while (my @some = splice(@random, 0, 5000))
{
	run('arguments at random', @some);
}
for my $what (sort keys %figures)
{
	my $f = $figures{$what};
	diag sprintf('figure: %s = %d calls, %d with an error, %d cancelled, 0 crashes, %d internal errors, at most %d MB, %d s', $what, @$f{qw(calls errors cancelled internal)}, $f->{memory} / 1024, $f->{seconds});
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM lepton_models WHERE model = 'others'::regclass AND version = 1}), '1', 'the model of another is as it was');
is($node->safe_psql('postgres', q{SELECT count(*) FROM lepton_check('others')}), '2', 'and whole');
$node->stop;
done_testing();
