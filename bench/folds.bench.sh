#!/usr/bin/env bash
# MovieLens 100K, the five published folds: trained on .base, judged on .test,
# default options, one line per algorithm: means over the folds.
set -euo pipefail
if [ ! -d "${LEPTON_DATA:-/nonexistent}/ml-100k" ]; then
  echo "skipped: ../shared/data/ml-100k is absent"
  exit 0
fi
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
for fold in 1 2 3 4 5; do
  for part in base test; do
    gzip -dc "$LEPTON_DATA/ml-100k/u$fold.$part.gz" >"$temp/u$fold.$part"
  done
done

printf '%-12s %8s %8s %8s   %s\n' algorithm RMSE MAE 'CPU s' 'RMSE of each fold'
for algorithm in ${ALGORITHMS:-baseline sgd als bayes}; do
  for fold in 1 2 3 4 5; do
    "$LEPTON_BENCH/bench_folds" "$temp/u$fold.base" "$temp/u$fold.test" "$algorithm" "$@"
  done | awk -F '\t' -v name="$algorithm" '
    # fields are "name value"
    { for (f = 2; f <= NF; f++) { split($f, pair, " "); sum[pair[1]] += pair[2]; if (pair[1] == "rmse") each = each sprintf(" %.4f", pair[2]) } }
    END { printf "%-12s %8.4f %8.4f %8.3f  %s\n", name, sum["rmse"] / NR, sum["mae"] / NR, sum["cpu_s"] / NR, each }'
done
