# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: a sweep of bayes, one thread; with the implicit information
# of both sides, which is its default, and without

generated ratings ratings="$n_ratings"
n=$(wc -l <"$temp/ratings")
# sweep KEY=VALUE...: CPU s per M ratings
sweep() {
  local seconds
  seconds=$(for ((run = 0; run < runs; run++)); do
    "$programs/bench_epochs" "$temp/ratings" bayes "$@" epochs=3 | field cpu_s
  done | median)
  calculate "$seconds / ($n / 1e6)" %.3f
}
row "Gibbs k 32, a sweep: CPU s per M ratings" "$(sweep factors=32 implicit=none)" - "<= 0.09" "l <= 0.09"
row "Gibbs k 64" "$(sweep factors=64 implicit=none)" - "<= 0.20" "l <= 0.20"
row "bayes as by default, k 32" "$(sweep factors=32)" - "-"
