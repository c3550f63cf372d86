#!/usr/bin/env bash
# bench/counts.sh [renew]: how many instructions the hot paths take, counted by
# callgrind: lines "name count", in about 20 seconds, programs built before.  renew
# writes them to bench/counts.txt, which test/lint/counts.sh compares with.
#
# Unlike seconds they are the same on a busy machine.  AVX2 kernels, which valgrind
# knows, wherever it runs, one thread.  What is counted, in hundreds of answers and
# two epochs each, and of what one is:
#
#	predict     lepton_predict in a query over many pairs, items loaded: a call
#	topn        lepton_topn of 10 among 10,000 items x 64, items loaded: a call
#	first_topn  the same, the first one of a session: looking the model up and
#	            loading its items included
#	sgd, ials, gibbs
#	            an epoch over 3,600 ratings: 64, 64 and 32 factors
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/privileges.sh
unset MAKEFLAGS MFLAGS MAKELEVEL

# as the extension is built
programs=$PWD/build/bench
make -s -j"$(nproc)" -C test/unit "$programs/bench_epochs" "$programs/bench_generate" B="$programs" OPT='-O3 -g'

temp=$(mktemp -d /tmp/lepton.XXXXXX)
trap 'rm -rf "$temp"' EXIT
chmod 755 "$temp"

# count NAME FUNCTION DIVISOR COMMAND...: into $temp/NAME.count, what FUNCTION and all
# that it calls took; COMMAND's input is ours
count() {
  local name=$1 function=$2 divisor=$3
  shift 3
  if ! "${as_whom[@]}" valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
    --toggle-collect="$function" "$@" >"$temp/$name.log" 2>&1 || grep -E 'ERROR|FATAL' "$temp/$name.log"; then
    cat "$temp/$name.log" >&2
    return 1
  fi
  awk -v divisor="$divisor" '/Collected *: *[0-9]/ { printf "%.0f\n", $NF / divisor }' "$temp/$name.log" >"$temp/$name.count"
}

epochs() { count "$1" 'counted*' 2 "$programs/bench_epochs" "$temp/train" "${@:2}" epochs=2 kernel=avx2; }

# a backend without a server, so that valgrind has no other process to follow
single=()
backend() { count "$1" "$2" "$3" "${single[@]}" <<<"$4"; }

start_backend() {
  local bin
  make -s -j"$(nproc)" all
  bin=$(tools/stage "$temp/root")
  mkdir "$temp/data"
  [ "$(id -u)" != 0 ] || chown "$(server_user)" "$temp/data"
  single=("$bin/postgres" --single -D "$temp/data" -c lepton.kernel=avx2 -c lepton.threads=1 postgres)
  (
    cd "$temp"
    as_server_user "$bin/initdb" -D "$temp/data" -U postgres --no-sync --encoding=UTF8 --locale=C.UTF-8
    as_server_user "${single[@]}" <<'END'
CREATE EXTENSION lepton;
CREATE TABLE ratings AS SELECT u AS user_id, i AS item_id, 1 + (u * 7 + i * 13 + u * i) % 9 / 2.0 AS rating FROM generate_series(1, 200) u, generate_series(1, 10000) i WHERE (u * 7919 + i * 104729 + u * i) % 40 = 0;
SELECT version FROM lepton_train('m', 'ratings', '{"algorithm": "sgd", "factors": 64, "epochs": 3, "validation_fraction": 0, "test_fraction": 0}');
VACUUM ANALYZE;
END
  ) >"$temp/setup.log" 2>&1 || { cat "$temp/setup.log" >&2; return 1; }
  ! grep -E 'ERROR|FATAL' "$temp/setup.log" >&2
}

as_whom=()
"$programs/bench_generate" "$temp/train" "$temp/test" ratings=4000 users=200 items=150 >/dev/null
{
  epochs sgd sgd factors=64
  epochs ials ials factors=64 feedback=implicit
  epochs gibbs bayes factors=32
} &
engine=$!
start_backend
as_whom=(as_server_user)
# one after the other: a data directory has one backend
backend predict lepton_predict 20000 "SELECT count(*) FROM lepton_topn('m', 1); SELECT sum(lepton_predict('m', 1 + g % 200, 1 + g * 7 % 10000)) FROM generate_series(1, 20000) g;"
backend first_topn lepton_topn 1 "SELECT count(*) FROM lepton_topn('m', 1);"
backend topn lepton_topn 1 "SELECT count(*) FROM generate_series(1, 101) u, lepton_topn('m', u);"
wait $engine
echo $((($(cat "$temp/topn.count") - $(cat "$temp/first_topn.count")) / 100)) >"$temp/topn.count"
{
  # other compilers and servers take other numbers of instructions
  echo "# gcc $(gcc -dumpversion), PostgreSQL $(pg_config --version | grep -oE '[0-9]+' | head -1)"
  for name in predict topn first_topn sgd ials gibbs; do printf '%-12s %12d\n' $name "$(cat "$temp/$name.count")"; done
} >"$temp/counts"
if [ "${1:-}" = renew ]; then cp "$temp/counts" bench/counts.txt; fi
cat "$temp/counts"
