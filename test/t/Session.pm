# A session that stays: psql started by hand, asked one thing at a time, and what the
# system says of the backend behind it.
#
#	my $session = Session->new($node);
#	$session->ask('SELECT 1');
#	my $cut = $session->cut($query, 0.3);		# begins it, and sends SIGINT after 0.3 s
package Session;

use strict;
use warnings;
use Errno;
use IPC::Run;
use PostgreSQL::Test::Utils;
use POSIX ();
use Time::HiRes qw(sleep time);

# Settings: a hash of those that the session begins with.
sub new
{
	my ($class, $node, %settings) = @_;
	my $self = bless { in => '', out => '', err => '', mark => 0 }, $class;

	$self->{timer} = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);
	$self->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	$self->ask("SET $_ = '$settings{$_}'") foreach sort keys %settings;
	$self->{pid} = $self->ask('SELECT pg_backend_pid()');
	return $self;
}

sub pid { my $self = shift; return $self->{pid}; }

# What came to stderr since the last query.
sub err { my $self = shift; return $self->{err}; }

# Take what comes until there is something; false if psql has ended, as it does where its server is gone.
sub _pump
{
	my ($self, $pattern) = @_;

	while ($self->{out} !~ $pattern)
	{
		return 0 if !$self->{run}->pumpable;
		eval { $self->{run}->pump };
		die $@ if $@ =~ /timeout/;
	}
	return 1;
}

# Begin a query.
sub send
{
	my ($self, $query) = @_;

	$self->{mark}++;
	$self->{err} = '';
	$self->{out} = '';
	$self->{in} .= "\\echo begin $self->{mark}\n$query;\n\\echo mark $self->{mark}\n";
	$self->{timer}->start($PostgreSQL::Test::Utils::timeout_default);
	# when psql says that it has read the line before it, the query is on its way
	$self->_pump(qr/^begin $self->{mark}\n/m);
	$self->{out} =~ s/^begin $self->{mark}\n//m;
	return;
}

# Has what was sent come to its end?  Takes what has come of the answer.
sub done
{
	my $self = shift;

	eval { $self->{run}->pump_nb };
	return $self->{out} =~ /^mark $self->{mark}$/m;
}

# Is the connection there?
sub is_there { my $self = shift; return $self->{run}->pumpable; }

# The answer to what was sent; undef if the connection is gone.
sub answer
{
	my $self = shift;

	$self->_pump(qr/^mark $self->{mark}\n/m) or return;
	my $out = $self->{out};
	$out =~ s/^mark $self->{mark}\n//m;
	chomp $out;
	return $out;
}

sub ask
{
	my ($self, $query) = @_;

	$self->send($query);
	return $self->answer;
}

sub quit
{
	my $self = shift;

	$self->{in} .= "\\q\n";
	# one whose server is gone cannot be told anything, and would keep its pipes
	eval { $self->{run}->finish; 1 } or eval { $self->{run}->kill_kill(grace => 1) };
	return;
}

# -------------------------------------------------------------- the backend's process

sub _slurp
{
	my $file = shift;
	open(my $handle, '<', $file) or return '';
	local $/;
	my $text = <$handle>;
	return $text // '';
}

# Is a process there, and not only its entry, which stays until its parent has asked for it?
sub is_alive
{
	my $pid = shift;
	return _slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) ([A-Za-z])/ && $1 ne 'Z';
}

sub threads
{
	my $self = shift;
	return scalar(my @tasks = glob("/proc/$self->{pid}/task/*"));
}

# Something that tells when a process ends, without looking again and again, which would
# take a core from those that are watched: Linux's pidfd_open, of this number everywhere.
# Undef where it has ended.
sub _watch
{
	my $pid = shift;
	my $number = syscall(434, $pid + 0, 0);

	return undef if $number < 0 && $!{ESRCH};
	die "pidfd_open of $pid: $!" if $number < 0;
	open(my $handle, '<&=', $number) or die "pidfd of $pid: $!";
	return $handle;
}

# Wait until watched processes have ended, at most so many seconds; how many ms each has taken, by its number.
sub _wait_for_ends
{
	my ($seconds, %watched) = @_;
	my $begin = time;
	my %took;

	while (%watched && time - $begin < $seconds)
	{
		my $bits = '';

		vec($bits, fileno $_, 1) = 1 foreach values %watched;
		# a signal, as of a child that has ended, says nothing of these
		next if select($bits, undef, undef, $seconds) < 1;
		foreach my $pid (grep { vec($bits, fileno $watched{$_}, 1) } keys %watched)
		{
			$took{$pid} = 1000 * (time - $begin);
			delete $watched{$pid};
		}
	}
	return %took;
}

