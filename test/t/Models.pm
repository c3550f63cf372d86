# Models.pm: what tests that carry models elsewhere share.
#
# A gallery of models, one of each algorithm, storage and kind of id; names that
# break what quotes carelessly; a fingerprint of all models of a database; sessions
# that verify what models say while they change; and the sizes that LEPTON_LONG sets.
package Models;

use strict;
use warnings;
use Encode qw(encode);
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(size figure create_gallery create_fingerprint fingerprint same_fingerprint
  hostile_names create_hostile create_verify change_models start_verifying stop_verifying);

# size($short, $long): how many, in "make test" and under LEPTON_LONG.
sub size
{
	my ($short, $long) = @_;
	return $ENV{LEPTON_LONG} ? $long : $short;
}

# figure($what, $value): a line that docs/reliability.md is made from.
sub figure
{
	my ($what, $value) = @_;
	diag("figure: $what = $value");
	return;
}

# Ratings, products and a user's index on the ratings: what the gallery is trained on.
my $tables = q{
	CREATE TABLE %1$s.ratings (id bigint GENERATED ALWAYS AS IDENTITY, line serial, user_id int, item_id int, rating real,
		rated_at timestamptz DEFAULT '2026-03-01 00:00Z', PRIMARY KEY (user_id, item_id));
	INSERT INTO %1$s.ratings (user_id, item_id, rating, rated_at)
	SELECT u, i, 1 + (u * 3 + i * 5 + (u %% 7) * (i %% 11)) %% 5, timestamptz '2026-01-01 00:00Z' + make_interval(hours => u + i)
	FROM generate_series(1, 120) u, generate_series(1, 120) i WHERE (u * u + i * 13 + u * i) %% 7 < 2;
	CREATE TABLE %1$s.products (item_id int PRIMARY KEY, in_stock boolean);
	INSERT INTO %1$s.products SELECT i, i %% 3 > 0 FROM generate_series(1, 130) i;
	CREATE VIEW %1$s.of_text AS SELECT 'u ' || user_id AS user_id, 'Art. ' || item_id AS item_id, rating, rated_at FROM %1$s.ratings;
	CREATE VIEW %1$s.of_uuid AS SELECT md5(user_id::text)::uuid AS user_id, md5('i' || item_id)::uuid AS item_id, rating FROM %1$s.ratings;
};

# name, source, options; %s: the schema
my @gallery = (
	[ 'als', 'ratings', '{"algorithm": "als", "factors": 8, "epochs": 5, "live": false, "keep": 3}' ],
	[ 'als_half', 'ratings', '{"algorithm": "als", "factors": 7, "epochs": 5, "live": false, "storage": "float16"}' ],
	[ 'als_bytes', 'ratings', '{"algorithm": "als", "factors": 19, "epochs": 5, "live": false, "storage": "int8"}' ],
	[ 'sgd', 'ratings', '{"algorithm": "sgd", "factors": 16, "epochs": 5, "live": false, "point": "median"}' ],
	[ 'bayes', 'ratings', '{"algorithm": "bayes", "factors": 4, "epochs": 8, "live": false, "time_bins": 4}' ],
	[ 'baseline', 'of_uuid', '{"algorithm": "baseline"}' ],
	[ 'text_ids', 'of_text', '{"algorithm": "als", "factors": 5, "epochs": 5}' ],
	[ 'ials', 'SELECT user_id, item_id FROM %s.of_uuid WHERE rating > 2', '{"algorithm": "ials", "factors": 8, "epochs": 5}' ],
	[ 'ials_bytes', 'SELECT user_id, item_id FROM %s.ratings WHERE rating > 2', '{"algorithm": "ials", "factors": 33, "epochs": 5, "storage": "int8"}' ],
	[ 'walk', 'SELECT user_id, item_id FROM %s.of_text WHERE rating > 2', '{"algorithm": "walk", "neighbors": 20}' ],
	[ 'slim', 'SELECT user_id, item_id FROM %s.ratings WHERE rating > 2', '{"algorithm": "slim", "neighbors": 20, "storage": "float16"}' ],
	[ 'blend', 'SELECT user_id, item_id FROM %s.ratings WHERE rating > 2', '{"algorithm": "blend", "storage": "int8", "parts": [{"algorithm": "walk"}, {"algorithm": "ials", "factors": 8}]}' ],
	[ 'popular', 'SELECT user_id, item_id FROM %s.ratings WHERE rating > 2', '{"algorithm": "popular"}' ],
	[ 'lively', 'ratings', '{"algorithm": "als", "factors": 8, "epochs": 5, "live": true, "eligible": "SELECT item_id FROM %s.products WHERE in_stock"}' ],
	[ 'lively_walk', 'SELECT user_id, item_id FROM %s.ratings WHERE rating > 2', '{"algorithm": "walk", "live": true}' ],
);

