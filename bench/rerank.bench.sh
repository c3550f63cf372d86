#!/usr/bin/env bash
# Gowalla, the published split: what popularity_penalty, diversity and max_per_group
# of lepton_topn cost in NDCG@20 and bring in coverage (see rerank.c).  Arguments are
# options for both algorithms; users=0 takes all users, not about 2,000.
#
# No setting was chosen with test.tsv in sight: the table shows what each does.
set -euo pipefail
if [ ! -d "${LEPTON_DATA:-/nonexistent}/gowalla" ]; then
  echo "skipped: ../shared/data/gowalla is absent"
  exit 0
fi
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
for part in train test; do gzip -dc "$LEPTON_DATA/gowalla/$part.tsv.gz" >"$temp/$part"; done

while read -ra words; do
  echo "${words[*]} $*"
  "$LEPTON_BENCH/bench_rerank" "$temp/train" "$temp/test" "${words[@]}" "$@"
done <<<"walk user_exponent=1 source_exponent=1 target_exponent=0 neighbors=200
ials factors=128"