# Kill a server's postmaster, or with it all of its processes at once, and wait until a new one can
# be started: when the last of them has gone, and the postmaster's entry, too; one that goes on
# for a minute is killed.  How many ms each process has outlived it, by its number.
sub kill_server
{
	my ($node, $postmaster_alone) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my (%watched, %outlived);

	# it cannot start another one meanwhile
	kill 'STOP', $postmaster;
	foreach my $child (children($postmaster))
	{
		my $handle = _watch($child);

		$watched{$child} = $handle if defined $handle;
	}
	my $own = _watch($postmaster) // die "there is no postmaster $postmaster";
	kill 'KILL', keys %watched if !$postmaster_alone;
	$node->kill9;
	# it is dead when its memory has gone, which takes a while
	_wait_for_ends(60, $postmaster => $own);
	%outlived = _wait_for_ends(60, %watched);
	if (my @left = grep { !defined $outlived{$_} } keys %watched)
	{
		kill 'KILL', @left;
		%outlived = (%outlived, map { $_ => 60_000 } @left);
		_wait_for_ends(60, map { $_ => $watched{$_} } @left);
	}
	sleep 0.001 while -e "/proc/$postmaster";
	return \%outlived;
}

# Processes of a server, but for the postmaster.
sub children
{
	my $postmaster = shift;
	return map { _slurp($_) =~ /^(\d+) \(.*\) \S $postmaster / ? $1 : () } glob '/proc/[0-9]*/stat';
}

# CPU time of all its threads, those that have ended among them, in ms.
sub cpu_ms
{
	my $self = shift;
	my @fields = split ' ', _slurp("/proc/$self->{pid}/stat") =~ s/^.*\) //r;

	return @fields ? 1000 * ($fields[11] + $fields[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK()) : undef;
}

# Bytes of its own memory.
sub rss
{
	my $self = shift;
	return _slurp("/proc/$self->{pid}/status") =~ /^RssAnon:\s+(\d+) kB/m ? 1024 * $1 : undef;
}

# Bytes in memory contexts, all or those of a name.
sub memory
{
	my ($self, $name) = @_;
	return $self->ask('SELECT sum(total_bytes) FROM pg_backend_memory_contexts' . (defined $name ? " WHERE name = '$name'" : ''));
}

# ------------------------------------------------------------------------ cutting off

# Send a signal, and see how long it takes until the query is over:
#	wall	ms until the answer came, or until the process was gone
#	cpu		ms of CPU time of the backend meanwhile: what a busy machine makes no longer
#	was_cut	whether the query did not come to its end
sub interrupt
{
	my ($self, $signal) = @_;
	my $cpu = $self->cpu_ms;
	my $end = $cpu;
	my $begin = time;
	my $answer;
	my %cut;

	kill $signal, $self->{pid};
	# what has ended says nothing of the CPU time that it took; a termination that comes
	# after the answer ends the backend as well
	while ($signal eq 'TERM' && is_alive($self->{pid}))
	{
		die "process $self->{pid} does not end" if time - $begin > 60;
		$end = $self->cpu_ms // $end;
		sleep 0.001;
	}
	$answer = $self->answer;
	$cut{wall} = 1000 * (time - $begin);
	$cut{cpu} = ($self->cpu_ms // $end) - $cpu;
	$cut{was_cut} = !defined $answer || $self->{err} =~ /canceling statement due to|terminating connection/ ? 1 : 0;
	return \%cut;
}

# Begin a query, and interrupt it after so many seconds: by a signal, or by the server's
# own statement_timeout where there is none.
sub cut
{
	my ($self, $query, $seconds, $signal) = @_;
	my $timeout = int(1000 * $seconds) || 1;
	my $cut;

	$signal //= 0;
	$self->ask("SET statement_timeout = $timeout") if $signal eq '0';
	$self->send($query);
	sleep($signal eq '0' ? $timeout / 1000 : $seconds);
	$cut = $self->interrupt($signal);
	if ($signal eq '0')
	{
		my $err = $self->err;
		$self->ask('RESET statement_timeout');
		$self->{err} = $err;
	}
	return $cut;
}

# Wait until a training of another session is in a phase; false if it is past that.
sub sees_phase
{
	my ($self, $other, $phase) = @_;

	$self->ask(qq{DO \$\$
		DECLARE
			seen text;
			been boolean := false;
		BEGIN
			LOOP
				PERFORM pg_stat_clear_snapshot();
				seen := (SELECT p.phase FROM lepton_progress p WHERE p.pid = $other->{pid});
				EXIT WHEN seen = '$phase' OR (been AND seen IS NULL);
				been := been OR seen IS NOT NULL;
				EXIT WHEN NOT been AND clock_timestamp() > now() + interval '3 s';
			END LOOP;
		END \$\$});
	return $self->ask("SELECT p.phase FROM lepton_progress p WHERE p.pid = $other->{pid}") eq $phase;
}

# What to say of many: of wall and CPU time the median, the 99th percentile and the largest.
sub percentiles
{
	my @cuts = grep { $_->{was_cut} } @_;
	my @figures;

	foreach my $what ('wall', 'cpu')
	{
		my @ms = sort { $a <=> $b } grep { defined } map { $_->{$what} } @cuts;
		next if !@ms;
		push @figures, sprintf('%s p50 %.0f, p99 %.0f, max %.0f ms',
			$what, $ms[ $#ms / 2 ], $ms[ POSIX::ceil(0.99 * @ms) - 1 ], $ms[-1]);
	}
	return scalar(@cuts) . ' cut off; ' . join('; ', @figures);
}

1;