# create_gallery($node, $database, $schema, $role): the gallery, in a schema that is
# there, made as this role; its models' names.
sub create_gallery
{
	my ($node, $database, $schema, $role) = @_;
	my $sql = 'SET client_min_messages = warning;';

	$sql .= qq{SET ROLE "$role";} if defined $role;
	$sql .= qq{SET search_path = $schema, public;};
	$sql .= sprintf($tables, $schema);
	foreach my $model (@gallery)
	{
		my ($name, $source, $options) = @$model;

		$sql .= sprintf("SELECT lepton_train('%s.%s', \$\$%s\$\$, \$\$%s\$\$);\n",
			$schema, $name, $source =~ s/%s/$schema/gr, $options =~ s/%s/$schema/gr);
	}

	# more than one version: published, beside, pinned, rolled back
	$sql .= qq{
		SELECT lepton_train('$schema.als', 'ratings', '{"algorithm": "sgd", "factors": 4, "epochs": 3, "live": false, "keep": 3}');
		SELECT lepton_train('$schema.als', 'ratings', '{"algorithm": "baseline", "live": false, "publish": false, "keep": 3}');
		SELECT lepton_pin('$schema.als', 3);
		SELECT lepton_rollback('$schema.als');
	};
	$node->safe_psql($database, $sql);
	return map { "$schema.$_->[0]" } @gallery;
}

# create_fingerprint($node, $database): the function lepton_fingerprint(n), where n
# says how many users and items are asked for in each model.  All that it asks
# stands in the models, so that it needs no table of ratings but those of live models.
# Tables of the type whose names end in _log are taken for copies of rows.
sub create_fingerprint
{
	my ($node, $database) = @_;

	$node->safe_psql($database, q{
CREATE OR REPLACE FUNCTION public.lepton_fingerprint(n bigint, OUT model text, OUT version bigint, OUT what text, OUT value text)
RETURNS SETOF record LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	v record;
	item text;
	of_user text;
	query text;
BEGIN
	FOR v IN SELECT m.model::text AS name, w.version, w.users::text, w.items::text, w.algorithm IN ('baseline', 'popular') AS learns_nothing
		FROM lepton_models m, lepton_versions(m.model) w WHERE m.model::text !~ '_log$' ORDER BY 1, 2
	LOOP
		model := v.name;
		version := v.version;
		SELECT CASE atttypid WHEN 'text'::regtype THEN '_text' WHEN 'uuid'::regtype THEN '_uuid' ELSE '' END INTO item
			FROM pg_attribute WHERE attrelid = v.items::regclass AND attname = 'id';
		SELECT CASE atttypid WHEN 'text'::regtype THEN '_of_text' WHEN 'uuid'::regtype THEN '_of_uuid' ELSE '' END INTO of_user
			FROM pg_attribute WHERE attrelid = v.users::regclass AND attname = 'id';
		FOR what, query IN VALUES
			('row', format('SELECT md5(to_jsonb(x)::text) FROM %s x WHERE version = $2', v.name)),
			('users', format('SELECT count(*) || %L || md5(string_agg(x::text, %L ORDER BY n)) FROM %s x WHERE version = $2', ' ', E'\n', v.users)),
			('items', format('SELECT count(*) || %L || md5(string_agg(x::text, %L ORDER BY n)) FROM %s x WHERE version = $2', ' ', E'\n', v.items)),
			('predictions', format('SELECT count(*) || %L || md5(string_agg(float4send(lepton_predict($1, u, i, version => $2))::text, %L ORDER BY u, i)) '
				'FROM (SELECT id::text COLLATE "C" AS u FROM %s WHERE version = $2 ORDER BY n LIMIT $3) a, '
				'(SELECT id::text COLLATE "C" AS i FROM %s WHERE version = $2 ORDER BY n LIMIT $3) b', ' ', ',', v.users, v.items)),
			('lists', format('SELECT count(*) || %L || md5(string_agg(u || l::text, %L ORDER BY u, rank)) '
				'FROM (SELECT id::text COLLATE "C" AS u FROM %s WHERE version = $2 ORDER BY n LIMIT $3) a, '
				'lepton_topn%s($1, u, 10, version => $2) l', ' ', E'\n', v.users, item)),
			('all lists', format('SELECT count(*) || %L || md5(string_agg(l::text, %L ORDER BY user_id, rank)) FROM lepton_topn_all%s%s($1, 5, version => $2) l',
				' ', E'\n', item, of_user)),
			('similar', format('SELECT count(*) || %L || md5(string_agg(id || l::text, %L ORDER BY id, rank)) '
				'FROM (SELECT id FROM %s WHERE version = $2 ORDER BY n LIMIT $3) a, '
				'lepton_similar%s($1, id, 5, version => $2) l', ' ', E'\n', v.items, item)),
			('basket', format('SELECT count(*) || %L || md5(string_agg(l::text, %L ORDER BY rank)) '
				'FROM lepton_topn_for%s($1, ARRAY(SELECT id FROM %s WHERE version = $2 ORDER BY n LIMIT 3), weights => ARRAY[5, 3, 1], n => 20, version => $2) l',
				' ', E'\n', item, v.items))
		LOOP
			CONTINUE WHEN v.learns_nothing AND what IN ('similar', 'basket');
			EXECUTE query INTO value USING v.name, v.version, n;
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$});
	return;
}

