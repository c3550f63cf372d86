# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: a sweep of bayes, one thread

generated ratings ratings="$n_ratings"
n=$(wc -l <"$temp/ratings")
for goal in '32 0.09' '64 0.20'; do
  read -r factors goal <<<"$goal"
  sweep=$(for ((run = 0; run < runs; run++)); do
    "$programs/bench_epochs" "$temp/ratings" bayes factors="$factors" epochs=3 | field cpu_s
  done | median)
  row "bayes k $factors, a sweep: CPU s per M ratings" "$(calculate "$sweep / ($n / 1e6)" %.3f)" - "<= $goal" "l <= $goal"
done
