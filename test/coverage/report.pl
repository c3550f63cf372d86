# report.pl LEAST OUT DIRECTORY...: what gcov says of the objects in the directories,
# line by line and added up, as TAP; run from the top of the tree.
#
# A place that raises an error is an ereport() of src/pg.  One that no test has run
# must be in test/coverage/unreached.txt, with the reason why none can; and what
# is there must not have been run.
use strict;
use warnings;
use JSON::PP;

my ($least, $out, @directories) = @ARGV;
my %count;    # file -> line -> how often
my $n_tests = 0;

sub check
{
	my ($holds, $name) = @_;

	print $holds ? 'ok ' : 'not ok ', ++$n_tests, " - $name\n";
}

sub read_object
{
	my ($gcda) = @_;

	open(my $gcov, '-|', 'gcov', '--json-format', '--stdout', $gcda) or die "gcov: $!";
	local $/;
	my $text = <$gcov>;
	close $gcov;
	for my $document (JSON::PP->new->incr_parse($text))
	{
		for my $file (@{ $document->{files} })
		{
			(my $name = $file->{file}) =~ s{^(?:\.\./)+}{};
			next unless $name =~ m{^src/(?:core|pg)/};
			$count{$name}{ $_->{line_number} } += $_->{count} for @{ $file->{lines} };
		}
	}
}

# [line, last line, text] of each ereport() of a file
sub ereports
{
	my ($name) = @_;
	my @found;

	open(my $file, '<', $name) or die "$name: $!";
	my @lines = <$file>;
	close $file;
	for my $i (0 .. $#lines)
	{
		next unless $lines[$i] =~ /\bereport\s*\(/ && $lines[$i] !~ m{^\s*(?:\*|/\*|#)};
		my ($text, $depth, $last) = ('', 0, $i);

		for (; $last <= $#lines; $last++)
		{
			my $part = $last == $i ? $lines[$i] =~ s/.*?\b(?=ereport\s*\()//r : $lines[$last];

			$text .= $part;
			(my $code = $part) =~ s/"(?:\\.|[^"\\])*"//g;
			$depth += ($code =~ tr/(//) - ($code =~ tr/)//);
			last if $depth <= 0;
		}
		$text =~ s/\s+/ /g;
		push @found, [ $i + 1, $last + 1, $text ];
	}
	return @found;
}

# file -> [text, reason]
sub read_unreached
{
	my %unreached;

	open(my $file, '<', 'test/coverage/unreached.txt') or die "unreached.txt: $!";
	while (<$file>)
	{
		next if /^\s*(?:#|$)/;
		chomp;
		my ($name, $text, $reason) = split / *\| */, $_, 3;

		die "unreached.txt: \"$_\" has no reason\n" unless defined $reason && $reason ne '';
		push @{ $unreached{$name} }, [ $text, $reason ];
	}
	close $file;
	return \%unreached;
}

sub report_lines
{
	my %sum;

	open(my $files, '>', "$out/files.txt") or die "$out/files.txt: $!";
	open(my $unhit, '>', "$out/unhit.txt") or die "$out/unhit.txt: $!";
	for my $name (sort keys %count)
	{
		my @lines = sort { $a <=> $b } keys %{ $count{$name} };
		my @missed = grep { $count{$name}{$_} == 0 } @lines;
		my ($directory) = $name =~ m{^(src/\w+)/};

		$sum{$directory}[0] += @lines - @missed;
		$sum{$directory}[1] += @lines;
		printf $files "%6.2f %% %5d of %5d  %s\n", 100 * (@lines - @missed) / @lines, @lines - @missed, scalar @lines, $name;
		print $unhit "$name:$_\n" for @missed;
	}
	for my $directory (sort keys %sum)
	{
		my ($hit, $all) = @{ $sum{$directory} };
		my $percent = sprintf '%.2f', 100 * $hit / $all;

		print "# figure: lines of $directory that tests run = $hit of $all, $percent %\n";
		check($percent >= $least, "tests run at least $least % of the lines of $directory");
	}
}

sub report_ereports
{
	my $unreached = read_unreached();
	my ($n, $n_hit, $n_listed) = (0, 0, 0);

	for my $name (glob 'src/pg/*.c')
	{
		for my $place (ereports($name))
		{
			my ($first, $last, $text) = @$place;
			my $lines = $count{$name};
			my $is_hit = grep { $lines->{$_} } $first .. $last;
			my ($listed) = grep { index($text, $_->[0]) >= 0 } @{ $unreached->{$name} // [] };

			$n++;
			$n_hit++ if $is_hit;
			$n_listed++ if $listed && !$is_hit;
			check(0, "$name:$first was run, but unreached.txt says why it cannot be: $listed->[0]") if $listed && $is_hit;
			check(0, "$name:$first is run by a test: " . substr($text, 0, 160)) if !$listed && !$is_hit;
		}
	}
	print "# figure: places of src/pg that raise an error or a notice = $n, run by tests $n_hit, ",
		"out of reach $n_listed\n";
	check($n > 0 && $n_hit > 0, 'places that raise an error were found');
}

for my $directory (@directories)
{
	read_object($_) for glob "$directory/*.gcda";
}
report_lines();
report_ereports();
print "1..$n_tests\n";
