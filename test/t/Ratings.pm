# Ratings.pm: what tests share that cut off what takes long: a server with lepton and
# as many ratings as that wants, and what must be afterwards as it was.
package Ratings;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(start_server create_ratings in_one_text rows_of_recs answers_of_recs);

# start_server($conf, %options): a server of this configuration, with lepton in
# its database; options are those of PostgreSQL::Test::Cluster's init.
sub start_server
{
	my ($conf, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new('main');

	$node->init(%options);
	$node->append_conf('postgresql.conf', "$conf\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION lepton');
	return $node;
}

# create_ratings($node, $n_rows, $n_users, $n_items, $have_times): the table of
# ratings, if they have times with a column rated_at.
sub create_ratings
{
	my ($node, $n_rows, $n_users, $n_items, $have_times) = @_;
	my $rated_at = $have_times ? q{, timestamptz '2020-01-01' + n::bigint * 7919 % 1000003 * interval '1 minute' AS rated_at} : '';

	$node->safe_psql('postgres', qq{
		CREATE TABLE ratings AS
		SELECT n % $n_users AS user_id, n * 7 % $n_items AS item_id, 1 + (n % $n_users * 3 + n * 7 % $n_items * 5) % 5 AS rating$rated_at
		FROM generate_series(1, $n_rows) n});
	return;
}

# in_one_text(@queries): a query, what all of these say, a text a row: in one order, whatever plan it has.
sub in_one_text
{
	return q{SELECT string_agg(line, E'\n' ORDER BY line) FROM (} . join(' UNION ALL ', @_) . ') s(line)';
}

# A query: the versions of "recs", by its own rows and by those of its factors.
sub rows_of_recs
{
	return q{
		SELECT string_agg(version || ' ' || is_current, ',' ORDER BY version) FROM recs
		UNION ALL SELECT string_agg(DISTINCT version::text, ',') FROM recs_users
		UNION ALL SELECT string_agg(DISTINCT version::text, ',') FROM recs_items};
}

# A query: what the current version answers.
sub answers_of_recs
{
	return q{
		SELECT md5(string_agg(float4send(lepton_predict('recs', u, i))::text, ',' ORDER BY u, i))
		FROM generate_series(1, 50) u, generate_series(1, 50) i};
}

1;
