#!/usr/bin/env bash
# MovieLens 100K: users that the model never saw, folded in from k of their
# ratings and judged on the others, see foldin.c: RMSE by k, microseconds.
set -euo pipefail
if [ ! -d "${LEPTON_DATA:-/nonexistent}/ml-100k" ]; then
  echo "skipped: ../shared/data/ml-100k is absent"
  exit 0
fi

for algorithm in ${ALGORITHMS:-als sgd}; do
  for order in random time; do
    echo "$algorithm, ratings of a user in order: $order"
    "$LEPTON_BENCH/bench_foldin" "$LEPTON_DATA/ml-100k/u.data" "$algorithm" order=$order "$@" | awk -F '\t' '
      BEGIN { printf "%6s %9s %9s %9s %9s %9s\n", "k", "biases", "ridge", "prior", "judged", "us" }
      $1 == "learn" { printf "both priors learned in %.1f ms\n\n", $2; next }
      { printf "%6d %9.4f %9.4f %9.4f %9d %9.2f\n", $1, $2, $3, $4, $5, $6 }'
  done
done
