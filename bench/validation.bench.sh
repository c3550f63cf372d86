#!/usr/bin/env bash
# Which validation part carries over: auto chooses on a validation part of TRAIN, held
# out as each of SCHEMES says, and what it chose is judged on TEST (NDCG, see
# lists.c).  Sets: MovieLens 100K, ratings of 4 and 5 as positives, the five published
# splits (u1 to u5); the same with each user's newest fifth as TEST (last), and with
# the newest tenth of all (newest); Gowalla's published split, which has no times.
#
# Arguments are options for every training.
set -euo pipefail
if [ ! -d "${LEPTON_DATA:-/nonexistent}/gowalla" ]; then
  echo "skipped: ../shared/data is absent"
  exit 0
fi
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
schemes=${SCHEMES:-random popular leave_last}
sets=${SETS:-u1 u2 u3 u4 u5 last newest gowalla}
ml=$LEPTON_DATA/ml-100k

# positives: user, item, 1, time
positives() { awk -F'\t' '$3 >= 4 { print $1 "\t" $2 "\t1\t" $4 }'; }

for f in 1 2 3 4 5; do
  gzip -dc "$ml/u$f.base.gz" | positives >"$temp/u$f.train"
  gzip -dc "$ml/u$f.test.gz" | positives >"$temp/u$f.test"
done
positives <"$ml/u.data" | sort -k1,1n -k4,4n -k2,2n >"$temp/all"
awk -F'\t' -v out="$temp/last" '
  NR == FNR { n[$1]++; next }
  { k[$1]++; print >(out (k[$1] > 0.8 * n[$1] ? ".test" : ".train")) }' "$temp/all" "$temp/all"
sort -k4,4n -k1,1n -k2,2n "$temp/all" >"$temp/sorted"
awk -v out="$temp/newest" -v n="$(wc -l <"$temp/sorted")" '
  { print >(out (NR > 0.9 * n ? ".test" : ".train")) }' "$temp/sorted"
for part in train test; do gzip -dc "$LEPTON_DATA/gowalla/$part.tsv.gz" >"$temp/gowalla.$part"; done

# field NAME: the value in the last line's "name value", separated by tabs
field() { tail -n 1 "$temp/out" | tr '\t' '\n' | sed -n "s/^$1 //p"; }

printf '%-8s %-11s %7s %9s %8s  %s\n' set validation NDCG Recall 'CPU s' 'chosen'
for set in $sets; do
  k=10
  [ "$set" = gowalla ] && k=20
  for scheme in $schemes; do
    [ "$set" = gowalla ] && [ "$scheme" = leave_last ] && continue
    "$LEPTON_BENCH/bench_lists" "$temp/$set.train" "$temp/$set.test" auto k=$k \
      "validation_split=$scheme" "$@" >"$temp/out"
    printf '%-8s %-11s %7s %9s %8s  %s\n' "$set" "$scheme" "$(field ndcg)" "$(field recall)" "$(field cpu_s)" \
      "$(grep ' chosen' "$temp/out" | sed 's/^# //; s/ .*//')$(grep ' chosen' "$temp/out" | grep -o '([^)]*)$' || true)"
  done
done
