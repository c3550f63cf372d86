#!/usr/bin/env bash
# A generated set with a known truth (bench/generate.c): default options, one
# thread, beside LIBMF where it is.  Arguments are options for every algorithm.
#
#   RATINGS_N=10000000        how many ratings (1000000)
#   ALGORITHMS="sgd als"
#   LIBMF=directory           of its mf-train and mf-predict
#   LIBMF_L2="0.02 0.03 ..."  the regularisations to try
#
# LIBMF gets what no user has: of these regularisations, and of every number of
# iterations up to 30, those that are best on the test part itself.  Training
# and reading are told apart by a run of one iteration.
set -euo pipefail
n=${RATINGS_N:-1000000}
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
train=$temp/train
test=$temp/test

# field NAME FILE: the value in a line of "name value", separated by tabs
field() { tr '\t' '\n' <"$2" | sed -n "s/^$1 //p"; }
calculate() { awk "BEGIN { printf \"%.3f\", $1 }"; }
row() { printf '%-10s %7.4f %7.4f %9.2f %9.2f %9.2f %9s %9.1f   %s\n' "$@"; }

# usage COMMAND...: run it, its output to $temp/out and its cost to $temp/usage
usage() { "$LEPTON_BENCH/bench_usage" "$temp/usage" "$@" >"$temp/out"; }
per_rating() { calculate "$(field bytes "$temp/usage") / $n_train"; }

libmf_train() {
  local l2=$1 iterations=$2
  shift 2
  usage "$LIBMF/mf-train" -k 64 -s 1 -l2 "$l2" -t "$iterations" "$@" "$train" "$temp/libmf"
}

# "RMSE l2 iterations" of the best
libmf_best() {
  local l2
  for l2 in ${LIBMF_L2:-0.01 0.02 0.025 0.03 0.04 0.05 0.1}; do
    libmf_train "$l2" 30 -p "$test"
    awk -v l2="$l2" '$1 ~ /^[0-9]+$/ { print $3, l2, $1 + 1 }' "$temp/out"
  done | sort -g | head -1
}

libmf() {
  local l2 iterations cpu wall cpu_1 wall_1 errors
  read -r _ l2 iterations < <(libmf_best)
  libmf_train "$l2" 1
  cpu_1=$(field cpu_s "$temp/usage")
  wall_1=$(field wall_s "$temp/usage")
  libmf_train "$l2" "$iterations"
  cpu="($(field cpu_s "$temp/usage") - $cpu_1) / ($iterations - 1)"
  wall="($(field wall_s "$temp/usage") - $wall_1) / ($iterations - 1)"
  "$LIBMF/mf-predict" "$test" "$temp/libmf" "$temp/predicted" >/dev/null
  # clipped to the scale, as lepton's are
  errors=$(paste "$test" "$temp/predicted" | awk '
    { p = $4 < 0.5 ? 0.5 : $4 > 5 ? 5 : $4; e = p - $3; squared += e * e; absolute += e < 0 ? -e : e }
    END { print sqrt(squared / NR), absolute / NR }')
  row LIBMF "${errors% *}" "${errors#* }" "$(calculate "$iterations * $cpu")" "$(calculate "$iterations * $wall")" \
    "$(calculate "$cpu_1 - $cpu")" - "$(per_rating)" "k 64, l2 $l2, $iterations iterations"
}

"$LEPTON_BENCH/bench_generate" "$train" "$test" ratings="$n"
n_train=$(wc -l <"$train")
printf '%-10s %7s %7s %9s %9s %9s %9s %9s\n' \
  '' '' '' train train read held resident algorithm RMSE MAE 'CPU s' 'wall s' 'CPU s' B/rating B/rating
for algorithm in ${ALGORITHMS:-baseline sgd als bayes}; do
  usage "$LEPTON_BENCH/bench_folds" "$train" "$test" "$algorithm" "$@"
  row "$algorithm" "$(field rmse "$temp/out")" "$(field mae "$temp/out")" "$(field cpu_s "$temp/out")" \
    "$(field wall_s "$temp/out")" "$(field read_cpu_s "$temp/out")" "$(field bytes_per_rating "$temp/out")" \
    "$(per_rating)" "$(field epochs "$temp/out") epochs"
done
if [ -n "${LIBMF:-}" ]; then libmf; fi
