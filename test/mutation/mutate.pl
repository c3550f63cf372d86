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
use strict;
use warnings;
use JSON::PP;
use List::Util qw(shuffle sum min max);
use Time::HiRes qw(time);

my ($dir, $wanted, $seed, @only) = @ARGV;
my $least = 85;    # percent of the faults
my %runs;          # file -> line -> [program]
my %seconds;       # program -> how long it takes without a fault
my @programs = map { s{.*/}{}r } grep { !/\.d$/ } glob "$dir/plain/test_*";
my $flags = join ' ', grep { !/^-O3$/ } split ' ', (`sed -n 's/^LEP_CFLAGS = //p' src/core/flags.mk` =~ s/\n//r);

$ENV{LEPTON_TEST_SMALL} = 1;
$| = 1;
srand($seed);
mkdir "$dir/mutant";

# ------------------------------------------------------------- who runs what

# Run a program within so many seconds; true if all of its tests passed.
sub passes
{
	my ($program, $libraries, $limit) = @_;

	# no fault may take all the memory there is
	return system("ulimit -v 16000000; LD_LIBRARY_PATH=$libraries timeout -k 1 $limit $dir/plain/$program >$dir/mutant/out 2>&1") == 0;
}

# One gcov for all that a program has left in a directory.
sub read_counts
{
	my ($program, $counts) = @_;
	my @files = split /\n/, `find $counts -name '*.gcda'`;

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
					$runs{ $file->{file} }{ $line->{line_number} }{$program} = 1 if $line->{count};
				}
			}
		}
	}
}

for my $program (@programs)
{
	my $counts = "$dir/counts/$program";
	my $started = time;

	passes($program, "$dir/plain", 600) or die "$program fails without a fault\n";
	$seconds{$program} = time - $started;
	system("rm -rf $counts && mkdir -p $counts");
	system("GCOV_PREFIX=$ENV{PWD}/$counts LD_LIBRARY_PATH=$dir/counted timeout 1200 $dir/plain/$program >/dev/null 2>&1");
	read_counts($program, $counts);
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

	system("rm -rf $dir/mutant/core && mkdir -p $dir/mutant/core");
	(my $copy = $name) =~ s{^src}{$dir/mutant};
	open(my $file, '>', $copy) or die "$copy: $!";
	print $file map { "$_\n" } @lines;
	close $file;
	for my $source (@sources)
	{
		my ($stem) = $source =~ m{([^/]+)\.[cd]$};
		my $input = $name =~ /\.c$/ ? $copy : "src/core/$stem.c";

		system("gcc $flags -O1 -fPIC -fvisibility=default -I$dir/mutant -Isrc -c $input -o $dir/mutant/$stem.o 2>/dev/null") == 0
			or return;
		$objects{$stem} = "$dir/mutant/$stem.o";
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

	system("gcc -shared @all -o $dir/mutant/libcore.so -lm -lpthread") == 0 or die 'cannot link';
}

# The program that finds the fault, or undef.
sub find
{
	my ($name, $line) = @_;

	for my $program (sort { $seconds{$a} <=> $seconds{$b} } keys %{ $runs{$name}{$line} })
	{
		return $program unless passes($program, "$dir/mutant", int(10 + 5 * $seconds{$program}));
	}
	return undef;
}

# -------------------------------------------------------------------- the run

my ($n_found, $n_survived, $n_same, %by_operator) = (0, 0, 0);

for my $share (shares())
{
	my ($name, $n) = @$share;
	my @lines = read_lines($name);
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
			$n_same++;
			next;
		}
		link_library(%objects);
		$n--;
		my $finder = find($name, $line);
		$by_operator{$operator}[ defined $finder ? 0 : 1 ]++;
		if (defined $finder)
		{
			$n_found++;
			# so that a run that is ended early has said something
			print "# found $name:$line by $finder ($n_found of ", $n_found + $n_survived, ")\n";
			next;
		}
		$n_survived++;
		print "# survived $name:$line ($operator)\n#   - ", $lines[ $line - 1 ] =~ s/^\s+//r, "\n#   + ", $text =~ s/^\s+//r, "\n";
	}
}

my $n = $n_found + $n_survived;
my $percent = $n > 0 ? 100 * $n_found / $n : 0;
printf "# figure: faults that the engine's tests find = %d of %d, %.1f %% (%d others were the same code)\n",
	$n_found, $n, $percent, $n_same;
printf "# figure: %s = %d of %d\n", $_, $by_operator{$_}[0] // 0, sum(map { $_ // 0 } @{ $by_operator{$_} })
	for sort keys %by_operator;
print $percent >= $least ? 'ok' : 'not ok', " 1 - the engine's tests find at least $least % of faults\n1..1\n";
