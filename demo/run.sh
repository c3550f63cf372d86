#!/usr/bin/env bash
# demo/run.sh [FILE]: the demo itself; to be run under tools/cluster.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
file=${1:-}
cd "${LEPTON_TEMP:?is set by tools/cluster}"

if [ -n "$file" ]; then
  types=$(perl "$here/import.pl" "$file" .)
  source=${file##*/}
else
  perl "$here/generate.pl" .
  types="bigint bigint bigint"
  source="a made-up film shop"
fi
read -r user_type item_type time_type <<<"$types"
touch titles.tsv

# line by line and in one stream, so that notices stand where they belong
stdbuf -oL psql -XqAt --set=ON_ERROR_STOP=1 --set=user_type="$user_type" --set=item_type="$item_type" \
  --set=time_type="$time_type" --set=source="$source" <"$here/demo.sql" 2>&1 |
  perl "$here/progress.pl"
