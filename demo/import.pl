#!/usr/bin/perl
# demo/import.pl FILE DIR: a file of ratings, made fit for COPY.
#
# FILE: user, item, rating and perhaps a time, separated by comma (with quotes
# where needed), tab, semicolon or "::"; with a header line or not, which the
# third field tells: a header's is no number; gzipped if named .gz.  So
# MovieLens' u.data, ratings.dat and ratings.csv are taken as they are.
#
# Writes DIR/ratings.tsv, and DIR/titles.tsv if u.item, movies.dat or
# movies.csv lies beside FILE.  Prints one line for psql's \set: the types of
# user, item and time: bigint where all are integers, else text (time: else
# timestamptz, or none).
use strict;
use warnings;

my ($path, $dir) = @ARGV;
die "usage: demo/import.pl FILE DIR\n" unless defined $dir;
my $number = qr/^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/;
my $integer = qr/^-?\d{1,18}$/;

sub open_text {
  my ($name) = @_;
  my $file;
  if ($name =~ /\.gz$/) {
    open($file, '-|', 'gzip', '-dc', '--', $name) or die "cannot run gzip: $!\n";
  } else {
    open($file, '<', $name) or die "cannot read $name: $!\n";
  }
  return $file;
}

sub separator_of {
  my ($line) = @_;
  for my $separator ("\t", '::', ',', ';', '|') {
    return $separator if index($line, $separator) >= 0;
  }
  die "$path, line 1: no tab, comma, semicolon or :: between fields\n";
}

# Fields of a line; quotes hold separators, and "" in them is a quote.
sub fields_of {
  my ($line, $separator) = @_;
  return split(/\Q$separator\E/, $line, -1) if index($line, '"') < 0 || $separator !~ /^[,;]$/;
  my @fields;
  while ($line =~ /\G(?:"((?:[^"]|"")*)"|([^$separator]*))($separator|$)/g) {
    my ($quoted, $plain, $end) = ($1, $2, $3);
    $quoted =~ s/""/"/g if defined $quoted;
    push @fields, defined $quoted ? $quoted : $plain;
    last if $end eq '';
  }
  return @fields;
}

# As COPY's text format wants it.
sub escaped {
  my ($text) = @_;
  $text =~ s/\\/\\\\/g;
  $text =~ s/\t/\\t/g;
  return $text;
}

sub import_ratings {
  my %kind = (user => 'bigint', item => 'bigint', time => 'none');
  my $in = open_text($path);
  open(my $out, '>', "$dir/ratings.tsv") or die "cannot write $dir/ratings.tsv: $!\n";
  my ($separator, $n) = (undef, 0);
  while (my $line = <$in>) {
    $line =~ s/^\xEF\xBB\xBF// if $. == 1;
    $line =~ s/\r?\n$//;
    next if $line eq '';
    $separator = separator_of($line) unless defined $separator;
    my ($user, $item, $rating, $time) = fields_of($line, $separator);
    die "$path, line $.: user, item and rating are wanted, found \"$line\"\n" unless defined $rating;
    if ($rating !~ $number) {
      next if $. == 1;
      die "$path, line $.: the rating is \"$rating\", no number\n";
    }
    $kind{user} = 'text' if $user !~ $integer;
    $kind{item} = 'text' if $item !~ $integer;
    my @columns = ($user, $item, $rating);
    if (defined $time && $kind{time} ne 'timestamptz') {
      $kind{time} = $time =~ $integer ? 'bigint' : 'timestamptz';
    }
    push @columns, $time eq '' ? '\N' : escaped($time) if defined $time;
    print $out join("\t", map({ escaped($_) } @columns[0 .. 2]), @columns[3 .. $#columns]), "\n";
    $n++;
  }
  close($in) or die "cannot read $path to its end\n";
  close($out) or die "cannot write $dir/ratings.tsv: $!\n";
  die "$path: no rating in it\n" if $n == 0;
  return \%kind;
}

sub import_titles {
  (my $beside = $path) =~ s{[^/]*$}{};
  my ($name) = grep { -r $_ } map { "$beside$_" } qw(u.item movies.dat movies.csv);
  return unless defined $name;
  my $in = open_text($name);
  open(my $out, '>', "$dir/titles.tsv") or die "cannot write $dir/titles.tsv: $!\n";
  my %separator = ('u.item' => '|', 'movies.dat' => '::', 'movies.csv' => ',');
  my ($base) = $name =~ m{([^/]*)$};
  while (my $line = <$in>) {
    $line =~ s/\r?\n$//;
    my ($item, $title) = fields_of($line, $separator{$base});
    next unless defined $title && $item =~ $integer;
    # older MovieLens files are Latin 1
    utf8::encode($title) unless utf8::decode(my $copy = $title);
    print $out join("\t", $item, escaped($title)), "\n";
  }
  close($out) or die "cannot write $dir/titles.tsv: $!\n";
  return;
}

my $kind = import_ratings();
import_titles() if $kind->{item} eq 'bigint';
print "$kind->{user} $kind->{item} $kind->{time}\n";
