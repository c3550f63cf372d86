#!/usr/bin/env bash
# The hot paths take no more instructions than bench/counts.txt says, but a margin;
# bench/counts.sh tells what is counted.  "make counts" renews the file.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/report.sh

margin=10 # percent

# Why nothing can be compared here; empty if it can.
unable() {
  local here
  here="# gcc $(gcc -dumpversion), PostgreSQL $("${PG_CONFIG:-pg_config}" --version | grep -oE '[0-9]+' | head -1)"
  if ! command -v valgrind >/dev/null; then
    echo "valgrind is absent"
  elif ! grep -qw avx2 /proc/cpuinfo; then
    echo "no AVX2 here"
  elif [ "$(head -1 bench/counts.txt)" != "$here" ]; then
    echo "counted with $(head -1 bench/counts.txt | tr -d '#'), here is $(tr -d '#' <<<"$here")"
  fi
}

# not_more NAME COUNT KEPT
not_more() {
  echo "# $1: $2 instructions, $3 were kept ($(awk "BEGIN { printf \"%+.1f\", 100 * ($2 / $3 - 1) }") %)"
  awk "BEGIN { exit !($2 <= $3 * (1 + $margin / 100)) }"
}

why=$(unable)
if [ -n "$why" ]; then
  echo "ok - instruction counts # skip $why"
  exit 0
fi
counts=$(bench/counts.sh)
while read -r name kept; do
  check_ok "instructions of $name" not_more "$name" "$(awk -v name="$name" '$1 == name { print $2 }' <<<"$counts")" "$kept"
done < <(grep -v '^#' bench/counts.txt)
all_ok
