#!/usr/bin/env bash
# cppcheck over engine and extension, and shellcheck over the scripts.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/report.sh
shopt -s nullglob

# PostgreSQL's headers are left out: too many configurations, none of them ours.
# Suppressed: casts between the arrays that share one aligned block
# (invalidPointerCast); what cppcheck 2.10 makes of hexadecimal floats
# (incorrectLogicOperator) and of "x[a] > x[b] && a < b" (arrayIndexThenCheck).
# It knows _Noreturn by another name only.
cppcheck_file() {
  cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability,performance \
    --inline-suppr --suppress=missingInclude --suppress=unknownMacro --suppress=preprocessorErrorDirective \
    --suppress=invalidPointerCast --suppress=incorrectLogicOperator --suppress=arrayIndexThenCheck \
    -Isrc -D__x86_64__ '-D_Noreturn=__attribute__((noreturn))' "$1"
}

for file in src/core/*.c src/pg/*.c; do
  check_ok "cppcheck $file" cppcheck_file "$file"
done
for file in tools/* test/lint/*.sh bench/*.sh bench/table/*.sh .ci/run; do
  check_ok "shellcheck $file" shellcheck -x "$file"
done
all_ok
