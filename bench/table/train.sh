# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: from ratings in a table to a model, sgd, k 64, 20 epochs,
# beside the way by LIBMF's files

# train NAME: seconds, CPU seconds of reading and the backend's peak memory in MB, in
# a session of its own
train() {
  sql <<END | tr '\n' ' '
SELECT pg_backend_pid() \\gset
\\setenv BACKEND :pg_backend_pid
SELECT version AS v, extract(epoch FROM clock_timestamp() - statement_timestamp()) AS s, details #>> '{seconds,read}' AS r
  FROM lepton_train('$1_model', '$1', '{"algorithm": "sgd", "factors": 64, "epochs": 20, "validation_fraction": 0, "test_fraction": 0}') \\gset
\\echo :s :r
\\! awk '/^VmHWM/ { print \$2 / 1024 }' /proc/\$BACKEND/status
END
}
# the same out of the database: ratings out, LIBMF, factors in
by_files() {
  local begin
  begin=$(date +%s.%N)
  sql -c "\\copy $1 TO '$temp/out'"
  "$LIBMF/mf-train" -k 64 -t 20 -s "$cores" "$temp/out" "$temp/model" >/dev/null
  for side in p q; do
    sql -c "DROP TABLE IF EXISTS libmf_$side" -c "CREATE TABLE libmf_$side (id bigint PRIMARY KEY, factors real[])" 2>/dev/null
    # unknown ids are F in it, with no factors
    awk -v side=$side 'substr($1, 1, 1) == side && $2 == "T" {
        printf "%s\t{%s", substr($1, 2), $3; for (f = 4; f <= NF; f++) printf ",%s", $f; print "}" }' "$temp/model" |
      sql -c "\\copy libmf_$side FROM STDIN"
  done
  calculate "$(date +%s.%N) - $begin"
}
scan() { timed <<<"\\timing
SELECT count(*), sum(rating) FROM $1;"; }

generated_table ratings ratings="$n_ratings"
n=$(sql -c "SELECT count(*) FROM ratings")
for ((run = 0; run < runs; run++)); do
  train ratings >>"$temp/train"
  echo >>"$temp/train"
  scan ratings >>"$temp/scan"
  [ -z "${LIBMF:-}" ] || by_files ratings >>"$temp/by_files"
done
million=$(calculate "$n / 1e6" %.3g)
# column N: its median
column() { grep . "$temp/train" | cut -d' ' -f"$1" | median; }
peer=-
[ -z "${LIBMF:-}" ] || peer=$(calculate "$(median <"$temp/by_files")" %.2f)
row "$million M ratings, table to model: s" "$(calculate "$(column 1)" %.2f)" "$peer" "<= COPY, LIBMF, COPY / 2" "l * 2 <= p"
row "  reading, beside count(*), sum(rating): s" "$(calculate "$(column 2)" %.3f)" "$(calculate "$(median <"$temp/scan") / 1000" %.3f)" "<= 2.2 x" "l <= 2.2 * p"
row "  peak memory of the backend: bytes a rating" "$(calculate "$(column 3) * 1048576 / $n" %.1f)" - "-"
per_million=$(calculate "$(column 1) / $million")

# one run each: an hour of measuring would tell little more
size() {
  local seconds mb
  if [ -z "$large" ]; then
    skip "$1 M ratings, table to model" "SIZE=large"
    return
  fi
  generated_table "size_$1" ratings="${1}000000" users="$2" items="$3" test=0
  read -r seconds _ mb < <(train "size_$1"; echo)
  sql -c "DROP TABLE size_$1_model" -c "DROP TABLE size_$1"
  row "$1 M ratings, table to model: s" "$(calculate "$seconds" %.1f)" - "done"
  row "  peak memory of the backend: MB" "$(calculate "$mb" %.0f)" - "-"
  row "  s per M ratings, beside $million M" "$(calculate "$seconds / $1")" "$per_million" "growth linear" "l <= 1.2 * p"
}
size 25 162000 59000
size 100 400000 120000
