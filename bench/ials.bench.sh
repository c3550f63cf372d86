#!/usr/bin/env bash
# What an epoch of ials costs on Gowalla: CPU seconds per epoch and million
# interactions, one thread, at 64, 128 and 256 factors (FACTORS), from the difference
# of trainings with 1 and with 6 epochs; and whether two threads make the same model.
#
# Arguments are options for every training.
set -euo pipefail
if [ ! -d "${LEPTON_DATA:-/nonexistent}/gowalla" ]; then
  echo "skipped: ../shared/data/gowalla is absent"
  exit 0
fi
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
for part in train test; do gzip -dc "$LEPTON_DATA/gowalla/$part.tsv.gz" >"$temp/$part"; done
# lists are not in question: some users are judged
head -n 200 "$temp/test" >"$temp/some"
n=$(wc -l <"$temp/train")

# train FACTORS EPOCHS THREADS: the line of figures
train() {
  "$LEPTON_BENCH/bench_lists" "$temp/train" "$temp/some" ials validation_fraction=0 \
    "factors=$1" "epochs=$2" "threads=$3" "${options[@]}"
}
options=("$@")
field() { tr '\t' '\n' | sed -n "s/^$1 //p"; }

printf '%7s %24s %10s\n' factors 'CPU s/epoch/million' 'same bits'
for factors in ${FACTORS:-64 128 256}; do
  short=$(train "$factors" 1 1)
  long=$(train "$factors" 6 1)
  both=$(train "$factors" 6 2)
  same=no
  [ "$(field model <<<"$long")" = "$(field model <<<"$both")" ] && same=yes
  awk -v f="$factors" -v a="$(field cpu_s <<<"$short")" -v b="$(field cpu_s <<<"$long")" -v n="$n" -v same="$same" \
    'BEGIN { printf "%7d %24.3f %10s\n", f, (b - a) / 5 / (n / 1e6), same }'
  [ "$same" = yes ] || exit 1
done
