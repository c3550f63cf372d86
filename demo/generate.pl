#!/usr/bin/perl
# demo/generate.pl DIR: a made-up film shop, the same at each run.
#
# Writes DIR/ratings.tsv (user, item, rating, unix time) and DIR/titles.tsv
# (item, title), as COPY reads them: about 100,000 ratings of 1,000 films by
# 2,000 users, half stars from 0.5 to 5.
#
# What is planted: ten genres, which the last word of a title gives away; a
# taste for genres and for four hidden qualities per user; biases of users and
# films; noise of 0.6 stars.  Popularity follows a power law, and people
# rather watch what they will like, as in real data.
use strict;
use warnings;

my $dir = shift or die "usage: demo/generate.pl DIR\n";
my ($n_users, $n_items, $n_ratings) = (2000, 1000, 100_000);
my $n_hidden = 4;
srand(20260101);

my @adjectives = qw(Silent Golden Broken Distant Crimson Hidden Last Burning Frozen Gentle
  Lonely Electric Hollow Midnight Restless Savage Secret Velvet Wandering Paper);
my %nouns = (
  space => [qw(Nebula Comet Orbit Starship Galaxy Moonbase Asteroid Cosmonaut Satellite Eclipse)],
  western => [qw(Sheriff Saloon Mustang Canyon Prairie Outlaw Stagecoach Gunslinger Rancher Frontier)],
  romance => [qw(Kiss Wedding Sweetheart Valentine Honeymoon Bouquet Embrace Serenade Bride Proposal)],
  crime => [qw(Alibi Detective Heist Suspect Verdict Informer Smuggler Forgery Witness Ransom)],
  horror => [qw(Crypt Werewolf Phantom Graveyard Curse Vampire Seance Asylum Banshee Coffin)],
  comedy => [qw(Prank Clown Butler Mixup Circus Vacation Neighbour Plumber Parrot Landlord)],
  war => [qw(Trench Regiment Bunker Armistice Convoy General Siege Battalion Rampart Sniper)],
  fantasy => [qw(Dragon Wizard Griffin Amulet Kingdom Sorceress Goblin Unicorn Prophecy Elf)],
  music => [qw(Ballad Trumpet Rhapsody Jukebox Drummer Chorus Overture Melody Encore Banjo)],
  sport => [qw(Champion Goalkeeper Marathon Stadium Boxer Referee Olympian Rookie Playoff Coach)],
);
my @genres = sort keys %nouns;

# a standard normal deviate, by Box and Muller
sub normal {
  return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand());
}

sub shuffle {
  my ($list) = @_;
  for (my $i = $#$list; $i > 0; $i--) {
    my $j = int(rand($i + 1));
    @$list[$i, $j] = @$list[$j, $i];
  }
}

# users and films
my (@user, @item, @cumulated);
push @user, {
  bias => 0.35 * normal(),
  taste => [map { 0.7 * normal() } @genres],
  hidden => [map { 0.4 * normal() } 1 .. $n_hidden],
  activity => exp(0.9 * normal()),
} for 1 .. $n_users;

my @titles = map { my $g = $_; map { my $noun = $_; map { [$g, "The $_ $noun"] } @adjectives } @{ $nouns{$genres[$g]} } }
  0 .. $#genres;
shuffle(\@titles);
my $sum = 0;
for my $i (0 .. $n_items - 1) {
  push @item, {
    genre => $titles[$i][0],
    title => $titles[$i][1],
    bias => 0.45 * normal(),
    hidden => [map { 0.6 * normal() } 1 .. $n_hidden],
  };
  # titles are in random order, so the first may be the most popular
  $sum += 1 / ($i + 12)**0.8;
  push @cumulated, $sum;
}

# the first film whose cumulated popularity reaches a random point
sub popular_item {
  my $point = rand($sum);
  my ($low, $high) = (0, $#cumulated);
  while ($low < $high) {
    my $middle = int(($low + $high) / 2);
    if ($cumulated[$middle] < $point) { $low = $middle + 1 } else { $high = $middle }
  }
  return $low;
}

sub liking {
  my ($user, $item) = @_;
  my $liking = $user->{taste}[$item->{genre}];
  $liking += $user->{hidden}[$_] * $item->{hidden}[$_] for 0 .. $n_hidden - 1;
  return $liking;
}

my $activity = 0;
$activity += $_->{activity} for @user;
my @ratings;
for my $u (0 .. $#user) {
  my $user = $user[$u];
  my $wanted = int($n_ratings * $user->{activity} / $activity + 0.5);
  $wanted = 5 if $wanted < 5;
  $wanted = $n_items / 4 if $wanted > $n_items / 4;
  my %seen;
  my $time = 1704067200 + int(rand(200 * 86400));
  while (keys %seen < $wanted) {
    my $i = popular_item();
    next if $seen{$i};
    my $liking = liking($user, $item[$i]);
    next if rand() > 1 / (1 + exp(-0.3 - 1.2 * $liking));
    $seen{$i} = 1;
    my $stars = 3.0 + $user->{bias} + $item[$i]{bias} + $liking + 0.6 * normal();
    $stars = int(2 * $stars + 0.5) / 2;
    $stars = 0.5 if $stars < 0.5;
    $stars = 5 if $stars > 5;
    $time += int(rand(3 * 86400));
    push @ratings, join("\t", $u + 1, $i + 1, $stars, $time);
  }
}
shuffle(\@ratings);

sub write_file {
  my ($name, $lines) = @_;
  open(my $file, '>', "$dir/$name") or die "cannot write $dir/$name: $!\n";
  print $file "$_\n" for @$lines;
  close($file) or die "cannot write $dir/$name: $!\n";
}
write_file('ratings.tsv', \@ratings);
write_file('titles.tsv', [map { $_ + 1 . "\t$item[$_]{title}" } 0 .. $#item]);
