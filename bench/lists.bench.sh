#!/usr/bin/env bash
# Gowalla, the published split: trained on train.tsv, lists judged on test.tsv
# (see lists.c), one line per algorithm with its options.  Arguments are options for
# every one of them.
#
#   ALGORITHMS="popular
#   ials factors=128"         a line each: an algorithm and its options
#
# Nothing is held out (validation_fraction 0): what is measured is one training
# on all of train.tsv.  No option was chosen with test.tsv in sight.
set -euo pipefail
if [ ! -d "${LEPTON_DATA:-/nonexistent}/gowalla" ]; then
  echo "skipped: ../shared/data/gowalla is absent"
  exit 0
fi
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
for part in train test; do gzip -dc "$LEPTON_DATA/gowalla/$part.tsv.gz" >"$temp/$part"; done

algorithms=${ALGORITHMS:-"popular
walk user_exponent=1 source_exponent=1 target_exponent=0 neighbors=200
slim neighbors=100
ials factors=64
ials factors=128
ials factors=256
ials factors=512
blend part=walk,user_exponent=1,source_exponent=1,target_exponent=0.1,neighbors=200 part=ials,factors=256 weights=1,2"}

# field NAME: the value in a line of "name value", separated by tabs
field() { tr '\t' '\n' <"$temp/out" | sed -n "s/^$1 //p"; }

printf '%9s %9s %8s %8s %7s %9s  %s\n' Recall@20 NDCG@20 'CPU s' 'wall s' 'held MB' 'judging s' \
  'algorithm and options'
while read -ra words; do
  "$LEPTON_BENCH/bench_lists" "$temp/train" "$temp/test" "${words[0]}" validation_fraction=0 \
    "${words[@]:1}" "$@" >"$temp/out"
  printf '%9s %9s %8s %8s %7s %9s  %s\n' "$(field recall)" "$(field ndcg)" "$(field cpu_s)" "$(field wall_s)" \
    "$(field held_mb)" "$(field judging_cpu_s)" "${words[*]} $*"
done <<<"$algorithms"
