#!/usr/bin/env bash
# The shape of the code: .clang-format, and the sizes that style allows.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/report.sh

max_file_lines=800
max_function_lines=60 # between its braces

# Functions longer than allowed: an opening brace and its closing one, both in
# the first column.
long_functions() {
  awk -v max="$max_function_lines" '
    FNR == 1 { start = 0 }
    /^{/ { start = FNR; next }
    /^}$/ && start {
      if (FNR - start - 1 > max) { print "# " FILENAME ":" start ": a function of " FNR - start - 1 " lines"; bad = 1 }
      start = 0
    }
    END { exit bad }' "$@"
}

short_file() {
  local lines
  lines=$(wc -l <"$1")
  [ "$lines" -le $max_file_lines ] || { echo "# $lines lines, $max_file_lines allowed"; return 1; }
}

shopt -s nullglob
for file in src/*/*.[ch] test/unit/*.[ch] test/fuzz/*.[ch] test/fuzz/server/*.[ch] bench/*.[ch]; do
  check_ok "clang-format $file" clang-format --dry-run -Werror "$file"
done
for file in src/*/*.[ch]; do
  check_ok "size of $file" short_file "$file"
done
check_ok "functions have $max_function_lines lines at most" long_functions src/*/*.[ch]
all_ok
