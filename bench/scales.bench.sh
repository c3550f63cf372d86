#!/usr/bin/env bash
# The same generated ratings as half stars, 0..100, +-1e6, all alike, and with
# one more user who rated 100,000 items: every algorithm trains, and the errors
# are the same up to scale.  Arguments are options for every algorithm.
#
# Errors are divided by the scale's width and multiplied by 4.5, that of half
# stars, so that a column can be read downwards.  Ends with 1 where one is
# further from its first than is said below.
#
#   SCALES_N=300000           how many ratings
#   ALGORITHMS="sgd als"
set -euo pipefail
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
read -ra algorithms <<<"${ALGORITHMS:-baseline sgd als bayes}"
bad=0

# set_of_ratings NAME WIDTH FURTHEST [KEY=VALUE]...: a line of the table; the first
# one is what the others are compared with; zero: all errors must be 0
declare -A expected
set_of_ratings() {
  local name=$1 width=$2 furthest=$3 algorithm error wrong
  shift 3
  "$LEPTON_BENCH/bench_generate" "$temp/train" "$temp/test" ratings="${SCALES_N:-300000}" "$@" >/dev/null
  printf '%-18s' "$name"
  for algorithm in "${algorithms[@]}"; do
    "$LEPTON_BENCH/bench_folds" "$temp/train" "$temp/test" "$algorithm" "${options[@]}" >"$temp/out"
    error=$(tr '\t' '\n' <"$temp/out" | awk -v width="$width" '$1 == "rmse" { printf "%.6f", $2 / width * 4.5 }')
    wrong=$(awk -v e="$error" -v first="${expected[$algorithm]:-$error}" -v furthest="$furthest" '
      BEGIN { d = furthest == "zero" ? e : e - first; print (d <= furthest + 0 && -d <= furthest + 0) ? "" : "*" }')
    printf ' %10s%1s' "$error" "$wrong"
    [ -z "$wrong" ] || bad=1
    expected[$algorithm]=${expected[$algorithm]:-$error}
  done
  echo
}

options=("$@")
printf '%-18s' RMSE
printf ' %10s ' "${algorithms[@]}"
echo
set_of_ratings 'half stars' 4.5 0
# a linear map leaves rounding, and through it perhaps another last epoch
set_of_ratings '0..100' 100 0.001 scale=0..100
set_of_ratings '-1e6..1e6' 2e6 0.001 scale=-1e6..1e6
# one more user moves the mean and the deviation
set_of_ratings 'and 100,000 of one' 4.5 0.01 heavy=100000
# nothing to err on; ratings that are all alike would be taken for implicit
# feedback
options+=(feedback=explicit)
set_of_ratings 'all 3.5' 4.5 zero constant=1 scale=2..5
exit $bad
