# A server whose memory, disk, shared memory and threads can be made to fail, by
# the libraries of test/faults; and statements swept over by refusals.
package Faults;

use strict;
use warnings;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The numbers of the control file, in the order of preload.c.
my @numbers = qw(bytes_left no_shared_memory threads_left n_writes n_segments n_threads);

sub new
{
	my ($class, $name, @settings) = @_;
	my $self = bless { control => "$PostgreSQL::Test::Utils::tmp_check/faults.$name" }, $class;

	open(my $file, '>', $self->{control}) or die "$self->{control}: $!";
	binmode $file;
	print $file pack('q<6', -1, 0, -1, 0, 0, 0);
	close $file;
	$self->{node} = PostgreSQL::Test::Cluster->new($name);
	$self->{node}->init;
	# nothing but what a test asks for is to write or to take memory meanwhile
	$self->{node}->append_conf('postgresql.conf', join("\n", 'autovacuum = off', 'max_parallel_workers_per_gather = 0',
		@settings, ''));
	{
		local $ENV{LD_PRELOAD} = "$ENV{LEPTON_FAULT_LIBRARIES}/preload.so";
		local $ENV{LEPTON_FAULTS} = $self->{control};
		$self->{node}->start;
	}
	$self->{node}->safe_psql('postgres', 'CREATE EXTENSION lepton;' . functions());
	return $self;
}

sub functions
{
	my $library = "$ENV{LEPTON_FAULT_LIBRARIES}/fault";

	return join('', map { "CREATE FUNCTION $_->[0] RETURNS $_->[1] AS '$library' LANGUAGE C STRICT;" }
		[ 'fault_arm(text, bigint, boolean)', 'void' ], [ 'fault_seen()', 'bigint' ], [ 'fault_refused()', 'bigint' ],
		[ 'fault_threads()', 'int' ], [ 'fault_mapped()', 'bigint' ]);
}

# Set numbers of the control file: what the operating system gives from now on.
sub give
{
	my ($self, %values) = @_;

	open(my $file, '+<', $self->{control}) or die "$self->{control}: $!";
	binmode $file;
	while (my ($name, $value) = each %values)
	{
		my ($at) = grep { $numbers[$_] eq $name } 0 .. $#numbers;
		sysseek($file, 8 * $at, 0);
		syswrite($file, pack('q<', $value)) == 8 or die "$self->{control}: $!";
	}
	close $file;
}

# One of them as it is now.
sub given
{
	my ($self, $name) = @_;
	my ($at) = grep { $numbers[$_] eq $name } 0 .. $#numbers;
	my $bytes;

	open(my $file, '<', $self->{control}) or die "$self->{control}: $!";
	binmode $file;
	sysseek($file, 8 * $at, 0);
	sysread($file, $bytes, 8) == 8 or die "$self->{control}: $!";
	return unpack('q<', $bytes);
}

# What a script prints, whatever statements of it fail; one backend.  A backend
# that waits for itself would wait for ever.
sub run
{
	my ($self, $script) = @_;
	my ($out, $err, $timed_out) = ('', '', 0);

	$self->{node}->psql('postgres', "\\set VERBOSITY verbose\n$script", on_error_stop => 0, on_error_die => 0,
		stdout => \$out, stderr => \$err, timeout => $ENV{LEPTON_LONG} ? 7200 : 300, timed_out => \$timed_out);
	diag("no answer in time") if $timed_out;
	return ($out, $err);
}

# One statement with one request refused, and what is to hold afterwards.
sub case_of
{
	my ($s, $n, $mode) = @_;
	my $forever = $mode eq 'forever' ? 'true' : 'false';

	return <<END;
$s->{before}
\\set answer none
\\set refused none
\\set locks none
\\set state none
\\set kept none
SELECT fault_arm('$s->{site}', $n, $forever) \\g /dev/null
$s->{op}
\\echo case $n $mode :SQLSTATE :answer
SELECT fault_refused() AS refused \\gset
SELECT count(*) AS locks FROM pg_locks
  WHERE pid = pg_backend_pid() AND (relation >= 16384 OR locktype NOT IN ('relation', 'virtualxid')) \\gset
$s->{state}
SELECT fault_threads() || ' ' || fault_mapped() + coalesce(sum(total_bytes), 0) AS kept
  FROM pg_backend_memory_contexts WHERE name LIKE 'lepton%' \\gset
\\echo after :refused :locks :kept :state
END
}

