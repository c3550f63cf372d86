#!/usr/bin/env bash
# bench/run.sh [NAME]...: questions about accuracy and cost, answered on this machine by
# every bench/NAME.bench.sh, or those named.  bench/table.sh prints the table of goals.
#
# Each prints a table of its own, with the commands that made the figures.
# LEPTON_DATA is set where ../shared/data is present; LEPTON_BENCH is the
# directory of the programs built from bench/*.c with the engine.
set -euo pipefail
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL

tools/setup demo
make -s -j"$(nproc)" -C test/unit bench B="$PWD/build/unit"
export LEPTON_BENCH=$PWD/build/unit
if [ -d ../shared/data ]; then
  LEPTON_DATA=$(cd ../shared/data && pwd)
  export LEPTON_DATA
fi
echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores; $(uname -sr); $(pg_config --version)"
if [ $# = 0 ]; then
  for file in bench/*.bench.sh; do set -- "$@" "$(basename "$file" .bench.sh)"; done
fi
for name in "$@"; do
  echo
  echo "== $name"
  "bench/$name.bench.sh"
done
