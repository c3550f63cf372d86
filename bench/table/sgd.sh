# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: an epoch of sgd, k 64, beside LIBMF

file=$temp/ratings
generated ratings ratings="$n_ratings"
n=$(wc -l <"$file")

libmf() { "$programs/bench_usage" "$temp/usage" "$LIBMF/mf-train" -k 64 "$@" "$file" "$temp/libmf" >"$temp/libmf.out"; }
# libmf_epochs THREADS COST: of one iteration, reading left out: 11 against 1
libmf_epoch() {
  local one
  libmf -s "$1" -t 1
  one=$(field "$2" <"$temp/usage")
  libmf -s "$1" -t 11
  calculate "($(field "$2" <"$temp/usage") - $one) / 10"
}
epoch() { "$programs/bench_epochs" "$file" sgd factors=64 epochs=6 threads="$1" | field "$2"; }

for ((run = 0; run < runs; run++)); do
  epoch 1 cpu_s >>"$temp/sgd.1"
  [ -z "${LIBMF:-}" ] || libmf_epoch 1 cpu_s >>"$temp/libmf.1"
  epoch 1 wall_s >>"$temp/sgd.1w"
  epoch 2 wall_s >>"$temp/sgd.2"
  [ -z "${LIBMF:-}" ] || libmf_epoch 2 wall_s >>"$temp/libmf.2"
done
# rate FILE: million ratings a second and epoch
rate() { if [ -e "$1" ]; then calculate "$n / 1e6 / $(median <"$1")" %.1f; else echo -; fi; }
row "sgd k 64, 1 thread: M ratings/s of CPU and epoch" "$(rate "$temp/sgd.1")" "$(rate "$temp/libmf.1")" ">= 2 x LIBMF" "l >= 2 * p"
two=$(rate "$temp/sgd.2")
row "sgd k 64, 2 threads: M ratings/s and epoch" "$two" "$(rate "$temp/libmf.2")" ">= 2 x LIBMF" "l >= 2 * p"
row "  times that of one thread" "$(calculate "$two / $(rate "$temp/sgd.1w")" %.2f)" - ">= 1.8" "l >= 1.8"

best=-
if [ -n "${LIBMF:-}" ]; then
  # the best iteration on the test part itself, of each regularisation
  best=$(for l2 in ${LIBMF_L2:-0.02 0.03 0.05}; do
    libmf -s "$cores" -t 30 -l2 "$l2" -p "$file.test"
    awk '$1 ~ /^[0-9]+$/ { print $3 }' "$temp/libmf.out"
  done | sort -g | head -1)
fi
rmse=$("$programs/bench_folds" "$file" "$file.test" sgd factors=64 threads="$cores" | field rmse)
row "  RMSE on 10 % held out, lepton's by its defaults" "$(calculate "$rmse" %.4f)" "$best" "<= LIBMF's best on them" "l <= p"