# How many requests the statement makes in a backend that has made it twice, and its answer.
sub count_requests
{
	my ($self, $s) = @_;
	my ($out, $err) = $self->run(join("\n", $s->{before}, $s->{op}, $s->{before}, $s->{op}, $s->{before},
		'\set answer none', "SELECT fault_arm('$s->{site}', 0, false) \\g /dev/null", $s->{op},
		'\echo answer :SQLSTATE :answer', 'SELECT fault_seen() AS seen \gset', $s->{state}, '\echo seen :seen :state'));

	$out =~ /^answer 00000 (.*)\nseen (\d+) (.*)$/m or die "$s->{name}: $out\n$err";
	return ($2, $1, $3);
}

# The requests to refuse: all from a share of them on, or about $most, the first and the last among them.
sub choose
{
	my ($n, $most, $from) = @_;
	my $first = 1 + int($from * $n);

	return ($first .. $n + 1) if $n - $first < $most;
	my $step = ($n - $first) / $most;
	my %chosen = map { $_ => 1 } ($first, $n, $n + 1, map { $first + int($_ * $step) } 0 .. $most - 1);
	return sort { $a <=> $b } keys %chosen;
}

# Statement op with request n refused, once and from then on: out of memory or the
# right answer, no lock, no thread, no memory of lepton's left; what state says is
# as before; another session goes on.
#   name, site (palloc, malloc), op (ends with \gset, which sets answer), state (ends
#   with \gset, which sets state), before (what makes it cold again), most (requests
#   to refuse, in each way), long (as many with LEPTON_LONG; all), from (the
#   share of requests before the first, which planning makes), modes
sub sweep
{
	my ($self, %s) = @_;
	my $s = { site => 'palloc', before => '', most => 8, from => 0, modes => [ 'once', 'forever' ], %s };
	my @modes = @{ $s->{modes} };
	my ($n, $answer, $state) = $self->count_requests($s);
	my @at = choose($n, $ENV{LEPTON_LONG} ? max($s->{most}, $s->{long} // 1e9) : $s->{most},
		$ENV{LEPTON_LONG} ? 0 : $s->{from});
	my ($out, $err) = $self->run(join("\n", $s->{before}, $s->{op}, $s->{state},
		map { my $at = $_; map { case_of($s, $at, $_) } @modes } @at));
	my ($n_cases, $n_refused, $before, @wrong) = (0, 0, undef);

	while ($out =~ /^case (\d+) (\w+) (\w+) (.*)\nafter (\S+) (\S+) (\d+) (\d+) (.*)$/mg)
	{
		my ($at, $mode, $code, $got, $refused, $locks, $threads, $bytes, $after) = ($1, $2, $3, $4, $5, $6, $7, $8, $9);
		my @bad;

		$n_cases++;
		$n_refused += $refused;
		push @bad, "code $code" unless $code eq '00000' || ($code eq '53200' && $refused > 0);
		push @bad, "answer $got instead of $answer" if $code eq '00000' && $got ne $answer;
		push @bad, "state $after instead of $state" if $after ne $state;
		push @bad, "$locks locks" if $locks ne '0';
		push @bad, "$threads threads" if $threads != 1;
		push @bad, "$bytes bytes after $before" if $code ne '00000' && defined $before && $bytes > $before && !$s->{before};
		push @wrong, "$s->{site} $at $mode: " . join(', ', @bad) if @bad;
		$before = $bytes;
	}
	push @wrong, sprintf("%d cases of %d:\n%s", $n_cases, @modes * @at, substr($out, -1000)) if $n_cases != @modes * @at;
	push @wrong, 'nothing was refused' if $n_refused == 0;
	ok(!@wrong, "$s->{name}: each $s->{site} refused") or diag(join("\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]),
		"\n", substr($err, -2000));
	diag("figure: $s->{name}, requests refused by $s->{site} = " . scalar(@at) . " of $n, " . join(' and ', @modes));
	my ($other) = $self->run("SET statement_timeout = '60s';\n$s->{state}\n\\echo :state");
	is($other, $state, "$s->{name}: another session goes on") if @wrong || $s->{also_others};
	return;
}

1;
