#!/usr/bin/env bash
# bench/table.sh [GROUP]...: what lepton reaches on this machine, and its goals, as one
# table: every bench/table/GROUP.sh, or those named.  bench/README.md says how each
# figure is taken.
#
#   LIBMF=directory      of mf-train (https://github.com/cjlin1/libmf)
#   PEER=python          a Python 3 that has implicit
#   PGVECTOR=directory   of pgvector's source, built for the same server
#   GOWALLA=directory    of train.tsv.gz and test.tsv.gz, else generated data
#   RATINGS=10000000     how many are generated; half a million show that all works
#   RUNS=3               of each program, alternating with its peer; medians count
#   SIZE=large           25 and 100 million ratings, a million items: an hour more
set -euo pipefail
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL

if [ -z "${LEPTON_TEMP:-}" ]; then
  tools/setup demo
  # as the extension is built
  make -s -j"$(nproc)" -C test/unit bench B="$PWD/build/bench" OPT='-O3 -g'
  exec tools/cluster "$PWD/bench/table.sh" "$@"
fi

programs=$PWD/build/bench
temp=$LEPTON_TEMP
# shellcheck disable=SC2034  # for the groups
runs=${RUNS:-3}
large=
# shellcheck disable=SC2034
[ "${SIZE:-}" != large ] || large=yes
n_ratings=${RATINGS:-10000000}
cores=$(nproc)

calculate() { awk "BEGIN { printf \"${2:-%.4g}\", $1 }"; }
# of numbers, one a line
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
quantile() { sort -g | awk -v q="$1" '{ v[NR] = $1 } END { i = int(q * NR) + 1; if (i > NR) i = NR; print v[i] }'; }
# field NAME: of a line of "name value", separated by tabs
field() { tr '\t' '\n' | sed -n "s/^$1 //p"; }

line() { printf '%-58s %11s %11s %7s  %-30s %s\n' "$@"; }
# row WHAT LEPTON PEER GOAL [TEST]: PEER - where there is none; TEST, an expression of
# l (lepton's figure) and p (the peer's), says whether the goal is met
row() {
  local what=$1 l=$2 p=$3 goal=$4 test=${5:-} ratio=- verdict=-
  [ "$p" = - ] || ratio=$(calculate "$l / $p" %.2f)
  if [ -n "$test" ] && { [ "$p" != - ] || [[ $test != *p* ]]; }; then
    verdict=$(awk "BEGIN { l = $l; p = \"$p\" + 0; print ($test) ? \"met\" : \"missed\" }")
  fi
  line "$what" "$l" "$p" "$ratio" "$goal" "$verdict"
}
# what cannot be measured here, and why
skip() { line "$1" - - - - "skipped: $2"; }

sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
has_function() { [ "$(sql -c "SELECT count(*) FROM pg_proc WHERE proname = '$1'")" != 0 ]; }
# milliseconds of each statement of the input, one a line: \timing at the client
timed() { sql -o /dev/null | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'; }
# milliseconds of CPU that the backend took for each statement of the input, one a line
cpu() {
  # shellcheck disable=SC2016  # psql's shell expands it
  local now='\! cut -d" " -f1 /proc/$BACKEND/schedstat'
  {
    printf 'SELECT pg_backend_pid() AS backend \gset\n\\setenv BACKEND :backend\n%s\n' "$now"
    while read -r statement; do printf '%s\n%s\n' "$statement" "$now"; done
  } | sql -o /dev/null | awk 'NR > 1 { printf "%.3f\n", ($1 - before) / 1e6 } { before = $1 }'
}

# generated NAME KEY=VALUE...: files $temp/NAME and $temp/NAME.test, see generate.c
generated() {
  [ -e "$temp/$1" ] || "$programs/bench_generate" "$temp/$1" "$temp/$1.test" "${@:2}" >/dev/null
}
# a table of them
generated_table() {
  [ "$(sql -c "SELECT to_regclass('$1') IS NULL")" = t ] || return 0
  generated "$@"
  sql -c "CREATE TABLE $1 (user_id bigint, item_id bigint, rating float8)"
  sql -c "\\copy $1 FROM '$temp/$1'"
  sql -c "VACUUM ANALYZE $1"
}
# Gowalla, or generated interactions of its shape: $temp/lists and $temp/lists.test
interactions() {
  local part
  [ ! -e "$temp/lists" ] || return 0
  if [ -n "${GOWALLA:-}" ]; then
    gzip -dc "$GOWALLA/train.tsv.gz" >"$temp/lists"
    gzip -dc "$GOWALLA/test.tsv.gz" >"$temp/lists.test"
  else
    generated liked users=30000 items=41000 ratings=$((n_ratings / 4)) test=0.2
    for part in '' .test; do awk '$3 >= 4 { print $1 "\t" $2 "\t1" }' "$temp/liked$part" >"$temp/lists$part"; done
  fi
}
# a table of them, and a model of it
lists_model() {
  [ "$(sql -c "SELECT to_regclass('lists_model') IS NULL")" = t ] || return 0
  interactions
  sql -c "CREATE TABLE lists (user_id bigint, item_id bigint, rating float8)"
  cut -f 1-3 "$temp/lists" | sql -c "\\copy lists FROM STDIN"
  sql -o /dev/null -c "SELECT version FROM lepton_train('lists_model', 'lists',
    '{\"algorithm\": \"ials\", \"factors\": 64, \"feedback\": \"implicit\", \"validation_fraction\": 0, \"test_fraction\": 0}')"
  sql -c "VACUUM ANALYZE"
}
# sgd_model NAME KEY=VALUE...: a model NAME_model, k 64, of a generated table
sgd_model() {
  [ "$(sql -c "SELECT to_regclass('$1_model') IS NULL")" = t ] || return 0
  generated_table "$@"
  sql -o /dev/null -c "SELECT version FROM lepton_train('$1_model', '$1',
    '{\"algorithm\": \"sgd\", \"factors\": 64, \"epochs\": 20, \"validation_fraction\": 0, \"test_fraction\": 0}')"
  sql -c "VACUUM ANALYZE"
}

sql -c "CREATE EXTENSION lepton" -c "ALTER SYSTEM SET max_wal_size = '16GB'" \
  -c "ALTER SYSTEM SET max_parallel_workers_per_gather = 0" -c "SELECT pg_reload_conf()" >/dev/null
if [ -n "${PGVECTOR:-}" ]; then
  make -s -C "$PGVECTOR" install PG_CONFIG="$(command -v pg_config)" with_llvm=no >/dev/null
  sql -c "CREATE EXTENSION vector"
fi

echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $cores cores, load $(cut -d' ' -f1 /proc/loadavg)"
echo "$(uname -sr); $(pg_config --version); lepton $(git rev-parse --short HEAD 2>/dev/null || echo '?'); $(date -u '+%Y-%m-%d %H:%M') UTC"
line what lepton peer ratio goal ''
[ $# -gt 0 ] || for file in bench/table/*.sh; do set -- "$@" "$(basename "$file" .sh)"; done
for group in "$@"; do
  # shellcheck disable=SC1090  # each is checked by itself
  (. "bench/table/$group.sh")
done
