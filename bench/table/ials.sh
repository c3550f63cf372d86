# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: an epoch of ials, one thread, beside implicit

interactions
ials() { "$programs/bench_epochs" "$temp/lists" ials feedback=implicit "$@" epochs=3 | field cpu_s; }
# NDCG@20 with what makes it good: lepton's by its defaults, implicit's the best on
# the test part itself of these
ndcg() { "$programs/bench_lists" "$temp/lists" "$temp/lists.test" ials validation_fraction=0 "$@" threads="$cores" | field ndcg; }
implicit() { OPENBLAS_NUM_THREADS=1 "$PEER" bench/table/implicit_als.py "$temp/lists" "$@"; }

for factors in 64 128 256; do
  rm -f "$temp/ials" "$temp/implicit"
  for ((run = 0; run < runs; run++)); do
    ials factors=$factors >>"$temp/ials"
    [ -z "${PEER:-}" ] || implicit "$factors" epoch >>"$temp/implicit"
  done
  peer=-
  peer_ndcg=-
  if [ -n "${PEER:-}" ]; then
    peer=$(calculate "$(median <"$temp/implicit")" %.3f)
    peer_ndcg=$(implicit "$factors" "$temp/lists.test")
  fi
  row "ials k $factors, an epoch: CPU s" "$(calculate "$(median <"$temp/ials")" %.3f)" "$peer" "<= implicit / 2" "l * 2 <= p"
  row "  NDCG@20" "$(ndcg factors=$factors)" "$peer_ndcg" ">= implicit's best on them" "l >= p"
done
