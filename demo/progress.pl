#!/usr/bin/perl
# demo/progress.pl: a filter that thins out lines about epochs: of each run it
# lets the first, every tenth and the last through, and any other line at once.
use strict;
use warnings;

$| = 1;
my ($run, $kept) = ('', undef);
while (my $line = <STDIN>) {
  my ($this_run, $epoch) = $line =~ /^NOTICE: +(lepton: .*), epoch (\d+)/;
  $this_run = '' unless defined $this_run;
  # what was held back was the last of its run
  print $kept if defined $kept && ($this_run ne $run || $epoch == 1);
  $kept = undef;
  $run = $this_run;
  if ($run eq '' || $epoch == 1 || $epoch % 10 == 0) {
    print $line;
  } else {
    $kept = $line;
  }
}
print $kept if defined $kept;
