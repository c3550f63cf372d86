# mutate.pl DIRECTORY COUNT SEED [FILE]...: faults in src/core, or those files, one at a
# time, against the unit tests; run from the top of the tree by tools/mutate, which has
# built what is needed.
#
# Each file gets its share of faults, on lines that some test runs, by
# one of these operators, chosen at random (the same ones for the same seed and
# the same code):
#
#   compare    < <= > >= == != to a neighbour      arith     + - * / to another
#   constant   a whole number to the next one      logic     && to ||, || to &&
#   negate     if (x) to if (!(x))                 delete    a statement away
#
# A fault that gives the same machine code is none, and one that does not compile is
# drawn again.  The programs that run the line are run, the quickest first, with
# LEPTON_TEST_SMALL, until one fails: the fault is found.  Too slow is a failure too.
#
# A process for each core.  Who runs what is kept in DIRECTORY/survey until a program
# is built anew.
use strict;
use warnings;
use JSON::PP;
use List::Util qw(shuffle sum max);
use Time::HiRes qw(time);

my ($dir, $wanted, $seed, @only) = @ARGV;
my $least = 85;    # percent of the faults
my $n_jobs = `nproc`;
my $work = "$dir/mutant";    # of this process
my %runs;          # file -> line -> [program]
my %seconds;       # program -> how long it takes without a fault
my @programs = map { s{.*/}{}r } grep { !/\.d$/ } glob "$dir/plain/test_*";
my $flags = join ' ', grep { !/^-O3$/ } split ' ', (`sed -n 's/^LEP_CFLAGS = //p' src/core/flags.mk` =~ s/\n//r);

$ENV{LEPTON_TEST_SMALL} = 1;
$ENV{MALLOC_PERTURB_} = 128;    # as test/unit/Makefile has it
$| = 1;
mkdir $_ foreach "$dir/mutant", "$dir/survey";

# One call for each, by as many processes as there are cores, in a directory of its own.
sub each_in_parallel
{
	my ($call, @all) = @_;
	my $n_running = 0;
	my $failed = 0;

	for my $one (@all)
	{
		if ($n_running == $n_jobs)
		{
			wait;
			$failed ||= $?;
			$n_running--;
		}
		defined(my $pid = fork) or die "fork: $!";
		if (!$pid)
		{
			$work = "$dir/mutant/$$";
			system("mkdir -p $work/core");
			$call->($one);
			system("rm -rf $work");
			exit 0;
		}
		$n_running++;
	}
	while (wait != -1)
	{
		$failed ||= $?;
	}
	exit 1 if $failed;
}

sub write_json
{
	my ($name, $value) = @_;

	# whole or not at all
	open(my $file, '>', "$name.new") or die "$name: $!";
	print $file encode_json($value);
	close $file;
	rename "$name.new", $name or die "$name: $!";
}

sub read_json
{
	my ($name) = @_;

	open(my $file, '<', $name) or die "$name: $!";
	return decode_json(join '', <$file>);
}

# ------------------------------------------------------------- who runs what

# Run a program within so many seconds; true if all of its tests passed.
sub passes
{
	my ($program, $libraries, $limit) = @_;

	# no fault may take all the memory there is
	return system("ulimit -v 16000000; LD_LIBRARY_PATH=$libraries timeout -k 1 $limit $dir/plain/$program >$work/out 2>&1") == 0;
}

# file -> the lines of it that were run: one gcov for all that a program has left in a directory.
sub read_counts
{
	my ($counts) = @_;
	my @files = split /\n/, `find $counts -name '*.gcda'`;
	my %lines;

	for my $gcda (@files)
	{
		my ($stem) = $gcda =~ m{([^/]+)\.gcda$};

		system('cp', "$dir/counted/core/$stem.gcno", $gcda =~ s/gcda$/gcno/r) == 0 or die;
		my $text = `gcov --json-format --stdout $gcda 2>/dev/null`;
		for my $document (JSON::PP->new->incr_parse($text))
		{
			for my $file (@{ $document->{files} })
			{
				next unless $file->{file} =~ m{^src/core/};
				for my $line (@{ $file->{lines} })
				{
					$lines{ $file->{file} }{ $line->{line_number} } = 1 if $line->{count};
				}
			}
		}
	}
	return { map { $_ => [ sort { $a <=> $b } keys %{ $lines{$_} } ] } keys %lines };
}

sub survey
{
	my ($program) = @_;
	my $counts = "$work/counts";
	my $started = time;

	passes($program, "$dir/plain", 600) or die "$program fails without a fault\n";
	my $took = time - $started;
	system("mkdir -p $counts");
	system("GCOV_PREFIX=$ENV{PWD}/$counts LD_LIBRARY_PATH=$dir/counted timeout 1200 $dir/plain/$program >/dev/null 2>&1");
	write_json("$dir/survey/$program", { seconds => $took, lines => read_counts($counts) });
}

sub is_surveyed
{
	my ($program) = @_;
	my $when = (stat "$dir/survey/$program")[9] or return 0;

	return $when > max(map { (stat $_)[9] } "$dir/plain/$program", "$dir/plain/libcore.so", "$dir/counted/libcore.so");
}

each_in_parallel(\&survey, grep { !is_surveyed($_) } @programs);
for my $program (@programs)
{
	my $known = read_json("$dir/survey/$program");

	$seconds{$program} = $known->{seconds};
	for my $name (keys %{ $known->{lines} })
	{
		$runs{$name}{$_}{$program} = 1 foreach @{ $known->{lines}{$name} };
	}
}

# --------------------------------------------------------------- the faults

# The line with strings and comments blanked, of the same length.
sub code_of
{
	my ($line) = @_;

	$line =~ s{("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])+'|/\*.*?\*/|/\*.*|//.*)}{' ' x length $1}ge;
	return $line;
}

my %others = (
	'<' => ['<='], '<=' => ['<'], '>' => ['>='], '>=' => ['>'], '==' => ['!='], '!=' => ['=='],
	'+' => ['-'], '-' => ['+'], '*' => ['+'], '/' => ['*'], '&&' => ['||'], '||' => ['&&'],
);
my %operator_of = map { $_ => /^(?:[<>]=?|[=!]=)$/ ? 'compare' : /^[-+*\/]$/ ? 'arith' : 'logic' } keys %others;

# [operator, the line with the fault] of a line: all that there are
sub faults_of
{
	my ($line) = @_;
	my $code = code_of($line);
	my @faults;

	return () if $code =~ /^\s*(?:#|\*)/ || $code =~ /_Static_assert/;
	while ($code =~ /(?<= )(<=|>=|==|!=|&&|\|\||[<>+\-*\/])(?= )/g)
	{
		my ($operator, $at) = ($1, $-[1]);

		push @faults, map { [ $operator_of{$operator}, substr($line, 0, $at) . $_ . substr($line, $at + length $operator) ] }
			@{ $others{$operator} };
	}
	while ($code =~ /(?<![\w.])(\d+)(?![\w.])/g)
	{
		my ($number, $at) = ($1, $-[1]);

		push @faults, [ 'constant', substr($line, 0, $at) . ($number + 1) . substr($line, $at + length $number) ];
	}
	push @faults, [ 'negate', $line =~ s/\bif \((.*)\)$/if (!($1))/r ] if $code =~ /^\s*(?:else )?if \(.*\)$/;
	push @faults, [ 'delete', $line =~ s/\S.*/;/r ]
		if $code =~ /^\t+[\w(*][^{}]*;\s*$/ && $code !~ /^\s*(?:return|case|default|extern|static|const|struct)\b/ &&
		$code !~ /^\s*(?:\w+ )+\**\w+(?:\[[^\]]*\])?(?: =.*)?;/ && balanced($code);
	return @faults;
}

sub balanced
{
	my ($code) = @_;

	return ($code =~ tr/(//) == ($code =~ tr/)//);
}

sub read_lines
{
	my ($name) = @_;

	open(my $file, '<', $name) or die "$name: $!";
	chomp(my @lines = <$file>);
	return @lines;
}

# The share of each file: at least one, the rest by how many lines are run.
sub shares
{
	my @files = grep { /\.c$/ || /_(?:impl|template)\.h$/ } sort keys %runs;

	if (@only)
	{
		my %only = map { $_ => 1 } @only;
		@files = grep { $only{$_} } @files;
	}
	my $all = sum(map { scalar keys %{ $runs{$_} } } @files);

	return map { [ $_, max(1, int(0.5 + $wanted * keys(%{ $runs{$_} }) / $all)) ] } @files;
}

# Compile what a changed file is part of; the objects, or nothing where it does not compile.
sub compile
{
	my ($name, @lines) = @_;
	my @sources = $name =~ /\.c$/ ? ($name) : split /\n/, `grep -l '$name' $dir/plain/core/*.d`;
	my %objects;

	system("rm -rf $work/core && mkdir -p $work/core");
	(my $copy = $name) =~ s{^src}{$work};
	open(my $file, '>', $copy) or die "$copy: $!";
	print $file map { "$_\n" } @lines;
	close $file;
	for my $source (@sources)
	{
		my ($stem) = $source =~ m{([^/]+)\.[cd]$};
		my $input = $name =~ /\.c$/ ? $copy : "src/core/$stem.c";

		system("gcc $flags -O1 -fPIC -fvisibility=default -I$work -Isrc -c $input -o $work/$stem.o 2>/dev/null") == 0
			or return;
		$objects{$stem} = "$work/$stem.o";
	}
	return %objects;
}

# Is it the same machine code?  The names of files stand elsewhere in an object.
sub is_same
{
	my (%objects) = @_;

	for my $stem (keys %objects)
	{
		my ($new, $old) = map { scalar `objdump -d --no-show-raw-insn $_ | tail -n +4; objdump -s -j .rodata $_ 2>/dev/null | tail -n +4` }
			$objects{$stem}, "$dir/plain/core/$stem.o";

		return 0 if $new ne $old;
	}
	return 1;
}

sub link_library
{
	my (%objects) = @_;
	my @all = map { my ($stem) = m{([^/]+)\.o$}; $objects{$stem} // $_ } glob "$dir/plain/core/*.o";

	system("gcc -shared @all -o $work/libcore.so -lm -lpthread") == 0 or die 'cannot link';
}

# The program that finds the fault, or undef.
sub find
{
	my ($name, $line) = @_;

	for my $program (sort { $seconds{$a} <=> $seconds{$b} } keys %{ $runs{$name}{$line} })
	{
		return $program unless passes($program, $work, int(10 + 5 * $seconds{$program}));
	}
	return undef;
}

# -------------------------------------------------------------------- the run

# The faults of one file, its share of them; their figures as JSON.
sub try_file
{
	my ($name, $n) = @{ $_[0] };
	my @lines = read_lines($name);
	my %figures = (found => 0, survived => 0, same => 0);

	# the same ones whatever other files there are
	srand($seed + unpack('%32C*', $name));
	my @places = shuffle(map { my $line = $_; map { [ $line, @$_ ] } faults_of($lines[ $line - 1 ]) }
		sort { $a <=> $b } keys %{ $runs{$name} });

	while ($n > 0 && @places)
	{
		my ($line, $operator, $text) = @{ shift @places };
		my @changed = @lines;

		$changed[ $line - 1 ] = $text;
		my %objects = compile($name, @changed) or next;
		if (is_same(%objects))
		{
			$figures{same}++;
			next;
		}
		link_library(%objects);
		$n--;
		my $finder = find($name, $line);
		my $what = defined $finder ? 'found' : 'survived';
		$figures{$what}++;
		$figures{"$operator $what"}++;
		# at once, so that a run that is ended early has said something
		print "# $what $name:$line ($operator)", defined $finder ? " by $finder" : '',
			"\n#   - ", $lines[ $line - 1 ] =~ s/^\s+//r, "\n#   + ", $text =~ s/^\s+//r, "\n";
	}
	write_json(figures_of($name), \%figures);
}

sub figures_of
{
	my ($name) = @_;

	return "$dir/mutant/" . ($name =~ s{.*/}{}r) . '.json';
}

my @shares = sort { $b->[1] <=> $a->[1] } shares();
my %sum = map { $_ => 0 } 'found', 'survived', 'same';

each_in_parallel(\&try_file, @shares);
for my $share (@shares)
{
	my $figures = read_json(figures_of($share->[0]));

	$sum{$_} += $figures->{$_} foreach keys %$figures;
}

my $n = $sum{found} + $sum{survived};
my $percent = $n > 0 ? 100 * $sum{found} / $n : 0;
printf "# figure: faults that the engine's tests find = %d of %d, %.1f %% (%d others were the same code)\n",
	$sum{found}, $n, $percent, $sum{same};
for my $operator ('arith', 'compare', 'constant', 'delete', 'logic', 'negate')
{
	my ($found, $survived) = map { $sum{"$operator $_"} // 0 } 'found', 'survived';

	printf "# figure: %s = %d of %d\n", $operator, $found, $found + $survived;
}
print $percent >= $least ? 'ok' : 'not ok', " 1 - the engine's tests find at least $least % of faults\n1..1\n";