# fingerprint($node, $database, $n, %options): what that function says, one line for
# each model, version and thing.  options: where => a condition; set => statements before.
sub fingerprint
{
	my ($node, $database, $n, %options) = @_;
	my $where = $options{where} // 'true';
	my $set = $options{set} // '';

	return $node->safe_psql($database,
		qq{$set SELECT model || ' ' || version || ' ' || what || ': ' || coalesce(value, 'none') FROM lepton_fingerprint($n) WHERE $where ORDER BY model COLLATE "C", version, what});
}

# same_fingerprint($got, $expected, $what): one test, which names the first lines that differ.
sub same_fingerprint
{
	my ($got, $expected, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(1, $what) if $got eq $expected && $got ne '';
	my %got = map { $_ => 1 } split /\n/, $got;
	my %expected = map { $_ => 1 } split /\n/, $expected;
	my @missing = grep { !$got{$_} } sort keys %expected;
	my @strange = grep { !$expected{$_} } sort keys %got;
	ok(0, $what);
	diag(scalar(@missing) . ' expected lines are missing: ' . join("\n  ", '', grep { defined } @missing[ 0 .. 4 ]));
	diag(scalar(@strange) . ' lines are strange: ' . join("\n  ", '', grep { defined } @strange[ 0 .. 4 ]));
	return 0;
}

# Names of schemas, tables and columns, all different when cut to 63 bytes; a third
# of them where it must be quick.
sub hostile_names
{
	my @names = (
		q{a'b}, q{''}, q{'; DROP SCHEMA public CASCADE; --}, q{a"b}, q{""}, q{"}, q{a""b"}, q{"quoted"},
		"line\nbreak", "\n", "\r\n", "tab\there", ' ', ' leading', 'trailing ', 'two  blanks', "\x01", "\x7f",
		'.', 'a.b', 'a.b.c.d', '"a"."b"', ',', 'a, b', '%', '%s', '100%', '%n%d', '%I', '%%', '\\', '\\\\', 'back\\slash',
		q{\\'}, q{E'\\n'}, '\\.', '\\copy', '$$', '$body$', '$1', ';', '; SELECT 1', '--', '/*', '*/', '/* a */', '1',
		'1st', '-1', '1e5', 'Upper', 'UPPER', 'select', 'SELECT 1', 'table', 'user', 'null', 'pg_temp', 'PG_TEMP', 'pg_toast',
		'PG_CATALOG', "\x{fc}ber", "Stra\x{df}e", "\x{65e5}\x{672c}\x{8a9e}", "\x{1f642}", "e\x{301}", "\x{130}stanbul", "\x{202e}rtl",
		'x' x 63, "\x{fc}" x 31 . 'x', 'z' x 61 . "\x{fc}", 'Z' x 62 . "\x{fc}", 'y' x 64, 'q"' x 40,
		'{}', '{"a": 1}', '[1]', '(1,2)', '|', '<b>&amp;', ':name', q{:'name'}, '@', '#', '~', '`id`', '${HOME}', '*', '?', 'id', 'version', 'n', 'rating',
		'user_id', 'rated_at', 'lepton_source', 'excluded');

	return @names[ grep { $_ % size(3, 1) == 0 } 0 .. $#names ];
}

# create_hostile($node, $database): for each of them a schema, in it a table and a
# model of that name, and columns.  Every third is live, every second is trained
# under a search path with its schema; each has an option eligible.  Answers the
# number of models.
sub create_hostile
{
	my ($node, $database) = @_;
	my $rows = join ', ', map { "('" . unpack('H*', encode('UTF-8', $_)) . "')" } hostile_names();

	$node->safe_psql($database, qq{
		CREATE TABLE public.hostile (n bigint GENERATED ALWAYS AS IDENTITY, name text, model text);
		INSERT INTO public.hostile (name) SELECT convert_from(decode(hex, 'hex'), 'UTF8') FROM (VALUES $rows) v(hex);
	} . q{
		SET client_min_messages = warning;
		DO $do$
		DECLARE
			h record;
			-- a schema may not be called pg_something
			schema text;
			source text;
			options jsonb;
			-- as they were cut
			columns text[];
		BEGIN
			FOR h IN SELECT * FROM public.hostile ORDER BY n LOOP
				schema := CASE WHEN h.name ^@ 'pg_' THEN 's ' || h.n ELSE h.name END;
				EXECUTE format('CREATE SCHEMA %I', schema);
				EXECUTE format('CREATE TABLE %I.%I AS SELECT u AS %I, i AS %I, (1 + (u * 3 + i * 5 + u %% 7 * i + %s) %% 5)::real AS %I '
					'FROM generate_series(1, 25) u, generate_series(1, 25) i WHERE (u * u + i * 13 + u * i) %% 7 < 3',
					schema, h.name, h.name, 'i' || h.name, h.n, 'r' || h.name);
				EXECUTE format('CREATE INDEX ON %I.%I (%I)', schema, h.name, h.name);
				EXECUTE format('CREATE TABLE %I.%I AS SELECT i AS %I FROM generate_series(1, 25) i WHERE i %% 5 > 0', schema, 'e' || h.name, 'i' || h.name);
				columns := ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = format('%I.%I', schema, h.name)::regclass AND attnum > 0 ORDER BY attnum);
				options := jsonb_build_object('algorithm', 'als', 'factors', 4, 'epochs', 3, 'live', h.n % 3 = 0,
					'user_column', columns[1], 'item_column', columns[2], 'rating_column', columns[3],
					'eligible', format('%I.%I', schema, 'e' || h.name));
				source := CASE WHEN h.n % 2 = 0 THEN format('%I', h.name) ELSE format('%I.%I', schema, h.name) END;
				PERFORM set_config('search_path', CASE WHEN h.n % 2 = 0 THEN format('%I, public', schema) ELSE 'public' END, true);
				PERFORM public.lepton_train(format('%I.%I', schema, 'm' || h.name), source, options);
				PERFORM set_config('search_path', 'public', true);
				UPDATE public.hostile SET model = format('%I.%I', schema, 'm' || h.name)::regclass::text WHERE n = h.n;
			END LOOP;
		END $do$;
	});
	return $node->safe_psql($database, 'SELECT count(*) FROM public.hostile WHERE model IS NOT NULL');
}

# create_verify($node, $database): beside the gallery a model recs, and functions.
# says(v): what version v of recs says, and what the live models say of this moment.
# note() notes that; to be called in the transaction that changes ratings or versions.
# verify() asks whether what is said is what was noted, under one snapshot.
sub create_verify
{
	my ($node, $database) = @_;

	$node->safe_psql($database, q{
		SET client_min_messages = warning;
		CREATE TABLE recs_ratings AS SELECT u AS user_id, i AS item_id, (1 + (hashint4(u * 1000 + i) & 3))::real AS rating
		FROM generate_series(1, 400) u, generate_series(1, 200) i WHERE (u * u + i * 13 + u * i) % 7 < 2;
		SELECT lepton_train('recs', 'recs_ratings', '{"algorithm": "als", "factors": 8, "epochs": 2}');
		CREATE FUNCTION says(v bigint, OUT of_version text, OUT of_moment text) LANGUAGE sql STABLE AS $$
			SELECT (SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (
				SELECT float4send(lepton_predict('recs', u, i, version => v))::text || u || ' ' || i FROM generate_series(1, 20) u, generate_series(1, 20) i
				UNION ALL SELECT u || l::text FROM generate_series(1, 20) u, lepton_topn('recs', u, 10, version => v) l
				UNION ALL SELECT l::text FROM lepton_topn_all('recs', 5, version => v) l) p(x)),
			(SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (
				SELECT 'a' || u || l::text FROM generate_series(1, 15) u, lepton_topn('lively', u, 10) l
				UNION ALL SELECT 'w' || u || l::text FROM generate_series(1, 15) u, lepton_topn('lively_walk', u, 10) l
				UNION ALL SELECT u || float4send(lepton_predict('lively', u, 7))::text FROM generate_series(1, 15) u) p(x))
		$$;
		CREATE TABLE noted (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, version bigint, of_version text, of_moment text);
		CREATE FUNCTION note() RETURNS void LANGUAGE sql AS $$
			INSERT INTO noted (version, of_version, of_moment) SELECT m.version, s.* FROM lepton_models m, says(m.version) s WHERE m.model = 'recs'::regclass
		$$;
		CREATE FUNCTION verify() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
		DECLARE
			n noted;
			s record;
		BEGIN
			SELECT * INTO STRICT n FROM noted ORDER BY id DESC LIMIT 1;
			SELECT * INTO STRICT s FROM says(n.version);
			IF s.of_version IS DISTINCT FROM n.of_version THEN RAISE 'note %: version % says something else', n.id, n.version; END IF;
			IF s.of_moment IS DISTINCT FROM n.of_moment THEN RAISE 'note %: live models say something else', n.id; END IF;
			RETURN n.id;
		END $$;
		SELECT note();
	});
	return;
}

# change_models($node, $database, $i): recs and one of the live models are trained
# again, ratings and products change, a user is forgotten, and now and then recs is
# rolled back.
sub change_models
{
	my ($node, $database, $i) = @_;
	my $live = $i % 2 ? 'lively' : 'lively_walk';

	$node->safe_psql($database, qq{
		SET client_min_messages = warning;
		CALL lepton_retrain('recs', '{"seed": $i, "guard": false}');
		BEGIN;
		DELETE FROM ratings WHERE user_id = $i % 15 AND item_id % 3 = $i % 3;
		INSERT INTO ratings (user_id, item_id, rating) VALUES ($i % 10, 200 + $i, 5), ($i % 15, 20 + $i % 80, 1 + $i % 5) ON CONFLICT DO NOTHING;
		UPDATE ratings SET rating = 6 - rating WHERE user_id = ($i + 5) % 15;
		UPDATE products SET in_stock = NOT in_stock WHERE item_id % 17 = $i % 17;
		CALL lepton_retrain('$live', '{"guard": false}');
		SELECT count(*) FROM lepton_forget('recs', 300 + $i, true);
		SELECT note();
		COMMIT;
	});
	$node->safe_psql($database, q{SELECT lepton_rollback('recs'); SELECT note()}) if $i % 5 == 0;
	return;
}

# start_verifying($node, $database): sessions that call verify() fifty times a second,
# by one statement or in a transaction that sees the same twice.
sub start_verifying
{
	my ($node, $database) = @_;
	my ($statement, $transaction, $out, $err) = map { $node->basedir . "/verify.$_" } 'sql', 'transaction.sql', 'out', 'err';

	append_to_file($statement, "SELECT verify();\n");
	append_to_file($transaction, "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT verify();\n\\sleep 200 ms\nSELECT verify();\nCOMMIT;\n");
	my $run = IPC::Run::start([ 'pgbench', '-n', '-c', 3, '-T', 36000, '-P', 1, '-R', 50, '--verbose-errors', '-f', "$statement\@9", '-f', "$transaction\@1",
			$node->connstr($database) ], '>', $out, '2>', $err);
	return { run => $run, err => $err };
}

# stop_verifying($verifying): (how many, what went wrong), '' if nothing did.
sub stop_verifying
{
	my ($verifying) = @_;

	# what is counted is printed once a second
	sleep 1;
	$verifying->{run}->signal('TERM');
	$verifying->{run}->finish;
	my $said = slurp_file($verifying->{err});
	my $n = 0;
	$n += $1 while $said =~ /, ([\d.]+) tps/g;
	return (int($n), join "\n", grep { /error|fatal/i } split /\n/, $said);
}

1;
